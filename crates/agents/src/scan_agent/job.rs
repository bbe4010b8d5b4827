//! One scan job: from the wish to scan a source to its result.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::framework::{Context, SourceKey, StateTopic, WmiInstance, braced, instance, wmi_datetime};

/// Namespace of scan jobs and their history (docs).
pub(super) const NAMESPACE: &str = r"root\CCM\ScanAgent";
/// Class of running jobs: an instance exists exactly while its job does (article).
pub(super) const JOBS: &str = "CCM_ScanJobInstance";

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Location Services' answer.
    Locations,
    /// WUAHandler to set the update source.
    Source,
    /// WUAHandler to scan.
    Scan,
    /// The time of the next try.
    Retry,
}

/// A scan of one update source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScanJob {
    pub(super) id: Uuid,
    pub(super) source: SourceKey,
    pub(super) stage: Stage,
    /// The location request under way.
    pub(super) request: Uuid,
    /// Server chosen, once known.
    pub(super) location: Option<String>,
    /// Repetitions so far.
    pub(super) retries: u32,
    /// The thread that set the update source and waited for it.
    pub(super) thread: u32,
}

impl ScanJob {
    pub(super) fn new(id: Uuid, source: SourceKey) -> Self {
        Self { id, source, stage: Stage::Locations, request: Uuid::nil(), location: None, retries: 0, thread: 0 }
    }

    /// `ScanJob({…})`, the way every line of a job starts.
    pub(super) fn name(&self) -> String {
        format!("ScanJob({})", braced(self.id))
    }

    /// Name of one of the job's timers.
    pub(super) fn timer(&self, purpose: &str) -> String {
        format!("{purpose} {}", self.id)
    }

    /// The instance that stands for the job in WMI. Class and namespace are the article's, properties inferred.
    pub(super) fn to_wmi(&self, cx: &Context<'_>) -> WmiInstance {
        instance([
            ("ScanJobID", braced(self.id).into()),
            ("LocationRequestID", braced(self.request).into()),
            ("UpdateSourceID", braced(self.source.id).into()),
            ("ContentVersion", self.source.version.into()),
            ("ScanType", 1_u32.into()),
            ("RetryCount", self.retries.into()),
            ("LastUpdateTime", wmi_datetime(cx.now).into()),
        ])
    }

    /// The state of the scan as the site learns it: topic 501; two parameters, and the error as a third if there is one (field).
    /// The details are the version of the update agent (inferred: the site knows it from somewhere).
    pub(super) fn state(&self, state: u32, error: Option<i32>, agent_version: String) -> StateTopic {
        let mut parameters = vec![self.source.version.to_string(), self.location.clone().unwrap_or_default()];
        parameters.extend(error.map(|code| code.to_string()));
        StateTopic {
            topic_type: 501,
            topic_id: braced(self.source.id),
            id_type: 4,
            state,
            parameters,
            details: Some(agent_version),
        }
    }
}
