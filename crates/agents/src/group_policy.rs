//! The Group Policy client of Windows: puts local and domain computer policy into the registry.
//!
//! Its own trace is an event channel, not a file; what it does shows in the registry and in WindowsUpdate.log.

use std::time::Duration;

use cmsim_wire::hresult::HResult;
use serde::{Deserialize, Serialize};

use crate::framework::{Agent, AgentId, Context, Input, Machine, Message, PolicySetting};
use crate::registry_pol::{self, LOCAL_POLICY_FILE};

/// A healthy refresh takes a second or two (inferred from the times of the article's client: policy took effect 2.5 s after the reply).
const REFRESH_FLOOR: Duration = Duration::from_millis(800);
const REFRESH_SPREAD_MS: u64 = 1400;
/// Background refresh: every 90 minutes and up to 30 more (docs).
const BACKGROUND: Duration = Duration::from_secs(90 * 60);
const BACKGROUND_SPREAD_S: u64 = 30 * 60;

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPolicy {
    /// Key and name of every value that policy put into the registry, so that a setting that goes away takes it along.
    applied: Vec<(String, String)>,
    /// Whether somebody waits for the refresh under way.
    forced: bool,
}

impl Agent for GroupPolicy {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.apply(cx);
                Self::next_background(cx);
            }
            Input::Message(Message::RefreshPolicy) => {
                self.forced = true;
                let spread = Duration::from_millis(cx.machine.random(REFRESH_SPREAD_MS));
                cx.timer("refresh", REFRESH_FLOOR + spread, "computer policy to be read and applied");
            }
            Input::Timer(name) if name.0 == "refresh" => self.apply(cx),
            Input::Timer(name) if name.0 == "background" => {
                self.apply(cx);
                Self::next_background(cx);
            }
            Input::Timer(_) | Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl GroupPolicy {
    fn next_background(cx: &mut Context<'_>) {
        let spread = Duration::from_secs(cx.machine.random(BACKGROUND_SPREAD_S));
        cx.timer("background", BACKGROUND + spread, "the background refresh of Group Policy");
    }

    /// Reads every policy and writes the registry. Without a domain controller nothing changes and nobody is notified.
    fn apply(&mut self, cx: &mut Context<'_>) {
        let Ok(settings) = settings(cx.machine) else { return };
        let wanted: Vec<(String, String)> =
            settings.iter().map(|setting| (setting.key.clone(), setting.name.clone())).collect();
        for (key, name) in self.applied.iter().filter(|old| !wanted.contains(old)) {
            // Policy processing goes on with the next value when one cannot be written; the read-back of others finds it.
            let _ = cx.machine.delete_registry(&format!(r"HKLM\{key}"), name);
        }
        for setting in settings {
            let key = format!(r"HKLM\{}", setting.key);
            let _ = match setting.value {
                Some(value) => cx.machine.set_registry(&key, &setting.name, value),
                None => cx.machine.delete_registry(&key, &setting.name),
            };
        }
        self.applied = wanted;
        cx.tell(AgentId::WindowsUpdateAgent, Message::UpdatePolicyChanged);
        if std::mem::take(&mut self.forced) {
            cx.tell(AgentId::WuaHandler, Message::PolicyRefreshed);
        }
    }
}

/// What applies: local policy, then the domain's over it. A local file that cannot be read or parsed is skipped, as the
/// registry extension does; a domain controller that does not answer ends the refresh.
fn settings(machine: &dyn Machine) -> Result<Vec<PolicySetting>, HResult> {
    let domain = machine.domain_policies()?;
    let local = machine.read_file(LOCAL_POLICY_FILE).ok().and_then(|bytes| registry_pol::parse(&bytes).ok());
    let mut all: Vec<PolicySetting> = Vec::new();
    for setting in local.unwrap_or_default().into_iter().chain(domain) {
        let same = |old: &PolicySetting| {
            old.key.eq_ignore_ascii_case(&setting.key) && old.name.eq_ignore_ascii_case(&setting.name)
        };
        all.retain(|old| !same(old));
        all.push(setting);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::RegistryValue;
    use crate::testing::{TestMachine, run, tells, timers};

    const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";

    fn setting(name: &str, value: &str) -> PolicySetting {
        PolicySetting { key: KEY.into(), name: name.into(), value: Some(RegistryValue::Text(value.into())) }
    }

    fn value(machine: &TestMachine, name: &str) -> Option<RegistryValue> {
        machine.registry(&format!(r"HKLM\{KEY}"), name)
    }

    #[test]
    fn the_domain_overrules_the_local_policy_and_what_goes_away_is_removed() {
        let mut machine = TestMachine::new();
        let local = registry_pol::write(&[setting("WUServer", "http://local"), setting("TargetGroup", "lab")]);
        machine.write_file(LOCAL_POLICY_FILE, &local).unwrap();
        machine.policies = Ok(vec![setting("WUServer", "http://domain")]);
        let mut agent = GroupPolicy::default();
        run(AgentId::GroupPolicy, &mut agent, Input::Start, &mut machine);
        assert_eq!(value(&machine, "WUServer"), Some(RegistryValue::Text("http://domain".into())));
        assert_eq!(value(&machine, "TargetGroup"), Some(RegistryValue::Text("lab".into())));

        machine.write_file(LOCAL_POLICY_FILE, &registry_pol::write(&[])).unwrap();
        machine.policies = Ok(Vec::new());
        run(AgentId::GroupPolicy, &mut agent, Input::Timer("background".into()), &mut machine);
        assert_eq!(value(&machine, "WUServer"), None);
        assert_eq!(value(&machine, "TargetGroup"), None);
    }

    #[test]
    fn a_forced_refresh_answers_within_seconds_and_not_at_all_without_a_domain_controller() {
        let mut machine = TestMachine::new();
        let mut agent = GroupPolicy::default();
        let effects = run(AgentId::GroupPolicy, &mut agent, Input::Message(Message::RefreshPolicy), &mut machine);
        let (_, after) = timers(&effects).remove(0);
        assert!(after >= REFRESH_FLOOR && after < Duration::from_secs(3));
        let effects = run(AgentId::GroupPolicy, &mut agent, Input::Timer("refresh".into()), &mut machine);
        assert!(tells(&effects).contains(&(AgentId::WuaHandler, Message::PolicyRefreshed)));

        machine.policies = Err(HResult(0x8007_054B));
        run(AgentId::GroupPolicy, &mut agent, Input::Message(Message::RefreshPolicy), &mut machine);
        let effects = run(AgentId::GroupPolicy, &mut agent, Input::Timer("refresh".into()), &mut machine);
        assert_eq!(tells(&effects), []);
    }
}
