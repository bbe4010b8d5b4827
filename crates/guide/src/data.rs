//! The guide as data: read once from the text file that ships inside the crate.

use std::sync::OnceLock;

use cmsim_logs::{Evidence as Source, Log};
use serde::{Deserialize, Serialize};

use crate::template::{Template, Values};

/// One step of the scan, in the guide's numbering.
#[derive(Clone, Debug)]
pub struct Step {
    /// `S1.1` to `S1.11`, `S2` to `S7`.
    pub code: String,
    /// What happens in the step.
    pub title: String,
    /// What to look at next when the step fails.
    pub check: String,
    /// Codes of the failure catalogue's step map that fall into this step.
    pub catalogue: Vec<String>,
    /// How many lines the guide shows for it in a first scan.
    pub shown: usize,
    /// The same for a scan after the content version rose, where it differs.
    pub shown_rescan: Option<usize>,
    /// Seconds the step may take in a healthy world before its silence counts as failure.
    pub patience_seconds: u32,
    /// The lines, in their order within each log.
    pub lines: Vec<Line>,
    /// Texts that tell a failure of the step.
    pub failures: Vec<Failure>,
}

impl Step {
    /// The lines of a scan of this kind.
    pub fn lines_of(&self, scan: Scan) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.scan.is_none_or(|only| only == scan))
    }

    /// The logs the step is told in, without repetition.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        let mut logs = Vec::new();
        for line in &self.lines {
            if !logs.contains(&line.log) {
                logs.push(line.log);
            }
        }
        logs
    }
}

/// One whole record of a healthy scan.
#[derive(Clone, Debug)]
pub struct Line {
    /// The log it stands in.
    pub log: Log,
    /// The component that writes it.
    pub component: String,
    /// The text.
    pub text: Template,
    /// The text in the guide's own example, where that is narrower.
    pub example: Option<Template>,
    /// Wordings of other product versions.
    pub or: Vec<Template>,
    /// Where the line is known from; `Article` for what the guide shows.
    pub source: Source,
    /// When it may be missing.
    pub need: Need,
    /// The only kind of scan that writes it.
    pub scan: Option<Scan>,
    /// The guide shows it a second time: the record of the earlier step counts.
    pub again: bool,
}

/// When a line may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Never.
    #[default]
    Always,
    /// Anywhere but in the guide's own example.
    Example,
    /// Where there is nothing to say; the `Follows` lines after it may then be missing too.
    Anchor,
    /// With the anchor before it.
    Follows,
}

/// What a scan finds in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scan {
    /// The update source is new to the client.
    First,
    /// Its content version rose.
    Rescan,
    /// Nothing changed.
    Unchanged,
}

/// A text that tells a failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The log it stands in.
    pub log: Log,
    /// The text.
    pub text: Template,
}

/// Every step, in order.
#[must_use]
pub fn steps() -> &'static [Step] {
    &guide().steps
}

/// The codes of the steps, in order.
pub fn step_codes() -> impl Iterator<Item = &'static str> {
    steps().iter().map(|step| step.code.as_str())
}

/// The values of the guide's own example in the named places of the lines.
#[must_use]
pub fn example_values() -> &'static Values {
    &guide().example
}

/// Records of ScanAgent.log which say that a request needs no scan of its own.
pub(crate) fn needless() -> &'static [Template] {
    &guide().needless
}

struct Guide {
    example: Values,
    needless: Vec<Template>,
    steps: Vec<Step>,
}

fn guide() -> &'static Guide {
    static GUIDE: OnceLock<Guide> = OnceLock::new();
    GUIDE.get_or_init(|| read(include_str!("guide.toml")).expect("the embedded guide is read by a test"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    needless: Vec<String>,
    names: Values,
    example: Values,
    step: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    code: String,
    title: String,
    check: String,
    catalogue: Vec<String>,
    shown: usize,
    shown_rescan: Option<usize>,
    #[serde(default = "a_minute")]
    patience: u32,
    #[serde(default)]
    line: Vec<RawLine>,
    #[serde(default)]
    failure: Vec<RawFailure>,
}

const fn a_minute() -> u32 {
    60
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLine {
    log: Log,
    component: Option<String>,
    text: String,
    example: Option<String>,
    #[serde(default)]
    or: Vec<String>,
    #[serde(default = "article")]
    source: Source,
    #[serde(default)]
    need: Need,
    scan: Option<Scan>,
    #[serde(default)]
    again: bool,
}

const fn article() -> Source {
    Source::Article
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFailure {
    log: Log,
    text: String,
}

fn read(text: &str) -> Result<Guide, Box<dyn std::error::Error>> {
    let file: File = toml::from_str(text)?;
    let template = |text: &str| Template::new(text, &file.names);
    let mut steps = Vec::new();
    for raw in file.step {
        let mut lines = Vec::new();
        for line in raw.line {
            lines.push(Line {
                component: line.component.unwrap_or_else(|| line.log.component().to_owned()),
                log: line.log,
                text: template(&line.text)?,
                example: line.example.as_deref().map(template).transpose()?,
                or: line.or.iter().map(|text| template(text)).collect::<Result<_, _>>()?,
                source: line.source,
                need: line.need,
                scan: line.scan,
                again: line.again,
            });
        }
        let failures = raw.failure.iter().map(|failure| {
            let text = template(&failure.text)?;
            Ok::<_, crate::TemplateError>(Failure { log: failure.log, text })
        });
        steps.push(Step {
            failures: failures.collect::<Result<_, _>>()?,
            code: raw.code,
            title: raw.title,
            check: raw.check,
            catalogue: raw.catalogue,
            shown: raw.shown,
            shown_rescan: raw.shown_rescan,
            patience_seconds: raw.patience,
            lines,
        });
    }
    let needless = file.needless.iter().map(|text| template(text)).collect::<Result<_, _>>()?;
    Ok(Guide { example: file.example, needless, steps })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn the_steps_are_the_guides() {
        let codes: Vec<&str> = step_codes().collect();
        let first = (1..=11).map(|n| format!("S1.{n}"));
        let expected: Vec<String> = first.chain((2..=7).map(|n| format!("S{n}"))).collect();
        assert_eq!(codes, expected);
        for step in steps() {
            assert!(!step.title.is_empty() && !step.check.is_empty() && !step.catalogue.is_empty(), "{}", step.code);
        }
    }

    #[test]
    fn each_step_has_the_stated_number_of_lines() {
        for step in steps() {
            let shown = |scan| step.lines_of(scan).filter(|line| line.source == Source::Article).count();
            assert_eq!(shown(Scan::First), step.shown, "{}", step.code);
            assert_eq!(shown(Scan::Rescan), step.shown_rescan.unwrap_or(step.shown), "{}", step.code);
        }
        // Counted in the article, merged and broken lines mended, with its repetitions in steps 2 and 7.
        let total: usize = steps().iter().map(|step| step.shown).sum();
        assert_eq!(total, 85);
    }

    #[test]
    fn the_example_gives_no_name_that_does_not_exist() {
        let used: BTreeSet<&str> = steps()
            .iter()
            .flat_map(|step| &step.lines)
            .flat_map(|line| line.text.names().chain(line.example.iter().flat_map(Template::names)))
            .collect();
        for name in example_values().keys() {
            assert!(used.contains(name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_id_stands_in_more_than_one_place_or_in_the_example() {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for line in steps().iter().flat_map(|step| &step.lines).filter(|line| !line.again) {
            for name in line.example.as_ref().unwrap_or(&line.text).names() {
                *places.entry(name).or_default() += 1;
            }
        }
        for (name, count) in places {
            assert!(count > 1 || example_values().contains_key(name), "nothing would notice another {name}");
        }
    }
}
