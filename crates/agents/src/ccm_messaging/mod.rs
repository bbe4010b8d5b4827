//! CCM Messaging: carries messages to the management point and replies back (CcmMessaging.log).

mod failure;

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_logs::Evidence::{Article, Docs, Field, Inferred};
use cmsim_logs::{Log, Severity};
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::envelope::{self, Direction, Payload};
use cmsim_wire::ccm::msg::{ClientAuth, Compression, Msg, ReplyMode};
use cmsim_wire::ccm::{multipart, signature};
use cmsim_wire::hresult::HResult;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use failure::Failure;

use crate::event::{self, Field as EventField};
use crate::framework::{
    Agent, AgentId, CallId, Context, Endpoint, HttpCall, HttpOutcome, HttpStack, Input, LogLine, Machine, Message,
    Outgoing, ReplyBody, braced,
};
use crate::site::{self, Site};

/// Seconds until the next attempt after the first, second, … failure. The first three are measured (field), the rest is
/// inferred: attempts thin out.
const RETRY_LADDER_S: [u64; 7] = [5, 30, 60, 300, 900, 1800, 3600];

/// Time-out of an exchange (docs: SDK default).
const TIMEOUT: Duration = Duration::from_secs(60);

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Queued {
    message: Outgoing,
    since: Timestamp,
    failures: u32,
}

/// The agent. What is queued survives a restart, as the product's queue files do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CcmMessaging {
    queue: BTreeMap<Uuid, Queued>,
    calls: BTreeMap<CallId, Uuid>,
    last_call: CallId,
}

impl Agent for CcmMessaging {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.calls.clear();
                for id in self.queue.keys().copied().collect::<Vec<_>>() {
                    self.post(id, cx);
                }
            }
            Input::Message(Message::Send(message)) => self.accept(message, cx),
            Input::Timer(name) => {
                if let Ok(id) = name.0.parse() {
                    self.post(id, cx);
                }
            }
            Input::Http { call, outcome } => {
                if let Some(id) = self.calls.remove(&call) {
                    self.answered(id, outcome, cx);
                }
            }
            Input::Message(_) => {}
        }
    }
}

impl CcmMessaging {
    /// How many messages wait for delivery.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    fn accept(&mut self, message: Outgoing, cx: &mut Context<'_>) {
        let id = message.id;
        cx.info(
            Article,
            "messagequeueproc_outgoing.cpp:182",
            format!("Sending async message '{}' to outgoing queue '{}'", braced(id), address(&message)),
        );
        self.queue.insert(id, Queued { message, since: cx.now, failures: 0 });
        cx.info(
            Article,
            "messagequeueproc_outgoing.cpp:410",
            format!("Sending outgoing message '{}'. Flags 0x200, sender account empty", braced(id)),
        );
        self.post(id, cx);
    }

    /// One attempt. Without a management point there is nowhere to go: try again on the ladder.
    fn post(&mut self, id: Uuid, cx: &mut Context<'_>) {
        let Some(queued) = self.queue.get(&id) else { return };
        let lifetime = Duration::from_secs(u64::from(queued.message.expires_minutes) * 60);
        if Duration::try_from(cx.now.duration_since(queued.since)).unwrap_or_default() >= lifetime {
            self.discard(id, cx);
            return;
        }
        let Some(site) = Site::read(cx.machine) else {
            self.again(id, cx);
            return;
        };
        match encode(&queued.message, &site, cx) {
            Ok(body) => {
                let call = HttpCall {
                    id: self.last_call.advance(),
                    stack: HttpStack::Ccm,
                    method: envelope::METHOD.to_owned(),
                    url: format!("{}{}", site.base_url(), envelope::PATH),
                    headers: vec![
                        ("User-Agent".to_owned(), "ccmhttp".to_owned()),
                        ("Content-Type".to_owned(), multipart::CONTENT_TYPE.to_owned()),
                    ],
                    body,
                    timeout: TIMEOUT,
                };
                cx.log(LogLine {
                    severity: Severity::Verbose,
                    ..verbose(
                        cx,
                        "ccmhttp.cpp:1140",
                        format!(
                            "POST: Host={}, Path={}, Port={}, Protocol={}, Flags=512, Options={}",
                            site.management_point,
                            envelope::PATH,
                            site.port,
                            site.scheme(),
                            options(&site)
                        ),
                    )
                });
                self.calls.insert(call.id, id);
                cx.http(call);
            }
            Err(code) => {
                cx.error(
                    Inferred,
                    "ccmhttpmessage.cpp:233",
                    format!("Failed to sign message '{}'. Error {code:#010x}", braced(id)),
                );
                self.again(id, cx);
            }
        }
    }

    fn answered(&mut self, id: Uuid, outcome: HttpOutcome, cx: &mut Context<'_>) {
        let Some(queued) = self.queue.get(&id) else { return };
        let Some(site) = Site::read(cx.machine) else {
            self.again(id, cx);
            return;
        };
        let content_type = outcome.header("Content-Type").unwrap_or_default().to_owned();
        let failure = match outcome {
            HttpOutcome::Failed(failure) => Failure::Transport(failure),
            HttpOutcome::Response { status: 200, body, .. } => {
                match (queued.message.reply_to, envelope::decode(&content_type, &body)) {
                    (None, _) => {
                        Self::status_event(&site, HResult::S_OK, 0, cx);
                        cx.info(Docs, "ccmhttpmessage.cpp:318", format!("Message '{}' doesn't have reply", braced(id)));
                        self.delivered(id, &site, cx);
                        return;
                    }
                    (Some(to), Ok(reply)) if !reply.body.is_empty() => {
                        Self::status_event(&site, HResult::S_OK, 0, cx);
                        self.replied(id, to, reply, &site, cx);
                        return;
                    }
                    (Some(_), _) => Failure::NoReply,
                }
            }
            HttpOutcome::Response { status, reason, .. } => Failure::Status(status, reason),
        };
        self.failed(id, &failure, &site, cx);
    }

    fn replied(&mut self, id: Uuid, to: Endpoint, reply: envelope::Received, site: &Site, cx: &mut Context<'_>) {
        // A reply without an id of its own still needs a name in the log.
        let reply_id = reply.header.id.unwrap_or_else(|| cx.new_guid());
        cx.info(
            Article,
            "ccmhttpmessage.cpp:301",
            format!("Message '{}' got reply '{}' to local endpoint queue '{to}'", braced(id), braced(reply_id)),
        );
        self.delivered(id, site, cx);
        cx.info(
            Article,
            "messagequeueproc_incoming.cpp:96",
            format!("Message '{}' delivered to endpoint '{to}'", braced(reply_id)),
        );
        let agent = match to {
            Endpoint::LsReplyLocations => AgentId::LocationServices,
            Endpoint::PolicyAgentReplyAssignments => AgentId::PolicyAgent,
            Endpoint::ClientRegistration => AgentId::ClientIdManager,
        };
        cx.tell(agent, Message::Reply(ReplyBody { to: id, id: reply_id, body: reply.body }));
    }

    fn delivered(&mut self, id: Uuid, site: &Site, cx: &mut Context<'_>) {
        let Some(done) = self.queue.remove(&id) else { return };
        cx.info(
            Article,
            "messagequeueproc_outgoing.cpp:525",
            format!(
                "OutgoingMessage(Queue='{}', ID={}): Delivered successfully to host '{}'.",
                queue_name(&done.message),
                braced(id),
                site.management_point
            ),
        );
        if done.message.reply_to.is_none() {
            cx.tell(AgentId::StateMessage, Message::Delivered(id));
        }
        // The server is there: what waits for its next attempt need not wait any longer (inferred: queues drain by
        // themselves once the path is repaired).
        let under_way: Vec<Uuid> = self.calls.values().copied().collect();
        for (waiting, _) in self.queue.iter().filter(|(id, queued)| queued.failures > 0 && !under_way.contains(id)) {
            cx.timer(waiting.to_string(), Duration::from_secs(1), "the next attempt to post a message");
        }
    }

    fn failed(&mut self, id: Uuid, failure: &Failure, site: &Site, cx: &mut Context<'_>) {
        let url = format!("{}{}", site.base_url(), envelope::PATH);
        if let Some((code, text)) = failure.http_error() {
            cx.info(
                Field,
                "ccmhttperror.cpp:297",
                format!(
                    "[CCMHTTP] ERROR: URL={url}, Port={}, Options={}, Code={code}, Text={text}",
                    site.port,
                    options(site)
                ),
            );
            if let Failure::Status(status, reason) = failure {
                let line = verbose(
                    cx,
                    "ccmhttperror.cpp:308",
                    format!("[CCMHTTP] ERROR INFO: StatusCode={status} StatusText={reason}"),
                );
                cx.log(line);
            }
        }
        Self::status_event(site, failure.event_code(), failure.status(), cx);
        if failure.http_error().is_some() {
            cx.info(
                Field,
                "ccmhttperror.cpp:330",
                format!("Successfully queued event on HTTP/HTTPS failure for server '{}'.", site.management_point),
            );
        } else {
            cx.warn(
                Field,
                "ccmhttpmessage.cpp:346",
                "No reply message from Server. Server may be temporarily down or a transient network error.",
            );
        }
        cx.warn(
            Field,
            "messagequeueproc_outgoing.cpp:459",
            format!("Post to {url} failed with {:#010x}.", failure.queue_code()),
        );
        cx.tell(AgentId::LocationServices, Message::ManagementPointFailed(failure.event_code()));
        self.again(id, cx);
    }

    fn again(&mut self, id: Uuid, cx: &mut Context<'_>) {
        let Some(queued) = self.queue.get_mut(&id) else { return };
        let step = usize::try_from(queued.failures).unwrap_or(usize::MAX).min(RETRY_LADDER_S.len() - 1);
        queued.failures += 1;
        cx.timer(id.to_string(), Duration::from_secs(RETRY_LADDER_S[step]), "the next attempt to post a message");
    }

    fn discard(&mut self, id: Uuid, cx: &mut Context<'_>) {
        let Some(expired) = self.queue.remove(&id) else { return };
        let text = format!(
            "OutgoingMessage(Queue='{}', ID={}): Will be discarded (expired).",
            queue_name(&expired.message),
            braced(id)
        );
        let line = verbose(cx, "messagequeueproc_outgoing.cpp:541", text);
        cx.log(LogLine { log: Log::CcmExec, severity: Severity::Error, component: Some("CcmExec"), ..line });
        let sender = match expired.message.reply_to {
            Some(Endpoint::LsReplyLocations) => AgentId::LocationServices,
            Some(Endpoint::PolicyAgentReplyAssignments) => AgentId::PolicyAgent,
            Some(Endpoint::ClientRegistration) => AgentId::ClientIdManager,
            None => AgentId::StateMessage,
        };
        cx.tell(sender, Message::Undelivered(id));
    }

    fn status_event(site: &Site, code: HResult, status: u16, cx: &mut Context<'_>) {
        let fields = vec![
            EventField::Text("HostName", site.management_point.clone()),
            EventField::Text("HRESULT", format!("{code:#010x}")),
            EventField::Number("StatusCode", u32::from(status)),
        ];
        let text = event::raising("CCM_CcmHttp_Status", fields, cx);
        cx.info(Field, "event.cpp:706", text);
    }
}

/// A type-0 record of the messaging log: written only with verbose logging.
fn verbose(cx: &Context<'_>, source: &'static str, text: String) -> LogLine {
    let line = cx.line(Log::CcmMessaging, "CcmMessaging", crate::framework::Process::CcmExec, Field, text);
    LogLine { severity: Severity::Verbose, source, component: None, ..line }
}

/// Options of the HTTP stack as the log prints them (field: 480 with HTTPS or mixed mode, 224 with HTTP only).
fn options(site: &Site) -> u32 {
    if site.https { 480 } else { 224 }
}

/// The queue as the sender names it: `mp:[http]mp_locationmanager`, and without `[http]` when no reply is wanted (article, docs).
fn address(message: &Outgoing) -> String {
    let endpoint = message.endpoint.to_lowercase();
    if message.reply_to.is_some() { format!("mp:[http]{endpoint}") } else { format!("mp:{endpoint}") }
}

/// The queue as the delivery names it: the colon has become an underscore (article).
fn queue_name(message: &Outgoing) -> String {
    address(message).replacen(':', "_", 1)
}

/// The bytes of a message: header, hooks, compressed body.
fn encode(message: &Outgoing, site: &Site, cx: &Context<'_>) -> Result<Vec<u8>, HResult> {
    let payload = Payload::new(&message.body, Direction::Request, true);
    let id = site::client_id(cx.machine);
    let name = cx.machine.name();
    let client_auth = match id {
        Some(id) if message.signed => Some(sign(id, &payload, site, cx.machine)?),
        _ => None,
    };
    let prefix = if message.reply_to.is_some() { "mp:[http]" } else { "mp:" };
    let header = Msg {
        reply_compression: Some(Compression::Zlib),
        client_auth,
        zlib: true,
        id: Some(message.id),
        protocol: Some("http".to_owned()),
        reply_mode: Some(if message.reply_to.is_some() { ReplyMode::Sync } else { ReplyMode::Async }),
        reply_to: message.reply_to.map(|endpoint| format!("direct:{name}:{endpoint}")),
        sent_time: Some(cx.now),
        // Before registration the client has nothing to be known by.
        source_id: id.filter(|_| message.endpoint != endpoint::MP_CLIENT_REGISTRATION),
        source_host: Some(name),
        target_address: Some(format!("{prefix}{}", message.endpoint)),
        target_endpoint: Some(message.endpoint.clone()),
        target_host: Some(site.management_point.clone()),
        timeout: Some(60_000),
        properties: message.file_type.iter().map(|kind| ("FileType".to_owned(), kind.clone())).collect(),
        ..Msg::empty()
    };
    Ok(envelope::encode(&header, &payload))
}

fn sign(id: SmsId, payload: &Payload, site: &Site, machine: &dyn Machine) -> Result<ClientAuth, HResult> {
    Ok(ClientAuth {
        sender_machine: machine.name(),
        public_key: public_key_blob(&machine.public_modulus()),
        client_id_signature: signature::to_hex(&machine.sign(&signature::client_id_bytes(id))?),
        payload_signature: signature::to_hex(&machine.sign(&payload.bytes)?),
        client_capabilities: if site.https { "SSL" } else { "NonSSL" }.to_owned(),
        hash_algorithm: signature::HASH_ALGORITHM_SHA256_RSA.to_owned(),
    })
}

/// CryptoAPI's PUBLICKEYBLOB in hex: `06 02 00 00`, CALG_RSA_KEYX, `RSA1`, bits, exponent 65537, modulus low byte first (docs).
fn public_key_blob(modulus: &[u8]) -> String {
    let bits = u32::try_from(modulus.len() * 8).unwrap_or(u32::MAX);
    let mut blob = vec![0x06, 0x02, 0, 0, 0, 0xA4, 0, 0];
    blob.extend(b"RSA1");
    blob.extend(bits.to_le_bytes());
    blob.extend(65_537_u32.to_le_bytes());
    blob.extend(modulus.iter().rev());
    hex::encode_upper(blob)
}

#[cfg(test)]
mod tests;
