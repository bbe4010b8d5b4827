//! Scenario files: reading, and everything that can be wrong with one, with its place.

mod diagnostic;
mod duration;
mod model;
mod read;
#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Invalid};
pub use duration::Span;
pub use model::{
    About, Action, Await, Expectation, FileVersion, GuideVerdict, MachineStep, RegistrySetting, ScenarioFile, Step,
    Synchronize, Trigger, World,
};
pub use read::{LARGEST_FILE, LoadError, Scenario, load, parse, schema};
