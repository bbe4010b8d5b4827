//! `cmsim run`: runs scenarios and says what came of them.

use std::io::IsTerminal as _;
use std::num::NonZero;
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use cmsim_scenario::file::Scenario;
use cmsim_scenario::{Finished, Progress, Settings, Verdict, run_all};
use indicatif::{ProgressBar, ProgressStyle};

use super::guide::summary;
use super::load_all;
use crate::cli::{RunOptions, Transport};
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(options: &RunOptions) -> Outcome {
    let mut scenarios = load_all(&options.paths)?;
    if let Some(filter) = &options.filter {
        scenarios.retain(|scenario| {
            scenario.id.contains(filter) || scenario.path.to_string_lossy().contains(filter.as_str())
        });
    }
    if scenarios.is_empty() {
        return Err(Failure::new(Exit::NothingSelected, "--filter leaves no scenario"));
    }
    if options.twice && options.transport == Transport::Tcp {
        return Err(Failure::new(Exit::Usage, "--twice needs --transport memory")
            .help("real sockets promise the same records in the same order, not the same bytes"));
    }
    std::fs::create_dir_all(&options.out).map_err(|error| {
        Failure::new(Exit::CouldNotRun, format!("cannot make the output folder {}", options.out.display()))
            .because(error)
    })?;
    let begun = now();
    let finished = run_with_progress(&scenarios, &settings(options));
    report(&finished, begun.elapsed());
    Ok(exit(&finished))
}

fn settings(options: &RunOptions) -> Settings {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Settings {
        out: options.out.clone(),
        seed: options.seed,
        jobs: options.jobs.map_or(processors, usize::from),
        transport: match options.transport {
            Transport::Memory => cmsim_scenario::Transport::Memory,
            Transport::Tcp => cmsim_scenario::Transport::Tcp,
        },
        twice: options.twice,
    }
}

#[expect(clippy::disallowed_methods, reason = "the summary tells the user how long it really took")]
fn now() -> Instant {
    Instant::now()
}

fn run_with_progress(scenarios: &[Scenario], settings: &Settings) -> Vec<Finished> {
    let length = u64::try_from(scenarios.len()).unwrap_or(u64::MAX);
    let bar = if std::io::stderr().is_terminal() && scenarios.len() > 1 {
        ProgressBar::new(length)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let finished = run_all(scenarios, settings, &mut |progress| match progress {
        Progress::Started { id } => bar.set_message(id.to_owned()),
        Progress::Finished(_) => bar.inc(1),
    });
    bar.finish_and_clear();
    finished
}

fn report(finished: &[Finished], took: Duration) {
    for end in finished {
        report_one(end, finished.len() == 1);
    }
    let passed = finished.iter().filter(|end| end.verdict == Verdict::Passed).count();
    let virtual_time: Duration = finished.iter().map(|end| end.virtual_time).sum();
    anstream::eprintln!(
        "{passed} passed, {} failed; {} of virtual time in {:.3} s",
        finished.len() - passed,
        span(virtual_time),
        took.as_secs_f64()
    );
}

fn report_one(end: &Finished, in_full: bool) {
    let (word, style) = match end.verdict {
        Verdict::Passed => ("passed", AnsiColor::Green.on_default()),
        Verdict::Failed => ("FAILED", AnsiColor::Red.on_default().bold()),
        Verdict::CouldNotRun => ("could not run", AnsiColor::Red.on_default().bold()),
        Verdict::NotDeterministic => ("not deterministic", AnsiColor::Red.on_default().bold()),
    };
    anstream::println!("{style}{word}{style:#} {}: {}", end.id, end.title);
    if let Some(error) = &end.error {
        anstream::println!("  {error}");
    }
    for observation in end.observations.iter().filter(|observation| !observation.passed) {
        anstream::println!("  expected {}", observation.expected);
        anstream::println!("  saw      {}", observation.saw);
    }
    for difference in &end.differences {
        anstream::println!("  differs: {difference}");
    }
    if in_full && let Some(guide) = &end.guide {
        for line in guide.clients.iter().take(1).flat_map(summary) {
            anstream::println!("  {line}");
        }
    }
    let fitting = end.observations.iter().filter(|observation| observation.passed).count();
    anstream::println!(
        "  {fitting} of {} expectations, {} of virtual time",
        end.observations.len(),
        span(end.virtual_time)
    );
    if let Some(out) = &end.out {
        anstream::println!("  output in {}", out.display());
    }
}

/// A span of virtual time in hours, minutes and seconds.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The worst that happened decides.
fn exit(finished: &[Finished]) -> Exit {
    let any = |verdict| finished.iter().any(|end| end.verdict == verdict);
    if any(Verdict::CouldNotRun) {
        Exit::CouldNotRun
    } else if any(Verdict::NotDeterministic) {
        Exit::NotDeterministic
    } else if any(Verdict::Failed) {
        Exit::Failed
    } else {
        Exit::Passed
    }
}
