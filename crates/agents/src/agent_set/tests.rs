//! A whole machine from a heap, without tasks: registration, policy, scan and report against small servers.

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_wire::ccm::envelope::{self, Direction, Payload};
use cmsim_wire::ccm::policy::{
    Identification, PolicyAssignment, PolicyBody, PolicyReference, PolicyRule, PolicyVersion, ReplyAssignments,
    ReplyType, SoftwareUpdatesClientConfig, UpdateSource, body_path,
};
use cmsim_wire::ccm::registration::{RegistrationResponse, RegistrationStatus, RequestType};
use cmsim_wire::ccm::state_report::StateReport;
use cmsim_wire::ccm::{endpoint, multipart, text};
use cmsim_wire::location::{LocationRecord, WsusLocationReply};
use cmsim_wire::profile::Profile;
use jiff::Timestamp;
use uuid::{Uuid, uuid};

use super::*;
use crate::framework::{
    CallId, Effect, HttpCall, HttpOutcome, Input, Machine, Message, RegistryValue, ScheduleId, TimerName, instance,
};
use crate::site;
use crate::testing::{TestMachine, run};
use crate::windows_update_agent::tests::Server as Wsus;

const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
const POLICY: &str = "{D0855677-0000-0000-0000-000000000001}";

/// The management point, as far as one scan needs it.
#[derive(Default)]
struct ManagementPoint {
    reports: Vec<StateReport>,
    confirmed: bool,
}

impl ManagementPoint {
    fn answer(&mut self, call: &HttpCall, machine: &TestMachine) -> HttpOutcome {
        if call.method == "GET" {
            return ok(text::utf16le_with_mark(&policy_body()));
        }
        let message = envelope::decode(multipart::CONTENT_TYPE, &call.body).unwrap();
        let client = site::client_id(machine);
        let body = match message.header.target_endpoint.as_deref().unwrap() {
            endpoint::MP_CLIENT_REGISTRATION => {
                let confirmation = message.body.contains("Confirmation");
                self.confirmed |= confirmation;
                RegistrationResponse {
                    response_type: if confirmation { RequestType::Confirmation } else { RequestType::Registration },
                    time: machine.now,
                    status: if confirmation { RegistrationStatus::Registered } else { RegistrationStatus::Pending },
                    sms_id: client,
                    approval_status: Some(1),
                }
                .to_xml()
            }
            endpoint::MP_POLICY_MANAGER => ReplyAssignments {
                reply_type: ReplyType::Full,
                identification: Identification {
                    client_id: client.unwrap(),
                    fqdn: machine.fqdn(),
                    netbios_name: machine.name(),
                },
                policy_source: "SMS:PS1".into(),
                server_cookie: "2014-01-20 17:18:00.000".into(),
                assignments: vec![PolicyAssignment {
                    id: "{1}".into(),
                    condition: None,
                    policies: vec![PolicyReference {
                        id: POLICY.into(),
                        version: PolicyVersion::new(1),
                        category: Some("UpdateSource".into()),
                        flags: 16,
                        hash: None,
                        location: format!("http://<mp>{}", body_path(POLICY, PolicyVersion::new(1))),
                    }],
                }],
            }
            .to_xml(),
            endpoint::MP_LOCATION_MANAGER => {
                let record = LocationRecord {
                    url: "http://PS1SITE.CONTOSO.COM:8530".into(),
                    server_name: "PS1SITE.CONTOSO.COM".into(),
                    version: 38,
                };
                WsusLocationReply::for_site("PS1", vec![record]).to_xml()
            }
            endpoint::MP_RELAY_ENDPOINT => {
                self.reports.push(StateReport::parse(&message.body).unwrap());
                return ok(Vec::new());
            }
            other => panic!("no endpoint {other}"),
        };
        let reply = message.header.reply(Uuid::from_u128(4711));
        ok(envelope::encode(&reply, &Payload::new(&body, Direction::Reply, true)))
    }
}

fn policy_body() -> String {
    let source = UpdateSource {
        unique_id: SOURCE,
        content_type: 2,
        content_version: 38,
        service_id: String::new(),
        retry_codes: vec![0x8024_4022],
    };
    PolicyBody {
        id: POLICY.into(),
        version: PolicyVersion::new(1),
        source: "SMS:PS1".into(),
        rules: vec![PolicyRule {
            id: "{1}".into(),
            condition: None,
            instances: vec![source.to_instance(), SoftwareUpdatesClientConfig::default().to_instance()],
        }],
    }
    .to_xml()
}

fn ok(body: Vec<u8>) -> HttpOutcome {
    let headers = vec![("Content-Type".to_owned(), multipart::CONTENT_TYPE.to_owned())];
    HttpOutcome::Response { status: 200, reason: "OK".into(), headers, body }
}

/// One machine on a heap of events: time and order to agent and input.
struct Fleet {
    agents: AgentSet,
    machine: TestMachine,
    events: BTreeMap<(Timestamp, u64), (AgentId, Input)>,
    timers: BTreeMap<(AgentId, TimerName), (Timestamp, u64)>,
    order: u64,
    management_point: ManagementPoint,
    wsus: Wsus,
    /// Whether the agents are written down and read back before every input.
    freeze: bool,
    lines: Vec<String>,
}

impl Fleet {
    fn new(freeze: bool) -> Self {
        let mut machine = TestMachine::new();
        machine.profile = Profile::windows_11();
        machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
        let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
        machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
        let mut fleet = Self {
            agents: AgentSet::default(),
            machine,
            events: BTreeMap::new(),
            timers: BTreeMap::new(),
            order: 0,
            management_point: ManagementPoint::default(),
            wsus: Wsus::new(),
            freeze,
            lines: Vec::new(),
        };
        for id in AgentId::ALL {
            fleet.push(Duration::ZERO, id, Input::Start);
        }
        fleet
    }

    fn push(&mut self, after: Duration, to: AgentId, input: Input) -> (Timestamp, u64) {
        self.order += 1;
        let key = (self.machine.now + after, self.order);
        self.events.insert(key, (to, input));
        key
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.machine.now + time;
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((now, _), (id, input)) = entry.remove_entry();
            self.machine.now = now;
            self.handle(id, input);
        }
        self.machine.now = end;
    }

    fn handle(&mut self, id: AgentId, input: Input) {
        if self.freeze {
            self.agents = serde_json::from_str(&serde_json::to_string(&self.agents).unwrap()).unwrap();
        }
        for effect in run(id, self.agents.get_mut(id), input, &mut self.machine) {
            match effect {
                Effect::Log(line) => self.lines.push(line.text),
                Effect::Tell(to, message) => {
                    self.push(Duration::ZERO, to, Input::Message(message));
                }
                Effect::Timer { name, after, .. } => {
                    let key = self.push(after, id, Input::Timer(name.clone()));
                    if let Some(old) = self.timers.insert((id, name), key) {
                        self.events.remove(&old);
                    }
                }
                Effect::CancelTimer(name) => {
                    if let Some(key) = self.timers.remove(&(id, name)) {
                        self.events.remove(&key);
                    }
                }
                Effect::Http(call) => {
                    let outcome = if call.url.contains(":8530") {
                        self.wsus.answer(&call, &self.machine)
                    } else {
                        self.management_point.answer(&call, &self.machine)
                    };
                    let input = Input::Http { call: CallId(call.id.0), outcome };
                    self.push(Duration::from_millis(20), id, input);
                }
            }
        }
    }

    /// Topic id, state and serial number of everything the management point got.
    fn states(&self) -> Vec<(String, u32, u64)> {
        let messages = self.management_point.reports.iter().flat_map(|report| &report.messages);
        messages.map(|message| (message.topic.id.clone(), message.state, message.serial)).collect()
    }
}

#[test]
fn a_machine_registers_scans_and_reports() {
    let mut fleet = Fleet::new(false);
    fleet.run_for(Duration::from_secs(120));
    assert!(fleet.management_point.confirmed);
    fleet.push(Duration::ZERO, AgentId::Scheduler, Input::Message(Message::TriggerSchedule(ScheduleId(113))));
    fleet.run_for(Duration::from_secs(40 * 60));
    let mut states = fleet.states();
    states.sort();
    let update = |n: u128| Uuid::from_u128(n).to_string();
    assert_eq!(states.len(), 3);
    assert_eq!((states[0].0.as_str(), states[0].1), (update(30).as_str(), 2));
    assert_eq!((states[1].0.as_str(), states[1].1), (update(31).as_str(), 3));
    assert_eq!((states[2].0.as_str(), states[2].1), ("{C2D17964-BBDD-4339-B9F3-12D7205B39CC}", 3));
    let mut serials: Vec<u64> = states.iter().map(|state| state.2).collect();
    serials.sort_unstable();
    assert_eq!(serials, [1, 2, 3]);
    assert!(fleet.lines.contains(&"Successfully completed scan.".to_owned()));
    assert_eq!(fleet.machine.wmi(r"root\CCM\ScanAgent", "CCM_ScanJobInstance").unwrap(), []);
}

#[test]
fn a_machine_frozen_before_every_input_does_the_same() {
    let go = |freeze| {
        let mut fleet = Fleet::new(freeze);
        fleet.run_for(Duration::from_secs(120));
        fleet.push(Duration::ZERO, AgentId::Scheduler, Input::Message(Message::TriggerSchedule(ScheduleId(113))));
        fleet.run_for(Duration::from_secs(40 * 60));
        (fleet.states(), fleet.lines)
    };
    assert_eq!(go(true), go(false));
}

#[test]
fn a_failed_scan_is_repeated_and_works_when_the_server_is_back() {
    let mut fleet = Fleet::new(false);
    fleet.run_for(Duration::from_secs(120));
    fleet.wsus.broken =
        Some(HttpOutcome::Response { status: 503, reason: String::new(), headers: Vec::new(), body: Vec::new() });
    fleet.push(Duration::ZERO, AgentId::Scheduler, Input::Message(Message::TriggerSchedule(ScheduleId(113))));
    fleet.run_for(Duration::from_secs(20 * 60));
    assert!(fleet.lines.contains(&"Scan failed with error = 0x80244022.".to_owned()));
    assert_eq!(fleet.states().iter().map(|state| state.1).collect::<Vec<_>>(), [4]);
    fleet.wsus.broken = None;
    fleet.run_for(Duration::from_secs(60 * 60));
    assert!(fleet.states().iter().any(|state| state.0.starts_with('{') && state.1 == 3));
}
