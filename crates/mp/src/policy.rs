//! MP_PolicyManager and the policy downloads: assignments for a client, bodies by id and version.

use cmsim_logs::{Evidence, Log};
use cmsim_net::pki::verify_sha256;
use cmsim_sitedb::{AssignmentRow, SiteDbError};
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::envelope::Received;
use cmsim_wire::ccm::policy::{
    PolicyAssignment, ReplyAssignments, ReplyType, RequestAssignments, RequestType, flags, parse_body_query,
};
use cmsim_wire::ccm::{signature, text};

use crate::point::ManagementPoint;
use crate::scribe::Scribe;

/// Answers a message to the endpoint. `None` (a client sees success without a reply, and tries again) for what is no
/// request, or for a client that is not registered or whose signature does not hold: the endpoint takes only signed
/// messages (docs: endpoint visibility; what an unknown client gets is field).
pub(crate) async fn answer(mp: &ManagementPoint, message: &Received) -> Result<Option<String>, SiteDbError> {
    let scribe = Scribe::new(mp.host(), Log::MpPolicy);
    let request = match RequestAssignments::parse(&message.body) {
        Ok(request) => request,
        Err(error) => {
            scribe.error(
                "mppolicymanager.cpp:262",
                Evidence::Inferred,
                format!("MP PM: Failed to parse the policy request, {error}"),
            );
            return Ok(None);
        }
    };
    let answered = assignments(mp, &scribe, &request, message).await;
    if let Err(error) = &answered {
        scribe.database_error(error);
    }
    answered
}

async fn assignments(
    mp: &ManagementPoint,
    scribe: &Scribe,
    request: &RequestAssignments,
    message: &Received,
) -> Result<Option<String>, SiteDbError> {
    let id = request.identification.client_id;
    if !is_signed(mp, id, message).await? {
        scribe.error(
            "mppolicymanager.cpp:341",
            Evidence::Inferred,
            format!("MP PM: The request of client '{id}' is not signed by that client"),
        );
        return Ok(None);
    }
    if request.acknowledge {
        return Ok(None);
    }
    let cookie = request.server_cookie.as_deref().filter(|_| request.request_type != RequestType::Full);
    let rows = mp.db().mp_get_machine_policy_assignments(&id.to_string(), cookie).await?;
    let reply = ReplyAssignments {
        reply_type: if cookie.is_some() { ReplyType::Delta } else { ReplyType::Full },
        identification: request.identification.clone(),
        policy_source: format!("SMS:{}", mp.settings().site_code),
        server_cookie: newest(&rows).or(cookie).unwrap_or_default().to_owned(),
        assignments: rows.iter().filter(|row| !row.is_tombstoned).filter_map(|row| read(scribe, row)).collect(),
    };
    let count = reply.assignments.len();
    scribe.info(
        "mppolicymanager.cpp:518",
        Evidence::Inferred,
        format!("MP PM: Replying to client '{id}' with {count} policy assignment(s)"),
    );
    Ok(Some(reply.to_xml()))
}

/// The cookie of a reply: when the newest of its assignments changed. The texts sort as times.
fn newest(rows: &[AssignmentRow]) -> Option<&str> {
    rows.iter().map(|row| row.last_update_time.as_str()).max()
}

fn read(scribe: &Scribe, row: &AssignmentRow) -> Option<PolicyAssignment> {
    let assignment = text::decode(&row.body).ok().and_then(|xml| PolicyAssignment::parse(&xml).ok());
    if assignment.is_none() {
        let id = &row.policy_assignment_id;
        scribe.error(
            "mppolicymanager.cpp:472",
            Evidence::Inferred,
            format!("MP PM: The body of policy assignment {id} is not valid"),
        );
    }
    assignment
}

/// Whether the payload is signed with the key that the site has for this client.
async fn is_signed(mp: &ManagementPoint, id: SmsId, message: &Received) -> Result<bool, SiteDbError> {
    let Some(auth) = &message.header.client_auth else {
        return Ok(false);
    };
    let signature = signature::from_hex(&auth.payload_signature);
    verify(mp, id, &message.payload, signature.ok()).await
}

async fn verify(
    mp: &ManagementPoint,
    id: SmsId,
    signed: &[u8],
    signature: Option<Vec<u8>>,
) -> Result<bool, SiteDbError> {
    let known = mp.db().mp_is_client_registered(&id.to_string()).await?;
    let certificate =
        known.filter(|known| !known.blocked).and_then(|known| hex::decode(known.signing_certificate).ok());
    Ok(match (certificate, signature) {
        (Some(certificate), Some(signature)) => verify_sha256(&certificate, signed, &signature),
        _ => false,
    })
}

/// The headers by which a client proves who it is when it downloads a policy (field).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientToken<'a> {
    /// `GUID:…;time;2`.
    pub(crate) token: Option<&'a str>,
    /// The signature over it, in hex.
    pub(crate) signature: Option<&'a str>,
}

/// What a policy download gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Download {
    /// The document.
    Body(Vec<u8>),
    /// There is no such policy in that version.
    NotFound,
    /// The policy is only for clients that prove who they are.
    Denied,
}

/// Looks up the policy that the query of a `.sms_pol` URL names.
pub(crate) async fn download(
    mp: &ManagementPoint,
    query: &str,
    token: ClientToken<'_>,
) -> Result<Download, SiteDbError> {
    let scribe = Scribe::new(mp.host(), Log::MpGetPolicy);
    let Some((id, version)) = parse_body_query(query) else {
        scribe.error("getpolicy.cpp:274", Evidence::Inferred, "MP GP: The request names no policy");
        return Ok(Download::NotFound);
    };
    let found = match mp.db().mp_get_policy_body(&id, &version.to_string()).await {
        Ok(found) => found,
        Err(error) => {
            scribe.database_error(&error);
            return Err(error);
        }
    };
    let Some(policy) = found else {
        scribe.error(
            "getpolicy.cpp:346",
            Evidence::Inferred,
            format!("MP GP: Policy {id} version {version} does not exist"),
        );
        return Ok(Download::NotFound);
    };
    let closed = policy.policy_flags & (flags::REQUIRES_AUTHENTICATION | flags::SECRET) != 0;
    if closed && !proves(mp, token).await? {
        scribe.error(
            "getpolicy.cpp:371",
            Evidence::Inferred,
            format!("MP GP: Policy {id} version {version} needs a client token"),
        );
        return Ok(Download::Denied);
    }
    let length = policy.body.len();
    scribe.info(
        "getpolicy.cpp:428",
        Evidence::Inferred,
        format!("MP GP: Sending policy {id} version {version}, {length} bytes"),
    );
    Ok(Download::Body(policy.body))
}

async fn proves(mp: &ManagementPoint, token: ClientToken<'_>) -> Result<bool, SiteDbError> {
    let (Some(text), Some(signed)) = (token.token, token.signature) else {
        return Ok(false);
    };
    let Some(Ok(id)) = text.split(';').next().map(str::parse::<SmsId>) else {
        return Ok(false);
    };
    verify(mp, id, &signature::client_token_bytes(text), signature::from_hex(signed).ok()).await
}
