use cmsim_wire::hresult::TransportFailure;

use super::*;
use crate::framework::{Effect, RegistryValue, instance};
use crate::testing::{TestMachine, calls, run, tells, texts, timers};

const MESSAGE: Uuid = Uuid::from_u128(0x0B5A_1F2D);

pub(crate) fn assigned() -> TestMachine {
    let mut machine = TestMachine::new();
    machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
    let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
    machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
    site::set_client_id("GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap(), &mut machine).unwrap();
    machine
}

fn outgoing(reply_to: Option<Endpoint>) -> Outgoing {
    let endpoint = if reply_to.is_some() { "MP_LocationManager" } else { "MP_RelayEndpoint" };
    Outgoing {
        id: MESSAGE,
        endpoint: endpoint.into(),
        reply_to,
        body: "<WSUSLocationRequest SchemaVersion=\"1.00\"/>".into(),
        file_type: reply_to.is_none().then(|| "SMX".to_owned()),
        signed: true,
        expires_minutes: 60,
    }
}

fn handle(agent: &mut CcmMessaging, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
    run(AgentId::CcmMessaging, agent, input, machine)
}

fn send(agent: &mut CcmMessaging, machine: &mut TestMachine, reply_to: Option<Endpoint>) -> Vec<Effect> {
    handle(agent, Input::Message(Message::Send(outgoing(reply_to))), machine)
}

fn response(status: u16, body: Vec<u8>) -> HttpOutcome {
    let headers = vec![("Content-Type".to_owned(), multipart::CONTENT_TYPE.to_owned())];
    HttpOutcome::Response { status, reason: "Reason".into(), headers, body }
}

/// The texts without the status event, which holds process and thread.
fn without_events(effects: &[Effect]) -> Vec<String> {
    texts(effects).into_iter().filter(|text| !text.starts_with("Raising event") && !text.starts_with("POST:")).collect()
}

/// Golden: steps 1.4 and 1.7 of the guide.
#[test]
fn a_request_and_its_reply_word_for_word() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    let effects = send(&mut agent, &mut machine, Some(Endpoint::LsReplyLocations));
    let id = braced(MESSAGE);
    assert_eq!(
        without_events(&effects),
        [
            format!("Sending async message '{id}' to outgoing queue 'mp:[http]mp_locationmanager'"),
            format!("Sending outgoing message '{id}'. Flags 0x200, sender account empty"),
        ]
    );
    let call = calls(&effects).remove(0);
    assert_eq!((call.method.as_str(), call.url.as_str()), ("CCM_POST", "http://PS1SYS.CONTOSO.COM/ccm_system/request"));
    let sent = envelope::decode(multipart::CONTENT_TYPE, &call.body).unwrap();
    assert_eq!(sent.body, "<WSUSLocationRequest SchemaVersion=\"1.00\"/>");
    assert_eq!(sent.header.reply_to.as_deref(), Some("direct:CLIENT1:LS_ReplyLocations"));
    let auth = sent.header.client_auth.as_ref().unwrap();
    assert_eq!(signature::from_hex(&auth.payload_signature).unwrap(), machine.sign(&sent.payload).unwrap());
    assert!(auth.public_key.starts_with("0602000000A400005253413100080000010001"));

    let reply_id = Uuid::from_u128(77);
    let reply = sent.header.reply(reply_id);
    let body = envelope::encode(&reply, &Payload::new("<WSUSLocationReply/>", Direction::Reply, true));
    let effects = handle(&mut agent, Input::Http { call: call.id, outcome: response(200, body) }, &mut machine);
    let reply_id = braced(reply_id);
    assert_eq!(
        without_events(&effects),
        [
            format!("Message '{id}' got reply '{reply_id}' to local endpoint queue 'LS_ReplyLocations'"),
            format!(
                "OutgoingMessage(Queue='mp_[http]mp_locationmanager', ID={id}): Delivered successfully to host 'PS1SYS.CONTOSO.COM'."
            ),
            format!("Message '{reply_id}' delivered to endpoint 'LS_ReplyLocations'"),
        ]
    );
    assert!(
        matches!(&tells(&effects)[0], (AgentId::LocationServices, Message::Reply(reply)) if reply.body == "<WSUSLocationReply/>")
    );
    assert_eq!(agent.queued(), 0);
}

#[test]
fn a_relayed_message_has_no_reply() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    let effects = send(&mut agent, &mut machine, None);
    let call = calls(&effects).remove(0);
    let sent = envelope::decode(multipart::CONTENT_TYPE, &call.body).unwrap();
    assert_eq!(sent.header.property("FileType"), Some("SMX"));
    let effects = handle(&mut agent, Input::Http { call: call.id, outcome: response(200, Vec::new()) }, &mut machine);
    let id = braced(MESSAGE);
    assert_eq!(
        without_events(&effects),
        [
            format!("Message '{id}' doesn't have reply"),
            format!(
                "OutgoingMessage(Queue='mp_mp_relayendpoint', ID={id}): Delivered successfully to host 'PS1SYS.CONTOSO.COM'."
            ),
        ]
    );
}

#[test]
fn attempts_follow_the_ladder_until_the_message_expires() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    let mut effects = send(&mut agent, &mut machine, Some(Endpoint::LsReplyLocations));
    let mut delays = Vec::new();
    while let Some(call) = calls(&effects).pop() {
        let failed =
            handle(&mut agent, Input::Http { call: call.id, outcome: response(500, Vec::new()) }, &mut machine);
        assert!(tells(&failed).iter().any(|(to, _)| *to == AgentId::LocationServices));
        let (name, after) = timers(&failed).remove(0);
        delays.push(after.as_secs());
        machine.now += after;
        effects = handle(&mut agent, Input::Timer(name.into()), &mut machine);
    }
    assert_eq!(delays[..4], [5, 30, 60, 300]);
    assert!(texts(&effects)[0].ends_with("Will be discarded (expired)."));
    assert_eq!(tells(&effects), [(AgentId::LocationServices, Message::Undelivered(MESSAGE))]);
}

/// Golden: the failure tail of the catalogue (R17).
#[test]
fn failures_leave_their_tail() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    let effects = send(&mut agent, &mut machine, Some(Endpoint::LsReplyLocations));
    let call = calls(&effects).remove(0).id;
    let effects = handle(&mut agent, Input::Http { call, outcome: response(500, Vec::new()) }, &mut machine);
    let url = "http://PS1SYS.CONTOSO.COM/ccm_system/request";
    assert_eq!(
        without_events(&effects),
        [
            format!("[CCMHTTP] ERROR: URL={url}, Port=80, Options=224, Code=0, Text=CCM_E_BAD_HTTP_STATUS_CODE"),
            "[CCMHTTP] ERROR INFO: StatusCode=500 StatusText=Reason".into(),
            "Successfully queued event on HTTP/HTTPS failure for server 'PS1SYS.CONTOSO.COM'.".into(),
            format!("Post to {url} failed with 0x87d00231."),
        ]
    );
    let event = texts(&effects).into_iter().find(|text| text.starts_with("Raising event")).unwrap();
    assert_eq!(
        event,
        "Raising event:\n\ninstance of CCM_CcmHttp_Status\n{\n\tClientID = \"GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B\";\n\tDateTime = \"20140120171700.000000+000\";\n\tHostName = \"PS1SYS.CONTOSO.COM\";\n\tHRESULT = \"0x87d0027e\";\n\tProcessID = 3856;\n\tStatusCode = 500;\n\tThreadID = 2500;\n};\n"
    );

    let effects = handle(&mut agent, Input::Timer(MESSAGE.to_string().into()), &mut machine);
    let call = calls(&effects).remove(0).id;
    let outcome = HttpOutcome::Failed(TransportFailure::NameNotResolved);
    let effects = handle(&mut agent, Input::Http { call, outcome }, &mut machine);
    assert!(texts(&effects)[0].ends_with("Code=12007, Text=ERROR_WINHTTP_NAME_NOT_RESOLVED"));

    let effects = handle(&mut agent, Input::Timer(MESSAGE.to_string().into()), &mut machine);
    let call = calls(&effects).remove(0).id;
    let effects = handle(&mut agent, Input::Http { call, outcome: response(200, Vec::new()) }, &mut machine);
    assert_eq!(
        without_events(&effects),
        [
            "No reply message from Server. Server may be temporarily down or a transient network error.".to_owned(),
            format!("Post to {url} failed with 0x8000000a."),
        ]
    );
}

#[test]
fn the_queue_survives_a_restart() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    send(&mut agent, &mut machine, Some(Endpoint::LsReplyLocations));
    let mut thawed: CcmMessaging = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
    assert_eq!(thawed, agent);
    assert_eq!(calls(&handle(&mut thawed, Input::Start, &mut machine)).len(), 1);
}

#[test]
fn a_delivery_wakes_what_waits() {
    let (mut agent, mut machine) = (CcmMessaging::default(), assigned());
    let call = calls(&send(&mut agent, &mut machine, None)).remove(0).id;
    handle(&mut agent, Input::Http { call, outcome: response(503, Vec::new()) }, &mut machine);
    let later = Outgoing { id: Uuid::from_u128(5), ..outgoing(None) };
    let call = calls(&handle(&mut agent, Input::Message(Message::Send(later)), &mut machine)).remove(0).id;
    let effects = handle(&mut agent, Input::Http { call, outcome: response(200, Vec::new()) }, &mut machine);
    assert_eq!(timers(&effects), [(MESSAGE.to_string(), Duration::from_secs(1))]);
}
