//! How the program ends, as scripts see it.

use std::error::Error;
use std::process::ExitCode;

/// The exit codes; their numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything passed.
    Passed = 0,
    /// The command line is wrong.
    Usage = 1,
    /// A scenario file is invalid.
    InvalidScenario = 2,
    /// It could not run.
    CouldNotRun = 3,
    /// An expectation failed.
    Failed = 4,
    /// Two runs of one scenario differ.
    NotDeterministic = 5,
    /// Nothing was selected.
    NothingSelected = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that could not do its work: what happened, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    pub(crate) why: Option<Box<dyn Error + Send + Sync>>,
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, help: None }
    }

    pub(crate) fn because(mut self, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
