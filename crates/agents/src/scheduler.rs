//! Scheduler: sends the messages of schedules to their targets (Scheduler.log).

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_logs::Evidence::{Field, Inferred};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::framework::{Agent, AgentId, Context, Input, Machine, Message, ScheduleId, WmiValue};
use crate::settings::{self, ACTUAL_CONFIG};

/// Who gets a schedule's message: the agent, and the endpoint as the log names it. Targets of 21, 22, 111, 115 and 116 are
/// from logs (field), the others follow from who does the work (inferred).
const TARGETS: [(u16, AgentId, &str); 8] = [
    (21, AgentId::PolicyAgent, "PolicyAgent_RequestAssignments"),
    (22, AgentId::PolicyEvaluator, "PolicyAgent_PolicyEvaluator"),
    (108, AgentId::UpdatesDeployment, "UpdatesDeploymentAgent"),
    (111, AgentId::StateMessage, "StateMessageManager"),
    (113, AgentId::ScanAgent, "ScanAgent"),
    (114, AgentId::UpdatesStore, "UpdatesStore"),
    (115, AgentId::StateMessage, "StateMessageManager"),
    (116, AgentId::StateMessage, "StateMessageManager"),
];

/// Minutes between two firings where policy says nothing: policy request hourly, state messages every 15 minutes, scan and
/// deployment re-evaluation every seven days (docs: defaults of the client settings).
const DEFAULT_MINUTES: [(u16, u64); 4] = [(21, 60), (108, 10_080), (111, 15), (113, 10_080)];

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Minutes between firings of the schedules that run.
    running: BTreeMap<ScheduleId, u64>,
}

impl Agent for Scheduler {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.running.clear();
                self.adjust(cx);
            }
            Input::Message(Message::SettingsChanged { .. }) => self.adjust(cx),
            Input::Message(Message::TriggerSchedule(id)) => fire(id, cx),
            Input::Timer(name) => {
                let Some(id) = name.0.parse().ok().map(ScheduleId) else { return };
                fire(id, cx);
                if let Some(minutes) = self.running.get(&id) {
                    arm(id, *minutes, cx);
                }
            }
            Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl Scheduler {
    /// Starts the timers of schedules that are new or whose interval changed; the others go on.
    fn adjust(&mut self, cx: &mut Context<'_>) {
        let wanted = schedules(cx.machine);
        for (id, minutes) in &wanted {
            if self.running.get(id) != Some(minutes) {
                arm(*id, *minutes, cx);
            }
        }
        self.running = wanted;
    }
}

fn arm(id: ScheduleId, minutes: u64, cx: &mut Context<'_>) {
    cx.timer(id.0.to_string(), Duration::from_secs(minutes * 60), format!("schedule {id}"));
}

fn fire(id: ScheduleId, cx: &mut Context<'_>) {
    let Some((_, agent, endpoint)) = TARGETS.iter().find(|(number, ..)| *number == id.0) else {
        cx.warn(Inferred, "schedule.cpp:310", format!("No target for schedule 'Machine/{id}'"));
        return;
    };
    cx.info(
        Field,
        "schedule.cpp:297",
        format!("Sending message for schedule 'Machine/{id}' (Target: 'direct:{endpoint}', Name: '')"),
    );
    cx.tell(*agent, Message::Scheduled(id));
}

/// Schedules with their intervals: the built-in ones, overruled by `CCM_Scheduler_ScheduledMessage` of policy.
fn schedules(machine: &dyn Machine) -> BTreeMap<ScheduleId, u64> {
    let mut found: BTreeMap<ScheduleId, u64> =
        DEFAULT_MINUTES.iter().map(|(number, minutes)| (ScheduleId(*number), *minutes)).collect();
    for row in machine.wmi(ACTUAL_CONFIG, "CCM_Scheduler_ScheduledMessage").unwrap_or_default() {
        let id = settings::guid(&row, "ScheduledMessageID").and_then(schedule_id);
        let minutes = match row.get("Triggers") {
            Some(WmiValue::List(triggers)) => triggers.iter().filter_map(|trigger| minutes(trigger.text()?)).next(),
            Some(WmiValue::Text(trigger)) => minutes(trigger),
            _ => None,
        };
        if let (Some(id), Some(minutes)) = (id, minutes) {
            found.insert(id, minutes);
        }
    }
    found
}

/// The number in `{00000000-0000-0000-0000-000000000113}`: decimal digits, although the id is hexadecimal.
fn schedule_id(id: Uuid) -> Option<ScheduleId> {
    let text = id.hyphenated().to_string();
    text.strip_prefix("00000000-0000-0000-0000-")?.parse().ok().map(ScheduleId)
}

/// Minutes of `SimpleInterval;Minutes=10080;MaxRandomDelayMinutes=0`.
fn minutes(trigger: &str) -> Option<u64> {
    let mut parts = trigger.split(';');
    let simple = parts.next()?.trim().eq_ignore_ascii_case("SimpleInterval");
    let value = parts.find_map(|part| part.trim().strip_prefix("Minutes="))?;
    value.parse().ok().filter(|minutes| simple && *minutes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::instance;
    use crate::testing::{TestMachine, run, tells, texts, timers};

    #[test]
    fn a_trigger_reaches_its_target() {
        let mut machine = TestMachine::new();
        let input = Input::Message(Message::TriggerSchedule(ScheduleId(113)));
        let effects = run(AgentId::Scheduler, &mut Scheduler::default(), input, &mut machine);
        assert_eq!(
            texts(&effects),
            [
                "Sending message for schedule 'Machine/{00000000-0000-0000-0000-000000000113}' (Target: 'direct:ScanAgent', Name: '')"
            ]
        );
        assert_eq!(tells(&effects), [(AgentId::ScanAgent, Message::Scheduled(ScheduleId(113)))]);
    }

    #[test]
    fn state_messages_leave_every_fifteen_minutes_and_policy_changes_intervals() {
        let mut machine = TestMachine::new();
        let mut agent = Scheduler::default();
        let effects = run(AgentId::Scheduler, &mut agent, Input::Start, &mut machine);
        assert!(timers(&effects).contains(&("111".to_owned(), Duration::from_secs(900))));
        let effects = run(AgentId::Scheduler, &mut agent, Input::Timer("111".into()), &mut machine);
        assert_eq!(tells(&effects), [(AgentId::StateMessage, Message::Scheduled(ScheduleId(111)))]);
        assert_eq!(timers(&effects), [("111".to_owned(), Duration::from_secs(900))]);

        let row = instance([
            ("ScheduledMessageID", "{00000000-0000-0000-0000-000000000113}".into()),
            ("Triggers", WmiValue::List(vec!["SimpleInterval;Minutes=1440;MaxRandomDelayMinutes=0".into()])),
        ]);
        machine.put_wmi(ACTUAL_CONFIG, "CCM_Scheduler_ScheduledMessage", &["ScheduledMessageID"], row).unwrap();
        let changed = Message::SettingsChanged {
            class: "CCM_Scheduler_ScheduledMessage".into(),
            key_name: "ScheduledMessageID".into(),
            key: "{00000000-0000-0000-0000-000000000113}".into(),
            created: true,
        };
        let effects = run(AgentId::Scheduler, &mut agent, Input::Message(changed), &mut machine);
        assert_eq!(timers(&effects), [("113".to_owned(), Duration::from_secs(86_400))]);
    }
}
