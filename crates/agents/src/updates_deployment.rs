//! Updates Deployment Agent, as far as it causes scans: activation and re-evaluation (UpdatesDeployment.log).

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_logs::Evidence::{Field, Inferred};
use cmsim_wire::ccm::cim_time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::framework::{Agent, AgentId, Context, Input, Message, ScheduleId, SourceKey, WmiInstance, WmiValue, braced};
use crate::settings::{self, ACTUAL_CONFIG, UpdateSourcePolicy};

/// Class of deployments in compiled policy (docs).
const ASSIGNMENTS: &str = "CCM_UpdateCIAssignment";

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatesDeployment {
    /// Detection jobs under way, by assignment.
    detecting: BTreeMap<Uuid, Uuid>,
}

impl Agent for UpdatesDeployment {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.detecting.clear();
                cx.info(Field, "systemtasks.cpp:39", "Service startup system task");
                cx.info(Field, "cdeploymentagent.cpp:236", "Startup task completed");
                for row in assignments(cx) {
                    Self::plan(&row, cx);
                }
            }
            Input::Message(Message::SettingsChanged { key, .. }) => {
                let id: Option<Uuid> = key.parse().ok();
                for row in assignments(cx).iter().filter(|row| settings::guid(row, "AssignmentID") == id) {
                    Self::plan(row, cx);
                }
            }
            Input::Timer(name) => {
                let id: Option<Uuid> = name.0.parse().ok();
                for row in assignments(cx).iter().filter(|row| settings::guid(row, "AssignmentID") == id) {
                    self.activate(row, cx);
                }
            }
            Input::Message(Message::Scheduled(ScheduleId(108))) => {
                let mut rows = assignments(cx);
                rows.retain(|row| has_started(row, cx));
                for row in rows {
                    self.detect(&row, cx);
                }
            }
            Input::Message(Message::ScanFinished { result, .. }) => self.scanned(result.is_ok(), cx),
            Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl UpdatesDeployment {
    /// A deployment becomes active at its start time, at once if that has passed.
    fn plan(row: &WmiInstance, cx: &mut Context<'_>) {
        let Some(id) = settings::guid(row, "AssignmentID") else { return };
        let start = settings::text(row, "StartTime").and_then(cim_time::parse).unwrap_or(cx.now);
        let after = Duration::try_from(start.duration_since(cx.now)).unwrap_or_default();
        cx.timer(id.to_string(), after, "the start time of a deployment");
    }

    fn activate(&mut self, row: &WmiInstance, cx: &mut Context<'_>) {
        let Some(id) = settings::guid(row, "AssignmentID") else { return };
        cx.info(
            Field,
            "cdeploymentagent.cpp:301",
            format!(
                "Message received: '<?xml version='1.0' ?>\n<CIAssignmentMessage MessageType='Activation'>\n    <AssignmentID>{}</AssignmentID>\n</CIAssignmentMessage>'",
                braced(id)
            ),
        );
        cx.info(Field, "updatesassignment.cpp:212", format!("Assignment ({}) received activation trigger", braced(id)));
        self.detect(row, cx);
    }

    /// Starts detection: the states of the deployment's updates must be known, so their sources must be scanned.
    fn detect(&mut self, row: &WmiInstance, cx: &mut Context<'_>) {
        let Some(id) = settings::guid(row, "AssignmentID") else { return };
        if self.detecting.contains_key(&id) {
            return;
        }
        let total = match row.get("AssignedCIs") {
            Some(WmiValue::List(items)) => items.len(),
            _ => 0,
        };
        let job = cx.new_guid();
        cx.info(Field, "updatesassignment.cpp:471", format!("Assignment {} has total CI = {total}", braced(id)));
        cx.info(
            Field,
            "updatesassignment.cpp:503",
            format!("Detection job ({}) started for assignment ({})", braced(job), braced(id)),
        );
        self.detecting.insert(id, job);
        cx.tell(AgentId::ScanAgent, Message::ScanByUpdates { force: false, sources: sources(row, cx) });
    }

    fn scanned(&mut self, worked: bool, cx: &mut Context<'_>) {
        for id in std::mem::take(&mut self.detecting).into_keys() {
            cx.info(
                Field,
                "updatesassignment.cpp:548",
                format!("DetectJob completion received for assignment ({})", braced(id)),
            );
            if !worked {
                cx.warn(
                    Inferred,
                    "updatesassignment.cpp:561",
                    format!("Detection failed for assignment ({}), no scan results", braced(id)),
                );
            }
        }
    }
}

fn assignments(cx: &Context<'_>) -> Vec<WmiInstance> {
    cx.machine.wmi(ACTUAL_CONFIG, ASSIGNMENTS).unwrap_or_default()
}

fn has_started(row: &WmiInstance, cx: &Context<'_>) -> bool {
    settings::text(row, "StartTime").and_then(cim_time::parse).is_none_or(|start| start <= cx.now)
}

/// What the deployment's updates require: the version its policy names (`MinSourceVersion`, inferred), or the one the
/// update source has.
fn sources(row: &WmiInstance, cx: &Context<'_>) -> Vec<SourceKey> {
    let required = settings::number(row, "MinSourceVersion");
    UpdateSourcePolicy::all(cx.machine)
        .into_iter()
        .map(|policy| SourceKey { id: policy.id, version: required.unwrap_or(policy.version) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{Machine, instance, wmi_datetime};
    use crate::testing::{TestMachine, run, tells, texts, timers};

    const ASSIGNMENT: &str = "{11111111-2222-3333-4444-555555555555}";

    fn machine(start: &str) -> TestMachine {
        let mut machine = TestMachine::new();
        let source = instance([
            ("UniqueID", "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}".into()),
            ("ContentVersion", 38_u32.into()),
        ]);
        machine.put_wmi(ACTUAL_CONFIG, "CCM_UpdateSource", &["UniqueID"], source).unwrap();
        let row = instance([
            ("AssignmentID", ASSIGNMENT.into()),
            ("StartTime", wmi_datetime(start.parse().unwrap()).into()),
            ("AssignedCIs", WmiValue::List(vec!["one".into(), "two".into()])),
        ]);
        machine.put_wmi(ACTUAL_CONFIG, ASSIGNMENTS, &["AssignmentID"], row).unwrap();
        machine
    }

    #[test]
    fn a_deployment_becomes_active_at_its_start_time() {
        let mut machine = machine("2014-01-20T18:17:00Z");
        let mut agent = UpdatesDeployment::default();
        let effects = run(AgentId::UpdatesDeployment, &mut agent, Input::Start, &mut machine);
        let (name, after) = timers(&effects).remove(0);
        assert_eq!(after.as_secs(), 3600);
        let effects = run(AgentId::UpdatesDeployment, &mut agent, Input::Timer(name.into()), &mut machine);
        assert_eq!(texts(&effects)[1], format!("Assignment ({ASSIGNMENT}) received activation trigger"));
        assert!(
            matches!(&tells(&effects)[0], (AgentId::ScanAgent, Message::ScanByUpdates { force: false, sources }) if sources[0].version == 38)
        );
    }

    #[test]
    fn re_evaluation_leaves_out_what_has_not_started() {
        let input = || Input::Message(Message::Scheduled(ScheduleId(108)));
        let mut agent = UpdatesDeployment::default();
        let mut later = machine("2014-01-20T18:17:00Z");
        assert_eq!(run(AgentId::UpdatesDeployment, &mut agent, input(), &mut later), []);
        let mut started = machine("2014-01-20T16:17:00Z");
        let effects = run(AgentId::UpdatesDeployment, &mut agent, input(), &mut started);
        assert_eq!(tells(&effects).len(), 1);
        // One detection per deployment at a time.
        assert_eq!(run(AgentId::UpdatesDeployment, &mut agent, input(), &mut started), []);
    }
}
