//! The agent against a small server that hands its catalogue out in layers, as WSUS does.

use std::sync::Arc;

use cmsim_wire::hresult::TransportFailure;
use cmsim_wire::profile::Profile;
use cmsim_wire::update::rules::Expression;
use cmsim_wire::update::{
    ApplicabilityRules, Clause, CoreFragment, ExtendedFragment, ExtendedProperties, LocalizedProperties, Properties,
    PropertyItem, Relationships, UpdateIdentity, UpdateType,
};
use cmsim_wire::wusp::fault::Detail;
use cmsim_wire::wusp::get_authorization_cookie::GetAuthorizationCookieResponse;
use cmsim_wire::wusp::get_config::{AuthPlugInInfo, ConfigurationProperty, GetConfigResponse};
use cmsim_wire::wusp::get_cookie::GetCookieResponse;
use cmsim_wire::wusp::get_extended_update_info::{GetExtendedUpdateInfo, GetExtendedUpdateInfoResponse, UpdateData};
use cmsim_wire::wusp::refresh_cache::{RefreshCache, RefreshCacheResponse, RefreshCacheResult};
use cmsim_wire::wusp::register_computer::RegisterComputerResponse;
use cmsim_wire::wusp::report_event_batch::{ReportEventBatch, ReportEventBatchResponse};
use cmsim_wire::wusp::soap::{encode_fault, operation};
use cmsim_wire::wusp::sync_updates::{Deployment, DeploymentAction, SyncUpdates, SyncUpdatesResponse, UpdateInfo};
use cmsim_wire::wusp::{AuthorizationCookie, Cookie, ErrorCode, Fault, Message as _, Style, xpress};
use uuid::Uuid;

use super::*;
use crate::framework::{Effect, HttpCall, HttpOutcome, Machine, RegistryValue, UpdateState};
use crate::testing::{TestMachine, calls, run, tells, texts};

const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const FLAG: &str = r"SOFTWARE\Test";

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A revision: number, type, whether it is a leaf, prerequisites, rules.
fn core(n: u128, kind: UpdateType, needs: &[u128], installed: Expression, installable: Expression) -> CoreFragment {
    CoreFragment {
        identity: UpdateIdentity { id: id(n), revision: 100 },
        properties: Properties::of(kind),
        relationships: (!needs.is_empty()).then(|| Relationships {
            prerequisites: needs
                .iter()
                .map(|need| if *need < 10 { Clause::category(id(*need)) } else { Clause::needs(id(*need)) })
                .collect(),
            ..Relationships::default()
        }),
        rules: Some(ApplicabilityRules {
            is_installed: Some(installed),
            is_installable: Some(installable),
            ..ApplicabilityRules::default()
        }),
        other: Vec::new(),
    }
}

pub(crate) struct Server {
    revisions: Vec<(i32, CoreFragment, bool)>,
    /// Faults to throw for an operation, each once.
    faults: Vec<(&'static str, ErrorCode)>,
    /// What to answer instead of anything.
    pub(crate) broken: Option<HttpOutcome>,
    endless: bool,
    compressed: bool,
    seen: Vec<String>,
    described: Vec<usize>,
    events: Vec<i16>,
}

impl Server {
    /// Family 1, product 2 and classification 3, a detectoid, one missing, one installed, one not applicable.
    pub(crate) fn new() -> Self {
        let (yes, no) = (|| Expression::True, || Expression::False);
        use UpdateType::{Category, Detectoid, Software};
        let revisions = vec![
            (11, core(1, Category, &[], yes(), no()), false),
            (12, core(2, Category, &[1], yes(), no()), false),
            (13, core(3, Category, &[], yes(), no()), false),
            (20, core(20, Detectoid, &[], yes(), no()), false),
            (30, core(30, Software, &[2, 3, 20], no(), yes()), true),
            (31, core(31, Software, &[2, 3], yes(), yes()), true),
            (32, core(32, Software, &[2, 3], no(), no()), true),
        ];
        Self {
            revisions,
            faults: Vec::new(),
            broken: None,
            endless: false,
            compressed: false,
            seen: Vec::new(),
            described: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn answer(&mut self, call: &HttpCall, machine: &TestMachine) -> HttpOutcome {
        if let Some(broken) = &self.broken {
            return broken.clone();
        }
        if call.method == "GET" {
            self.seen.push("wuident".into());
            return response(404, Vec::new());
        }
        let name = operation(&call.body).unwrap();
        self.seen.push(name.clone());
        if let Some(at) = self.faults.iter().position(|(operation, _)| *operation == name) {
            let (_, error_code) = self.faults.remove(at);
            let detail = Detail { error_code, message: String::new(), id: Uuid::nil(), method: None };
            let fault = Fault::thrown(detail, Style::Wcf, "http://server");
            return response(500, encode_fault(&fault, Style::Wcf).into_bytes());
        }
        let body = match name.as_str() {
            "GetConfig" => GetConfigResponse {
                last_change: machine.now,
                is_registration_required: true,
                auth_info: vec![AuthPlugInInfo {
                    plug_in_id: "SimpleTargeting".into(),
                    service_url: "SimpleAuthWebService/SimpleAuth.asmx".into(),
                    parameter: None,
                }],
                allowed_event_ids: Vec::new(),
                properties: vec![ConfigurationProperty {
                    name: "MaxExtendedUpdatesPerRequest".into(),
                    value: "3".into(),
                }],
            }
            .encode(),
            "GetAuthorizationCookie" => GetAuthorizationCookieResponse {
                cookie: AuthorizationCookie { plug_in_id: "SimpleTargeting".into(), cookie_data: vec![1] },
            }
            .encode(),
            "GetCookie" => GetCookieResponse { cookie: self.cookie(machine) }.encode(),
            "RegisterComputer" => RegisterComputerResponse.encode(),
            "SyncUpdates" => self.sync(&SyncUpdates::decode(&call.body).unwrap(), machine).encode(),
            "RefreshCache" => {
                let asked = RefreshCache::decode(&call.body).unwrap().global_ids.unwrap();
                let results = self.revisions.iter().filter(|(_, core, _)| asked.contains(&core.identity));
                let results = results.map(|(id, core, leaf)| RefreshCacheResult {
                    revision_id: *id,
                    global_id: core.identity,
                    is_leaf: *leaf,
                    deployment: None,
                });
                RefreshCacheResponse { results: results.collect() }.encode()
            }
            "GetExtendedUpdateInfo" => self.describe(&GetExtendedUpdateInfo::decode(&call.body).unwrap()).encode(),
            "ReportEventBatch" => {
                let batch = ReportEventBatch::decode(&call.body).unwrap();
                self.events = batch.event_batch.iter().map(|event| event.basic.event_id).collect();
                ReportEventBatchResponse { received: true }.encode()
            }
            other => panic!("{other} is not served"),
        };
        if self.compressed {
            let headers = vec![("Content-Encoding".to_owned(), "xpress".to_owned())];
            return HttpOutcome::Response {
                status: 200,
                reason: "OK".into(),
                headers,
                body: xpress::encode(body.as_bytes()),
            };
        }
        response(200, body.into_bytes())
    }

    fn cookie(&self, machine: &TestMachine) -> Cookie {
        Cookie { expiration: machine.now + Duration::from_secs(3600), encrypted_data: Some(vec![7]) }
    }

    /// Hands out what is not cached and whose prerequisites the client declared.
    fn sync(&self, call: &SyncUpdates, machine: &TestMachine) -> SyncUpdatesResponse {
        let parameters = call.parameters.as_ref().unwrap();
        let has = |wanted: &i32| {
            parameters.installed_non_leaf_update_ids.contains(wanted)
                || parameters.other_cached_update_ids.contains(wanted)
        };
        let installed: Vec<Uuid> = self
            .revisions
            .iter()
            .filter(|(id, ..)| parameters.installed_non_leaf_update_ids.contains(id))
            .map(|(_, core, _)| core.identity.id)
            .collect();
        let ready = |core: &CoreFragment| {
            core.prerequisites().iter().all(|clause| clause.any_of.iter().any(|id| installed.contains(id)))
        };
        let mut new_updates: Vec<UpdateInfo> = self
            .revisions
            .iter()
            .filter(|(id, core, _)| !parameters.skip_software_sync && !has(id) && ready(core))
            .map(|(id, core, leaf)| update_info(*id, core, *leaf))
            .collect();
        if self.endless {
            let next = 5000 + i32::try_from(parameters.installed_non_leaf_update_ids.len()).unwrap();
            let n = u128::from(next.unsigned_abs());
            let endless = core(n, UpdateType::Detectoid, &[], Expression::True, Expression::False);
            new_updates.push(update_info(next, &endless, false));
        }
        SyncUpdatesResponse {
            new_updates,
            out_of_scope_revision_ids: Vec::new(),
            changed_updates: Vec::new(),
            truncated: false,
            new_cookie: Some(self.cookie(machine)),
            deployed_out_of_scope_revision_ids: Vec::new(),
            driver_sync_not_needed: None,
        }
    }

    fn describe(&mut self, call: &GetExtendedUpdateInfo) -> GetExtendedUpdateInfoResponse {
        self.described.push(call.revision_ids.len());
        let mut updates = Vec::new();
        for id in &call.revision_ids {
            let extended = ExtendedFragment {
                properties: ExtendedProperties {
                    attributes: Vec::new(),
                    items: vec![PropertyItem::KbArticleId("2862152".into())],
                },
                files: Vec::new(),
                handler: None,
                other: Vec::new(),
            };
            let localized = LocalizedProperties {
                language: "en".into(),
                title: format!("Revision {id}"),
                ..LocalizedProperties::default()
            };
            for xml in [extended.encode(), localized.encode()] {
                updates.push(UpdateData { id: *id, xml: Arc::from(xml) });
            }
        }
        GetExtendedUpdateInfoResponse { updates, file_locations: Vec::new(), out_of_scope_revision_ids: Vec::new() }
    }
}

fn update_info(id: i32, core: &CoreFragment, leaf: bool) -> UpdateInfo {
    UpdateInfo {
        id,
        deployment: Some(Deployment {
            id: id + 100,
            action: if core.properties.update_type == UpdateType::Software {
                DeploymentAction::PreDeploymentCheck
            } else {
                DeploymentAction::Evaluate
            },
            deadline: None,
            is_assigned: true,
            last_change_time: jiff::civil::date(2014, 1, 20),
            download_priority: None,
            hardware_ids: Vec::new(),
            auto_select: Some(0),
            auto_download: Some(0),
            supersedence_behavior: Some(0),
            flag_bitmask: None,
        }),
        is_leaf: leaf,
        xml: Some(Arc::from(core.encode())),
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpOutcome {
    HttpOutcome::Response { status, reason: String::new(), headers: Vec::new(), body }
}

/// A machine told to use the server; a Windows 10 agent, which reads no wuident.cab.
fn machine() -> TestMachine {
    let mut machine = TestMachine::new();
    machine.profile = Profile::windows_11();
    set_server(&mut machine, "http://PS1SITE.CONTOSO.COM:8530");
    machine
}

fn set_server(machine: &mut TestMachine, url: &str) {
    for name in ["WUServer", "WUStatusServer"] {
        machine.set_registry(POLICY, name, RegistryValue::Text(url.into())).unwrap();
    }
    machine.set_registry(&format!(r"{POLICY}\AU"), "UseWUServer", RegistryValue::Number(1)).unwrap();
}

fn request() -> SearchRequest {
    SearchRequest {
        search: id(99),
        client_id: "CcmExec".into(),
        criteria: crate::wua_handler::SEARCH_CRITERIA.into(),
        service_id: crate::wua_handler::MANAGED_SERVICE,
        include_superseded: true,
        thread: 0x708,
    }
}

/// Runs everything that follows from one input: calls are answered, timers run out, until nothing is left.
struct Run {
    lines: Vec<String>,
    result: Option<Result<Vec<FoundUpdate>, HResult>>,
}

fn follow(agent: &mut WindowsUpdateAgent, input: Input, machine: &mut TestMachine, server: &mut Server) -> Run {
    let mut inputs = VecDeque::from([input]);
    let mut done = Run { lines: Vec::new(), result: None };
    while let Some(input) = inputs.pop_front() {
        let effects = run(AgentId::WindowsUpdateAgent, agent, input, machine);
        done.lines.extend(texts(&effects));
        for call in calls(&effects) {
            let outcome = server.answer(&call, machine);
            inputs.push_back(Input::Http { call: call.id, outcome });
        }
        for effect in &effects {
            if let Effect::Timer { name, .. } = effect {
                inputs.push_back(Input::Timer(name.clone()));
            }
        }
        for (_, message) in tells(&effects) {
            if let Message::SearchCompleted(outcome) = message {
                done.result = Some(outcome.result);
            }
        }
    }
    done
}

fn scan(agent: &mut WindowsUpdateAgent, machine: &mut TestMachine, server: &mut Server) -> Run {
    server.seen.clear();
    follow(agent, Input::Message(Message::Search(request())), machine, server)
}

fn states(run: &Run) -> Vec<(u128, UpdateState)> {
    let found = run.result.as_ref().unwrap().as_ref().unwrap();
    found.iter().map(|update| (update.id.as_u128(), update.state)).collect()
}

#[test]
fn a_first_scan_goes_through_the_handshake_and_the_layers() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    server.compressed = true;
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(states(&run), [(30, UpdateState::Missing), (31, UpdateState::Installed)]);
    assert_eq!(
        server.seen,
        [
            "GetConfig",
            "GetAuthorizationCookie",
            "GetCookie",
            "RegisterComputer",
            "SyncUpdates",
            "SyncUpdates",
            "SyncUpdates",
            "SyncUpdates",
            "GetExtendedUpdateInfo",
            "GetExtendedUpdateInfo",
            "ReportEventBatch",
        ]
    );
    assert_eq!(server.described, [3, 2], "no request asks for more than the server allows");
    assert_eq!(server.events, [147, 156]);
    assert!(run.lines.contains(
        &"Found 2 updates and 3 categories in search; evaluated appl. rules of 7 out of 7 deployed entities".to_owned()
    ));
    let found = run.result.unwrap().unwrap();
    assert_eq!((found[0].title.as_str(), found[0].articles[0].as_str()), ("Revision 30", "2862152"));
}

#[test]
fn a_repeat_scan_starts_at_sync_updates_and_sees_what_the_machine_has_now() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    scan(&mut agent, &mut machine, &mut server);
    // The store survives the process.
    let mut agent: WindowsUpdateAgent = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(server.seen, ["SyncUpdates", "SyncUpdates", "ReportEventBatch"]);
    assert_eq!(states(&run).len(), 2);
    assert_eq!(agent.cached_revisions(), 7);
}

#[test]
fn an_expired_cookie_is_renewed_and_nothing_else() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    scan(&mut agent, &mut machine, &mut server);
    machine.now += Duration::from_secs(7200);
    scan(&mut agent, &mut machine, &mut server);
    assert_eq!(server.seen[..3], ["GetAuthorizationCookie", "GetCookie", "SyncUpdates"]);
}

#[test]
fn faults_are_cured_as_the_specification_says() {
    let cases: [(&str, ErrorCode, &[&str]); 4] = [
        (
            "SyncUpdates",
            ErrorCode::InvalidCookie,
            &["GetConfig", "GetAuthorizationCookie", "GetCookie", "RefreshCache", "SyncUpdates"],
        ),
        ("SyncUpdates", ErrorCode::ConfigChanged, &["GetConfig", "GetAuthorizationCookie", "GetCookie", "SyncUpdates"]),
        ("SyncUpdates", ErrorCode::CookieExpired, &["GetAuthorizationCookie", "GetCookie", "SyncUpdates"]),
        ("SyncUpdates", ErrorCode::RegistrationRequired, &["RegisterComputer", "SyncUpdates"]),
    ];
    for (operation, code, cure) in cases {
        let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
        scan(&mut agent, &mut machine, &mut server);
        server.faults = vec![(operation, code)];
        let run = scan(&mut agent, &mut machine, &mut server);
        assert_eq!(server.seen[1..=cure.len()], *cure);
        assert_eq!(states(&run).len(), 2);
    }
}

#[test]
fn faults_without_a_cure_end_the_scan() {
    for code in [ErrorCode::InvalidParameters, ErrorCode::InternalServerError] {
        let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
        server.faults = vec![("SyncUpdates", code)];
        let run = scan(&mut agent, &mut machine, &mut server);
        assert_eq!(run.result, Some(Err(HResult(0x8024_4007))));
        assert!(run.lines.contains(&"  * WARNING: Exit code = 0x80244007".to_owned()));
    }
}

#[test]
fn endless_cures_and_endless_pages_end() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    server.faults = vec![("SyncUpdates", ErrorCode::CookieExpired); 20];
    assert_eq!(scan(&mut agent, &mut machine, &mut server).result, Some(Err(HResult(0x8024_0039))));

    let (mut agent, mut server) = (WindowsUpdateAgent::default(), Server::new());
    server.endless = true;
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(run.result, Some(Err(HResult(0x8024_4010))));
    assert_eq!(server.seen.iter().filter(|name| *name == "SyncUpdates").count(), 200);
    assert!(agent.cached_revisions() >= 200, "what was received stays");
}

#[test]
fn failures_on_the_way_become_their_codes() {
    let cases = [
        (HttpOutcome::Failed(TransportFailure::Refused), 0x8007_2EFD),
        (HttpOutcome::Failed(TransportFailure::ResponseTimeout), 0x8007_2EE2),
        (response(503, b"Service Unavailable".to_vec()), 0x8024_4022),
        (response(200, b"<html/>".to_vec()), 0x8024_400A),
    ];
    for (outcome, code) in cases {
        let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
        server.broken = Some(outcome);
        assert_eq!(scan(&mut agent, &mut machine, &mut server).result, Some(Err(HResult(code))), "{code:#x}");
    }
}

/// Golden: the guide's lines of step 1.10 and step 3, and the failure tail of an agent 7.6.
#[test]
fn agent_7_6_checks_itself_and_says_what_it_does() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    machine.profile = Profile::windows_7();
    let changed = follow(&mut agent, Input::Message(Message::UpdatePolicyChanged), &mut machine, &mut server);
    assert_eq!(
        changed.lines,
        [
            "  * WSUS server: http://PS1SITE.CONTOSO.COM:8530 (Changed)",
            "  * WSUS status server: http://PS1SITE.CONTOSO.COM:8530 (Changed)",
            "Sus server changed through policy.",
        ]
    );
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(server.seen, ["wuident"]);
    assert_eq!(run.result, Some(Err(HResult(0x8024_4019))));
    assert_eq!(
        run.lines[..7],
        [
            "-------------",
            "-- START --  COMAPI: Search [ClientId = CcmExec]",
            "---------",
            "<<-- SUBMITTED -- COMAPI: Search [ClientId = CcmExec]",
            "  + ServiceId = {3DA21691-E39D-4DA6-8A4B-B43877BCB1B7}, Server URL = http://PS1SITE.CONTOSO.COM:8530/ClientWebService/client.asmx",
            "Checking for agent SelfUpdate",
            "Client version: Core: 7.6.7600.256  Aux: 7.6.7600.256",
        ]
    );

    // With its configuration cached it goes on to the search itself.
    machine.profile = Profile::windows_11();
    scan(&mut agent, &mut machine, &mut server);
    machine.profile = Profile::windows_7();
    let run = scan(&mut agent, &mut machine, &mut server);
    let lines: Vec<&str> = run.lines.iter().map(String::as_str).filter(|line| !line.contains('\t')).collect();
    let service = "  + ServiceId = {3DA21691-E39D-4DA6-8A4B-B43877BCB1B7}, Server URL = http://PS1SITE.CONTOSO.COM:8530/ClientWebService/client.asmx";
    assert_eq!(
        lines[..26],
        [
            "-------------",
            "-- START --  COMAPI: Search [ClientId = CcmExec]",
            "---------",
            "<<-- SUBMITTED -- COMAPI: Search [ClientId = CcmExec]",
            service,
            "*************",
            "** START **  Agent: Finding updates [CallerId = CcmExec]",
            "*********",
            "  * Include potentially superseded updates",
            "  * Online = Yes; Ignore download priority = Yes",
            "  * Criteria = \"(DeploymentAction=* AND Type='Software') OR (DeploymentAction=* AND Type='Driver')\"",
            "  * ServiceID = {3DA21691-E39D-4DA6-8A4B-B43877BCB1B7} Managed",
            "  * Search Scope = {Machine}",
            "+++++++++++  PT: Synchronizing server updates  +++++++++++",
            service,
            "  * Added update {00000000-0000-0000-0000-00000000001E}.100 to search result",
            "  * Added update {00000000-0000-0000-0000-00000000001F}.100 to search result",
            "  * Found 2 updates and 3 categories in search; evaluated appl. rules of 7 out of 7 deployed entities",
            "*********",
            "**  END  **  Agent: Finding updates [CallerId = CcmExec]",
            "*************",
            ">>--  RESUMED  -- COMAPI: Search [ClientId = CcmExec]",
            "  - Updates found = 2",
            "---------",
            "--  END  --  COMAPI: Search [ClientId = CcmExec]",
            "-------------",
        ]
    );

    let (mut agent, mut server) = (WindowsUpdateAgent::default(), Server::new());
    agent.store.server = Some("http://PS1SITE.CONTOSO.COM:8530".into());
    server.broken = Some(HttpOutcome::Failed(TransportFailure::NameNotResolved));
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(run.result, Some(Err(HResult(0x8024_402C))));
}

#[test]
fn another_server_gets_its_cache_refreshed() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    scan(&mut agent, &mut machine, &mut server);
    set_server(&mut machine, "http://PS1SYS.CONTOSO.COM:8530");
    follow(&mut agent, Input::Message(Message::UpdatePolicyChanged), &mut machine, &mut server);
    for (id, ..) in &mut server.revisions {
        *id += 1000;
    }
    scan(&mut agent, &mut machine, &mut server);
    assert_eq!(
        server.seen[..5],
        ["GetConfig", "GetAuthorizationCookie", "GetCookie", "RegisterComputer", "RefreshCache"]
    );
    assert!(agent.store.revisions.contains_key(&1030) && agent.cached_revisions() == 7);
}

#[test]
fn a_disabled_service_and_a_missing_server_fail_at_once() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    machine.services.insert("wuauserv".into(), crate::framework::ServiceState::Disabled);
    assert_eq!(scan(&mut agent, &mut machine, &mut server).result, Some(Err(HResult(0x8007_0422))));
    machine.services.clear();
    machine.delete_registry(POLICY, "WUServer").unwrap();
    assert_eq!(scan(&mut agent, &mut machine, &mut server).result, Some(Err(UNKNOWN_SERVICE)));
    assert_eq!(server.seen, Vec::<String>::new());
}

#[test]
fn an_update_without_a_deployment_stops_the_scan() {
    let mut store = DataStore::default();
    let server = Server::new();
    let machine = machine();
    let (id, core, leaf) = &server.revisions[0];
    let mut info = update_info(*id, core, *leaf);
    info.deployment = None;
    let answer = SyncUpdatesResponse {
        new_updates: vec![info],
        out_of_scope_revision_ids: Vec::new(),
        changed_updates: Vec::new(),
        truncated: false,
        new_cookie: None,
        deployed_out_of_scope_revision_ids: Vec::new(),
        driver_sync_not_needed: None,
    };
    assert_eq!(store.take(&answer, machine.facts()), Err(HResult(0x8007_0057)));
    assert!(store.revisions.is_empty());
}

#[test]
fn one_changed_value_on_the_machine_changes_one_update() {
    let (mut agent, mut machine, mut server) = (WindowsUpdateAgent::default(), machine(), Server::new());
    let rule = format!(r#"<b.RegKeyExists Key="HKEY_LOCAL_MACHINE" Subkey="{FLAG}" />"#);
    let fragment = server.revisions[4].1.encode().replacen(
        "<IsInstalled><False /></IsInstalled>",
        &format!("<IsInstalled>{rule}</IsInstalled>"),
        1,
    );
    server.revisions[4].1 = CoreFragment::decode(&fragment).unwrap();
    assert!(!matches!(server.revisions[4].1.rules.as_ref().unwrap().is_installed, Some(Expression::False)));
    assert_eq!(states(&scan(&mut agent, &mut machine, &mut server))[0], (30, UpdateState::Missing));
    machine.set_registry(&format!(r"HKLM\{FLAG}"), "any", RegistryValue::Number(1)).unwrap();
    let run = scan(&mut agent, &mut machine, &mut server);
    assert_eq!(states(&run), [(30, UpdateState::Installed), (31, UpdateState::Installed)]);
}
