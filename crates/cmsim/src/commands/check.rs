//! `cmsim check`: are these scenario files valid?

use super::load_all;
use crate::cli::PathOptions;
use crate::exit::{Exit, Outcome};

pub(crate) fn run(options: &PathOptions) -> Outcome {
    let scenarios = load_all(&options.paths)?;
    eprintln!("{} valid", scenarios.len());
    Ok(Exit::Passed)
}
