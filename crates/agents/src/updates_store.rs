//! Updates Store: remembers the state of every update and raises what is new (UpdatesStore.log).

use std::collections::BTreeMap;

use cmsim_logs::Evidence::{Article, Inferred};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::framework::{
    Agent, AgentId, Context, Input, Message, SourceKey, StateTopic, UpdateStatus, WmiInstance, WmiValue, bare, braced,
    instance, wmi_datetime,
};
use crate::settings;

/// Namespace of the store (article).
pub const NAMESPACE: &str = r"root\CCM\SoftwareUpdates\UpdatesStore";
/// Class with one instance per update (article).
pub const STATUSES: &str = "CCM_UpdateStatus";

/// State id of topic 500 for an update that is not required (docs).
const NOT_REQUIRED: u32 = 1;

/// The agent. All it remembers is in WMI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatesStore;

impl Agent for UpdatesStore {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Message(Message::StoreStatuses { source, statuses }) => {
                store(&source, &statuses, cx);
                cx.tell(AgentId::WuaHandler, Message::StatusesStored { source });
            }
            Input::Message(Message::RefreshServerComplianceState) => resend(cx),
            Input::Start | Input::Message(_) | Input::Timer(_) | Input::Http { .. } => {}
        }
    }
}

fn store(source: &SourceKey, statuses: &[UpdateStatus], cx: &mut Context<'_>) {
    let known = match cx.machine.wmi(NAMESPACE, STATUSES) {
        Ok(rows) => rows,
        Err(code) => {
            for status in statuses {
                processing(status, cx);
            }
            cx.error(
                Inferred,
                "updatesstore.cpp:412",
                format!("Failed to query WMI for update statuses. Error = {code:#010x}"),
            );
            return;
        }
    };
    let mut known: BTreeMap<Uuid, WmiInstance> =
        known.into_iter().filter_map(|row| Some((settings::guid(&row, "UniqueId")?, row))).collect();
    for status in statuses {
        processing(status, cx);
        let before = known.remove(&status.id);
        let state_before = before.as_ref().and_then(|row| settings::text(row, "Status"));
        let state = status.state.to_string();
        let id = bare(status.id);
        let changed = state_before != Some(state.as_str());
        if state_before.is_none() {
            cx.info(
                Article,
                "updatesstore.cpp:263",
                format!("Update status from update ({id}) hasn't been reported before, creating new instance."),
            );
        } else if changed {
            cx.info(
                Inferred,
                "updatesstore.cpp:271",
                format!("Update status from update ({id}) has changed to ({state}), updating instance."),
            );
        }
        let row = to_wmi(source, status, cx);
        // The instance is written first, so that a state the store cannot keep is not raised either.
        if let Err(code) = cx.machine.put_wmi(NAMESPACE, STATUSES, &["UniqueId"], row) {
            cx.error(
                Inferred,
                "updatesstore.cpp:301",
                format!("Failed to add WMI instance of update status ({id}). Error = {code:#010x}"),
            );
            continue;
        }
        if changed {
            raise(topic(status.id, status.state.state_id(), status.revision), cx);
            cx.info(
                Article,
                "updatesstore.cpp:286",
                format!("Successfully raised state message for update ({id}) with state ({state})."),
            );
            let done = if state_before.is_none() { "added" } else { "updated" };
            let evidence = if state_before.is_none() { Article } else { Inferred };
            cx.info(
                evidence,
                "updatesstore.cpp:297",
                format!("Successfully {done} WMI instance of update status ({id})."),
            );
        }
    }
    no_longer_applicable(source, &known, cx);
}

/// Each state is raised by itself, as it is found (article: one message for each update).
fn raise(topic: StateTopic, cx: &mut Context<'_>) {
    cx.tell(AgentId::StateMessage, Message::RaiseState(vec![topic]));
}

fn processing(status: &UpdateStatus, cx: &mut Context<'_>) {
    cx.info(
        Article,
        "updatesstore.cpp:241",
        format!(
            "Processing update status from update ({}) with ProductID = {}",
            bare(status.id),
            bare(status.product.unwrap_or_default())
        ),
    );
}

/// Updates of this source that were reported once and are not in the result any more: the site must hear that they are
/// not required (inferred: nobody documents the client's text for it).
fn no_longer_applicable(source: &SourceKey, left: &BTreeMap<Uuid, WmiInstance>, cx: &mut Context<'_>) {
    for (id, row) in left {
        if settings::guid(row, "SourceUniqueId") != Some(source.id) {
            continue;
        }
        let key = instance([("UniqueId", bare(*id).into())]);
        if cx.machine.delete_wmi(NAMESPACE, STATUSES, &key).is_err() {
            continue;
        }
        cx.info(
            Inferred,
            "updatesstore.cpp:334",
            format!("Update ({}) is no longer applicable, removed its WMI instance of update status.", bare(*id)),
        );
        raise(topic(*id, NOT_REQUIRED, settings::number(row, "RevisionNumber").unwrap_or(0)), cx);
    }
}

/// Everything once more, for a site that forgot (docs: `RefreshServerComplianceState`).
fn resend(cx: &mut Context<'_>) {
    let topics: Vec<StateTopic> = cx
        .machine
        .wmi(NAMESPACE, STATUSES)
        .unwrap_or_default()
        .iter()
        .filter_map(|row| {
            let state = match settings::text(row, "Status")? {
                "Missing" => 2,
                "Installed" => 3,
                _ => return None,
            };
            Some(topic(settings::guid(row, "UniqueId")?, state, settings::number(row, "RevisionNumber")?))
        })
        .collect();
    if !topics.is_empty() {
        cx.tell(AgentId::StateMessage, Message::RaiseState(topics));
    }
}

/// The state of an update as the site learns it; the parameter is the revision (field).
fn topic(id: Uuid, state: u32, revision: u32) -> StateTopic {
    StateTopic {
        topic_type: 500,
        topic_id: bare(id),
        id_type: 3,
        state,
        parameters: vec![revision.to_string()],
        details: None,
    }
}

/// An instance with the properties public WMI clients read.
fn to_wmi(source: &SourceKey, status: &UpdateStatus, cx: &Context<'_>) -> WmiInstance {
    let scanned = wmi_datetime(cx.now);
    let of_source = instance([
        ("RevisionNumber", status.revision.into()),
        ("ScanTime", scanned.clone().into()),
        ("SourceType", 2_u32.into()),
        ("SourceUniqueId", braced(source.id).into()),
        ("SourceVersion", source.version.into()),
        ("Status", status.state.to_string().into()),
    ]);
    let mut row = of_source.clone();
    row.extend(instance([
        ("UniqueId", bare(status.id).into()),
        ("Title", status.title.clone().into()),
        ("Article", status.article.clone().into()),
        ("Bulletin", status.bulletin.clone().into()),
        ("Language", "".into()),
        ("ProductID", bare(status.product.unwrap_or_default()).into()),
        ("ExcludeForStateReporting", false.into()),
        ("Sources", WmiValue::List(vec![WmiValue::Instance(of_source)])),
    ]));
    row
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;
    use crate::framework::{Machine, UpdateState};
    use crate::testing::{TestMachine, run, tells, texts};

    const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
    const MISSING: Uuid = uuid!("505fda07-b4f3-45fb-83d9-8642554e2773");
    const SECURITY: Uuid = uuid!("0fa1201d-4330-4fa8-8ae9-b877473b6441");

    fn status(id: Uuid, state: UpdateState) -> UpdateStatus {
        UpdateStatus {
            id,
            revision: 200,
            title: "Security Update for Windows 7 for x64-based Systems (KB2862152)".into(),
            article: "2862152".into(),
            bulletin: String::new(),
            product: Some(SECURITY),
            state,
        }
    }

    fn scan(machine: &mut TestMachine, statuses: Vec<UpdateStatus>) -> (Vec<String>, Vec<StateTopic>) {
        let input = Input::Message(Message::StoreStatuses { source: SourceKey { id: SOURCE, version: 38 }, statuses });
        let effects = run(AgentId::UpdatesStore, &mut UpdatesStore, input, machine);
        let raised = tells(&effects).into_iter().filter_map(|(_, message)| match message {
            Message::RaiseState(topics) => Some(topics),
            _ => None,
        });
        (texts(&effects), raised.flatten().collect())
    }

    #[test]
    fn a_new_state_gets_four_lines_and_a_message() {
        let mut machine = TestMachine::new();
        let (lines, raised) = scan(&mut machine, vec![status(MISSING, UpdateState::Missing)]);
        assert_eq!(
            lines,
            [
                "Processing update status from update (505fda07-b4f3-45fb-83d9-8642554e2773) with ProductID = 0fa1201d-4330-4fa8-8ae9-b877473b6441",
                "Update status from update (505fda07-b4f3-45fb-83d9-8642554e2773) hasn't been reported before, creating new instance.",
                "Successfully raised state message for update (505fda07-b4f3-45fb-83d9-8642554e2773) with state (Missing).",
                "Successfully added WMI instance of update status (505fda07-b4f3-45fb-83d9-8642554e2773).",
            ]
        );
        assert_eq!((raised[0].topic_type, raised[0].state, raised[0].parameters[0].as_str()), (500, 2, "200"));
        let rows = machine.wmi(NAMESPACE, STATUSES).unwrap();
        assert_eq!(settings::text(&rows[0], "Status"), Some("Missing"));
    }

    #[test]
    fn only_changes_raise_messages_afterwards() {
        let mut machine = TestMachine::new();
        scan(&mut machine, vec![status(MISSING, UpdateState::Missing)]);
        let (lines, raised) = scan(&mut machine, vec![status(MISSING, UpdateState::Missing)]);
        assert_eq!((lines.len(), raised.len()), (1, 0));
        let (_, raised) = scan(&mut machine, vec![status(MISSING, UpdateState::Installed)]);
        assert_eq!(raised[0].state, 3);
        let (_, raised) = scan(&mut machine, Vec::new());
        assert_eq!(raised[0].state, NOT_REQUIRED);
        assert_eq!(machine.wmi(NAMESPACE, STATUSES).unwrap(), []);
    }

    #[test]
    fn a_broken_store_raises_nothing() {
        let mut machine = TestMachine::new();
        machine.broken_namespaces.push(NAMESPACE.into());
        let (lines, raised) = scan(&mut machine, vec![status(MISSING, UpdateState::Missing)]);
        assert!(lines[0].starts_with("Processing update status"));
        assert!(raised.is_empty() && !lines.iter().any(|line| line.starts_with("Successfully")));
    }

    #[test]
    fn a_resend_repeats_every_state() {
        let mut machine = TestMachine::new();
        scan(&mut machine, vec![status(MISSING, UpdateState::Missing), status(SECURITY, UpdateState::Installed)]);
        let input = Input::Message(Message::RefreshServerComplianceState);
        let effects = run(AgentId::UpdatesStore, &mut UpdatesStore, input, &mut machine);
        assert!(matches!(&tells(&effects)[0].1, Message::RaiseState(topics) if topics.len() == 2));
    }
}
