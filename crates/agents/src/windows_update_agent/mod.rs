//! The Windows Update Agent: the service that talks to WSUS and evaluates updates, and the COM interface through which
//! the ConfigMgr client asks it to (WindowsUpdate.log, ReportingEvents.log).

mod computer;
mod devices;
mod fragments;
mod policy;
mod report;
mod results;
mod scan;
mod self_update;
mod store;
mod talk;
mod trace;

use std::collections::VecDeque;
use std::time::Duration;

use cmsim_logs::Evidence::Docs;
use cmsim_wire::hresult::HResult;
use cmsim_wire::profile::WuaGeneration;
use serde::{Deserialize, Serialize};

use policy::UpdatePolicy;
use report::Reporter;
use scan::{Scan, Step};
use store::DataStore;
use trace::TALKER;

use crate::framework::{Agent, AgentId, CallId, Context, FoundUpdate, Input, Message, SearchOutcome, SearchRequest};

/// `WU_E_DS_UNKNOWNSERVICE`: the managed service does not exist without a server in policy (docs).
const UNKNOWN_SERVICE: HResult = HResult(0x8024_8014);
/// `WU_E_WU_DISABLED` (docs).
const DISABLED: HResult = HResult(0x8024_002E);

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowsUpdateAgent {
    policy: UpdatePolicy,
    store: DataStore,
    queue: VecDeque<SearchRequest>,
    scan: Option<Scan>,
    reporter: Reporter,
    last_call: CallId,
}

impl Agent for WindowsUpdateAgent {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                trace::service_started(cx);
                self.read_policy(cx);
                // Searches end with the service; their callers ask again.
                self.scan = None;
                self.queue.clear();
            }
            Input::Message(Message::UpdatePolicyChanged) => self.read_policy(cx),
            Input::Message(Message::Search(request)) => self.submit(request, cx),
            Input::Timer(name) => match name.0.as_str() {
                "pick up" => self.begin(cx),
                "evaluated" => self.conclude(cx),
                "report" => {
                    let id = self.last_call.advance();
                    self.reporter.send(self.policy.status_server.as_deref(), self.store.cookie.clone(), id, cx);
                }
                _ => {}
            },
            Input::Http { call, outcome } => {
                if !self.reporter.ended(call, &outcome, cx) {
                    self.step_ended(call, &outcome, cx);
                }
            }
            Input::Message(_) => {}
        }
    }
}

impl WindowsUpdateAgent {
    /// How many revisions are in the data store.
    #[must_use]
    pub fn cached_revisions(&self) -> usize {
        self.store.revisions.len()
    }

    /// Takes the policy the registry holds; a change of the server is what the article's log shows.
    fn read_policy(&mut self, cx: &mut Context<'_>) {
        let policy = UpdatePolicy::read(cx.machine);
        let same = (&policy.server, &policy.status_server) == (&self.policy.server, &self.policy.status_server);
        if !same {
            trace::server_changed(cx, policy.server.as_deref(), policy.status_server.as_deref());
        }
        if self.store.server != policy.server {
            self.store.move_to(policy.server.clone());
        }
        self.policy = policy;
    }

    /// The COM call: runs in the caller's process up to here, then the service takes over.
    fn submit(&mut self, request: SearchRequest, cx: &mut Context<'_>) {
        trace::submitted(cx, &request);
        // The service starts on demand unless it must not.
        if let Err(code) = cx.machine.start_service("wuauserv") {
            reply(&request, Err(code), cx);
            return;
        }
        self.queue.push_back(request);
        self.pick_up_later(cx);
    }

    fn pick_up_later(&self, cx: &mut Context<'_>) {
        if self.scan.is_none() && !self.queue.is_empty() {
            let after = Duration::from_millis(200 + cx.machine.random(1800));
            cx.timer("pick up", after, "the update service to take up a search");
        }
    }

    /// The service begins a search: what is cached decides with which call.
    fn begin(&mut self, cx: &mut Context<'_>) {
        if self.scan.is_some() {
            return;
        }
        let Some(request) = self.queue.pop_front() else { return };
        self.read_policy(cx);
        let refusal = if self.policy.access_disabled {
            Some(DISABLED)
        } else if self.policy.server.is_none() {
            Some(UNKNOWN_SERVICE)
        } else {
            None
        };
        let server = self.policy.server.clone().unwrap_or_default();
        let mut scan = Scan::new(request, server, cx);
        if let Some(code) = refusal {
            self.scan = Some(scan);
            self.fail(code, cx);
            return;
        }
        trace::talking_to(cx, scan.request.service_id, &scan.client_url());
        if self.store.config.is_none() {
            if cx.machine.profile().wua == WuaGeneration::Wua76 {
                scan.steps.push_back(Step::SelfUpdate);
            }
            scan.steps.extend([Step::GetConfig, Step::Authorize, Step::GetCookie]);
        } else if self.store.cookie.as_ref().is_none_or(|cookie| cookie.expiration <= cx.now) {
            reuse(cx, "OK to reuse existing configuration");
            scan.steps.extend([Step::Authorize, Step::GetCookie]);
        } else {
            reuse(cx, "OK to reuse existing configuration");
            reuse(cx, "Existing cookie is valid, just use it");
        }
        if self.store.refresh_needed {
            scan.steps.push_back(Step::RefreshCache);
        }
        scan.steps.push_back(Step::SyncSoftware);
        self.store.look_again(cx.machine.facts());
        self.scan = Some(scan);
        self.next_step(cx);
    }

    /// The end of a search that worked.
    fn conclude(&mut self, cx: &mut Context<'_>) {
        let Some(scan) = self.scan.take() else { return };
        cx.on_thread(scan.thread);
        let found = scan.results(&self.store, cx.machine.facts());
        for update in &found {
            trace::found(cx, update.id, update.revision);
        }
        trace::summary(cx, found.len(), scan.outcome.categories.len(), scan.outcome.evaluated, scan.outcome.deployed);
        trace::finished(cx, &scan.request.client_id, None);
        let findings = scan.findings(&self.store);
        reply(&scan.request, Ok(found), cx);
        self.reporter.scanned(&scan.request.client_id, &findings, cx);
        self.pick_up_later(cx);
    }

    /// The end of a search that did not.
    fn fail(&mut self, code: HResult, cx: &mut Context<'_>) {
        let Some(mut scan) = self.scan.take() else { return };
        cx.on_thread(scan.thread);
        scan.announce(cx);
        trace::finished(cx, &scan.request.client_id, Some(code));
        reply(&scan.request, Err(code), cx);
        self.reporter.failed(&scan.request.client_id, code, cx);
        self.pick_up_later(cx);
    }
}

fn reuse(cx: &mut Context<'_>, text: &str) {
    if trace::is_decoded(cx) {
        trace::line(cx, TALKER, Docs, text);
    }
}

/// The caller's side of the end: its lines, and the result for it.
fn reply(request: &SearchRequest, result: Result<Vec<FoundUpdate>, HResult>, cx: &mut Context<'_>) {
    trace::resumed(cx, request, result.as_ref().map(Vec::len).map_err(|code| *code));
    cx.tell(AgentId::WuaHandler, Message::SearchCompleted(SearchOutcome { search: request.search, result }));
}

#[cfg(test)]
pub(crate) mod tests;
