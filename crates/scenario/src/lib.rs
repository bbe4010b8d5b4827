//! Scenario files, expectations and the runner.
//!
//! [`mod@file`] turns bytes into a checked [`file::Scenario`]; [`run`] lets it happen in a world of its
//! own and writes its output folder; what must be observed is decided in [`expect`] from what
//! happened, never from what was meant to break.

pub mod expect;
pub mod file;
mod output;
pub mod run;
pub mod select;
mod steps;

pub use run::{Finished, Progress, Settings, Transport, Verdict, run_all};
