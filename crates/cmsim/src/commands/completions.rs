//! `cmsim completions`: shell completion scripts.

use clap::CommandFactory as _;

use crate::cli::Arguments;
use crate::exit::{Exit, Outcome};

pub(crate) fn run(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Arguments::command(), "cmsim", &mut std::io::stdout());
    Ok(Exit::Passed)
}
