//! Client ID Manager: gives the client an id and registers it (ClientIDManagerStartup.log).

use std::time::Duration;

use cmsim_logs::Evidence::{Docs, Field, Inferred};
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::registration::{
    Agent as AgentInformation, RegistrationData, RegistrationRequest, RegistrationResponse, RegistrationStatus,
    RequestType,
};
use cmsim_wire::ccm::{endpoint, signature};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::framework::{Agent, AgentId, Context, Endpoint, Input, Message, Outgoing, RegistryValue};
use crate::site::{self, Site};

/// Wait between a pending answer and the confirmation, and before another try without a site (field).
const SLEEP: Duration = Duration::from_secs(60);
/// Where the state of registration is kept (inferred: the product keeps it beside its certificates).
const REGISTERED: (&str, &str) = (r"HKLM\SOFTWARE\Microsoft\CCM\Security", "Registered");

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientIdManager {
    /// The message under way.
    waiting: Option<Uuid>,
}

impl Agent for ClientIdManager {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => self.start(cx),
            Input::Timer(name) => match name.0.as_str() {
                "confirm" => self.confirm(cx),
                _ => self.register(cx),
            },
            Input::Message(Message::Reply(reply)) if self.waiting == Some(reply.to) => {
                self.waiting = None;
                self.answered(&reply.body, cx);
            }
            Input::Message(Message::Undelivered(id)) if self.waiting == Some(id) => {
                self.waiting = None;
                self.register(cx);
            }
            Input::Message(_) | Input::Http { .. } => {}
        }
    }
}

impl ClientIdManager {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.waiting = None;
        cx.info(Field, "ccmidstore.cpp:72", "[----- STARTUP -----]");
        let (name, version) = (cx.machine.name(), cx.machine.profile().client_version.clone());
        cx.info(Field, "ccmid.cpp:331", format!("Machine: {name}"));
        cx.info(Field, "ccmid.cpp:340", format!("SCCM Client Version: {version}"));
        if cx.machine.registry(REGISTERED.0, REGISTERED.1).is_some() && site::client_id(cx.machine).is_some() {
            cx.info(Field, "regtask.cpp:1411", "[RegTask] - Client is already registered. Exiting.");
            cx.tell(AgentId::PolicyAgent, Message::Registered);
            return;
        }
        self.register(cx);
    }

    fn register(&mut self, cx: &mut Context<'_>) {
        if Site::read(cx.machine).is_none() {
            cx.warn(Field, "regtask.cpp:1502", "RegTask: Failed to refresh site code. Error: 0x8000ffff");
            cx.info(Field, "regtask.cpp:1509", "Sleeping for 60 seconds before refreshing location services.");
            cx.timer("site", SLEEP, "a site to be assigned");
            return;
        }
        let id = site::client_id(cx.machine).unwrap_or_else(|| SmsId(cx.new_guid()));
        if let Err(code) = site::set_client_id(id, cx.machine) {
            cx.error(Inferred, "ccmid.cpp:402", format!("Failed to store the client id. Error {code:#010x}"));
            cx.timer("site", SLEEP, "another try to register");
            return;
        }
        cx.info(
            Field,
            "regtask.cpp:1606",
            format!("[RegTask] - Client is not registered. Sending registration request for {id} ..."),
        );
        self.send(id, RequestType::Registration, cx);
    }

    fn confirm(&mut self, cx: &mut Context<'_>) {
        let Some(id) = site::client_id(cx.machine) else { return };
        cx.info(
            Docs,
            "regtask.cpp:1711",
            format!("[RegTask] - Client registration is pending. Sending confirmation request for {id} ..."),
        );
        self.send(id, RequestType::Confirmation, cx);
    }

    fn send(&mut self, id: SmsId, request_type: RequestType, cx: &mut Context<'_>) {
        let certificate = cx.machine.certificate();
        let profile = cx.machine.profile();
        let mut data = RegistrationData {
            hash_algorithm: Some(signature::HASH_ALGORITHM_SHA256_RSA.to_owned()),
            sms_id: Some(id),
            request_type,
            time: Some(cx.now),
            agent: AgentInformation {
                identity: "CCMSetup.exe".to_owned(),
                version: profile.client_version.clone(),
                kind: 0,
            },
            encryption: certificate.clone(),
            signing: certificate,
            key_type: 1,
            properties: Default::default(),
        };
        if request_type == RequestType::Registration {
            for (name, value) in [
                ("Netbios Name", cx.machine.name()),
                ("FQ Name", cx.machine.fqdn()),
                ("Locale ID", "1033".to_owned()),
                ("InternetFlag", u8::from(cx.machine.place().on_internet).to_string()),
            ] {
                data.properties.insert(name.to_owned(), value);
            }
        }
        let signed = match cx.machine.sign(&signature::registration_bytes(&data.to_xml())) {
            Ok(signed) => signed,
            Err(code) => {
                cx.error(
                    Inferred,
                    "ccmgencert.cpp:512",
                    format!("Failed to sign the registration request. Error {code:#010x}"),
                );
                cx.timer("site", SLEEP, "another try to register");
                return;
            }
        };
        let message = cx.new_guid();
        self.waiting = Some(message);
        cx.tell(
            AgentId::CcmMessaging,
            Message::Send(Outgoing {
                id: message,
                endpoint: endpoint::MP_CLIENT_REGISTRATION.to_owned(),
                reply_to: Some(Endpoint::ClientRegistration),
                body: RegistrationRequest::new(data, signed).to_xml(),
                file_type: None,
                signed: false,
                expires_minutes: 60,
            }),
        );
    }

    fn answered(&mut self, body: &str, cx: &mut Context<'_>) {
        let response = match RegistrationResponse::parse(body) {
            Ok(response) => response,
            Err(why) => {
                cx.error(
                    Inferred,
                    "regtask.cpp:1655",
                    format!("[RegTask] - Failed to read the registration response: {why}"),
                );
                cx.timer("site", SLEEP, "another try to register");
                return;
            }
        };
        let Some(id) = response.sms_id.or_else(|| site::client_id(cx.machine)) else { return };
        match response.status {
            RegistrationStatus::Registered => {
                let approval = response.approval_status.unwrap_or(1);
                let kept = site::set_client_id(id, cx.machine)
                    .and_then(|()| cx.machine.set_registry(REGISTERED.0, REGISTERED.1, RegistryValue::Number(1)));
                if let Err(code) = kept {
                    cx.error(Inferred, "ccmid.cpp:402", format!("Failed to store the client id. Error {code:#010x}"));
                }
                cx.info(
                    Field,
                    "regtask.cpp:1773",
                    format!(
                        "[RegTask] - Client is registered. Server assigned ClientID is {id}. Approval status {approval}"
                    ),
                );
                cx.tell(AgentId::PolicyAgent, Message::Registered);
            }
            RegistrationStatus::Pending => {
                if let Err(code) = site::set_client_id(id, cx.machine) {
                    cx.error(Inferred, "ccmid.cpp:402", format!("Failed to store the client id. Error {code:#010x}"));
                }
                cx.info(
                    Docs,
                    "regtask.cpp:1688",
                    format!("[RegTask] - Client registration is pending. Server assigned ClientID is {id}"),
                );
                cx.info(Docs, "regtask.cpp:1697", "[RegTask] - Sleeping for 60 seconds ...");
                cx.timer("confirm", SLEEP, "the site to register the client");
            }
            RegistrationStatus::Reset | RegistrationStatus::Rejected | RegistrationStatus::CertificateReset => {
                cx.error(
                    Inferred,
                    "regtask.cpp:1731",
                    format!("[RegTask] - Server rejected registration request: {}", response.status.number()),
                );
                cx.timer("site", SLEEP, "another try to register");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{Effect, Machine, ReplyBody, instance};
    use crate::testing::{TestMachine, run, tells, texts, timers};

    fn handle(agent: &mut ClientIdManager, input: Input, machine: &mut TestMachine) -> Vec<Effect> {
        run(AgentId::ClientIdManager, agent, input, machine)
    }

    fn sent(effects: &[Effect]) -> Outgoing {
        let found = tells(effects).into_iter().find_map(|(_, message)| match message {
            Message::Send(outgoing) => Some(outgoing),
            _ => None,
        });
        found.expect("a message is sent")
    }

    fn answer(to: Uuid, status: RegistrationStatus, id: SmsId, machine: &TestMachine) -> Input {
        let body = RegistrationResponse {
            response_type: RequestType::Registration,
            time: machine.now,
            status,
            sms_id: Some(id),
            approval_status: Some(1),
        };
        Input::Message(Message::Reply(ReplyBody { to, id: Uuid::nil(), body: body.to_xml() }))
    }

    /// Golden: the flow of a real client's log.
    #[test]
    fn a_new_client_registers_and_confirms() {
        let mut machine = TestMachine::new();
        let mut agent = ClientIdManager::default();
        let effects = handle(&mut agent, Input::Start, &mut machine);
        assert_eq!(texts(&effects)[3], "RegTask: Failed to refresh site code. Error: 0x8000ffff");

        machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
        let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
        machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
        let effects = handle(&mut agent, Input::Timer(timers(&effects)[0].0.clone().into()), &mut machine);
        let id = site::client_id(&machine).unwrap();
        assert_eq!(
            texts(&effects),
            [format!("[RegTask] - Client is not registered. Sending registration request for {id} ...")]
        );
        let request = sent(&effects);
        let parsed = RegistrationRequest::parse(&request.body).unwrap();
        assert_eq!(parsed.signature, machine.sign(&signature::registration_bytes(&parsed.data_xml)).unwrap());
        assert_eq!(parsed.data.properties["FQ Name"], "CLIENT1.CONTOSO.COM");

        let input = answer(request.id, RegistrationStatus::Pending, id, &machine);
        let effects = handle(&mut agent, input, &mut machine);
        assert_eq!(texts(&effects)[1], "[RegTask] - Sleeping for 60 seconds ...");
        let mut agent: ClientIdManager = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
        let effects = handle(&mut agent, Input::Timer("confirm".into()), &mut machine);
        let confirmation = sent(&effects);
        assert!(confirmation.body.contains("RequestType=\"Confirmation\""));
        let input = answer(confirmation.id, RegistrationStatus::Registered, id, &machine);
        let effects = handle(&mut agent, input, &mut machine);
        assert_eq!(
            texts(&effects),
            [format!("[RegTask] - Client is registered. Server assigned ClientID is {id}. Approval status 1")]
        );
        assert_eq!(tells(&effects), [(AgentId::PolicyAgent, Message::Registered)]);

        let effects = handle(&mut agent, Input::Start, &mut machine);
        assert_eq!(texts(&effects)[3], "[RegTask] - Client is already registered. Exiting.");
    }
}
