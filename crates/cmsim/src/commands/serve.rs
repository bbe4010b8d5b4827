//! `cmsim serve`: the healthy site's servers on real sockets, until Ctrl-C.

use crate::cli::ServeOptions;
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(_options: &ServeOptions) -> Outcome {
    Err(Failure::new(Exit::CouldNotRun, "wip"))
}
