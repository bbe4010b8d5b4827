use cmsim_logs::Log;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::registration::{
    Agent, RegistrationData, RegistrationRequest, RegistrationResponse, RegistrationStatus, RequestType,
};

use super::*;
use crate::Approval;

fn data(kind: RequestType, client: &CertifiedKey, domain: &str) -> RegistrationData {
    let properties = [("Netbios Name", "CLIENT1".to_owned()), ("FQ Name", format!("CLIENT1.{domain}"))];
    RegistrationData {
        hash_algorithm: Some(signature::HASH_ALGORITHM_SHA256_RSA.to_owned()),
        sms_id: Some(CLIENT),
        request_type: kind,
        time: None,
        agent: Agent { identity: "CCMSetup.exe".into(), version: "5.00.7958.1000".into(), kind: 0 },
        encryption: client.certificate().to_vec(),
        signing: client.certificate().to_vec(),
        key_type: 1,
        properties: properties.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
    }
}

fn signed(data: RegistrationData, client: &CertifiedKey) -> String {
    let signature = client.key.sign_sha256(&signature::registration_bytes(&data.to_xml()));
    RegistrationRequest::new(data, signature).to_xml()
}

async fn ask(site: &Site, body: &str) -> RegistrationResponse {
    let header = header(endpoint::MP_CLIENT_REGISTRATION, endpoint::CLIENT_REGISTRATION);
    RegistrationResponse::parse(&site.post(header, body).await.message().body).unwrap()
}

#[test]
fn a_registration_is_pending_first_and_then_confirmed() {
    run(|site| async move {
        let client = client_key("one");
        let first = ask(&site, &signed(data(RequestType::Registration, &client, "contoso.com"), &client)).await;
        assert_eq!((first.status, first.sms_id), (RegistrationStatus::Pending, Some(CLIENT)));
        let second = ask(&site, &signed(data(RequestType::Confirmation, &client, "contoso.com"), &client)).await;
        assert_eq!(second.status, RegistrationStatus::Registered);
        assert_eq!((second.sms_id, second.approval_status), (Some(CLIENT), Some(1)));
        assert_eq!(
            site.log(Log::MpRegistrationManager),
            vec![format!("Processing Registration request from Client '{CLIENT}'"); 2]
        );
    });
}

#[test]
fn a_first_registration_without_an_id_is_given_one() {
    run(|site| async move {
        let client = client_key("one");
        let new = RegistrationData { sms_id: None, ..data(RequestType::Registration, &client, "contoso.com") };
        let response = ask(&site, &signed(new, &client)).await;
        assert_eq!(response.status, RegistrationStatus::Pending);
        assert!(response.sms_id.is_some_and(|id| !id.0.is_nil()));
    });
}

#[test]
fn the_signature_decides() {
    run(|site| async move {
        let (client, other) = (client_key("one"), client_key("two"));
        let forged = signed(data(RequestType::Registration, &client, "contoso.com"), &other);
        assert_eq!(ask(&site, &forged).await.status, RegistrationStatus::Rejected);

        ask(&site, &signed(data(RequestType::Registration, &client, "contoso.com"), &client)).await;
        let clone = signed(data(RequestType::Registration, &other, "contoso.com"), &other);
        assert_eq!(ask(&site, &clone).await.status, RegistrationStatus::CertificateReset);

        // A confirmation without certificates is checked against the stored one.
        let mut bare = data(RequestType::Confirmation, &client, "contoso.com");
        bare.signing.clear();
        assert_eq!(ask(&site, &signed(bare.clone(), &client)).await.status, RegistrationStatus::Registered);
        assert_eq!(ask(&site, &signed(bare, &other)).await.status, RegistrationStatus::Rejected);
    });
}

#[test]
fn an_id_that_nobody_knows_has_to_register_again() {
    run(|site| async move {
        let client = client_key("one");
        let response = ask(&site, &signed(data(RequestType::Confirmation, &client, "contoso.com"), &client)).await;
        assert_eq!((response.status, response.sms_id), (RegistrationStatus::Reset, None));
    });
}

#[test]
fn approval_follows_the_sites_method() {
    for (method, domain, expected) in [
        (Approval::TrustedDomains, "CONTOSO.COM", 1),
        (Approval::TrustedDomains, "elsewhere.net", -1),
        (Approval::All, "elsewhere.net", 1),
        (Approval::Manual, "CONTOSO.COM", -1),
    ] {
        run_with(
            |settings| Settings { approval: method, ..settings },
            |site| async move {
                let client = client_key("one");
                ask(&site, &signed(data(RequestType::Registration, &client, domain), &client)).await;
                let response = ask(&site, &signed(data(RequestType::Confirmation, &client, domain), &client)).await;
                assert_eq!(response.approval_status, Some(expected), "{method:?} {domain}");
            },
        );
    }
}

#[test]
fn what_is_no_registration_has_no_reply() {
    run(|site| async move {
        let header = header(endpoint::MP_CLIENT_REGISTRATION, endpoint::CLIENT_REGISTRATION);
        site.post(header, "<ClientRegistrationRequest/>").await.assert_empty();
        assert!(site.log(Log::MpRegistrationManager)[0].contains("'Data' is missing"));
    });
}
