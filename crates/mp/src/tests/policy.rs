use cmsim_sitedb::NewPolicy;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::policy::{
    CONTENT_TYPE_WSUS, Identification, POLICY_CATEGORY_UPDATE_SOURCE, PolicyAssignment, PolicyBody, PolicyReference,
    PolicyRule, PolicyVersion, ReplyAssignments, ReplyType, RequestAssignments, RequestType, UpdateSource, body_path,
    flags,
};
use cmsim_wire::ccm::text;

use super::*;

const POLICY: &str = "{D0855677-B0A6-4E33-9BD5-7B0D06F0A2BE}";

fn request(cookie: Option<&str>) -> String {
    RequestAssignments {
        acknowledge: false,
        request_type: RequestType::Always,
        identification: Identification {
            client_id: CLIENT,
            fqdn: "CLIENT1.CONTOSO.COM".into(),
            netbios_name: "CLIENT1".into(),
        },
        policy_source: "SMS:PS1".into(),
        server_cookie: cookie.map(str::to_owned),
    }
    .to_xml()
}

fn to_policy_manager() -> Msg {
    header(endpoint::MP_POLICY_MANAGER, endpoint::POLICY_AGENT_REPLY_ASSIGNMENTS)
}

fn body(version: PolicyVersion) -> Vec<u8> {
    let source = UpdateSource {
        unique_id: SOURCE,
        content_type: CONTENT_TYPE_WSUS,
        content_version: 38,
        service_id: String::new(),
        retry_codes: vec![],
    };
    let rules = vec![PolicyRule { id: POLICY.into(), condition: None, instances: vec![source.to_instance()] }];
    text::utf16le_with_mark(&PolicyBody { id: POLICY.into(), version, source: "SMS:PS1".into(), rules }.to_xml())
}

async fn publish(site: &Site, flags: u32) {
    let version = PolicyVersion::new(40);
    let assignment = PolicyAssignment {
        id: "{375C8020-3CAE-4736-89CA-CCF1CE6E3709}".into(),
        condition: None,
        policies: vec![PolicyReference {
            id: POLICY.into(),
            version,
            category: Some(POLICY_CATEGORY_UPDATE_SOURCE.into()),
            flags,
            hash: None,
            location: format!("http://<mp>{}", body_path(POLICY, version)),
        }],
    };
    site.db
        .publish_policy(&NewPolicy {
            source_id: "PS1".into(),
            source_type: POLICY_CATEGORY_UPDATE_SOURCE.into(),
            source_crc: "1".into(),
            policy_id: POLICY.into(),
            version: version.to_string(),
            category: POLICY_CATEGORY_UPDATE_SOURCE.into(),
            flags,
            body: body(version),
            body_hash: String::new(),
            policy_assignment_id: assignment.id.clone(),
            assignment: text::utf16le_with_mark(&assignment.to_xml()),
            assignment_hash: String::new(),
            assignment_signature: String::new(),
        })
        .await
        .unwrap();
}

#[test]
fn a_registered_client_gets_its_assignments_and_then_nothing_new() {
    run(|site| async move {
        let client = client_key("one");
        publish(&site, flags::PERSIST_WHOLE).await;
        site.register(&client).await;
        let reply = site.post_signed(to_policy_manager(), &request(None), &client).await.message();
        let reply = ReplyAssignments::parse(&reply.body).unwrap();
        assert_eq!((reply.reply_type, reply.policy_source.as_str()), (ReplyType::Full, "SMS:PS1"));
        assert_eq!(reply.assignments[0].policies[0].id, POLICY);
        assert!(!reply.server_cookie.is_empty());

        let again = request(Some(&reply.server_cookie));
        let delta = site.post_signed(to_policy_manager(), &again, &client).await.message();
        let delta = ReplyAssignments::parse(&delta.body).unwrap();
        assert_eq!((delta.reply_type, delta.assignments.len()), (ReplyType::Delta, 0));
        assert_eq!(delta.server_cookie, reply.server_cookie);
    });
}

#[test]
fn only_the_clients_own_signature_opens_the_endpoint() {
    run(|site| async move {
        let (client, other) = (client_key("one"), client_key("two"));
        publish(&site, 0).await;
        site.post_signed(to_policy_manager(), &request(None), &client).await.assert_empty();
        site.register(&client).await;
        site.post(to_policy_manager(), &request(None)).await.assert_empty();
        site.post_signed(to_policy_manager(), &request(None), &other).await.assert_empty();
        site.post(to_policy_manager(), "<RequestAssignments/>").await.assert_empty();
    });
}

#[test]
fn bodies_come_whole_in_ranges_and_as_a_length() {
    run(|site| async move {
        publish(&site, flags::PERSIST_WHOLE).await;
        let expected = body(PolicyVersion::new(40));
        let target = "/.sms_pol?%7BD0855677-B0A6-4E33-9BD5-7B0D06F0A2BE%7D.40_00";
        let whole = site.get(target, &[]).await;
        assert_eq!((whole.status, &whole.body), (StatusCode::OK, &expected));

        let head = site.request("HEAD", target, &[]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers["content-length"], expected.len().to_string().as_str());

        let part = site.get(target, &[("range", "bytes=2-9")]).await;
        assert_eq!((part.status, part.body.as_slice()), (StatusCode::PARTIAL_CONTENT, &expected[2..10]));
        assert_eq!(part.headers["content-range"], format!("bytes 2-9/{}", expected.len()).as_str());

        let outside = site.get(target, &[("range", "bytes=99999-")]).await;
        assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
        for wrong in ["/.sms_pol?%7BD0855677-B0A6-4E33-9BD5-7B0D06F0A2BE%7D.41_00", "/.sms_pol", "/.sms_pol?x"] {
            assert_eq!(site.get(wrong, &[]).await.status, StatusCode::NOT_FOUND, "{wrong}");
        }
    });
}

#[test]
fn a_closed_policy_needs_a_client_token() {
    run(|site| async move {
        let client = client_key("one");
        publish(&site, flags::REQUIRES_AUTHENTICATION).await;
        site.register(&client).await;
        let target = "/.sms_pol?%7BD0855677-B0A6-4E33-9BD5-7B0D06F0A2BE%7D.40_00";
        let denied = site.get(target, &[]).await;
        assert_eq!(denied.status, StatusCode::UNAUTHORIZED);
        assert!(denied.text().starts_with("<HTML>"));
        let token = format!("{CLIENT};2014-01-20T17:17:00Z;2");
        let signed = signature::to_hex(&client.key.sign_sha256(&signature::client_token_bytes(&token)));
        let headers = [("ClientToken", token.as_str()), ("ClientTokenSignature", signed.as_str())];
        assert_eq!(site.get(target, &headers).await.status, StatusCode::OK);
        let other = token.replace(";2014", ";2015");
        let headers = [("ClientToken", other.as_str()), ("ClientTokenSignature", signed.as_str())];
        assert_eq!(site.get(target, &headers).await.status, StatusCode::UNAUTHORIZED);
    });
}
