//! `cmsim schema`: the JSON Schema of scenario files.

use crate::exit::{Exit, Outcome};

pub(crate) fn run() -> Outcome {
    anstream::println!("{:#}", cmsim_scenario::file::schema());
    Ok(Exit::Passed)
}
