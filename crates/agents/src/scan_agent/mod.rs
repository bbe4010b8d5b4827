//! Scan Agent: decides that a scan runs, of which source, against which server (ScanAgent.log).

mod failover;
mod first_scan;
mod history;
mod job;

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_logs::Evidence::{Article, Docs, Field, Inferred};
use cmsim_wire::hresult::HResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use failover::Affinity;
use failover::{Rules, Verdict};
use first_scan::FIRST_SCAN;
use job::{JOBS, NAMESPACE, ScanJob, Stage};

use crate::framework::{Agent, AgentId, Context, Input, Location, Message, ScheduleId, SourceKey, braced, instance};
use crate::settings::{self, SoftwareUpdates, UpdateSourcePolicy};

/// `CCM_E_UPDATES_SCAN_RETRY_PENDING`: what a requester hears while a failed scan waits for its repetition (docs).
const SCAN_RETRY_PENDING: HResult = HResult(0x87D0_0631);

/// State ids of topic 501 (docs: state message reference).
mod scan_state {
    pub(super) const WAITING_FOR_LOCATION: u32 = 1;
    pub(super) const RUNNING: u32 = 2;
    pub(super) const COMPLETED: u32 = 3;
    pub(super) const PENDING_RETRY: u32 = 4;
    pub(super) const FAILED: u32 = 5;
}

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanAgent {
    jobs: BTreeMap<Uuid, ScanJob>,
    affinity: Affinity,
}

impl Agent for ScanAgent {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => self.start(cx),
            Input::Message(Message::SettingsChanged { class, key, .. }) => Self::policy_changed(&class, &key, cx),
            Input::Message(Message::Scheduled(ScheduleId(113))) => self.scan_by_source(true, &[], cx),
            Input::Message(Message::ScanByUpdateSource { force, sources }) => self.scan_by_source(force, &sources, cx),
            Input::Message(Message::ScanByUpdates { force, sources }) => self.scan_by_updates(force, &sources, cx),
            Input::Message(Message::WsusLocations { request, locations }) => self.located(request, &locations, cx),
            Input::Message(Message::UpdateSourceAdded { job, result }) => self.source_added(job, result, cx),
            Input::Message(Message::ScanCompleted { job, result }) => self.scan_completed(job, result, cx),
            Input::Timer(name) => self.timer(&name.0, cx),
            Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl ScanAgent {
    /// Whether any scan job exists.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Service start: jobs that were under way begin again; history of sources without policy goes. A source with policy
    /// that was never scanned gets its random moment anew, the old one went with the process.
    fn start(&mut self, cx: &mut Context<'_>) {
        if !SoftwareUpdates::read(cx.machine).received {
            cx.info(
                Field,
                "scantoolpolicy.cpp:152",
                "Software Updates client configuration policy has not been received, default settings will be used.",
            );
        }
        cx.info(Field, "scanjobmgr.cpp:171", "- -Recovering persisted Scan requests...");
        cx.info(
            Field,
            "cscanagent.cpp:1463",
            "CScanAgent::CleanDeletedUpdateSources- entered. This will clean any update sources for which policy no longer exists.",
        );
        history::forget_deleted_sources(cx);
        let persisted = cx.machine.wmi(NAMESPACE, JOBS).unwrap_or_default();
        let before = std::mem::take(&mut self.jobs);
        for found in persisted {
            let (Some(id), Some(source), Some(version)) = (
                settings::guid(&found, "ScanJobID"),
                settings::guid(&found, "UpdateSourceID"),
                settings::number(&found, "ContentVersion"),
            ) else {
                continue;
            };
            let retries = before.get(&id).map_or(0, |job| job.retries);
            let job = ScanJob { retries, ..ScanJob::new(id, SourceKey { id: source, version }) };
            self.request_locations(job, cx);
        }
        let policies = UpdateSourcePolicy::all(cx.machine);
        let served = |id: Uuid| self.jobs.values().any(|job| job.source.id == id);
        if policies.iter().any(|policy| !served(policy.id) && history::last_scan(policy.id, cx).is_none()) {
            Self::plan_first_scan(cx);
        }
    }

    /// Scan cycle (schedule 113) and whoever names sources.
    fn scan_by_source(&mut self, force: bool, wanted: &[Uuid], cx: &mut Context<'_>) {
        let policies = UpdateSourcePolicy::all(cx.machine);
        let chosen: Vec<&UpdateSourcePolicy> =
            policies.iter().filter(|policy| wanted.is_empty() || wanted.contains(&policy.id)).collect();
        let ids: String = chosen.iter().map(|policy| format!("\n\t\t<ID>{}</ID>", braced(policy.id))).collect();
        let forced = if force { "TRUE" } else { "FALSE" };
        cx.info(
            Docs,
            "cscanagent.cpp:398",
            format!(
                "Message received: '<?xml version='1.0' ?>\n<UpdateSourceMessage MessageType='ScanByUpdateSource'>\n\t\
                 <ForceScan>{forced}</ForceScan>\n\t<UpdateSourceIDs>{ids}\n\t</UpdateSourceIDs>\n</UpdateSourceMessage>'"
            ),
        );
        if Self::switched_off(cx) {
            return;
        }
        if chosen.is_empty() {
            cx.info(
                Inferred,
                "cscanagent.cpp:431",
                "CScanAgent::ScanByUpdateSource- No policy available for any update source",
            );
            return;
        }
        let list = chosen.iter().map(|policy| SourceKey { id: policy.id, version: policy.version }).collect();
        self.process(force, list, cx);
    }

    /// A deployment wants results (re-evaluation, schedule 108, or activation).
    fn scan_by_updates(&mut self, force: bool, wanted: &[SourceKey], cx: &mut Context<'_>) {
        if Self::switched_off(cx) {
            return;
        }
        let policies = UpdateSourcePolicy::all(cx.machine);
        let mut list = Vec::new();
        for source in wanted {
            let id = braced(source.id);
            let Some(policy) = policies.iter().find(|policy| policy.id == source.id) else {
                cx.info(
                    Inferred,
                    "cscanagent.cpp:518",
                    format!("CScanAgent::ScanByUpdates- No policy available for UpdateSourceID={id}"),
                );
                continue;
            };
            let (has, needs) = (policy.version, source.version);
            cx.info(
                Article,
                "cscanagent.cpp:531",
                format!("CScanAgent::ScanByUpdates- Policy available for UpdateSourceID={id} ContentVersion={has}"),
            );
            if has < needs {
                cx.warn(
                    Inferred,
                    "cscanagent.cpp:538",
                    format!("CScanAgent::ScanByUpdates- Policy for UpdateSourceID={id} is older than required, Policy-ContentVersion={has}, Required-ContentVersion={needs}"),
                );
                continue;
            }
            cx.info(
                Article,
                "cscanagent.cpp:552",
                format!("CScanAgent::ScanByUpdates- Added Policy to final ScanRequest List UpdateSourceID={id}, Policy-ContentVersion={has}, Required-ContentVersion={needs}"),
            );
            list.push(SourceKey { id: source.id, version: has });
        }
        if !list.is_empty() {
            self.process(force, list, cx);
        }
    }

    fn switched_off(cx: &mut Context<'_>) -> bool {
        let off = !SoftwareUpdates::read(cx.machine).enabled;
        if off {
            cx.info(
                Inferred,
                "cscanagent.cpp:380",
                "Software Updates are disabled by client settings, no scan will be done.",
            );
        }
        off
    }

    /// Turns wishes into jobs, unless results are fresh or a job for the source exists.
    fn process(&mut self, force: bool, list: Vec<SourceKey>, cx: &mut Context<'_>) {
        cx.info(Article, "cscanagent.cpp:604", "Inside CScanAgent::ProcessScanRequest()");
        for source in list {
            if !force && history::is_fresh(&source, cx) {
                cx.info(
                    Inferred,
                    "cscanagent.cpp:640",
                    format!("Sources are current and valid. TTLs are also valid. UpdateSourceID={}", braced(source.id)),
                );
                cx.tell(AgentId::UpdatesDeployment, Message::ScanFinished { source: source.id, result: Ok(()) });
                continue;
            }
            cx.info(Article, "scanjobmgr.cpp:312", "CScanJobManager::Scan- entered");
            if let Some(running) = self.jobs.values_mut().find(|job| job.source.id == source.id) {
                // The job serves both; a newer version is what it asks for from its next step on.
                running.source.version = running.source.version.max(source.version);
                let text = format!(
                    "{}: CScanJobManager::Scan- Job for this update source already exists, request added to it.",
                    running.name()
                );
                cx.info(Inferred, "scanjobmgr.cpp:334", text);
                if force && running.stage == Stage::Retry {
                    // Whoever forces a scan does not wait for the next try (inferred).
                    cx.cancel(running.timer("retry"));
                    let job = running.clone();
                    self.request_locations(job, cx);
                }
                continue;
            }
            let job = ScanJob::new(cx.new_guid(), source);
            cx.info(Article, "scanjob.cpp:96", format!("{}: CScanJob::Initialize- entered", job.name()));
            cx.info(Article, "scanjob.cpp:163", format!("{}: CScanJob::Scan- entered", job.name()));
            self.request_locations(job, cx);
        }
    }

    fn request_locations(&mut self, mut job: ScanJob, cx: &mut Context<'_>) {
        let config = SoftwareUpdates::read(cx.machine);
        job.stage = Stage::Locations;
        job.request = cx.new_guid();
        let (name, request) = (job.name(), braced(job.request));
        cx.info(Article, "scanjob.cpp:402", format!("{name}: CScanJob::RequestLocations- entered"));
        cx.info(
            Article,
            "scanjob.cpp:431",
            format!(
                "- - - - - -Requesting WSUS Server Locations from LS for {} version {}",
                braced(job.source.id),
                job.source.version
            ),
        );
        cx.info(Article, "scanjob.cpp:446", format!("- - - - - -Location Request ID = {request}"));
        match cx.machine.put_wmi(NAMESPACE, JOBS, &["ScanJobID"], job.to_wmi(cx)) {
            Ok(()) => cx.info(
                Article,
                "scanagentcache.cpp:118",
                "CScanAgentCache::PersistInstanceInCache- Persisted Instance CCM_ScanJobInstance",
            ),
            Err(code) => cx.error(
                Inferred,
                "scanagentcache.cpp:122",
                format!("CScanAgentCache::PersistInstanceInCache- Failed to persist CCM_ScanJobInstance, Error = {code:#010x}"),
            ),
        }
        cx.info(
            Article,
            "scanjob.cpp:463",
            format!(
                "{name}: - - - - - -Locations requested for ScanJobID={} (LocationRequestID={request}), will process the scan request once locations are available.",
                braced(job.id)
            ),
        );
        cx.timer(job.timer("locations"), seconds(config.location_timeout), "an answer to the WSUS location request");
        let ask = Message::RequestWsusLocations { request: job.request, source: job.source.clone() };
        self.jobs.insert(job.id, job);
        self.forget_first_scan_if_moot(cx);
        cx.tell(AgentId::LocationServices, ask);
    }

    fn located(&mut self, request: Uuid, locations: &[Location], cx: &mut Context<'_>) {
        cx.info(
            Article,
            "cscanagent.cpp:874",
            format!("*****WSUSLocationUpdate received for location request guid={}", braced(request)),
        );
        let job = self.jobs.values_mut().find(|job| job.request == request && job.stage == Stage::Locations);
        let Some(job) = job else { return };
        cx.cancel(job.timer("locations"));
        let Some(chosen) = self.affinity.choose(locations) else {
            let (text, id) = (format!("{}: CScanJob::OnLocationUpdate- Received no locations", job.name()), job.id);
            cx.info(Inferred, "scanjob.cpp:520", text);
            Self::raise(job, scan_state::WAITING_FOR_LOCATION, None, cx);
            self.retry_later(id, seconds(SoftwareUpdates::read(cx.machine).scan_retry_delay), cx);
            return;
        };
        cx.info(
            Article,
            "scanjob.cpp:534",
            format!(
                "{}: CScanJob::OnLocationUpdate- Received Location={}, Version={}",
                job.name(),
                chosen.url,
                chosen.version
            ),
        );
        job.location = Some(chosen.url.clone());
        job.source.version = job.source.version.max(chosen.version);
        job.stage = Stage::Source;
        job.thread = cx.thread();
        cx.info(
            Article,
            "scanjob.cpp:608",
            format!(
                "{}: CScanJob::Execute- Adding UpdateSource={}, ContentType=2, ContentLocation={}, ContentVersion={}",
                job.name(),
                braced(job.source.id),
                chosen.url,
                job.source.version
            ),
        );
        cx.tell(
            AgentId::WuaHandler,
            Message::AddUpdateSource {
                job: job.id,
                source: job.source.clone(),
                content_type: 2,
                location: chosen.url.clone(),
            },
        );
    }

    fn source_added(&mut self, id: Uuid, result: Result<(), HResult>, cx: &mut Context<'_>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        cx.on_thread(job.thread);
        if let Err(code) = result {
            cx.error(
                Docs,
                "scanjob.cpp:634",
                format!("CScanJob::Execute- Failed at AddUpdateSource, Error = {code:#010x}"),
            );
            self.failed(id, code, cx);
            return;
        }
        job.stage = Stage::Scan;
        Self::raise(job, scan_state::RUNNING, None, cx);
        cx.info(
            Article,
            "scanjob.cpp:671",
            format!("{}: CScanJob::Execute - successfully requested Scan, ScanType=1", job.name()),
        );
        cx.tell(AgentId::WuaHandler, Message::StartScan { job: id, source: job.source.clone() });
    }

    fn scan_completed(&mut self, id: Uuid, result: Result<(), HResult>, cx: &mut Context<'_>) {
        cx.info(Field, "cscanagent.cpp:2237", "CScanAgent::ScanComplete- Scan completion received.");
        let Some(job) = self.jobs.get(&id) else { return };
        if let Err(code) = result {
            cx.error(
                Inferred,
                "scanjob.cpp:702",
                format!("{}: CScanJob::OnScanComplete -Scan Failed with Error={code:#010x}", job.name()),
            );
            self.failed(id, code, cx);
            return;
        }
        let name = job.name();
        cx.info(
            Inferred,
            "scanjob.cpp:716",
            format!("{name}: CScanJob::OnScanComplete -Scan completed successfully, ScanType=1"),
        );
        Self::raise(job, scan_state::COMPLETED, None, cx);
        self.affinity.succeeded();
        history::remember_success(job, cx);
        cx.info(
            Inferred,
            "scanjobmgr.cpp:421",
            format!("{name}: CScanJobManager::OnScanComplete -ScanJob is completed."),
        );
        self.finish(id, Ok(()), cx);
    }

    /// A step failed: repeat if the code is one of those, otherwise give up.
    fn failed(&mut self, id: Uuid, code: HResult, cx: &mut Context<'_>) {
        let config = SoftwareUpdates::read(cx.machine);
        let policies = UpdateSourcePolicy::all(cx.machine);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let rules = Rules {
            listed: policies.iter().any(|policy| policy.id == job.source.id && policy.repeats(code)),
            delay: seconds(config.scan_retry_delay),
            boundary_groups: settings::boundary_groups_decide(cx.machine),
            failures_before_switch: config.max_scan_retries.max(1),
        };
        match self.affinity.failed(cx.now, rules) {
            Verdict::Retry(after) => {
                job.retries += 1;
                Self::raise(job, scan_state::PENDING_RETRY, Some(code), cx);
                let text = format!(
                    "{}: CScanJobManager::OnScanComplete- Scan has failed, scan request will be pending for scan retry cycle.",
                    job.name()
                );
                cx.info(Inferred, "scanjobmgr.cpp:436", text);
                self.retry_later(id, after, cx);
            }
            Verdict::GiveUp => {
                Self::raise(job, scan_state::FAILED, Some(code), cx);
                self.finish(id, Err(code), cx);
            }
        }
    }

    fn retry_later(&mut self, id: Uuid, after: Duration, cx: &mut Context<'_>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.stage = Stage::Retry;
        cx.info(
            Inferred,
            "scanjob.cpp:766",
            format!(
                "{}: CScanJob::ScheduleScanRetry- ScanRetry Timer task successfully scheduled. Will wake up in next {} seconds",
                job.name(),
                after.as_secs()
            ),
        );
        cx.timer(job.timer("retry"), after, "the next try of a scan");
        let source = job.source.id;
        cx.tell(AgentId::UpdatesDeployment, Message::ScanFinished { source, result: Err(SCAN_RETRY_PENDING) });
    }

    fn finish(&mut self, id: Uuid, result: Result<(), HResult>, cx: &mut Context<'_>) {
        let Some(job) = self.jobs.remove(&id) else { return };
        cx.info(
            Inferred,
            "scanjobmgr.cpp:452",
            format!("{}: CScanJobManager::OnScanComplete - Reporting Scan request complete to clients...", job.name()),
        );
        // If WMI refuses, the instance is found and its job begun again at the next start.
        let _ = cx.machine.delete_wmi(NAMESPACE, JOBS, &instance([("ScanJobID", braced(id).into())]));
        cx.tell(AgentId::UpdatesDeployment, Message::ScanFinished { source: job.source.id, result });
    }

    fn timer(&mut self, name: &str, cx: &mut Context<'_>) {
        if name == FIRST_SCAN {
            self.scan_by_source(false, &[], cx);
            return;
        }
        let Some((purpose, id)) = name.split_once(' ') else { return };
        let Some(job) = id.parse().ok().and_then(|id: Uuid| self.jobs.get(&id).cloned()) else { return };
        match (purpose, job.stage) {
            ("retry", Stage::Retry) => self.request_locations(job, cx),
            ("locations", Stage::Locations) => {
                cx.warn(
                    Inferred,
                    "scanjob.cpp:497",
                    format!("{}: CScanJob::OnLocationTimeout- No locations received in time", job.name()),
                );
                Self::raise(&job, scan_state::WAITING_FOR_LOCATION, None, cx);
                let after = seconds(SoftwareUpdates::read(cx.machine).scan_retry_delay);
                self.retry_later(job.id, after, cx);
            }
            _ => {}
        }
    }

    fn raise(job: &ScanJob, state: u32, error: Option<HResult>, cx: &mut Context<'_>) {
        cx.info(
            Article,
            "scanjob.cpp:1022",
            format!(
                "{}: Raised UpdateSource ({}) state message successfully. StateId = {state}",
                job.name(),
                braced(job.source.id)
            ),
        );
        let version = cx.machine.profile().wua_version.clone();
        let topic = job.state(state, error.map(HResult::signed), version);
        cx.tell(AgentId::StateMessage, Message::RaiseState(vec![topic]));
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests;
