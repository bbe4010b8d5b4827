use uuid::uuid;

use super::*;
use crate::framework::{Category, Effect, Machine, PolicySetting, RegistryValue, UpdateState};
use crate::registry_pol::{self, LOCAL_POLICY_FILE};
use crate::testing::{TestMachine, run, tells, texts, timers};

const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
const SERVER: &str = "http://PS1SITE.CONTOSO.COM:8530";
const SECURITY: Uuid = uuid!("0fa1201d-4330-4fa8-8ae9-b877473b6441");

fn handle(agent: &mut WuaHandler, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
    run(AgentId::WuaHandler, agent, input, machine)
}

fn add(version: u32) -> Input {
    Input::Message(Message::AddUpdateSource {
        job: Uuid::from_u128(1),
        source: SourceKey { id: SOURCE, version },
        content_type: 2,
        location: SERVER.into(),
    })
}

fn add_and_wait(agent: &mut WuaHandler, machine: &mut TestMachine, version: u32) -> Vec<Effect> {
    let mut effects = handle(agent, add(version), machine);
    effects.extend(handle(agent, Input::Message(Message::PolicyRefreshed), machine));
    effects.extend(handle(agent, Input::Timer("agent".into()), machine));
    effects
}

fn result(effects: &[Effect]) -> Option<Result<(), HResult>> {
    tells(effects).into_iter().find_map(|(_, message)| match message {
        Message::UpdateSourceAdded { result, .. } | Message::ScanCompleted { result, .. } => Some(result),
        _ => None,
    })
}

/// Golden: the guide's step 1.10, corrected as the catalogue of log messages has it.
#[test]
fn a_new_source_goes_through_policy_word_for_word() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    let effects = add_and_wait(&mut agent, &mut machine, 38);
    assert_eq!(
        texts(&effects),
        [
            "Its a WSUS Update Source type ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}), adding it.",
            "Its a completely new WSUS Update Source.",
            "Enabling WUA Managed server policy to use server: http://PS1SITE.CONTOSO.COM:8530",
            "Policy refresh forced.",
            "Waiting for 2 mins for Group Policy to notify of WUA policy change...",
            "Waiting for 30 secs for policy to take effect on WU Agent.",
            "Added Update Source ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}) of content type: 2",
        ]
    );
    assert_eq!(timers(&effects)[0].1.as_secs(), 120);
    assert_eq!(timers(&effects)[1].1.as_secs(), 30);
    assert_eq!(result(&effects), Some(Ok(())));
    let key = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
    assert_eq!(machine.registry(key, "WUServer"), Some(RegistryValue::Text(SERVER.into())));
    assert_eq!(machine.registry(key, "WUStatusServer"), Some(RegistryValue::Text(SERVER.into())));
    assert_eq!(machine.registry(&format!(r"{key}\AU"), "UseWUServer"), Some(RegistryValue::Number(1)));
    let file = registry_pol::parse(&machine.read_file(LOCAL_POLICY_FILE).unwrap()).unwrap();
    assert_eq!(file.len(), 3);
}

#[test]
fn a_newer_version_of_a_known_source_waits_for_nothing() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    add_and_wait(&mut agent, &mut machine, 38);
    let effects = handle(&mut agent, add(39), &mut machine);
    assert_eq!(
        texts(&effects)[1..],
        [
            "WSUS update source already exists, it has increased version to 39.",
            "Existing WUA Managed server was already set (http://PS1SITE.CONTOSO.COM:8530), skipping Group Policy registration.",
            "Added Update Source ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}) of content type: 2",
        ]
    );
    assert_eq!(timers(&effects), []);
    let effects = handle(&mut agent, add(39), &mut machine);
    assert_eq!(texts(&effects)[1], "WSUS update source already exists, checking whether correct server is set.");
}

/// Sequence B of field logs: one thread up to the search, one for the callback, one for the results.
#[test]
fn a_scan_runs_on_three_threads() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    add_and_wait(&mut agent, &mut machine, 38);
    let mut on = |agent: &mut WuaHandler, thread: u32, input: Input| {
        let mut cx = Context::new(machine.now, AgentId::WuaHandler, thread, &mut machine);
        agent.handle(input, &mut cx);
        let effects = cx.into_effects();
        let lines = effects.iter().filter_map(|effect| match effect {
            Effect::Log(line) => Some(line.thread),
            _ => None,
        });
        (lines.collect::<Vec<_>>(), tells(&effects))
    };
    assert_eq!(on(&mut agent, 100, add(39)).0, [100; 4]);
    let start = Message::StartScan { job: Uuid::from_u128(1), source: SourceKey { id: SOURCE, version: 39 } };
    let (lines, told) = on(&mut agent, 300, Input::Message(start));
    assert_eq!(lines, [100; 4]);
    let (_, Message::Search(request)) = &told[0] else { panic!("a search") };
    assert_eq!(request.thread, 100);
    let done = SearchOutcome { search: request.search, result: Ok(Vec::new()) };
    assert_eq!(on(&mut agent, 200, Input::Message(Message::SearchCompleted(done))).0, [200, 300, 300]);
}

#[test]
fn another_server_from_the_domain_is_a_conflict() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    handle(&mut agent, add(38), &mut machine);
    let key = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
    machine.set_registry(key, "WUServer", RegistryValue::Text("http://server".into())).unwrap();
    handle(&mut agent, Input::Message(Message::PolicyRefreshed), &mut machine);
    let effects = handle(&mut agent, Input::Timer("agent".into()), &mut machine);
    assert_eq!(
        texts(&effects),
        [
            "Group policy settings were overwritten by a higher authority (Domain Controller) to: Server http://server and Policy ENABLED",
            "Failed to Add Update Source for WUAgent of type (2) and id ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}). Error = 0x87d00692.",
        ]
    );
    assert_eq!(result(&effects), Some(Err(GROUP_POLICY_CONFLICT)));
}

#[test]
fn the_wait_ends_after_two_minutes_without_group_policy() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    handle(&mut agent, add(38), &mut machine);
    let effects = handle(&mut agent, Input::Timer("group policy".into()), &mut machine);
    assert_eq!(texts(&effects), ["Waiting for 30 secs for policy to take effect on WU Agent."]);
    // A late notification changes nothing.
    assert_eq!(handle(&mut agent, Input::Message(Message::PolicyRefreshed), &mut machine), []);
    assert_eq!(result(&handle(&mut agent, Input::Timer("agent".into()), &mut machine)), Some(Ok(())));
}

#[test]
fn a_workgroup_client_forces_no_refresh() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    machine.place.domain = None;
    let effects = handle(&mut agent, add(38), &mut machine);
    assert!(!texts(&effects).iter().any(|line| line.starts_with("Policy refresh")));
    assert_eq!(tells(&effects), [(AgentId::WindowsUpdateAgent, Message::UpdatePolicyChanged)]);
    assert_eq!(timers(&effects)[0].1, AGENT_WAIT);
}

#[test]
fn a_corrupt_policy_file_stops_the_source() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    machine.write_file(LOCAL_POLICY_FILE, b"PReg\x02garbage").unwrap();
    let effects = handle(&mut agent, add(38), &mut machine);
    assert!(
        texts(&effects).contains(&"Unable to read existing WUA Group Policy object. Error = 0x80004005".to_owned())
    );
    assert_eq!(result(&effects), Some(Err(E_FAIL)));
}

#[test]
fn other_settings_in_the_policy_file_stay() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    let other =
        PolicySetting { key: "Software\\Other".into(), name: "X".into(), value: Some(RegistryValue::Number(7)) };
    machine.write_file(LOCAL_POLICY_FILE, &registry_pol::write(std::slice::from_ref(&other))).unwrap();
    add_and_wait(&mut agent, &mut machine, 38);
    let file = registry_pol::parse(&machine.read_file(LOCAL_POLICY_FILE).unwrap()).unwrap();
    assert!(file.contains(&other) && file.len() == 4);
}

fn found(id: Uuid, revision: u32, title: &str, state: UpdateState, supersedes: Vec<Uuid>) -> FoundUpdate {
    FoundUpdate {
        id,
        revision,
        title: title.into(),
        articles: Vec::new(),
        bulletins: Vec::new(),
        state,
        supersedes,
        categories: vec![Category { id: SECURITY, kind: "UpdateClassification".into(), title: String::new() }],
        bundled: Vec::new(),
    }
}

fn start_scan(agent: &mut WuaHandler, machine: &mut TestMachine) -> (Vec<Effect>, Uuid) {
    let message = Message::StartScan { job: Uuid::from_u128(1), source: SourceKey { id: SOURCE, version: 38 } };
    let effects = handle(agent, Input::Message(message), machine);
    let search = tells(&effects).into_iter().find_map(|(_, message)| match message {
        Message::Search(request) => Some(request.search),
        _ => None,
    });
    (effects, search.expect("a search"))
}

/// Golden: the guide's steps 2, 4 and 5.
#[test]
fn a_scan_is_reported_word_for_word() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    let (effects, search) = start_scan(&mut agent, &mut machine);
    assert_eq!(
        texts(&effects),
        [
            "Scan results will include superseded updates only when they are superseded by service packs and definition updates.",
            "Search Criteria is (DeploymentAction=* AND Type='Software') OR (DeploymentAction=* AND Type='Driver')",
            "Running single-call scan of updates.",
            "Async searching of updates using WUAgent started.",
        ]
    );
    let old = uuid!("70f4f236-0248-4e84-b472-292913576fa1");
    let newer = uuid!("726b7201-862a-4fde-9b12-f36b38323a6f");
    let updates = vec![
        found(old, 101, "Old", UpdateState::Missing, Vec::new()),
        found(newer, 101, "Newer", UpdateState::Missing, vec![old]),
        found(
            uuid!("4ae85c00-0eaa-4be0-b81b-dbd7053d5fae"),
            104,
            "Security Update for Windows 7 for x64-based Systems (KB2584146)",
            UpdateState::Installed,
            Vec::new(),
        ),
    ];
    let outcome = SearchOutcome { search, result: Ok(updates) };
    let effects = handle(&mut agent, Input::Message(Message::SearchCompleted(outcome)), &mut machine);
    assert_eq!(
        texts(&effects),
        [
            "Async searching completed.",
            "Finished searching for everything in single call.",
            "Pruning: update id (70f4f236-0248-4e84-b472-292913576fa1) is superseded by (726b7201-862a-4fde-9b12-f36b38323a6f).",
            "Update (Missing): Newer (726b7201-862a-4fde-9b12-f36b38323a6f, 101)",
            "Update (Installed): Security Update for Windows 7 for x64-based Systems (KB2584146) (4ae85c00-0eaa-4be0-b81b-dbd7053d5fae, 104)",
            "Successfully completed scan.",
        ]
    );
    assert!(
        matches!(&tells(&effects)[0], (AgentId::UpdatesStore, Message::StoreStatuses { statuses, .. }) if statuses.len() == 2)
    );
    assert_eq!(result(&effects), None, "the states are not stored yet");
    let stored = |version| Input::Message(Message::StatusesStored { source: SourceKey { id: SOURCE, version } });
    assert_eq!(handle(&mut agent, stored(37), &mut machine), []);
    assert_eq!(result(&handle(&mut agent, stored(38), &mut machine)), Some(Ok(())));
    assert_eq!(handle(&mut agent, stored(38), &mut machine), []);
}

#[test]
fn a_failed_search_hands_its_code_on() {
    let (mut agent, mut machine) = (WuaHandler::default(), TestMachine::new());
    let (_, search) = start_scan(&mut agent, &mut machine);
    let mut thawed: WuaHandler = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
    let outcome = SearchOutcome { search, result: Err(HResult(0x8024_401C)) };
    let effects = handle(&mut thawed, Input::Message(Message::SearchCompleted(outcome)), &mut machine);
    assert_eq!(
        texts(&effects)[1..],
        ["OnSearchComplete - Failed to end search job. Error = 0x8024401c.", "Scan failed with error = 0x8024401c."]
    );
    assert_eq!(result(&effects), Some(Err(HResult(0x8024_401C))));
}
