//! `cmsim show`: what a scenario is about.

use std::path::{Path, PathBuf};

use cmsim_scenario::file::Scenario;

use super::load_all;
use crate::cli::ShowOptions;
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(options: &ShowOptions) -> Outcome {
    let scenario = find(&options.scenario, &options.scenarios)?;
    let about = &scenario.file.about;
    anstream::println!("{}  ({})", scenario.id, scenario.path.display());
    anstream::println!("{}", scenario.file.title);
    let facts = [
        ("source", about.source.clone()),
        ("guide step", about.step.clone()),
        ("layer", about.layer.clone()),
        ("difficulty", about.difficulty.map(|level| level.to_string())),
        ("ticket", about.ticket.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            anstream::println!("  {name}: {value}");
        }
    }
    anstream::println!("  steps: {}, expectations: {}", scenario.file.steps.len(), scenario.file.expect.len());
    Ok(Exit::Passed)
}

fn find(wanted: &str, folder: &Path) -> Result<Scenario, Failure> {
    let given = PathBuf::from(wanted);
    let paths = if given.is_file() { vec![given.clone()] } else { vec![folder.to_owned()] };
    let by_path = given.is_file();
    load_all(&paths)?.into_iter().find(|scenario| by_path || scenario.id == wanted).ok_or_else(|| {
        Failure::new(Exit::NothingSelected, format!("no scenario has the id `{wanted}`"))
            .help(format!("`cmsim list {}` shows the ids", folder.display()))
    })
}
