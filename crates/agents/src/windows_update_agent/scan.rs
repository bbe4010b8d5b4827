//! A search against a server: handshake, synchronisation, descriptions.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use cmsim_logs::Evidence::{Docs, Inferred};
use cmsim_wire::hresult::{HResult, Recovery, WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS};
use cmsim_wire::update::MachineFacts;
use cmsim_wire::update::rules::Verdict;
use cmsim_wire::wusp::get_authorization_cookie::{GetAuthorizationCookie, GetAuthorizationCookieResponse};
use cmsim_wire::wusp::get_config::{GetConfig, GetConfigResponse, MAX_EXTENDED_UPDATES};
use cmsim_wire::wusp::get_cookie::{GetCookie, GetCookieResponse};
use cmsim_wire::wusp::get_extended_update_info::{FragmentType, GetExtendedUpdateInfo, GetExtendedUpdateInfoResponse};
use cmsim_wire::wusp::refresh_cache::{RefreshCache, RefreshCacheResponse};
use cmsim_wire::wusp::register_computer::{RegisterComputer, RegisterComputerResponse};
use cmsim_wire::wusp::sync_updates::{SyncUpdateParameters, SyncUpdates, SyncUpdatesResponse};
use cmsim_wire::wusp::{AuthorizationCookie, Call, Cookie, Service};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::Findings;
use super::results::{bundled, categories, found_update};
use super::store::DataStore;
use super::talk::{self, Failure};
use super::trace::{self, TALKER};
use super::{WindowsUpdateAgent, computer, devices, policy, self_update};
use crate::framework::{CallId, Context, FoundUpdate, HttpOutcome, SearchRequest, UpdateState};

/// Calls of SyncUpdates in one scan (docs).
const MAX_TRIPS: u32 = 200;
/// Recoveries from faults in one scan (inferred: the client gives up at some point).
const MAX_RECOVERIES: u32 = 5;
/// `WU_E_TOO_MANY_RESYNC` (docs).
const TOO_MANY_RESYNC: HResult = HResult(0x8024_0039);
/// `WU_E_PT_INVALID_CONFIG_PROP`-family: no plug-in, no cookie, no page size (docs: wuerror.h order of causes).
const NO_AUTH_PLUGINS: HResult = HResult(0x8024_4027);
const NO_AUTH_COOKIES: HResult = HResult(0x8024_4028);
const CONFIG_PROPERTY_MISSING: HResult = HResult(0x8024_402A);

/// One step of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    SelfUpdate,
    GetConfig,
    Authorize,
    GetCookie,
    Register,
    RefreshCache,
    SyncSoftware,
    SyncDrivers,
    /// Titles and categories of these revisions.
    Describe(Vec<i32>),
}

impl Step {
    /// The operation as the log names it.
    fn operation(&self) -> &'static str {
        match self {
            Self::SelfUpdate => "SelfUpdate",
            Self::GetConfig => "GetConfig",
            Self::Authorize => "GetAuthorizationCookie",
            Self::GetCookie => "GetCookie",
            Self::Register => "RegisterComputer",
            Self::RefreshCache => "RefreshCache",
            Self::SyncSoftware | Self::SyncDrivers => "SyncUpdates",
            Self::Describe(_) => "GetExtendedUpdateInfo",
        }
    }
}

/// What the rules said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Revision ids of what was found, and whether it is installed.
    found: Vec<(i32, bool)>,
    pub(super) categories: BTreeSet<Uuid>,
    pub(super) evaluated: usize,
    pub(super) deployed: usize,
}

/// A search under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scan {
    pub(super) request: SearchRequest,
    server: String,
    client_id: String,
    pub(super) steps: VecDeque<Step>,
    call: Option<(CallId, Step)>,
    trips: u32,
    recoveries: u32,
    /// Client service calls so far, for the correlation vector.
    calls: u32,
    vector: u128,
    announced: bool,
    /// The service's thread that does the whole search.
    pub(super) thread: u32,
    pub(super) outcome: Outcome,
}

impl Scan {
    pub(super) fn new(request: SearchRequest, server: String, cx: &mut Context<'_>) -> Self {
        Self {
            request,
            server,
            client_id: policy::client_id(cx.machine),
            steps: VecDeque::new(),
            call: None,
            trips: 0,
            recoveries: 0,
            calls: 0,
            vector: cx.new_guid().as_u128(),
            announced: false,
            thread: cx.thread(),
            outcome: Outcome::default(),
        }
    }

    pub(super) fn client_url(&self) -> String {
        format!("{}{}", self.server.trim_end_matches('/'), Service::Client.path())
    }

    /// The agent's own start lines: the handshake is over, or will never be.
    pub(super) fn announce(&mut self, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.announced, true) {
            trace::finding(cx, &self.request);
        }
    }

    /// The result as the caller gets it, in the order of revision ids.
    pub(super) fn results(&self, store: &DataStore, facts: &dyn MachineFacts) -> Vec<FoundUpdate> {
        let categories = categories(store);
        self.outcome
            .found
            .iter()
            .filter_map(|(id, installed)| {
                let state = if *installed { UpdateState::Installed } else { UpdateState::Missing };
                let mut update = found_update(*id, state, store, &categories)?;
                update.bundled = bundled(*id, store, &categories, facts);
                Some(update)
            })
            .collect()
    }

    /// Needed and installed updates for the status event.
    pub(super) fn findings(&self, store: &DataStore) -> Findings {
        let of = |wanted: bool| {
            let ids = self.outcome.found.iter().filter(|(_, installed)| *installed == wanted);
            ids.filter_map(|(id, _)| Some(store.revisions.get(id)?.identity.id)).collect()
        };
        Findings { needed: of(false), installed: of(true) }
    }
}

impl WindowsUpdateAgent {
    /// Does the next step; without one, the search is evaluated.
    pub(super) fn next_step(&mut self, cx: &mut Context<'_>) {
        let Some(scan) = self.scan.as_mut() else { return };
        let Some(step) = scan.steps.pop_front() else {
            // Evaluation costs time on a real machine: some milliseconds an entity.
            let millis = u64::try_from(scan.outcome.evaluated).unwrap_or(0) * 4 + cx.machine.random(400);
            cx.timer("evaluated", Duration::from_millis(millis), "the evaluation of applicability rules");
            return;
        };
        if matches!(step, Step::SyncSoftware | Step::SyncDrivers) {
            if scan.trips == MAX_TRIPS {
                let code = WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS;
                trace::line(cx, TALKER, Docs, format!("WARNING: Exceeded max server round trips: {code}"));
                self.fail(code, cx);
                return;
            }
            scan.trips += 1;
        }
        if step == Step::SyncSoftware && scan.trips == 1 {
            scan.announce(cx);
            trace::synchronizing(cx, "server updates");
            trace::talking_to(cx, scan.request.service_id, &scan.client_url());
        }
        self.send(step, cx);
    }

    fn send(&mut self, step: Step, cx: &mut Context<'_>) {
        let protocol = Some(cx.machine.profile().wusp_protocol.clone());
        let Some(scan) = self.scan.as_ref() else { return };
        let cookie = self.store.cookie.clone();
        match &step {
            Step::SelfUpdate => {
                self_update::begin(cx);
                let id = self.last_call.advance();
                let call = self_update::call(&scan.server, id, cx);
                if let Some(scan) = self.scan.as_mut() {
                    scan.call = Some((id, step));
                }
                cx.http(call);
            }
            Step::GetConfig => self.post(&GetConfig { protocol_version: protocol }, step, cx),
            Step::Authorize => {
                let group = self.policy.target_group.clone();
                let dns_name = cx.machine.fqdn().to_lowercase();
                let url = format!("{}{}", scan.server.trim_end_matches('/'), Service::SimpleAuth.path());
                trace::targeting(cx, &scan.client_id, group.as_deref().unwrap_or_default(), &dns_name, &url);
                let message = GetAuthorizationCookie {
                    client_id: Some(scan.client_id.clone()),
                    target_group_name: group,
                    dns_name: Some(dns_name),
                };
                self.post(&message, step, cx);
            }
            Step::GetCookie => {
                let last_change = self.store.config.as_ref().map_or(Timestamp::UNIX_EPOCH, |config| config.last_change);
                let now = whole_seconds(cx.now);
                let message = GetCookie {
                    auth_cookies: self.store.authorization.iter().cloned().collect(),
                    // A first cookie is asked for with an old one that holds only a time (capture).
                    old_cookie: Some(cookie.unwrap_or(Cookie { expiration: now, encrypted_data: None })),
                    last_change,
                    current_time: now,
                    protocol_version: protocol,
                };
                self.post(&message, step, cx);
            }
            Step::Register => {
                let info = Some(computer::info(cx.machine));
                self.post(&RegisterComputer { cookie, computer_info: info }, step, cx);
            }
            Step::RefreshCache => {
                let ids = self.store.revisions.values().map(|revision| revision.identity).collect();
                self.post(&RefreshCache { cookie, global_ids: Some(ids) }, step, cx);
            }
            Step::SyncSoftware | Step::SyncDrivers => {
                let parameters = Some(self.parameters(step == Step::SyncDrivers, cx));
                self.post(&SyncUpdates { cookie, parameters }, step, cx);
            }
            Step::Describe(ids) => {
                let products = computer::products(&scan.request.client_id, &scan.server, cx.machine);
                let (device_attributes, caller_attributes) = products.map_or((None, None), |products| {
                    (Some(products.device_attributes), Some(products.caller_attributes))
                });
                let message = GetExtendedUpdateInfo {
                    cookie,
                    revision_ids: ids.clone(),
                    info_types: vec![FragmentType::Extended, FragmentType::LocalizedProperties],
                    locales: vec!["en-US".to_owned(), "en".to_owned()],
                    geo_id: device_attributes.is_some().then(|| "USA".to_owned()),
                    device_attributes,
                    caller_attributes,
                };
                self.post(&message, step, cx);
            }
        }
    }

    fn parameters(&self, drivers: bool, cx: &Context<'_>) -> SyncUpdateParameters {
        let (installed, other, cached_drivers) = self.store.cached_ids();
        let products =
            self.scan.as_ref().and_then(|scan| computer::products(&scan.request.client_id, &scan.server, cx.machine));
        let windows_10 = products.is_some();
        SyncUpdateParameters {
            express_query: false,
            installed_non_leaf_update_ids: installed,
            // The driver pass leaves the software out (capture).
            other_cached_update_ids: if drivers { Vec::new() } else { other },
            system_spec: if drivers { devices::devices(cx.machine) } else { Vec::new() },
            cached_driver_ids: cached_drivers,
            skip_software_sync: drivers,
            filter_category_ids: Vec::new(),
            need_two_group_out_of_scope_updates: Some(true),
            also_perform_regular_sync: windows_10.then_some(false),
            // Empty but in the driver pass, which names the computer (capture).
            computer_spec: windows_10.then(|| if drivers { devices::computer_ids(cx.machine) } else { Vec::new() }),
            feature_score_matching_key: (windows_10 && drivers).then(|| "AMD64.10.0".to_owned()),
            products_parameters: products,
        }
    }

    fn post<M: Call>(&mut self, message: &M, step: Step, cx: &mut Context<'_>) {
        let id = self.last_call.advance();
        let Some(scan) = self.scan.as_mut() else { return };
        if M::SERVICE == Service::Client {
            scan.calls += 1;
        }
        let call = talk::call(message, &scan.server, id, scan.vector, scan.calls, cx.machine);
        scan.call = Some((id, step));
        cx.http(call);
    }

    /// A call ended: take the answer in, recover, or give up.
    pub(super) fn step_ended(&mut self, call: CallId, outcome: &HttpOutcome, cx: &mut Context<'_>) {
        let Some(scan) = self.scan.as_mut() else { return };
        let Some((_, step)) = scan.call.take_if(|(id, _)| *id == call) else { return };
        cx.on_thread(scan.thread);
        if step == Step::SelfUpdate {
            let server = scan.server.clone();
            match self_update::ended(&server, outcome, cx) {
                Ok(()) => self.next_step(cx),
                Err(code) => self.fail(code, cx),
            }
            return;
        }
        match self.take_answer(&step, outcome, cx) {
            Ok(()) => self.next_step(cx),
            Err(failure) => self.recover(step, failure, cx),
        }
    }

    fn take_answer(&mut self, step: &Step, outcome: &HttpOutcome, cx: &mut Context<'_>) -> Result<(), Failure> {
        match step {
            Step::SelfUpdate => {}
            Step::GetConfig => {
                let config: GetConfigResponse = talk::answer(outcome, cx.machine)?;
                self.take_config(config).map_err(content)?;
            }
            Step::Authorize => {
                let answer: GetAuthorizationCookieResponse = talk::answer(outcome, cx.machine)?;
                if answer.cookie.cookie_data.is_empty() {
                    return Err(content(NO_AUTH_COOKIES));
                }
                self.store.authorization = Some(answer.cookie);
            }
            Step::GetCookie => {
                let answer: GetCookieResponse = talk::answer(outcome, cx.machine)?;
                self.store.cookie = Some(answer.cookie);
                let wanted = self.store.config.as_ref().is_some_and(|config| config.is_registration_required);
                let info = registration(cx);
                if wanted && self.store.registered.as_ref() != Some(&info) {
                    if trace::is_decoded(cx) {
                        trace::line(cx, TALKER, Docs, "PTInfo: Server requested registration");
                    }
                    self.insert_first(Step::Register);
                }
            }
            Step::Register => {
                let _: RegisterComputerResponse = talk::answer(outcome, cx.machine)?;
                self.store.registered = Some(registration(cx));
            }
            Step::RefreshCache => {
                let answer: RefreshCacheResponse = talk::answer(outcome, cx.machine)?;
                self.store.remap(&answer.results);
            }
            Step::SyncSoftware | Step::SyncDrivers => {
                let answer: SyncUpdatesResponse = talk::answer(outcome, cx.machine)?;
                let page = self.store.take(&answer, cx.machine.facts()).map_err(content)?;
                if *step == Step::SyncDrivers {
                    self.plan_descriptions(cx);
                } else if page.any_new && page.more {
                    self.insert_first(Step::SyncSoftware);
                } else {
                    self.insert_first(Step::SyncDrivers);
                }
            }
            Step::Describe(_) => {
                let answer: GetExtendedUpdateInfoResponse = talk::answer(outcome, cx.machine)?;
                for fragment in &answer.updates {
                    self.store.describe(fragment.id, &fragment.xml);
                }
            }
        }
        Ok(())
    }

    fn insert_first(&mut self, step: Step) {
        if let Some(scan) = self.scan.as_mut() {
            scan.steps.push_front(step);
        }
    }

    fn take_config(&mut self, config: GetConfigResponse) -> Result<(), HResult> {
        let plug_in = config.auth_info.first().ok_or(NO_AUTH_PLUGINS)?;
        if config.property(MAX_EXTENDED_UPDATES).is_none() {
            return Err(CONFIG_PROPERTY_MISSING);
        }
        if plug_in.plug_in_id == "Anonymous" {
            // Such a server asks nobody who they are: there is no call to SimpleAuth.
            self.store.authorization =
                Some(AuthorizationCookie { plug_in_id: plug_in.plug_in_id.clone(), cookie_data: Vec::new() });
            if let Some(scan) = self.scan.as_mut() {
                scan.steps.retain(|step| *step != Step::Authorize);
            }
        }
        self.store.config = Some(config);
        Ok(())
    }

    /// Everything is here: the rules decide, and what they name gets its texts if it has none yet.
    fn plan_descriptions(&mut self, cx: &mut Context<'_>) {
        let result = self.store.search(cx.machine.facts());
        let Some(scan) = self.scan.as_mut() else { return };
        if trace::is_decoded(cx) {
            trace::line(cx, TALKER, Docs, format!("SyncUpdates round trips: {}", scan.trips));
        }
        for (id, why) in &result.failed {
            trace::line(
                cx,
                trace::AGENT,
                Inferred,
                format!("WARNING: Failed to evaluate rules of revision {id}: {why}"),
            );
        }
        let found: BTreeSet<i32> = result.found.iter().map(|one| one.revision_id).collect();
        let mut wanted = found.clone();
        for (id, revision) in &self.store.revisions {
            if result.categories.contains(&revision.identity.id) {
                wanted.insert(*id);
            }
        }
        wanted.retain(|id| !self.store.descriptions.contains_key(id));
        let wanted: Vec<i32> = wanted.into_iter().collect();
        scan.outcome = Outcome {
            found: result.found.iter().map(|one| (one.revision_id, one.verdict == Verdict::Installed)).collect(),
            categories: result.categories,
            evaluated: result.evaluated.len(),
            deployed: result.deployed,
        };
        if !wanted.is_empty() {
            trace::synchronizing(cx, "extended update info");
            trace::talking_to(cx, scan.request.service_id, &scan.client_url());
        }
        for page in wanted.chunks(self.store.page_size()) {
            scan.steps.push_back(Step::Describe(page.to_vec()));
        }
    }

    /// A failed call: some faults name their own cure, everything else ends the search.
    fn recover(&mut self, step: Step, failure: Failure, cx: &mut Context<'_>) {
        if let Some(fault) = &failure.fault {
            trace::line(cx, trace::WEB, Docs, format!("WARNING: Soap fault detail: {fault}"));
        }
        let cures: Vec<Step> = failure.recovery.iter().filter_map(|recovery| self.cure(*recovery)).collect();
        let Some(scan) = self.scan.as_mut() else { return };
        if cures.is_empty() {
            trace::call_failed(cx, step.operation(), failure.code, failure.soap_error, failure.status);
            self.fail(failure.code, cx);
            return;
        }
        scan.recoveries += 1;
        if scan.recoveries > MAX_RECOVERIES {
            trace::call_failed(cx, step.operation(), TOO_MANY_RESYNC, failure.soap_error, failure.status);
            self.fail(TOO_MANY_RESYNC, cx);
            return;
        }
        // Steps of an interrupted cure are part of the new one.
        scan.steps.retain(|waiting| !cures.contains(waiting));
        if !cures.contains(&step) {
            scan.steps.push_front(step);
        }
        for cure in cures.into_iter().rev() {
            scan.steps.push_front(cure);
        }
        self.next_step(cx);
    }

    /// The step for a recovery, after dropping what it makes anew.
    fn cure(&mut self, recovery: Recovery) -> Option<Step> {
        match recovery {
            Recovery::GetConfig => {
                self.store.config = None;
                Some(Step::GetConfig)
            }
            Recovery::GetAuthorizationCookie => {
                self.store.authorization = None;
                Some(Step::Authorize)
            }
            Recovery::GetCookie => {
                self.store.cookie = None;
                Some(Step::GetCookie)
            }
            Recovery::RefreshCache => (!self.store.revisions.is_empty()).then_some(Step::RefreshCache),
            Recovery::RegisterComputer => Some(Step::Register),
            Recovery::GetFileLocations | Recovery::TryLater => None,
        }
    }
}

/// A message that arrived well but cannot be used.
fn content(code: HResult) -> Failure {
    Failure { code, recovery: &[], soap_error: 0, status: 200, fault: None }
}

/// The registration data as one text, to see whether it changed.
fn registration(cx: &Context<'_>) -> String {
    serde_json::to_string(&computer::info(cx.machine)).unwrap_or_default()
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
