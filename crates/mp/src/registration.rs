//! MP_ClientRegistration: takes registrations, first as pending, and confirms them.

use cmsim_logs::{Evidence, Log};
use cmsim_net::pki::verify_sha256;
use cmsim_sitedb::{Registration, RegistrationState, SiteDbError};
use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::ccm::registration::{
    RegistrationData, RegistrationRequest, RegistrationResponse, RegistrationStatus, RequestType,
};
use cmsim_wire::ccm::signature;
use jiff::Timestamp;

use crate::point::ManagementPoint;
use crate::scribe::Scribe;
use crate::settings::Approval;

/// Answers a message to the endpoint; `None` for what is no registration request.
pub(crate) async fn answer(mp: &ManagementPoint, body: &str) -> Result<Option<String>, SiteDbError> {
    let scribe = Scribe::new(mp.host(), Log::MpRegistrationManager);
    let request = match RegistrationRequest::parse(body) {
        Ok(request) => request,
        Err(error) => {
            scribe.error(
                "mpregistration.cpp:214",
                Evidence::Inferred,
                format!("Failed to parse the registration request, {error}"),
            );
            return Ok(None);
        }
    };
    match decide(mp, &scribe, &request).await {
        Ok((status, id, approval)) => {
            let response = RegistrationResponse {
                response_type: request.data.request_type,
                time: now(mp),
                status,
                sms_id: id,
                approval_status: approval,
            };
            Ok(Some(response.to_xml()))
        }
        Err(error) => {
            scribe.database_error(&error);
            Err(error)
        }
    }
}

type Decision = (RegistrationStatus, Option<SmsId>, Option<i32>);

async fn decide(mp: &ManagementPoint, scribe: &Scribe, request: &RegistrationRequest) -> Result<Decision, SiteDbError> {
    let data = &request.data;
    let id = data.sms_id.unwrap_or_else(|| SmsId(mp.new_id()));
    scribe.info(
        "mpregistration.cpp:387",
        Evidence::Field,
        format!("Processing Registration request from Client '{id}'"),
    );
    let known = mp.db().mp_is_client_registered(&id.to_string()).await?;
    if !is_signed(request, known.as_ref()) {
        scribe.error(
            "mpregistration.cpp:402",
            Evidence::Inferred,
            format!("The signature of the request from Client '{id}' is not valid"),
        );
        return Ok((RegistrationStatus::Rejected, None, None));
    }
    let Some(known) = known else {
        if data.request_type == RequestType::Confirmation {
            // Nobody knows this id: the client has to start over.
            return Ok((RegistrationStatus::Reset, None, None));
        }
        mp.db().register_client(&registration(mp, data, id)).await?;
        return Ok((RegistrationStatus::Pending, Some(id), None));
    };
    if known.blocked {
        return Ok((RegistrationStatus::Rejected, None, None));
    }
    if !data.signing.is_empty() && !known.signing_certificate.eq_ignore_ascii_case(&hex::encode(&data.signing)) {
        // A certificate that belongs to the id of another client.
        return Ok((RegistrationStatus::CertificateReset, None, None));
    }
    let approval = if known.approval == 1 { 1 } else { -1 };
    Ok((RegistrationStatus::Registered, Some(id), Some(approval)))
}

/// Whether the request is signed with the key that it carries, or that the site has for this client.
fn is_signed(request: &RegistrationRequest, known: Option<&RegistrationState>) -> bool {
    let stored = || known.and_then(|known| hex::decode(&known.signing_certificate).ok()).unwrap_or_default();
    let certificate = if request.data.signing.is_empty() { stored() } else { request.data.signing.clone() };
    verify_sha256(&certificate, &signature::registration_bytes(&request.data_xml), &request.signature)
}

fn registration(mp: &ManagementPoint, data: &RegistrationData, id: SmsId) -> Registration {
    let property = |name: &str| data.properties.get(name).cloned().unwrap_or_default();
    let fqdn = property("FQ Name");
    let domain = fqdn.split_once('.').map(|(_, domain)| domain);
    let approved = match mp.settings().approval {
        Approval::All => true,
        Approval::Manual => false,
        Approval::TrustedDomains => match (domain, mp.host().domain()) {
            (Some(client), Some(own)) => client.eq_ignore_ascii_case(own),
            _ => false,
        },
    };
    Registration {
        client_id: id.to_string(),
        netbios_name: property("Netbios Name"),
        fqdn,
        signing_certificate: hex::encode_upper(&data.signing),
        encryption_certificate: hex::encode_upper(&data.encryption),
        key_type: data.key_type,
        approved,
        client_version: data.agent.version.clone(),
        site_code: mp.settings().site_code.clone(),
    }
}

fn now(mp: &ManagementPoint) -> Timestamp {
    Timestamp::from_millisecond(mp.host().now().millis()).unwrap_or(Timestamp::UNIX_EPOCH)
}
