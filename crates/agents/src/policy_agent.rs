//! Policy Agent: asks for policy assignments and downloads policy bodies (PolicyAgent.log).

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_logs::Evidence::{Docs, Field, Inferred};
use cmsim_wire::ccm::policy::{
    Identification, PolicyReference, ReplyAssignments, ReplyType, RequestAssignments, RequestType, flags,
};
use cmsim_wire::ccm::{endpoint, signature, text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::{self, Field as EventField};
use crate::framework::{
    Agent, AgentId, Assignment, CallId, Context, Endpoint, HttpCall, HttpOutcome, HttpStack, Input, Message, Outgoing,
    ReplyBody, ScheduleId, braced, instance,
};
use crate::settings;
use crate::site::{self, Site};

/// Namespace of downloaded policy (docs).
pub const REQUESTED_CONFIG: &str = r"root\ccm\Policy\Machine\RequestedConfig";
/// Class of downloaded policies (docs).
pub const POLICIES: &str = "CCM_Policy_Policy5";

const REQUEST: &str = "PolicyAgent_RequestAssignments";
const REPLY: &str = "PolicyAgent_ReplyAssignments";
const DOWNLOAD: &str = "PolicyAgent_PolicyDownload";

const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// A body on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Transfer {
    policy_id: String,
    version: String,
    category: String,
    /// `SHA256:` and hex digits, if the assignment names one.
    hash: Option<String>,
    job: Uuid,
}

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAgent {
    registered: bool,
    /// The request under way.
    waiting: Option<Uuid>,
    /// Cookie of the last reply whose policies all arrived.
    cookie: Option<String>,
    /// Cookie of the reply being worked on.
    new_cookie: Option<String>,
    transfers: BTreeMap<CallId, Transfer>,
    arrived: Vec<Assignment>,
    revoked: Vec<String>,
    last_call: CallId,
}

impl Agent for PolicyAgent {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => {
                // Transfers end with the process; the next request names the same policies again.
                self.transfers.clear();
                self.new_cookie = None;
                self.waiting = None;
            }
            Input::Message(Message::Registered) => {
                self.registered = true;
                self.request(cx);
            }
            Input::Message(Message::Scheduled(ScheduleId(21))) if self.registered => self.request(cx),
            Input::Message(Message::Reply(reply)) if self.waiting == Some(reply.to) => {
                self.waiting = None;
                self.replied(&reply, cx);
            }
            Input::Message(Message::Undelivered(id)) if self.waiting == Some(id) => self.waiting = None,
            Input::Http { call, outcome } => self.downloaded(call, outcome, cx),
            Input::Message(_) | Input::Timer(_) => {}
        }
    }
}

impl PolicyAgent {
    fn request(&mut self, cx: &mut Context<'_>) {
        let (Some(site), Some(client_id)) = (Site::read(cx.machine), site::client_id(cx.machine)) else { return };
        if self.waiting.is_some() || !self.transfers.is_empty() {
            return;
        }
        let authority = site.authority();
        cx.info_as(REQUEST, Field, "requestassignmentstask.cpp:150", "Requesting Machine policy assignments");
        cx.info_as(
            REQUEST,
            Field,
            "requestassignmentstask.cpp:392",
            format!("Requesting Machine policy from authority '{authority}'"),
        );
        let fields = vec![
            EventField::Text("AuthorityName", authority.clone()),
            EventField::Text("ResourceName", cx.machine.name()),
            EventField::Text("ResourceType", "Machine".to_owned()),
        ];
        let event = event::raising("CCM_PolicyAgent_AssignmentsRequested", fields, cx);
        cx.info_as(REQUEST, Field, "event.cpp:706", event);
        let request = RequestAssignments {
            acknowledge: false,
            request_type: if self.cookie.is_some() { RequestType::OnUpdate } else { RequestType::Full },
            identification: Identification { client_id, fqdn: cx.machine.fqdn(), netbios_name: cx.machine.name() },
            policy_source: authority,
            server_cookie: self.cookie.clone(),
        };
        let id = cx.new_guid();
        self.waiting = Some(id);
        cx.tell(
            AgentId::CcmMessaging,
            Message::Send(Outgoing {
                id,
                endpoint: endpoint::MP_POLICY_MANAGER.to_owned(),
                reply_to: Some(Endpoint::PolicyAgentReplyAssignments),
                body: request.to_xml(),
                file_type: None,
                signed: true,
                expires_minutes: 60,
            }),
        );
    }

    fn replied(&mut self, reply: &ReplyBody, cx: &mut Context<'_>) {
        let Some(site) = Site::read(cx.machine) else { return };
        let parsed = match ReplyAssignments::parse(&reply.body) {
            Ok(parsed) => parsed,
            Err(why) => {
                let text = format!("Failed to read the reply to the assignment request: {why}");
                cx.info_as(REPLY, Inferred, "replyassignmentsendpoint.cpp:402", text);
                return;
            }
        };
        let (authority, cookie) = (&parsed.policy_source, &parsed.server_cookie);
        cx.info_as(
            REPLY,
            Field,
            "replyassignmentsendpoint.cpp:1075",
            format!("Processing Machine assignments from '{authority}'. The new cookie is '{cookie}'."),
        );
        let kind = if parsed.reply_type == ReplyType::Full { "full" } else { "delta" };
        cx.info_as(
            REPLY,
            Field,
            "replyassignmentsendpoint.cpp:1149",
            format!("Received Machine {kind} policy update with {} assignments", parsed.assignments.len()),
        );
        let fields = vec![
            EventField::Text("AuthorityName", authority.clone()),
            EventField::Text("ReplyType", if kind == "full" { "Full" } else { "Delta" }.to_owned()),
            EventField::Text("ResourceName", cx.machine.name()),
            EventField::Text("ResourceType", "Machine".to_owned()),
        ];
        let event = event::raising("CCM_PolicyAgent_AssignmentsReceived", fields, cx);
        cx.info_as(REPLY, Field, "event.cpp:706", event);
        self.new_cookie = Some(cookie.clone());
        let known = known_policies(cx);
        if parsed.reply_type == ReplyType::Full {
            let named: Vec<&str> = parsed
                .assignments
                .iter()
                .flat_map(|one| one.policies.iter().map(|policy| policy.id.as_str()))
                .collect();
            for (id, version) in known.iter().filter(|(id, _)| !named.contains(&id.as_str())) {
                revoke(id, version, cx);
                self.revoked.push(id.clone());
            }
        }
        for assignment in &parsed.assignments {
            for policy in &assignment.policies {
                let version = policy.version.to_string();
                if known.get(&policy.id) == Some(&version) {
                    continue;
                }
                cx.info_as(
                    REPLY,
                    Field,
                    "policyutil.cpp:2318",
                    format!(
                        "Compiling policy assignment '{}' (ver. {version}) from '{authority}' ({cookie})",
                        assignment.id
                    ),
                );
                let hash = policy.hash.as_deref().unwrap_or_default();
                cx.info_as(
                    REPLY,
                    Field,
                    "policyutil.cpp:2541",
                    format!(
                        "Compiling policy '{}' version '{version}' hash '{hash}' from '{authority}' ({cookie})",
                        policy.id
                    ),
                );
                self.download(policy, &site, cx);
            }
        }
        self.finish_if_done(cx);
    }

    fn download(&mut self, policy: &PolicyReference, site: &Site, cx: &mut Context<'_>) {
        let version = policy.version.to_string();
        let path = policy_path(&policy.id, &site.authority(), &version);
        let url = policy.location.replace("http://<mp>", &site.base_url());
        let job = cx.new_guid();
        cx.info_as(
            REPLY,
            Field,
            "policyutil.cpp:4012",
            format!("Initializing download of policy '{path}' from '{url}'"),
        );
        cx.info_as(
            REPLY,
            Field,
            "policyutil.cpp:4110",
            format!("Download of policy started - DTS job ID: '{}'", braced(job)),
        );
        cx.info_as(REPLY, Docs, "policyutil.cpp:4121", format!("Successfully initiated download of policy '{path}'"));
        let mut headers = vec![("User-Agent".to_owned(), bits(&cx.machine.profile().os.version).to_owned())];
        if policy.flags & flags::REQUIRES_AUTHENTICATION != 0 {
            headers.extend(client_token(cx));
        }
        let call = HttpCall {
            id: self.last_call.advance(),
            stack: HttpStack::Bits,
            method: "GET".to_owned(),
            url,
            headers,
            body: Vec::new(),
            timeout: DOWNLOAD_TIMEOUT,
        };
        let category = policy.category.clone().unwrap_or_default();
        self.transfers.insert(
            call.id,
            Transfer { policy_id: policy.id.clone(), version, category, hash: policy.hash.clone(), job },
        );
        cx.http(call);
    }

    fn downloaded(&mut self, call: CallId, outcome: HttpOutcome, cx: &mut Context<'_>) {
        let Some(transfer) = self.transfers.remove(&call) else { return };
        let Some(site) = Site::read(cx.machine) else { return };
        let path = policy_path(&transfer.policy_id, &site.authority(), &transfer.version);
        let body = match outcome {
            HttpOutcome::Response { status: 200, body, .. } if !hash_fits(transfer.hash.as_deref(), &body) => {
                Err("the hash of the body does not fit".to_owned())
            }
            HttpOutcome::Response { status: 200, body, .. } => text::decode(&body).map_err(|why| why.to_string()),
            HttpOutcome::Response { status, .. } => Err(format!("HTTP status {status}")),
            HttpOutcome::Failed(failure) => Err(failure.to_string()),
        };
        match body {
            Ok(body) => {
                cx.info_as(
                    DOWNLOAD,
                    Field,
                    "policydownloadendpoint.cpp:188",
                    format!("Download of policy {path} completed (DTS Job ID: {})", braced(transfer.job)),
                );
                self.compiled(transfer, body, &site, cx);
            }
            Err(why) => {
                // The cookie stays the old one, so the next request names this policy again.
                self.new_cookie = None;
                let text = format!("Download of policy {path} failed (DTS Job ID: {}): {why}", braced(transfer.job));
                cx.info_as(DOWNLOAD, Inferred, "policydownloadendpoint.cpp:203", text);
            }
        }
        self.finish_if_done(cx);
    }

    fn compiled(&mut self, transfer: Transfer, body: String, site: &Site, cx: &mut Context<'_>) {
        let authority = site.authority();
        if let Some(old) = known_policies(cx).get(&transfer.policy_id) {
            revoke(&transfer.policy_id, old, cx);
        }
        let row = instance([
            ("PolicyID", transfer.policy_id.clone().into()),
            ("PolicyVersion", transfer.version.clone().into()),
            ("PolicySource", authority.clone().into()),
            ("PolicyCategory", transfer.category.clone().into()),
            ("PolicyState", "Active".into()),
        ]);
        if let Err(code) = cx.machine.put_wmi(REQUESTED_CONFIG, POLICIES, &["PolicyID"], row) {
            self.new_cookie = None;
            let text = format!("Failed to store policy '{}'. Error {code:#010x}", transfer.policy_id);
            cx.info_as(DOWNLOAD, Inferred, "policyutil.cpp:5120", text);
            return;
        }
        cx.info_as(
            DOWNLOAD,
            Docs,
            "policyutil.cpp:5102",
            format!(
                "Policy 'CCM_Policy_Policy5.PolicyID=\"{}\",PolicyVersion=\"{}\",PolicySource=\"{authority}\"' successfully compiled",
                transfer.policy_id, transfer.version
            ),
        );
        self.arrived.push(Assignment {
            policy_id: transfer.policy_id,
            version: transfer.version,
            category: transfer.category,
            body,
        });
    }

    /// When nothing is under way any more, the evaluator gets everything at once.
    fn finish_if_done(&mut self, cx: &mut Context<'_>) {
        if !self.transfers.is_empty() {
            return;
        }
        if let Some(cookie) = self.new_cookie.take() {
            self.cookie = Some(cookie);
        }
        let (policies, revoked) = (std::mem::take(&mut self.arrived), std::mem::take(&mut self.revoked));
        if !policies.is_empty() || !revoked.is_empty() {
            cx.tell(AgentId::PolicyEvaluator, Message::PolicyDownloaded { policies, revoked });
        }
    }
}

/// `CCM_Policy_Policy5.PolicyID="…",PolicySource="…",PolicyVersion="…"`.
pub(crate) fn policy_path(id: &str, source: &str, version: &str) -> String {
    format!("CCM_Policy_Policy5.PolicyID=\"{id}\",PolicySource=\"{source}\",PolicyVersion=\"{version}\"")
}

/// Whether a body is the one its assignment means. Without a hash, or with one of another kind, any body is.
fn hash_fits(hash: Option<&str>, body: &[u8]) -> bool {
    let digits = hash.and_then(|hash| hash.strip_prefix("SHA256:"));
    digits.is_none_or(|digits| digits.eq_ignore_ascii_case(&hex::encode(Sha256::digest(body))))
}

/// Policies on the machine and their versions.
fn known_policies(cx: &Context<'_>) -> BTreeMap<String, String> {
    let rows = cx.machine.wmi(REQUESTED_CONFIG, POLICIES).unwrap_or_default();
    let pair =
        |row| Some((settings::text(row, "PolicyID")?.to_owned(), settings::text(row, "PolicyVersion")?.to_owned()));
    rows.iter().filter_map(pair).collect()
}

fn revoke(id: &str, version: &str, cx: &mut Context<'_>) {
    cx.info_as(DOWNLOAD, Field, "policyutil.cpp:6300", format!("Revoking policy '{id}' version '{version}'"));
    cx.info_as(DOWNLOAD, Field, "policyutil.cpp:6377", format!("Deleting policy '{id}' version '{version}'"));
    // An instance that stays behind is replaced by the next version of its policy.
    let _ = cx.machine.delete_wmi(REQUESTED_CONFIG, POLICIES, &instance([("PolicyID", id.into())]));
}

/// The headers that show who asks for a protected body (field).
fn client_token(cx: &Context<'_>) -> Vec<(String, String)> {
    let Some(id) = site::client_id(cx.machine) else { return Vec::new() };
    let token = format!("{id};{};2", cx.now.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let Ok(signed) = cx.machine.sign(&signature::client_token_bytes(&token)) else { return Vec::new() };
    vec![("ClientToken".to_owned(), token), ("ClientTokenSignature".to_owned(), signature::to_hex(&signed))]
}

/// How the BITS that comes with a version of Windows names itself (docs: version table of BITS).
fn bits(windows: &[u32; 4]) -> &'static str {
    match windows {
        [(10..), ..] => "Microsoft BITS/7.8",
        [6, (2..), ..] => "Microsoft BITS/7.7",
        _ => "Microsoft BITS/7.5",
    }
}

#[cfg(test)]
mod tests;
