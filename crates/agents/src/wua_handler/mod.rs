//! WUAHandler: sets the update source, has the Windows Update Agent search, reads the result (WUAHandler.log).

mod results;
mod source;

use std::collections::VecDeque;
use std::time::Duration;

use cmsim_logs::Evidence::{Article, Docs, Field};
use cmsim_wire::hresult::{GROUP_POLICY_CONFLICT, HResult};
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use source::{E_FAIL, ResultantPolicy};

use crate::framework::{
    Agent, AgentId, Context, FoundUpdate, Input, Message, SearchOutcome, SearchRequest, SourceKey, bare, braced,
};
use crate::settings::{self, SoftwareUpdates};

/// Service id of a WSUS server in the update agent (field).
pub const MANAGED_SERVICE: Uuid = uuid!("3da21691-e39d-4da6-8a4b-b43877bcb1b7");

/// The search criteria of a scan (article).
pub const SEARCH_CRITERIA: &str = "(DeploymentAction=* AND Type='Software') OR (DeploymentAction=* AND Type='Driver')";

/// The wait after which Windows Update is taken to have noticed its policy (article).
const AGENT_WAIT: Duration = Duration::from_secs(30);

/// A request to set an update source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Adding {
    job: Uuid,
    source: SourceKey,
    content_type: u32,
    location: String,
    /// The thread that serves the request; it waits, and it starts the scan that follows (field).
    thread: u32,
}

/// A request to scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Scanning {
    job: Uuid,
    source: SourceKey,
    /// The thread that will read the results: neither the one that asks nor the one that is called back (field).
    thread: u32,
}

/// What the handler is busy with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Work {
    #[default]
    Nothing,
    /// Waiting for Group Policy's notification.
    GroupPolicy(Adding),
    /// Waiting for the update agent to take the policy.
    Agent(Adding),
    /// Waiting for the search with this number.
    Search(Scanning, Uuid),
    /// Waiting for the store to keep the results: whoever wanted the scan hears of it when they are there (inferred).
    Store(Scanning),
}

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WuaHandler {
    work: Work,
    queue: VecDeque<Message>,
    /// The job whose source was set last, and the thread that did it.
    last_added: Option<(Uuid, u32)>,
}

impl Agent for WuaHandler {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            // Jobs of the time before are begun again by the Scan Agent.
            Input::Start => *self = Self::default(),
            Input::Message(message @ (Message::AddUpdateSource { .. } | Message::StartScan { .. })) => {
                self.queue.push_back(message);
                self.next(cx);
            }
            Input::Message(Message::PolicyRefreshed) => self.policy_refreshed(cx),
            Input::Timer(name) => match name.0.as_str() {
                "group policy" => self.policy_timed_out(cx),
                "agent" => self.agent_ready(cx),
                _ => {}
            },
            Input::Message(Message::SearchCompleted(outcome)) => self.search_completed(outcome, cx),
            Input::Message(Message::StatusesStored { source }) => self.stored(&source, cx),
            Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl WuaHandler {
    /// Takes the next request if nothing is under way: one at a time, as the product does.
    fn next(&mut self, cx: &mut Context<'_>) {
        while self.work == Work::Nothing {
            match self.queue.pop_front() {
                Some(Message::AddUpdateSource { job, source, content_type, location }) => {
                    let thread = cx.thread();
                    self.add_source(Adding { job, source, content_type, location, thread }, cx);
                }
                Some(Message::StartScan { job, source }) => {
                    let thread = cx.thread();
                    self.start_scan(Scanning { job, source, thread }, cx);
                }
                _ => return,
            }
        }
    }

    fn add_source(&mut self, adding: Adding, cx: &mut Context<'_>) {
        let id = braced(adding.source.id);
        cx.info(Article, "sourcemanager.cpp:1232", format!("Its a WSUS Update Source type ({id}), adding it."));
        match source::known_version(cx.machine, &adding.source) {
            None => cx.info(Docs, "sourcemanager.cpp:1255", "Its a completely new WSUS Update Source."),
            Some(version) if version < adding.source.version => cx.info(
                Article,
                "sourcemanager.cpp:1290",
                format!("WSUS update source already exists, it has increased version to {}.", adding.source.version),
            ),
            Some(_) => cx.info(
                Field,
                "sourcemanager.cpp:1301",
                "WSUS update source already exists, checking whether correct server is set.",
            ),
        }
        if ResultantPolicy::read(cx.machine).is(&adding.location) {
            cx.info(
                Field,
                "sourcemanager.cpp:973",
                format!(
                    "Existing WUA Managed server was already set ({}), skipping Group Policy registration.",
                    adding.location
                ),
            );
            self.added(&adding, cx);
            return;
        }
        cx.info(
            Article,
            "sourcemanager.cpp:992",
            format!("Enabling WUA Managed server policy to use server: {}", adding.location),
        );
        if let Err(code) = source::write_local_policy(cx.machine, &adding.location) {
            if code == E_FAIL {
                cx.error(
                    Field,
                    "sourcemanager.cpp:1010",
                    format!("Unable to read existing WUA Group Policy object. Error = {code:#010x}"),
                );
            }
            self.not_added(&adding, code, cx);
            return;
        }
        if cx.machine.place().domain.is_none() {
            // Nobody above the machine can overrule it, so no refresh is forced.
            cx.tell(AgentId::WindowsUpdateAgent, Message::UpdatePolicyChanged);
            self.wait_for_agent(adding, cx);
            return;
        }
        let limit = SoftwareUpdates::read(cx.machine).group_policy_timeout;
        cx.info(Docs, "sourcemanager.cpp:1023", "Policy refresh forced.");
        cx.info(
            Docs,
            "sourcemanager.cpp:1044",
            format!("Waiting for {} mins for Group Policy to notify of WUA policy change...", limit / 60),
        );
        cx.timer("group policy", Duration::from_secs(u64::from(limit)), "Group Policy to notify of a policy change");
        cx.tell(AgentId::GroupPolicy, Message::RefreshPolicy);
        self.work = Work::GroupPolicy(adding);
    }

    fn policy_refreshed(&mut self, cx: &mut Context<'_>) {
        if let Work::GroupPolicy(adding) = self.work.clone() {
            cx.cancel("group policy");
            cx.on_thread(adding.thread);
            self.wait_for_agent(adding, cx);
        }
    }

    /// No notification came: the wait ends all the same, the read-back decides.
    fn policy_timed_out(&mut self, cx: &mut Context<'_>) {
        if let Work::GroupPolicy(adding) = self.work.clone() {
            cx.on_thread(adding.thread);
            cx.tell(AgentId::WindowsUpdateAgent, Message::UpdatePolicyChanged);
            self.wait_for_agent(adding, cx);
        }
    }

    fn wait_for_agent(&mut self, adding: Adding, cx: &mut Context<'_>) {
        cx.info(Article, "sourcemanager.cpp:1071", "Waiting for 30 secs for policy to take effect on WU Agent.");
        cx.timer("agent", AGENT_WAIT, "the Windows Update Agent to take its policy");
        self.work = Work::Agent(adding);
    }

    /// The waits are over: what is in force decides.
    fn agent_ready(&mut self, cx: &mut Context<'_>) {
        let Work::Agent(adding) = self.work.clone() else { return };
        self.work = Work::Nothing;
        let own = cx.thread();
        cx.on_thread(adding.thread);
        let policy = ResultantPolicy::read(cx.machine);
        if policy.is(&adding.location) {
            self.added(&adding, cx);
        } else {
            let switch = if policy.enabled { "ENABLED" } else { "NOT CONFIGURED" };
            cx.error(
                Article,
                "sourcemanager.cpp:1104",
                format!(
                    "Group policy settings were overwritten by a higher authority (Domain Controller) to: Server {} and Policy {switch}",
                    policy.server.unwrap_or_default()
                ),
            );
            self.not_added(&adding, GROUP_POLICY_CONFLICT, cx);
        }
        cx.on_thread(own);
        self.next(cx);
    }

    fn added(&mut self, adding: &Adding, cx: &mut Context<'_>) {
        self.last_added = Some((adding.job, adding.thread));
        let row = source::to_wmi(&adding.source, adding.content_type, &adding.location, &braced(MANAGED_SERVICE));
        if let Err(code) = cx.machine.put_wmi(source::NAMESPACE, source::SOURCES, &["UniqueId"], row) {
            self.not_added(adding, code, cx);
            return;
        }
        cx.info(
            Article,
            "sourcemanager.cpp:1341",
            format!("Added Update Source ({}) of content type: {}", braced(adding.source.id), adding.content_type),
        );
        cx.tell(AgentId::ScanAgent, Message::UpdateSourceAdded { job: adding.job, result: Ok(()) });
    }

    fn not_added(&mut self, adding: &Adding, code: HResult, cx: &mut Context<'_>) {
        cx.error(
            Docs,
            "cwuahandler.cpp:2201",
            format!(
                "Failed to Add Update Source for WUAgent of type ({}) and id ({}). Error = {code:#010x}.",
                adding.content_type,
                braced(adding.source.id)
            ),
        );
        cx.tell(AgentId::ScanAgent, Message::UpdateSourceAdded { job: adding.job, result: Err(code) });
    }

    fn start_scan(&mut self, scanning: Scanning, cx: &mut Context<'_>) {
        if let Some((_, thread)) = self.last_added.take_if(|(job, _)| *job == scanning.job) {
            cx.on_thread(thread);
        }
        let all_superseded = settings::boundary_groups_decide(cx.machine);
        if all_superseded {
            cx.info(Field, "cwuahandler.cpp:2344", "No proxy information available, not setting proxy.");
            cx.info(Field, "cwuahandler.cpp:2380", "Scan results will include all superseded updates.");
        } else {
            cx.info(
                Docs,
                "cwuahandler.cpp:2382",
                "Scan results will include superseded updates only when they are superseded by service packs and definition updates.",
            );
        }
        cx.info(Article, "cwuahandler.cpp:2389", format!("Search Criteria is {SEARCH_CRITERIA}"));
        cx.info(Article, "cwuahandler.cpp:2401", "Running single-call scan of updates.");
        cx.info(Article, "cwuahandler.cpp:2420", "Async searching of updates using WUAgent started.");
        let (search, thread) = (cx.new_guid(), cx.thread());
        cx.tell(
            AgentId::WindowsUpdateAgent,
            Message::Search(SearchRequest {
                search,
                client_id: "CcmExec".to_owned(),
                criteria: SEARCH_CRITERIA.to_owned(),
                service_id: MANAGED_SERVICE,
                include_superseded: true,
                thread,
            }),
        );
        self.work = Work::Search(scanning, search);
    }

    fn search_completed(&mut self, outcome: SearchOutcome, cx: &mut Context<'_>) {
        let scanning = match std::mem::take(&mut self.work) {
            Work::Search(scanning, search) if search == outcome.search => scanning,
            other => {
                self.work = other;
                return;
            }
        };
        cx.info(Article, "cwuahandler.cpp:2068", "Async searching completed.");
        let own = cx.thread();
        cx.on_thread(scanning.thread);
        match outcome.result {
            Ok(found) => {
                self.read_results(&scanning, found, cx);
                self.work = Work::Store(scanning);
            }
            Err(code) => {
                cx.error(
                    Docs,
                    "cwuahandler.cpp:3260",
                    format!("OnSearchComplete - Failed to end search job. Error = {code:#010x}."),
                );
                cx.error(Docs, "cwuahandler.cpp:3603", format!("Scan failed with error = {code:#010x}."));
                cx.tell(AgentId::ScanAgent, Message::ScanCompleted { job: scanning.job, result: Err(code) });
            }
        }
        cx.on_thread(own);
        self.next(cx);
    }

    fn stored(&mut self, source: &SourceKey, cx: &mut Context<'_>) {
        let scanning = match std::mem::take(&mut self.work) {
            Work::Store(scanning) if scanning.source == *source => scanning,
            other => {
                self.work = other;
                return;
            }
        };
        let own = cx.thread();
        cx.on_thread(scanning.thread);
        cx.tell(AgentId::ScanAgent, Message::ScanCompleted { job: scanning.job, result: Ok(()) });
        cx.on_thread(own);
        self.next(cx);
    }

    fn read_results(&self, scanning: &Scanning, found: Vec<FoundUpdate>, cx: &mut Context<'_>) {
        cx.info(Article, "cwuahandler.cpp:2092", "Finished searching for everything in single call.");
        let flattens = settings::boundary_groups_decide(cx.machine);
        let kept = if flattens {
            cx.info(Field, "cwuahandler.cpp:2110", "Flattening update collection...");
            found
        } else {
            let (kept, pruned) = results::prune(found);
            for gone in pruned {
                cx.info(
                    Article,
                    "cwuahandler.cpp:3310",
                    format!("Pruning: update id ({}) is superseded by ({}).", bare(gone.update), bare(gone.by)),
                );
            }
            kept
        };
        for update in &kept {
            cx.info(
                Article,
                "cwuahandler.cpp:3368",
                format!("Update ({}): {} ({}, {})", update.state, update.title, bare(update.id), update.revision),
            );
            for leaf in update.bundled.iter().filter(|_| flattens) {
                cx.info(
                    Field,
                    "cwuahandler.cpp:3389",
                    format!("    Leaf: {}, {}   Status: {}", bare(leaf.id), leaf.revision, leaf.state),
                );
            }
        }
        cx.info(Article, "cwuahandler.cpp:3633", "Successfully completed scan.");
        let statuses = kept.iter().map(results::status).collect();
        cx.tell(AgentId::UpdatesStore, Message::StoreStatuses { source: scanning.source.clone(), statuses });
    }
}

#[cfg(test)]
mod tests;
