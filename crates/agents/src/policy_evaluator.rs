//! Policy Evaluator: compiles downloaded policy into settings (PolicyEvaluator.log).
//!
//! Conditions of policies are not evaluated: every condition the site sends asks for a client version that all clients
//! of the product's supported range have.

use std::collections::BTreeMap;

use cmsim_logs::Evidence::{Docs, Field, Inferred};
use cmsim_wire::ccm::policy::{CimType, Instance, PolicyBody, Property};
use serde::{Deserialize, Serialize};

use crate::event::{self, Field as EventField};
use crate::framework::{Agent, AgentId, Assignment, Context, Input, Message, WmiInstance, WmiValue, braced};
use crate::policy_agent::{REQUESTED_CONFIG, policy_path};
use crate::settings::{self, ACTUAL_CONFIG};
use crate::site::Site;

/// Key property of the classes policy sets here; a class that is not listed has one instance.
const KEYS: [(&str, &str); 3] = [
    ("CCM_UpdateSource", "UniqueID"),
    ("CCM_UpdateCIAssignment", "AssignmentID"),
    ("CCM_Scheduler_ScheduledMessage", "ScheduledMessageID"),
];

/// A policy as evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Evaluated {
    version: String,
    instances: Vec<Instance>,
}

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEvaluator {
    policies: BTreeMap<String, Evaluated>,
}

impl Agent for PolicyEvaluator {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Message(Message::PolicyDownloaded { policies, revoked }) => self.evaluate(policies, &revoked, cx),
            Input::Message(Message::Scheduled(_)) => self.update_settings(cx),
            Input::Start | Input::Message(_) | Input::Timer(_) | Input::Http { .. } => {}
        }
    }
}

impl PolicyEvaluator {
    fn evaluate(&mut self, policies: Vec<Assignment>, revoked: &[String], cx: &mut Context<'_>) {
        let Some(site) = Site::read(cx.machine) else { return };
        for id in revoked {
            self.policies.remove(id);
        }
        for policy in policies {
            let (id, version, source) = (&policy.policy_id, &policy.version, site.authority());
            let path = policy_path(id, &source, version);
            cx.info(Docs, "policyutil.cpp:4713", format!("Updating policy {path}"));
            match PolicyBody::parse(&policy.body) {
                Ok(body) => {
                    cx.info(Docs, "policyutil.cpp:4790", format!("Applied policy {path}"));
                    cx.info(
                        Docs,
                        "policyutil.cpp:4841",
                        format!("Policy state for [CCM_Policy_Policy5.PolicyID=\"{id}\",PolicyVersion=\"{version}\",PolicySource=\"{source}\"] is currently [Active]"),
                    );
                    let instances = body.instances().cloned().collect();
                    self.policies.insert(id.clone(), Evaluated { version: version.clone(), instances });
                }
                Err(why) => cx.error(Inferred, "policyutil.cpp:4802", format!("Failed to apply policy {path}: {why}")),
            }
        }
        self.update_settings(cx);
        let correlation = cx.new_guid();
        cx.info(
            Field,
            "replyassignmentsendpoint.cpp:1604",
            format!("Policies are downloaded and evaluated for the reply of correlation guid {}", braced(correlation)),
        );
    }

    /// Brings ActualConfig to what the policies say, and tells who cares about each difference.
    fn update_settings(&mut self, cx: &mut Context<'_>) {
        let mut wanted: BTreeMap<(String, String), WmiInstance> = BTreeMap::new();
        for (id, policy) in &self.policies {
            for set in &policy.instances {
                let row = to_wmi(set);
                let mut requested = row.clone();
                requested.insert("PolicyID".to_owned(), id.clone().into());
                requested.insert("PolicyVersion".to_owned(), policy.version.clone().into());
                let key = key_name(&set.class);
                let keys: Vec<&str> = if key.is_empty() { vec!["PolicyID"] } else { vec!["PolicyID", key] };
                // What RequestedConfig refuses, ActualConfig may still take; the read-back of others decides.
                let _ = cx.machine.put_wmi(REQUESTED_CONFIG, &set.class, &keys, requested);
                wanted.insert((set.class.clone(), key_value(&row, key)), row);
            }
        }
        let mut changes = Vec::new();
        for ((class, value), row) in &wanted {
            let key = key_name(class);
            let before = cx.machine.wmi(ACTUAL_CONFIG, class).unwrap_or_default();
            let old = before.iter().find(|old| key_value(old, key) == *value);
            if old == Some(row) {
                continue;
            }
            let keys: &[&str] = if key.is_empty() { &[] } else { &[key] };
            match cx.machine.put_wmi(ACTUAL_CONFIG, class, keys, row.clone()) {
                Ok(()) => changes.push((class.clone(), key, value.clone(), old.is_none())),
                Err(code) => {
                    cx.error(Inferred, "policyutil.cpp:9150", format!("Failed to set {class}. Error {code:#010x}"));
                }
            }
        }
        let mut removed = false;
        for (class, key) in KEYS {
            for old in cx.machine.wmi(ACTUAL_CONFIG, class).unwrap_or_default() {
                if !wanted.contains_key(&(class.to_owned(), key_value(&old, key))) {
                    removed |= cx.machine.delete_wmi(ACTUAL_CONFIG, class, &old).is_ok();
                }
            }
        }
        if changes.is_empty() && !removed {
            cx.info(Field, "policyutil.cpp:9010", "Settings update not required. No changes detected.");
            return;
        }
        let machine = cx.machine.name();
        cx.info(
            Field,
            "policyutil.cpp:9035",
            format!(r"Updating settings in \\{machine}\root\ccm\policy\machine\actualconfig"),
        );
        let namespace = format!(r"\\{machine}\root\ccm\policy\machine\actualconfig");
        let event = event::raising(
            "CCM_PolicyAgent_SettingsEvaluationComplete",
            vec![EventField::Text("PolicyNamespace", namespace)],
            cx,
        );
        cx.info(Field, "event.cpp:706", event);
        for (class, key_name, key, created) in changes {
            let key_name = key_name.to_owned();
            cx.tell(AgentId::CcmExec, Message::SettingsChanged { class, key_name, key, created });
        }
    }
}

/// Name of a class's key property, empty for a class with one instance.
fn key_name(class: &str) -> &'static str {
    KEYS.iter().find(|(name, _)| *name == class).map_or("", |(_, key)| key)
}

fn key_value(row: &WmiInstance, key: &str) -> String {
    settings::text(row, key).unwrap_or_default().to_owned()
}

fn to_wmi(set: &Instance) -> WmiInstance {
    set.properties.iter().map(|property| (property.name.clone(), to_value(property))).collect()
}

fn to_value(property: &Property) -> WmiValue {
    let one = |text: &String| match property.kind {
        CimType::Boolean => WmiValue::Bool(text.eq_ignore_ascii_case("true") || text == "1"),
        CimType::Sint32 | CimType::Uint32 => text.trim().parse().map_or(WmiValue::Null, WmiValue::Number),
        CimType::String | CimType::DateTime => WmiValue::Text(text.clone()),
    };
    if property.array {
        WmiValue::List(property.values.iter().map(one).collect())
    } else {
        property.values.first().map_or(WmiValue::Null, one)
    }
}

#[cfg(test)]
mod tests {
    use cmsim_wire::ccm::policy::{PolicyRule, PolicyVersion, SoftwareUpdatesClientConfig, UpdateSource};
    use uuid::{Uuid, uuid};

    use super::*;
    use crate::framework::{Effect, Machine, RegistryValue, instance};
    use crate::settings::{SoftwareUpdates, UpdateSourcePolicy};
    use crate::site;
    use crate::testing::{TestMachine, run, tells, texts};

    const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
    const POLICY: &str = "{D0855677-0000-0000-0000-000000000001}";

    fn assignment(content_version: u32) -> Assignment {
        let source = UpdateSource {
            unique_id: SOURCE,
            content_type: 2,
            content_version,
            service_id: String::new(),
            retry_codes: vec![0x8024_4022],
        };
        let body = PolicyBody {
            id: POLICY.into(),
            version: PolicyVersion::new(content_version),
            source: "SMS:PS1".into(),
            rules: vec![PolicyRule {
                id: "{1}".into(),
                condition: None,
                instances: vec![source.to_instance(), SoftwareUpdatesClientConfig::default().to_instance()],
            }],
        };
        Assignment {
            policy_id: POLICY.into(),
            version: format!("{content_version}.00"),
            category: "UpdateSource".into(),
            body: body.to_xml(),
        }
    }

    fn evaluate(agent: &mut PolicyEvaluator, message: Message, machine: &mut TestMachine) -> Vec<Effect> {
        run(AgentId::PolicyEvaluator, agent, Input::Message(message), machine)
    }

    #[test]
    fn a_body_becomes_settings_and_only_changes_are_told() {
        let mut machine = TestMachine::new();
        machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
        let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
        machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
        let mut agent = PolicyEvaluator::default();
        let downloaded =
            |version| Message::PolicyDownloaded { policies: vec![assignment(version)], revoked: Vec::new() };

        let effects = evaluate(&mut agent, downloaded(38), &mut machine);
        let path = policy_path(POLICY, "SMS:PS1", "38.00");
        assert_eq!(texts(&effects)[..2], [format!("Updating policy {path}"), format!("Applied policy {path}")]);
        assert_eq!(tells(&effects).len(), 2);
        let policy = UpdateSourcePolicy::all(&machine).remove(0);
        assert_eq!((policy.id, policy.version), (SOURCE, 38));
        assert!(policy.repeats(cmsim_wire::hresult::HResult(0x8024_4022)));
        assert!(!policy.repeats(cmsim_wire::hresult::HResult(0x8024_401F)));
        assert!(SoftwareUpdates::read(&machine).received);

        let effects = evaluate(&mut agent, downloaded(38), &mut machine);
        assert!(texts(&effects).contains(&"Settings update not required. No changes detected.".to_owned()));
        let effects = evaluate(&mut agent, downloaded(39), &mut machine);
        let told = tells(&effects);
        assert!(
            matches!(&told[..], [(AgentId::CcmExec, Message::SettingsChanged { class, created: false, .. })] if class == "CCM_UpdateSource")
        );

        let revoked = Message::PolicyDownloaded { policies: Vec::new(), revoked: vec![POLICY.into()] };
        evaluate(&mut agent, revoked, &mut machine);
        assert_eq!(UpdateSourcePolicy::all(&machine), []);
    }
}
