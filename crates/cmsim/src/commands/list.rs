//! `cmsim list`: which scenarios there are.

use comfy_table::{Table, presets};
use serde_json::json;

use super::load_all;
use crate::cli::ListOptions;
use crate::exit::{Exit, Outcome};

pub(crate) fn run(options: &ListOptions) -> Outcome {
    let scenarios = load_all(&options.paths)?;
    if options.json {
        for scenario in &scenarios {
            let about = &scenario.file.about;
            let line = json!({
                "id": scenario.id,
                "title": scenario.file.title,
                "path": scenario.path,
                "step": about.step,
                "layer": about.layer,
                "difficulty": about.difficulty,
            });
            anstream::println!("{line}");
        }
        return Ok(Exit::Passed);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["id", "step", "title"]);
    for scenario in &scenarios {
        table.add_row([scenario.id.as_str(), scenario.file.about.step.as_deref().unwrap_or("-"), &scenario.file.title]);
    }
    anstream::println!("{table}");
    Ok(Exit::Passed)
}
