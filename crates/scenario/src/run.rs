//! The runner: every scenario in a world and a runtime of its own, several at a time.

mod compare;
mod world;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use cmsim_guide::Verdict as GuideVerdict;
use serde::Serialize;

use crate::expect::Observation;
use crate::file::Scenario;

pub use compare::Difference;

/// The network between the machines of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// In memory, in virtual time.
    #[default]
    Memory,
    /// Loopback sockets; the product's waits are scaled down.
    Tcp,
}

/// How scenarios are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where each scenario's output folder is made.
    pub out: PathBuf,
    /// Seed that replaces the scenarios' own.
    pub seed: Option<u64>,
    /// How many run at the same time.
    pub jobs: usize,
    /// The network between the machines.
    pub transport: Transport,
    /// Whether each scenario runs twice and the outputs are compared.
    pub twice: bool,
}

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything expected was observed.
    Passed,
    /// Something expected was not observed, or a step could not be carried out.
    Failed,
    /// The world could not be built or its output not written.
    CouldNotRun,
    /// Two runs differ.
    NotDeterministic,
}

/// A scenario that was run.
#[derive(Debug)]
pub struct Finished {
    /// The scenario's id.
    pub id: String,
    /// The scenario's title.
    pub title: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it could not run, or which step failed.
    pub error: Option<String>,
    /// What was expected and what was seen.
    pub observations: Vec<Observation>,
    /// What the troubleshooting guide says of the artefacts.
    pub guide: Option<GuideVerdict>,
    /// Virtual time that passed.
    pub virtual_time: Duration,
    /// The output folder, if it was written.
    pub out: Option<PathBuf>,
    /// Where two runs differ.
    pub differences: Vec<Difference>,
}

/// News from a run.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A scenario began.
    Started {
        /// Its id.
        id: &'a str,
    },
    /// A scenario ended.
    Finished(&'a Finished),
}

enum News {
    Started(usize),
    Finished(usize, Box<Finished>),
}

/// Runs `scenarios` and returns their ends in the order given; `progress` hears of them in the order they happen.
pub fn run_all(scenarios: &[Scenario], settings: &Settings, progress: &mut dyn FnMut(Progress<'_>)) -> Vec<Finished> {
    let next = AtomicUsize::new(0);
    let (sender, news) = mpsc::channel();
    let mut finished: Vec<Option<Finished>> = scenarios.iter().map(|_| None).collect();
    std::thread::scope(|threads| {
        for _ in 0..settings.jobs.clamp(1, scenarios.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            threads.spawn(move || work(scenarios, settings, next, &sender));
        }
        drop(sender);
        for item in news {
            match item {
                News::Started(index) => progress(Progress::Started { id: &scenarios[index].id }),
                News::Finished(index, end) => {
                    progress(Progress::Finished(&end));
                    finished[index] = Some(*end);
                }
            }
        }
    });
    finished.into_iter().flatten().collect()
}

fn work(scenarios: &[Scenario], settings: &Settings, next: &AtomicUsize, news: &mpsc::Sender<News>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(scenario) = scenarios.get(index) else { return };
        // The receiver lives as long as the scope that started this thread.
        let _ = news.send(News::Started(index));
        let end = run_one(scenario, settings);
        let _ = news.send(News::Finished(index, Box::new(end)));
    }
}

fn run_one(scenario: &Scenario, settings: &Settings) -> Finished {
    let place = settings.out.join(&scenario.id);
    let mut finished = world::run(scenario, settings, &partial(&settings.out, scenario, "partial"));
    if settings.twice && finished.out.is_some() {
        let again = world::run(scenario, settings, &partial(&settings.out, scenario, "again"));
        finished = compare::two_runs(finished, again);
    }
    publish(finished, &place)
}

/// Where a scenario is written before it is complete, so that a killed run leaves no half of an output folder behind.
fn partial(out: &Path, scenario: &Scenario, what: &str) -> PathBuf {
    out.join(format!(".{}.{what}", scenario.id))
}

fn publish(mut finished: Finished, place: &Path) -> Finished {
    let Some(written) = finished.out.take() else { return finished };
    let replaced = match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::rename(&written, place),
    };
    match replaced {
        Ok(()) => finished.out = Some(place.to_owned()),
        Err(error) => {
            finished.verdict = Verdict::CouldNotRun;
            finished.error = Some(format!("cannot write {}: {error}", place.display()));
        }
    }
    finished
}
