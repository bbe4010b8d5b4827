//! One module a command.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod err;
pub(crate) mod guide;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod wmi;

use std::path::PathBuf;

use cmsim_scenario::file::{LoadError, Scenario};
use cmsim_scenario::select;

use crate::exit::{Exit, Failure};
use crate::render;

/// Loads every scenario below `paths`. Mistakes are printed; one invalid file fails the whole selection.
fn load_all(paths: &[PathBuf]) -> Result<Vec<Scenario>, Failure> {
    let files = select::files(paths).map_err(|error| {
        Failure::new(Exit::CouldNotRun, "cannot look for scenarios")
            .because(error)
            .help("name scenario files or folders that exist")
    })?;
    if files.is_empty() {
        return Err(Failure::new(Exit::NothingSelected, "no scenario file (*.toml) is below the given paths"));
    }
    let mut scenarios = Vec::new();
    let mut broken = 0;
    for file in files {
        match cmsim_scenario::file::load(&file) {
            Ok(scenario) => scenarios.push(scenario),
            Err(LoadError::Invalid(invalid)) => {
                broken += 1;
                render::invalid(&invalid);
            }
            Err(error @ LoadError::Unreadable { .. }) => {
                return Err(Failure::new(Exit::CouldNotRun, "a scenario file cannot be read").because(error));
            }
        }
    }
    if broken > 0 {
        let what = format!("{broken} of {} scenario files are invalid", broken + scenarios.len());
        return Err(Failure::new(Exit::InvalidScenario, what));
    }
    select::distinct(&scenarios).map_err(|error| {
        Failure::new(Exit::InvalidScenario, "two scenarios would share an output folder").because(error)
    })?;
    Ok(scenarios)
}
