//! The agent host: tells agents about changed settings (CcmExec.log).

use cmsim_logs::Evidence::Field;
use serde::{Deserialize, Serialize};

use crate::framework::{Agent, AgentId, Context, Input, Message};

/// Classes of compiled policy and who wants to know: the agent, and its endpoint as the log names it (the first is field,
/// the others are inferred from who reads the class).
const INTERESTED: [(&str, AgentId, &str); 4] = [
    ("CCM_UpdateSource", AgentId::ScanAgent, "ScanAgent"),
    ("CCM_SoftwareUpdatesClientConfig", AgentId::ScanAgent, "ScanAgent"),
    ("CCM_UpdateCIAssignment", AgentId::UpdatesDeployment, "UpdatesDeploymentAgent"),
    ("CCM_Scheduler_ScheduledMessage", AgentId::Scheduler, "CcmScheduler"),
];

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CcmExec;

impl Agent for CcmExec {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                cx.info(Field, "systemtask.cpp:118", "BEGIN ExecuteSystemTasks('ServiceStart')");
                if cx.machine.place().domain.is_some() {
                    cx.info(Field, "networkstatemanager.cpp:214", "[NWSTATE] CONNECTED AND DOMAIN AUTHENTICATED");
                }
                cx.info(Field, "systemtask.cpp:126", "END ExecuteSystemTasks('ServiceStart')");
            }
            Input::Message(Message::SettingsChanged { class, key_name, key, created }) => {
                let event = if created { "__InstanceCreationEvent" } else { "__InstanceModificationEvent" };
                for (_, agent, endpoint) in INTERESTED.iter().filter(|(wanted, ..)| *wanted == class) {
                    let path = if key_name.is_empty() {
                        format!("{class}=@")
                    } else {
                        format!("{class}.{key_name}=\"{key}\"")
                    };
                    cx.info_as(
                        "CCMEXEC",
                        Field,
                        "wmisettings.cpp:192",
                        format!("Notifying endpoint '{endpoint}' of {event} settings change on object {path} for user 'S-1-5-18'."),
                    );
                    let (class, key_name, key) = (class.clone(), key_name.clone(), key.clone());
                    cx.tell(*agent, Message::SettingsChanged { class, key_name, key, created });
                }
            }
            Input::Message(_) | Input::Timer(_) | Input::Http { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestMachine, run, tells, texts};

    #[test]
    fn a_changed_source_reaches_the_scan_agent() {
        let message = Message::SettingsChanged {
            class: "CCM_UpdateSource".into(),
            key_name: "UniqueID".into(),
            key: "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}".into(),
            created: false,
        };
        let mut machine = TestMachine::new();
        let effects = run(AgentId::CcmExec, &mut CcmExec, Input::Message(message.clone()), &mut machine);
        assert_eq!(
            texts(&effects),
            [
                "Notifying endpoint 'ScanAgent' of __InstanceModificationEvent settings change on object CCM_UpdateSource.UniqueID=\"{C2D17964-BBDD-4339-B9F3-12D7205B39CC}\" for user 'S-1-5-18'."
            ]
        );
        assert_eq!(tells(&effects), [(AgentId::ScanAgent, message)]);
    }
}
