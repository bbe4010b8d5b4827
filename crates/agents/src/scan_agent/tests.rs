use cmsim_wire::hresult::HResult;
use uuid::uuid;

use super::*;
use crate::framework::{Effect, Machine, WmiInstance};
use crate::testing::{TestMachine, run, tells, texts, timers};

const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");

fn machine() -> TestMachine {
    let mut machine = TestMachine::new();
    let config =
        instance([("SiteSettingsKey", 1_u32.into()), ("Enabled", true.into()), ("ScanRetryDelay", 1800_u32.into())]);
    let source = instance([("UniqueID", braced(SOURCE).into()), ("ContentVersion", "38".into())]);
    machine.put_wmi(settings::ACTUAL_CONFIG, "CCM_SoftwareUpdatesClientConfig", &["SiteSettingsKey"], config).unwrap();
    machine.put_wmi(settings::ACTUAL_CONFIG, "CCM_UpdateSource", &["UniqueID"], source).unwrap();
    machine
}

fn handle(agent: &mut ScanAgent, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
    run(AgentId::ScanAgent, agent, input, machine)
}

fn by_updates(force: bool) -> Input {
    Input::Message(Message::ScanByUpdates { force, sources: vec![SourceKey { id: SOURCE, version: 38 }] })
}

fn location(url: &str) -> Location {
    Location { url: url.into(), server: "PS1SITE.CONTOSO.COM".into(), version: 38 }
}

fn jobs(machine: &TestMachine) -> Vec<WmiInstance> {
    machine.wmi(NAMESPACE, JOBS).unwrap()
}

/// Job and request id of the only job.
fn ids(agent: &ScanAgent) -> (Uuid, Uuid) {
    let job = agent.jobs.values().next().expect("a job");
    (job.id, job.request)
}

fn raised(effects: &[Effect]) -> Vec<u32> {
    tells(effects)
        .into_iter()
        .filter_map(|(_, message)| match message {
            Message::RaiseState(topics) => Some(topics[0].state),
            _ => None,
        })
        .collect()
}

/// Golden: the lines of the guide's steps 1.1, 1.2, 1.9 and 1.11, corrected as the catalogue of log messages has them.
#[test]
fn a_deployment_leads_to_a_scan_word_for_word() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let effects = handle(&mut agent, by_updates(false), &mut machine);
    let (job, request) = ids(&agent);
    let (job_text, request_text) = (braced(job), braced(request));
    let source = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";
    assert_eq!(
        texts(&effects),
        [
            format!("CScanAgent::ScanByUpdates- Policy available for UpdateSourceID={source} ContentVersion=38"),
            format!(
                "CScanAgent::ScanByUpdates- Added Policy to final ScanRequest List UpdateSourceID={source}, Policy-ContentVersion=38, Required-ContentVersion=38"
            ),
            "Inside CScanAgent::ProcessScanRequest()".into(),
            "CScanJobManager::Scan- entered".into(),
            format!("ScanJob({job_text}): CScanJob::Initialize- entered"),
            format!("ScanJob({job_text}): CScanJob::Scan- entered"),
            format!("ScanJob({job_text}): CScanJob::RequestLocations- entered"),
            format!("- - - - - -Requesting WSUS Server Locations from LS for {source} version 38"),
            format!("- - - - - -Location Request ID = {request_text}"),
            "CScanAgentCache::PersistInstanceInCache- Persisted Instance CCM_ScanJobInstance".into(),
            format!(
                "ScanJob({job_text}): - - - - - -Locations requested for ScanJobID={job_text} (LocationRequestID={request_text}), will process the scan request once locations are available."
            ),
        ]
    );
    assert_eq!(jobs(&machine).len(), 1);
    assert!(matches!(
        effects.last(),
        Some(Effect::Tell(AgentId::LocationServices, Message::RequestWsusLocations { .. }))
    ));

    let locations = vec![location("http://PS1SITE.CONTOSO.COM:8530"), location("https://PS1SYS.CONTOSO.COM:8531")];
    let effects = handle(&mut agent, Input::Message(Message::WsusLocations { request, locations }), &mut machine);
    assert_eq!(
        texts(&effects),
        [
            format!("*****WSUSLocationUpdate received for location request guid={request_text}"),
            format!(
                "ScanJob({job_text}): CScanJob::OnLocationUpdate- Received Location=http://PS1SITE.CONTOSO.COM:8530, Version=38"
            ),
            format!(
                "ScanJob({job_text}): CScanJob::Execute- Adding UpdateSource={source}, ContentType=2, ContentLocation=http://PS1SITE.CONTOSO.COM:8530, ContentVersion=38"
            ),
        ]
    );

    let effects = handle(&mut agent, Input::Message(Message::UpdateSourceAdded { job, result: Ok(()) }), &mut machine);
    assert_eq!(
        texts(&effects),
        [
            format!("ScanJob({job_text}): Raised UpdateSource ({source}) state message successfully. StateId = 2"),
            format!("ScanJob({job_text}): CScanJob::Execute - successfully requested Scan, ScanType=1"),
        ]
    );
    assert_eq!(raised(&effects), [2]);

    let effects = handle(&mut agent, Input::Message(Message::ScanCompleted { job, result: Ok(()) }), &mut machine);
    assert_eq!(raised(&effects), [3]);
    assert!(agent.is_idle());
    assert_eq!(jobs(&machine), []);
    assert_eq!(machine.wmi(NAMESPACE, "CCM_ScanUpdateSourceHistory").unwrap().len(), 1);
}

#[test]
fn fresh_results_need_no_scan_unless_forced() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    scan_once(&mut agent, &mut machine, Ok(()));
    let effects = handle(&mut agent, by_updates(false), &mut machine);
    assert!(agent.is_idle());
    assert!(
        tells(&effects)
            .contains(&(AgentId::UpdatesDeployment, Message::ScanFinished { source: SOURCE, result: Ok(()) }))
    );
    handle(&mut agent, by_updates(true), &mut machine);
    assert!(!agent.is_idle());
}

fn scan_once(agent: &mut ScanAgent, machine: &mut TestMachine, result: Result<(), HResult>) -> Vec<Effect> {
    if agent.is_idle() {
        handle(agent, by_updates(false), machine);
    }
    let (job, request) = ids(agent);
    let locations = vec![location("http://a:8530"), location("http://b:8530")];
    handle(agent, Input::Message(Message::WsusLocations { request, locations }), machine);
    handle(agent, Input::Message(Message::UpdateSourceAdded { job, result: Ok(()) }), machine);
    handle(agent, Input::Message(Message::ScanCompleted { job, result }), machine)
}

#[test]
fn four_listed_failures_move_the_client_to_the_next_server() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let mut delays = Vec::new();
    for _ in 0..4 {
        let effects = scan_once(&mut agent, &mut machine, Err(HResult(0x8024_4022)));
        assert_eq!(raised(&effects), [4]);
        assert_eq!(jobs(&machine).len(), 1, "the job lives while its retry is pending");
        let (name, after) = timers(&effects).remove(0);
        delays.push(after.as_secs());
        handle(&mut agent, Input::Timer(name.into()), &mut machine);
    }
    assert_eq!(delays, [1800, 1800, 1800, 120]);
    let effects = scan_once(&mut agent, &mut machine, Ok(()));
    assert_eq!(raised(&effects), [3]);
    assert_eq!(agent.affinity.last_success.as_deref(), Some("http://b:8530"));
}

#[test]
fn a_code_outside_the_list_fails_the_scan_at_once() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let effects = scan_once(&mut agent, &mut machine, Err(HResult(0x8007_2EE2)));
    assert_eq!(raised(&effects), [5]);
    assert!(agent.is_idle());
    let parameters = tells(&effects).into_iter().find_map(|(_, message)| match message {
        Message::RaiseState(topics) => Some(topics[0].parameters.clone()),
        _ => None,
    });
    assert_eq!(parameters.unwrap(), ["38", "http://a:8530", "-2147012894"]);
}

#[test]
fn the_sites_own_list_replaces_the_built_in_one() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let source = instance([
        ("UniqueID", braced(SOURCE).into()),
        ("ContentVersion", 38_u32.into()),
        ("ScanFailureRetryErrorCodes", "{2147954402}".into()),
    ]);
    machine.put_wmi(settings::ACTUAL_CONFIG, "CCM_UpdateSource", &["UniqueID"], source).unwrap();
    assert_eq!(raised(&scan_once(&mut agent, &mut machine, Err(HResult(0x8007_2EE2)))), [4]);
}

#[test]
fn a_job_survives_serialization_and_a_restart() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    handle(&mut agent, by_updates(false), &mut machine);
    let (job, _) = ids(&agent);
    let mut thawed: ScanAgent = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
    assert_eq!(thawed, agent);
    let effects = handle(&mut thawed, Input::Start, &mut machine);
    assert_eq!(ids(&thawed).0, job);
    assert!(tells(&effects).iter().any(|(to, _)| *to == AgentId::LocationServices));
}

#[test]
fn disabled_software_updates_scan_nothing() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let config = instance([("SiteSettingsKey", 1_u32.into()), ("Enabled", false.into())]);
    machine.put_wmi(settings::ACTUAL_CONFIG, "CCM_SoftwareUpdatesClientConfig", &["SiteSettingsKey"], config).unwrap();
    for input in [by_updates(true), Input::Message(Message::Scheduled(ScheduleId(113)))] {
        handle(&mut agent, input, &mut machine);
        assert!(agent.is_idle());
    }
}

#[test]
fn the_scan_cycle_names_its_sources() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let effects = handle(&mut agent, Input::Message(Message::Scheduled(ScheduleId(113))), &mut machine);
    assert_eq!(
        texts(&effects)[0],
        "Message received: '<?xml version='1.0' ?>\n<UpdateSourceMessage MessageType='ScanByUpdateSource'>\n\t<ForceScan>TRUE</ForceScan>\n\t<UpdateSourceIDs>\n\t\t<ID>{C2D17964-BBDD-4339-B9F3-12D7205B39CC}</ID>\n\t</UpdateSourceIDs>\n</UpdateSourceMessage>'"
    );
    assert!(!agent.is_idle());
}

#[test]
fn a_new_policy_brings_a_first_scan_within_two_hours() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let input = Input::Message(Message::SettingsChanged {
        class: "CCM_UpdateSource".into(),
        key_name: "UniqueID".into(),
        key: braced(SOURCE),
        created: true,
    });
    let effects = handle(&mut agent, input, &mut machine);
    let (name, after) = timers(&effects).remove(0);
    assert!(after < Duration::from_secs(7200));
    handle(&mut agent, Input::Timer(name.into()), &mut machine);
    assert!(!agent.is_idle());
}

#[test]
fn a_scan_for_another_reason_makes_the_first_scan_moot() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let effects = handle(&mut agent, by_updates(false), &mut machine);
    assert!(effects.contains(&Effect::CancelTimer(FIRST_SCAN.into())));

    // A second source that nobody scanned keeps the moment alive.
    let other = instance([("UniqueID", braced(Uuid::from_u128(7)).into()), ("ContentVersion", 1_u32.into())]);
    machine.put_wmi(settings::ACTUAL_CONFIG, "CCM_UpdateSource", &["UniqueID"], other).unwrap();
    let mut agent = ScanAgent::default();
    let effects = handle(&mut agent, by_updates(false), &mut machine);
    assert!(!effects.contains(&Effect::CancelTimer(FIRST_SCAN.into())));
}

#[test]
fn a_restart_before_the_first_scan_draws_its_moment_anew() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    let effects = handle(&mut agent, Input::Start, &mut machine);
    assert_eq!(timers(&effects)[0].0, FIRST_SCAN);
    scan_once(&mut agent, &mut machine, Ok(()));
    assert_eq!(timers(&handle(&mut agent, Input::Start, &mut machine)), []);
}

#[test]
fn the_thread_that_sets_the_source_goes_on_after_the_wait() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    handle(&mut agent, by_updates(false), &mut machine);
    let (job, request) = ids(&agent);
    let mut on = |agent: &mut ScanAgent, thread: u32, message: Message| {
        let mut cx = Context::new(machine.now, AgentId::ScanAgent, thread, &mut machine);
        agent.handle(Input::Message(message), &mut cx);
        cx.into_effects().into_iter().find_map(|effect| match effect {
            Effect::Log(line) => Some(line.thread),
            _ => None,
        })
    };
    let locations = vec![location("http://a:8530")];
    assert_eq!(on(&mut agent, 800, Message::WsusLocations { request, locations }), Some(800));
    assert_eq!(on(&mut agent, 7088, Message::UpdateSourceAdded { job, result: Ok(()) }), Some(800));
    assert_eq!(on(&mut agent, 6696, Message::ScanCompleted { job, result: Ok(()) }), Some(6696));
}

#[test]
fn an_empty_location_list_waits_without_counting_as_a_failure() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    handle(&mut agent, by_updates(false), &mut machine);
    let (_, request) = ids(&agent);
    let effects =
        handle(&mut agent, Input::Message(Message::WsusLocations { request, locations: Vec::new() }), &mut machine);
    assert_eq!(raised(&effects), [1]);
    assert!(!tells(&effects).iter().any(|(to, _)| *to == AgentId::WuaHandler));
}

#[test]
fn a_forced_scan_does_not_wait_for_the_next_try() {
    let (mut agent, mut machine) = (ScanAgent::default(), machine());
    scan_once(&mut agent, &mut machine, Err(HResult(0x8024_4022)));
    let (job, _) = ids(&agent);
    let waits = handle(&mut agent, by_updates(false), &mut machine);
    assert!(!tells(&waits).iter().any(|(to, _)| *to == AgentId::LocationServices));
    let forced = handle(&mut agent, Input::Message(Message::Scheduled(ScheduleId(113))), &mut machine);
    assert!(forced.contains(&Effect::CancelTimer(format!("retry {job}").into())));
    assert!(tells(&forced).iter().any(|(to, _)| *to == AgentId::LocationServices));
    assert_eq!(ids(&agent).0, job);
}
