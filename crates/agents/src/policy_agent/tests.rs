use cmsim_wire::ccm::policy::{PolicyAssignment, PolicyVersion, body_path};

use super::*;
use crate::framework::{Effect, RegistryValue};
use crate::testing::{TestMachine, calls, run, tells, texts};

const BODY: &str = "<Policy/>";
const POLICY: &str = "{D0855677-0000-0000-0000-000000000001}";

fn machine() -> TestMachine {
    use crate::framework::Machine as _;
    let mut machine = TestMachine::new();
    machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
    let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
    machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
    site::set_client_id("GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap(), &mut machine).unwrap();
    machine
}

fn handle(agent: &mut PolicyAgent, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
    run(AgentId::PolicyAgent, agent, input, machine)
}

fn sent(effects: &[Effect]) -> Outgoing {
    let found = tells(effects).into_iter().find_map(|(_, message)| match message {
        Message::Send(outgoing) => Some(outgoing),
        _ => None,
    });
    found.expect("a request is sent")
}

fn reply(to: Uuid, version: u32, kind: ReplyType, machine: &TestMachine) -> Input {
    let version = PolicyVersion::new(version);
    let body = ReplyAssignments {
        reply_type: kind,
        identification: Identification {
            client_id: site::client_id(machine).unwrap(),
            fqdn: "CLIENT1.CONTOSO.COM".into(),
            netbios_name: "CLIENT1".into(),
        },
        policy_source: "SMS:PS1".into(),
        server_cookie: "2014-01-20 17:17:05.123".into(),
        assignments: vec![PolicyAssignment {
            id: "{375C8020-0000-0000-0000-000000000001}".into(),
            condition: None,
            policies: vec![PolicyReference {
                id: POLICY.into(),
                version,
                category: Some("UpdateSource".into()),
                flags: 16,
                hash: Some(format!("SHA256:{}", hex::encode_upper(Sha256::digest(text::utf16le_with_mark(BODY))))),
                location: format!("http://<mp>{}", body_path(POLICY, version)),
            }],
        }],
    };
    Input::Message(Message::Reply(ReplyBody { to, id: Uuid::nil(), body: body.to_xml() }))
}

fn body(content: &str) -> HttpOutcome {
    let body = text::utf16le_with_mark(content);
    HttpOutcome::Response { status: 200, reason: "OK".into(), headers: Vec::new(), body }
}

/// Golden: texts of a real client's log, with the guide's names.
#[test]
fn a_policy_is_requested_downloaded_and_handed_on() {
    let (mut agent, mut machine) = (PolicyAgent::default(), machine());
    let effects = handle(&mut agent, Input::Message(Message::Registered), &mut machine);
    assert_eq!(
        texts(&effects)[..2],
        ["Requesting Machine policy assignments", "Requesting Machine policy from authority 'SMS:PS1'"]
    );
    let request = sent(&effects);
    assert!(request.body.contains("RequestType=\"Full\"") && request.body.contains("<ServerCookie/>"));

    let input = reply(request.id, 38, ReplyType::Full, &machine);
    let effects = handle(&mut agent, input, &mut machine);
    let lines = texts(&effects);
    assert_eq!(lines[0], "Processing Machine assignments from 'SMS:PS1'. The new cookie is '2014-01-20 17:17:05.123'.");
    assert_eq!(lines[1], "Received Machine full policy update with 1 assignments");
    assert!(
        lines[2].contains("instance of CCM_PolicyAgent_AssignmentsReceived")
            && lines[2].contains("ReplyType = \"Full\"")
    );
    assert!(
        lines[5]
            .ends_with("from 'http://PS1SYS.CONTOSO.COM/SMS_MP/.sms_pol?{D0855677-0000-0000-0000-000000000001}.38_00'")
    );
    let call = calls(&effects).remove(0);

    let mut agent: PolicyAgent = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
    let effects = handle(&mut agent, Input::Http { call: call.id, outcome: body(BODY) }, &mut machine);
    assert!(
        texts(&effects)
            .last()
            .unwrap()
            .ends_with("PolicyVersion=\"38.00\",PolicySource=\"SMS:PS1\"' successfully compiled")
    );
    assert!(
        matches!(&tells(&effects)[0], (AgentId::PolicyEvaluator, Message::PolicyDownloaded { policies, .. }) if policies[0].body == BODY)
    );

    // The next request is a delta; the same version is not downloaded again, a newer one replaces it.
    let effects = handle(&mut agent, Input::Message(Message::Scheduled(ScheduleId(21))), &mut machine);
    let request = sent(&effects);
    assert!(request.body.contains("<ServerCookie>2014-01-20 17:17:05.123</ServerCookie>"));
    let input = reply(request.id, 38, ReplyType::Delta, &machine);
    assert_eq!(calls(&handle(&mut agent, input, &mut machine)), []);
    let effects = handle(&mut agent, Input::Message(Message::Scheduled(ScheduleId(21))), &mut machine);
    let input = reply(sent(&effects).id, 39, ReplyType::Delta, &machine);
    let effects = handle(&mut agent, input, &mut machine);
    let call = calls(&effects).remove(0).id;
    let effects = handle(&mut agent, Input::Http { call, outcome: body(BODY) }, &mut machine);
    assert!(texts(&effects).contains(&format!("Revoking policy '{POLICY}' version '38.00'")));
}

#[test]
fn a_failed_download_keeps_the_old_cookie() {
    let (mut agent, mut machine) = (PolicyAgent::default(), machine());
    let request = sent(&handle(&mut agent, Input::Message(Message::Registered), &mut machine));
    let input = reply(request.id, 38, ReplyType::Full, &machine);
    let effects = handle(&mut agent, input, &mut machine);
    let call = calls(&effects).remove(0).id;
    let outcome =
        HttpOutcome::Response { status: 404, reason: "Not Found".into(), headers: Vec::new(), body: Vec::new() };
    let effects = handle(&mut agent, Input::Http { call, outcome }, &mut machine);
    assert_eq!(tells(&effects), []);
    let request = sent(&handle(&mut agent, Input::Message(Message::Scheduled(ScheduleId(21))), &mut machine));
    assert!(request.body.contains("RequestType=\"Full\""));
}

#[test]
fn a_body_that_is_not_the_announced_one_is_refused() {
    let (mut agent, mut machine) = (PolicyAgent::default(), machine());
    let request = sent(&handle(&mut agent, Input::Message(Message::Registered), &mut machine));
    let input = reply(request.id, 38, ReplyType::Full, &machine);
    let call = calls(&handle(&mut agent, input, &mut machine)).remove(0).id;
    let effects = handle(&mut agent, Input::Http { call, outcome: body("<Policy />") }, &mut machine);
    assert!(texts(&effects)[0].ends_with("the hash of the body does not fit"));
    assert_eq!(tells(&effects), []);
}
