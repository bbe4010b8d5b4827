//! What happens in a scenario, step by step.

use std::fmt;
use std::time::Duration;

use cmsim_sim::Wait;
use cmsim_sim::journal::{Entry, Event};
use cmsim_stage::{Action as ClientAction, Stage, StageError};
use serde::Serialize;
use thiserror::Error;

use crate::file::{Action, Await, MachineStep, Step, Trigger};

/// How long a log line is waited for if the step does not say.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// A step that could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    /// The world refused.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The line that a step waits for never came.
    #[error("{0}")]
    NeverHappened(Box<NeverHappened>),
}

/// A log line that never came, with what there was instead.
#[derive(Debug, Serialize)]
pub(crate) struct NeverHappened {
    /// The log.
    pub log: String,
    /// The machine.
    pub host: String,
    /// The text that no record contained.
    pub contains: String,
    /// How long it was waited for, in virtual seconds.
    pub within_seconds: u64,
    /// The last record of that log, if it has one.
    pub last: Option<String>,
    /// Who waited for what at the end.
    pub waiting: Vec<String>,
}

impl fmt::Display for NeverHappened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, host, contains, within_seconds, last, waiting } = self;
        write!(f, "{log} of {host} did not say \"{contains}\" within {within_seconds} virtual seconds")?;
        match last {
            Some(last) => write!(f, "; its last record is \"{last}\"")?,
            None => f.write_str("; it has no record")?,
        }
        waiting.iter().try_for_each(|wait| write!(f, "\n  {wait}"))
    }
}

/// Carries out one step.
///
/// # Errors
/// [`StepError`] if the world refuses it, or what it waits for never happens.
pub(crate) async fn carry_out(step: &Step, stage: &Stage) -> Result<(), StepError> {
    match step {
        Step::Trigger(trigger) => Ok(trigger_action(trigger, stage).await?),
        Step::Advance(span) => {
            stage.clock().wait("scenario", "an `advance` step", span.0).await;
            Ok(())
        }
        Step::Await(wait) => await_line(wait, stage).await,
        Step::Synchronize(sync) => Ok(stage.synchronize(sync.content_version).await?),
        Step::Machine(change) => Ok(change_machine(change, stage)?),
    }
}

async fn trigger_action(trigger: &Trigger, stage: &Stage) -> Result<(), StageError> {
    let action = match trigger.action {
        Action::MachinePolicy => ClientAction::MachinePolicy,
        Action::ScanCycle => ClientAction::ScanCycle,
        Action::DeploymentEvaluation => ClientAction::DeploymentEvaluation,
        Action::DeploymentActivation => ClientAction::DeploymentActivation,
        Action::SendStateMessages => ClientAction::SendStateMessages,
    };
    match &trigger.on {
        Some(client) => stage.trigger(client.get_ref(), action).await,
        None => {
            for client in stage.client_names() {
                stage.trigger(&client, action).await?;
            }
            Ok(())
        }
    }
}

fn change_machine(change: &MachineStep, stage: &Stage) -> Result<(), StageError> {
    let host = stage.host(change.on.get_ref())?;
    if let Some(file) = &change.file {
        stage.set_file_version(host, &file.path, &file.version)?;
    }
    if let Some(setting) = &change.registry {
        match &setting.data {
            toml::Value::Integer(number) => stage.set_registry_number(host, &setting.key, &setting.name, *number)?,
            data => stage.set_registry_text(host, &setting.key, &setting.name, data.as_str().unwrap_or_default())?,
        }
    }
    if let Some(package) = &change.package {
        stage.install_package(host, package)?;
    }
    Ok(())
}

async fn await_line(wait: &Await, stage: &Stage) -> Result<(), StepError> {
    let host = wait.on.as_ref().map_or_else(|| stage.first_client(), |on| on.get_ref().clone());
    let log = wait.log.get_ref();
    let journal = stage.journal();
    let mut read = journal.len();
    let what = format!("\"{}\" in {log} of {host}", wait.contains);
    let arrived = async {
        let _waiting = stage.clock().waits().enter("scenario", &what, None);
        loop {
            let found = journal.with_entries(|entries| {
                let fresh = entries.get(read..).unwrap_or_default();
                read = entries.len();
                fresh
                    .iter()
                    .any(|entry| is_line_of(entry, &host, log).is_some_and(|text| text.contains(&wait.contains)))
            });
            if found {
                return;
            }
            journal.longer_than(read).await;
        }
    };
    let patience = wait.within.map_or(PATIENCE, |span| span.0);
    if stage.clock().deadline(patience, arrived).await.is_ok() {
        return Ok(());
    }
    let last = journal.with_entries(|entries| {
        entries.iter().rev().find_map(|entry| is_line_of(entry, &host, log)).map(str::to_owned)
    });
    Err(StepError::NeverHappened(Box::new(NeverHappened {
        log: log.clone(),
        host,
        contains: wait.contains.clone(),
        within_seconds: patience.as_secs(),
        last,
        waiting: stage.clock().waits().current().iter().map(Wait::to_string).collect(),
    })))
}

/// The text of `entry` if it is a record of that log of that machine.
pub(crate) fn is_line_of<'a>(entry: &'a Entry, host: &str, log: &str) -> Option<&'a str> {
    match &entry.event {
        Event::Log { file, text, .. } if &*entry.host == host && file.rsplit('/').next() == Some(log) => Some(text),
        _ => None,
    }
}
