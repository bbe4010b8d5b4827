//! State Message: records states and sends them in bulk (StateMessage.log).

use std::collections::BTreeMap;

use cmsim_logs::Evidence::{Article, Docs, Field, Inferred};
use cmsim_wire::ccm::cim_time;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::state_report::{Machine as Reporter, StateDetails, StateMessage as Reported, StateReport, Topic};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::framework::{
    Agent, AgentId, Context, Input, Message, Outgoing, ScheduleId, StateTopic, WmiInstance, WmiValue, instance,
    wmi_datetime,
};
use crate::{settings, site};

/// Namespace of recorded states (docs).
pub const NAMESPACE: &str = r"root\ccm\StateMsg";
/// Class with one instance per topic (docs).
pub const MESSAGES: &str = "CCM_StateMsg";
/// Class that holds the last serial number (docs).
const SERIAL: &str = "CCM_StateMsg_SerialNum";

/// Most states in one report (inferred: reports of several hundred kilobytes are normal, the limit is not public).
const MESSAGES_PER_REPORT: usize = 500;

/// Minutes until a report is dropped undelivered: 56 days (field: the same for inventory).
const EXPIRES_MINUTES: u32 = 80_640;

/// The agent. What is recorded lives in WMI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMessage {
    /// Type and id of the topics recorded since the last report, in that order, which WMI does not know within a
    /// millisecond.
    recorded: Vec<(u32, String)>,
}

impl Agent for StateMessage {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Message(Message::RaiseState(topics)) => {
                for topic in &topics {
                    self.recorded.push((topic.topic_type, topic.topic_id.clone()));
                    record(topic, cx);
                }
            }
            // Send unsent (111) and the bulk sends of high and low priority (115, 116).
            Input::Message(Message::Scheduled(ScheduleId(111 | 115 | 116))) => {
                if send_unsent(&self.recorded, cx) {
                    self.recorded.clear();
                }
            }
            Input::Start | Input::Message(_) | Input::Timer(_) | Input::Http { .. } => {}
        }
    }
}

/// One state into WMI. A topic has one instance: a later state replaces one that has not left yet.
fn record(topic: &StateTopic, cx: &mut Context<'_>) {
    let (kind, id, state) = (topic.topic_type, &topic.topic_id, topic.state);
    let row = instance([
        ("TopicType", kind.into()),
        ("TopicId", id.clone().into()),
        ("User", "".into()),
        ("UserSid", "".into()),
        ("TopicIdType", topic.id_type.into()),
        ("StateId", state.into()),
        ("Criticality", 0_u32.into()),
        ("MessageTime", wmi_datetime(cx.now).into()),
        ("UserFlags", 0_u32.into()),
        ("ParamCount", u32::try_from(topic.parameters.len()).unwrap_or(0).into()),
        ("UserParameters", WmiValue::List(topic.parameters.iter().map(|text| text.as_str().into()).collect())),
        ("StateDetails", topic.details.clone().unwrap_or_default().into()),
        ("StateDetailsType", if topic.details.is_some() { 2_u32 } else { 0 }.into()),
        ("Priority", 5_u32.into()),
        ("MessageSent", false.into()),
    ]);
    let key = instance([("TopicType", kind.into()), ("TopicId", id.clone().into()), ("User", "".into())]);
    if cx.machine.has_wmi(NAMESPACE, MESSAGES, &key) {
        cx.info(
            Field,
            "statemsg.cpp:644",
            format!("State message with TopicType {kind} and TopicId {id} and State {state} has been updated"),
        );
    } else {
        cx.info(Article, "statemsg.cpp:612", format!("Adding message with TopicType {kind} and TopicId {id} to WMI"));
    }
    match cx.machine.put_wmi(NAMESPACE, MESSAGES, &["TopicType", "TopicId", "User"], row) {
        Ok(()) => cx.info(
            Article,
            "statemsg.cpp:731",
            format!(
                "State message(State ID : {state}) with TopicType {kind} and TopicId {id} has been recorded for SYSTEM"
            ),
        ),
        Err(code) => cx.error(
            Inferred,
            "statemsg.cpp:736",
            format!("Failed to record state message with TopicType {kind} and TopicId {id}. Error {code:#010x}"),
        ),
    }
}

/// Everything not sent yet goes out, in reports of limited size; serial numbers are taken here, so that none is lost
/// to a state that was replaced before it left. True if nothing is left.
fn send_unsent(recorded: &[(u32, String)], cx: &mut Context<'_>) -> bool {
    let Some(client_id) = site::client_id(cx.machine) else { return false };
    let Ok(rows) = cx.machine.wmi(NAMESPACE, MESSAGES) else { return false };
    let mut unsent: Vec<WmiInstance> =
        rows.into_iter().filter(|row| settings::truth(row, "MessageSent") == Some(false)).collect();
    // A topic recorded twice stands where its later state was recorded.
    let places: BTreeMap<(u32, &str), usize> =
        recorded.iter().enumerate().map(|(place, (kind, id))| ((*kind, id.as_str()), place)).collect();
    unsent.sort_by_cached_key(|row| {
        let topic =
            (settings::number(row, "TopicType").unwrap_or(0), settings::text(row, "TopicId").unwrap_or_default());
        (settings::text(row, "MessageTime").map(str::to_owned), places.get(&topic).copied())
    });
    let mut serial = cx
        .machine
        .wmi(NAMESPACE, SERIAL)
        .ok()
        .and_then(|rows| settings::number(rows.first()?, "SerialNumber"))
        .unwrap_or(0);
    let profile = cx.machine.profile();
    let reporter = Reporter {
        client_installed: 1,
        client_type: 1,
        client_id,
        client_version: profile.client_version.clone(),
        netbios_name: cx.machine.name(),
        code_page: 437,
        lcid: 1033,
        priority: Some(5),
    };
    for part in unsent.chunks(MESSAGES_PER_REPORT) {
        let mut messages = Vec::new();
        for row in part {
            serial += 1;
            messages.push(reported(row, u64::from(serial), cx.now));
        }
        // The number is kept before anything leaves: a number used twice is worse than a gap.
        let kept = instance([("SerialNumber", serial.into())]);
        if cx.machine.put_wmi(NAMESPACE, SERIAL, &[], kept).is_err() {
            return false;
        }
        let report = StateReport { machine: reporter.clone(), date: cx.now, messages }.to_xml();
        cx.info(Docs, "statemsg.cpp:1402", format!("StateMessage body: {report}"));
        cx.info(Field, "statemsg.cpp:1820", "CStateMsgManager::GetSignEncyptMode");
        let id = cx.new_guid();
        for row in part {
            let mut sent = row.clone();
            sent.insert("MessageSent".to_owned(), true.into());
            // If WMI refuses, the state simply goes out once more.
            let _ = cx.machine.put_wmi(NAMESPACE, MESSAGES, &["TopicType", "TopicId", "User"], sent);
        }
        cx.info(Docs, "statemsg.cpp:1527", "Successfully forwarded State Messages to the MP");
        cx.tell(
            AgentId::CcmMessaging,
            Message::Send(Outgoing {
                id,
                endpoint: endpoint::MP_RELAY_ENDPOINT.to_owned(),
                reply_to: None,
                body: report,
                file_type: Some("SMX".to_owned()),
                signed: true,
                expires_minutes: EXPIRES_MINUTES,
            }),
        );
    }
    true
}

fn reported(row: &WmiInstance, serial: u64, now: Timestamp) -> Reported {
    let number = |name| settings::number(row, name).unwrap_or(0);
    let parameters = match row.get("UserParameters") {
        Some(WmiValue::List(items)) => items.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Reported {
        time: settings::text(row, "MessageTime").and_then(cim_time::parse).unwrap_or(now),
        serial,
        topic: Topic {
            id: settings::text(row, "TopicId").unwrap_or_default().to_owned(),
            kind: number("TopicType"),
            id_type: number("TopicIdType"),
            user: Some(String::new()),
            user_sid: Some(String::new()),
        },
        state: number("StateId"),
        criticality: number("Criticality"),
        flags: number("UserFlags"),
        parameters,
        details: settings::text(row, "StateDetails")
            .filter(|text| !text.is_empty())
            .map(|text| StateDetails { kind: 2, text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{Effect, Machine as _};
    use crate::testing::{TestMachine, run, tells, texts};

    const UPDATE: &str = "505fda07-b4f3-45fb-83d9-8642554e2773";

    fn handle(input: Message, machine: &mut TestMachine) -> Vec<Effect> {
        run(AgentId::StateMessage, &mut StateMessage::default(), Input::Message(input), machine)
    }

    fn raise(id: &str, state: u32) -> Message {
        let topic = StateTopic {
            topic_type: 500,
            topic_id: id.into(),
            id_type: 3,
            state,
            parameters: vec!["200".into()],
            details: None,
        };
        Message::RaiseState(vec![topic])
    }

    fn machine() -> TestMachine {
        let mut machine = TestMachine::new();
        site::set_client_id("GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap(), &mut machine).unwrap();
        machine
    }

    fn reports(effects: &[Effect]) -> Vec<StateReport> {
        tells(effects)
            .into_iter()
            .filter_map(|(_, message)| match message {
                Message::Send(outgoing) => Some(StateReport::parse(&outgoing.body).unwrap()),
                _ => None,
            })
            .collect()
    }

    /// Golden: step 6 of the guide and the report that follows.
    #[test]
    fn a_state_is_recorded_and_sent_once() {
        let mut machine = machine();
        let effects = handle(raise(UPDATE, 2), &mut machine);
        assert_eq!(
            texts(&effects),
            [
                format!("Adding message with TopicType 500 and TopicId {UPDATE} to WMI"),
                format!(
                    "State message(State ID : 2) with TopicType 500 and TopicId {UPDATE} has been recorded for SYSTEM"
                ),
            ]
        );
        let effects = handle(Message::Scheduled(ScheduleId(111)), &mut machine);
        let lines = texts(&effects);
        assert!(lines[0].starts_with("StateMessage body: <?xml version=\"1.0\" encoding=\"UTF-16\"?><Report>"));
        assert_eq!(
            lines[1..],
            ["CStateMsgManager::GetSignEncyptMode", "Successfully forwarded State Messages to the MP"]
        );
        let report = reports(&effects).remove(0);
        assert_eq!(report.machine.client_version, "5.00.7958.1000");
        let message = &report.messages[0];
        assert_eq!((message.serial, message.state, message.topic.id.as_str()), (1, 2, UPDATE));
        assert_eq!(message.parameters, ["200"]);
        assert_eq!(handle(Message::Scheduled(ScheduleId(111)), &mut machine), []);
    }

    #[test]
    fn serial_numbers_have_no_gap_even_when_states_replace_each_other() {
        let mut machine = machine();
        for state in [2, 3] {
            handle(raise(UPDATE, state), &mut machine);
        }
        handle(raise("other", 2), &mut machine);
        let first = reports(&handle(Message::Scheduled(ScheduleId(116)), &mut machine)).remove(0);
        handle(raise(UPDATE, 2), &mut machine);
        let second = reports(&handle(Message::Scheduled(ScheduleId(116)), &mut machine)).remove(0);
        let serials: Vec<u64> = first.messages.iter().chain(&second.messages).map(|message| message.serial).collect();
        assert_eq!(serials, [1, 2, 3]);
        let states: Vec<u32> = first.messages.iter().map(|message| message.state).collect();
        assert!(states.contains(&3) && states.len() == 2, "the later state replaced the earlier one");
    }

    #[test]
    fn states_leave_in_the_order_in_which_they_were_recorded() {
        let (mut agent, mut machine) = (StateMessage::default(), machine());
        let mut on = |message| run(AgentId::StateMessage, &mut agent, Input::Message(message), &mut machine);
        for id in ["b", "c", "a", "b"] {
            on(raise(id, 2));
        }
        let report = reports(&on(Message::Scheduled(ScheduleId(111)))).remove(0);
        let order: Vec<&str> = report.messages.iter().map(|message| message.topic.id.as_str()).collect();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn many_states_are_spread_over_reports() {
        let mut machine = machine();
        for number in 0..=MESSAGES_PER_REPORT {
            handle(raise(&format!("update-{number}"), 2), &mut machine);
        }
        let reports = reports(&handle(Message::Scheduled(ScheduleId(111)), &mut machine));
        let sizes: Vec<usize> = reports.iter().map(|report| report.messages.len()).collect();
        assert_eq!(sizes, [MESSAGES_PER_REPORT, 1]);
    }

    #[test]
    fn an_unregistered_client_keeps_its_states() {
        let mut machine = TestMachine::new();
        handle(raise(UPDATE, 2), &mut machine);
        assert_eq!(handle(Message::Scheduled(ScheduleId(111)), &mut machine), []);
        assert_eq!(settings::truth(&machine.wmi(NAMESPACE, MESSAGES).unwrap()[0], "MessageSent"), Some(false));
    }
}
