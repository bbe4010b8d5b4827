//! One scenario in one world: build, let it happen, look, write.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use cmsim_sim::{Clock, SimTime, Stalled, TimeZone};
use cmsim_stage::Stage;
use cmsim_wire::profile::Profile;

use super::{Finished, Settings, Transport, Verdict};
use crate::expect;
use crate::file::Scenario;
use crate::output::{self, Record};
use crate::steps;

/// Virtual time after which a scenario is stopped if it does not say.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What the sentinel gets beyond the scenario's own limit, so that the limit is met first and the output still written.
const GRACE: Duration = Duration::from_secs(3600);

/// How fast product waits pass on loopback sockets: two minutes take 1.2 seconds.
const TCP_RATE: f64 = 100.0;

/// When the guide's example begins (article).
const START: &str = "2014-01-20T12:17:00";

/// The guide's example is in US Eastern time: its state message pairs 12:18 local with 17:18 UTC (article).
const ZONE: &str = "America/New_York";

/// Runs `scenario` and writes its output folder at `place`.
pub(super) fn run(scenario: &Scenario, settings: &Settings, place: &Path) -> Finished {
    let mut finished = Finished {
        id: scenario.id.clone(),
        title: scenario.file.title.clone(),
        verdict: Verdict::CouldNotRun,
        error: None,
        observations: Vec::new(),
        guide: None,
        virtual_time: Duration::ZERO,
        out: None,
        differences: Vec::new(),
    };
    let outcome = prepare(place).and_then(|()| start_of(scenario)).and_then(|(start, zone)| {
        let limit = scenario.file.world.limit.map_or(LIMIT, |span| span.0);
        let work = |clock| happen(scenario, settings, clock, place, limit);
        match settings.transport {
            Transport::Memory => {
                cmsim_sim::run(start, zone, limit + GRACE, work).unwrap_or_else(|stalled| Err(said(&stalled)))
            }
            Transport::Tcp => on_sockets(start, zone, work),
        }
    });
    match outcome {
        Err(error) => finished.error = Some(error),
        Ok(record) => {
            finished.verdict = record.verdict();
            finished.error = record.error;
            finished.observations = record.observations;
            finished.virtual_time = record.virtual_time;
            finished.guide = record.guide;
            finished.out = Some(place.to_owned());
        }
    }
    finished
}

fn said(stalled: &Stalled) -> String {
    stalled.to_string()
}

fn prepare(place: &Path) -> Result<(), String> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot clear {}: {error}", place.display()))
        }
        _ => fs::create_dir_all(place).map_err(|error| format!("cannot make {}: {error}", place.display())),
    }
}

fn start_of(scenario: &Scenario) -> Result<(SimTime, TimeZone), String> {
    let world = &scenario.file.world;
    let zone = world.time_zone.as_ref().map_or(ZONE, |zone| zone.get_ref());
    let start = world.start.as_ref().map_or(START, |start| start.get_ref());
    let zone = TimeZone::named(zone).map_err(|error| error.to_string())?;
    let local = start.parse().map_err(|error: jiff::Error| error.to_string())?;
    let start = zone.at_local(local).map_err(|error| error.to_string())?;
    Ok((start, zone))
}

fn on_sockets<F, T>(start: SimTime, zone: TimeZone, work: impl FnOnce(Clock) -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async { work(Clock::real_time(start, zone, TCP_RATE)).await })
}

async fn happen(
    scenario: &Scenario,
    settings: &Settings,
    clock: Clock,
    place: &Path,
    limit: Duration,
) -> Result<Record, String> {
    let begun = clock.now();
    let stage =
        Stage::build(&stage_settings(scenario, settings), clock.clone()).await.map_err(|error| chain(&error))?;
    stage.start().await.map_err(|error| chain(&error))?;
    let error = match clock.deadline(limit, carry_out_all(scenario, &stage)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(_) => Some(format!("the steps were not done within {limit:?} of virtual time")),
    };
    let virtual_time = clock.now().since(begun);
    stage.stop().await;
    stage.export(place).await.map_err(|error| chain(&error))?;
    // The guide sees what a support engineer would: the files, nothing else.
    let evidence = cmsim_guide::Evidence::load(&place.join("hosts")).map_err(|error| chain(&error))?;
    let guide = cmsim_guide::judge(&evidence);
    let observations = expect::observe_all(&scenario.file.expect, &stage, &guide).await;
    let seed = seed(scenario, settings);
    let (id, title) = (scenario.id.clone(), scenario.file.title.clone());
    let record = Record { id, title, seed, virtual_time, error, observations, guide: Some(guide) };
    output::write(place, &record, stage.journal())
        .map_err(|error| format!("cannot write {}: {error}", place.display()))?;
    Ok(record)
}

async fn carry_out_all(scenario: &Scenario, stage: &Stage) -> Result<(), String> {
    for (number, step) in scenario.file.steps.iter().enumerate() {
        steps::carry_out(step.get_ref(), stage)
            .await
            .map_err(|error| format!("step {}: {}", number + 1, chain(&error)))?;
    }
    Ok(())
}

fn stage_settings(scenario: &Scenario, settings: &Settings) -> cmsim_stage::Settings {
    let world = &scenario.file.world;
    let profile =
        world.profile.as_ref().and_then(|name| Profile::named(name.get_ref())).unwrap_or_else(Profile::windows_7);
    let network = match settings.transport {
        Transport::Memory => cmsim_stage::NetworkKind::Memory,
        Transport::Tcp => cmsim_stage::NetworkKind::Loopback,
    };
    cmsim_stage::Settings {
        seed: seed(scenario, settings),
        profile,
        clients: world.clients.as_ref().map_or(1, |clients| *clients.get_ref()),
        workgroup: world.workgroup,
        network,
        folder: None,
    }
}

fn seed(scenario: &Scenario, settings: &Settings) -> u64 {
    settings.seed.or(scenario.file.world.seed).unwrap_or(1)
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
