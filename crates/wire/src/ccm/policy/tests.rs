use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::ccm::client_id::SmsId;
use crate::limits;

/// The request of public clients.
const REQUEST: &str = include_str!("../../../tests/golden/ccm/request-assignments.xml");
/// Put together from the SDK pages and client logs, with the ids of the seed article's policy.
const REPLY: &str = include_str!("../../../tests/golden/ccm/reply-assignments.xml");
/// The published capture's frame around the class that client logs name.
const BODY: &str = include_str!("../../../tests/golden/ccm/policy-body-update-source.xml");

const POLICY: &str = "{D0855677-B0A6-4E33-9BD5-7B0D06F0A2BE}";

fn identification() -> Identification {
    Identification {
        client_id: "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap(),
        fqdn: "sim-cl-01.contoso.com".to_owned(),
        netbios_name: "SIM-CL-01".to_owned(),
    }
}

fn reply() -> ReplyAssignments {
    ReplyAssignments {
        reply_type: ReplyType::Full,
        identification: identification(),
        policy_source: "SMS:PS1".to_owned(),
        server_cookie: "2014-01-20 17:11:32.403".to_owned(),
        assignments: vec![PolicyAssignment {
            id: "{375C8020-3CAE-4736-89CA-CCF1CE6E3709}".to_owned(),
            condition: Some(Condition::until_true(
                "@root\\ccm\nSELECT * FROM SMS_Client WHERE ClientVersion >= \"5.00.0000.0000\"",
            )),
            policies: vec![PolicyReference {
                id: POLICY.to_owned(),
                version: PolicyVersion::new(40),
                category: Some(POLICY_CATEGORY_UPDATE_SOURCE.to_owned()),
                flags: flags::PERSIST_WHOLE,
                hash: Some(format!("SHA256:{}", "AB".repeat(32))),
                location: format!("http://<mp>{}", body_path(POLICY, PolicyVersion::new(40))),
            }],
        }],
    }
}

fn update_source() -> UpdateSource {
    UpdateSource {
        unique_id: "c2d17964-bbdd-4339-b9f3-12d7205b39cc".parse().unwrap(),
        content_type: CONTENT_TYPE_WSUS,
        content_version: 38,
        service_id: String::new(),
        retry_codes: vec![2_147_747_475, 2_147_954_429],
    }
}

fn body() -> PolicyBody {
    PolicyBody {
        id: POLICY.to_owned(),
        version: PolicyVersion::new(40),
        source: "SMS:PS1".to_owned(),
        rules: vec![PolicyRule {
            id: "{11111111-0000-0000-0000-000000000001}".to_owned(),
            condition: None,
            instances: vec![update_source().to_instance()],
        }],
    }
}

#[test]
fn the_request_is_the_public_clients_one() {
    let mut request = RequestAssignments {
        acknowledge: false,
        request_type: RequestType::Always,
        identification: identification(),
        policy_source: "SMS:PS1".to_owned(),
        server_cookie: None,
    };
    assert_eq!(request.to_xml(), REQUEST.trim_end());
    assert_eq!(RequestAssignments::parse(REQUEST).unwrap(), request);
    request.acknowledge = true;
    let old_spelling = REQUEST.replace(r#"ACK="false""#, r#"Ack="True""#);
    assert_eq!(RequestAssignments::parse(&old_spelling).unwrap(), request);
    assert!(RequestAssignments::parse("<RequestAssignments/>").unwrap_err().to_string().contains("ClientID"));
}

#[test]
fn the_reply_and_the_body_are_byte_exact() {
    assert_eq!(reply().to_xml(), REPLY.trim_end());
    assert_eq!(ReplyAssignments::parse(REPLY).unwrap(), reply());
    let assignment = &reply().assignments[0];
    assert_eq!(&PolicyAssignment::parse(&assignment.to_xml()).unwrap(), assignment);

    assert_eq!(body().to_xml(), BODY.trim_end().replace('\n', "\r\n"));
    assert_eq!(PolicyBody::parse(BODY).unwrap(), body());
}

#[test]
fn a_body_url_names_id_and_version() {
    let path = body_path(POLICY, PolicyVersion::new(40));
    assert_eq!(path, "/SMS_MP/.sms_pol?{D0855677-B0A6-4E33-9BD5-7B0D06F0A2BE}.40_00");
    let query = path.split_once('?').unwrap().1;
    let expected = Some((POLICY.to_owned(), PolicyVersion::new(40)));
    assert_eq!(parse_body_query(query), expected);
    assert_eq!(parse_body_query(&query.replace('{', "%7B").replace('}', "%7d")), expected);
    let hashed = parse_body_query("SRC10000.SHA256:0A.1_00").unwrap();
    assert_eq!(hashed, ("SRC10000.SHA256:0A".to_owned(), PolicyVersion::new(1)));
    for wrong in ["", "{x}", "{x}.1", "{x}.a_00", "{x}.1_", "{x}.+1_00", "{x}.9999999999_00"] {
        assert_eq!(parse_body_query(wrong), None, "{wrong}");
    }
}

#[test]
fn settings_read_back_from_their_instances() {
    let source = update_source();
    assert_eq!(UpdateSource::from_instance(&source.to_instance()), Ok(source));
    let config = SoftwareUpdatesClientConfig::default();
    assert_eq!(SoftwareUpdatesClientConfig::from_instance(&config.to_instance()), Ok(config));
    let schedule = ScheduledMessage {
        id: "00000000-0000-0000-0000-000000000113".parse().unwrap(),
        target_endpoint: "direct:ScanAgent".to_owned(),
        triggers: vec!["SimpleInterval;Minutes=10080;MaxRandomDelayMinutes=0".to_owned()],
        message: "<UpdateSourceMessage/>".to_owned(),
    };
    assert_eq!(ScheduledMessage::from_instance(&schedule.to_instance()), Ok(schedule));
}

#[test]
fn instances_of_another_form_are_refused() {
    let wrong = UpdateSource::from_instance(&Instance::new("CCM_Other"));
    assert!(matches!(wrong, Err(SettingsError::Class { .. })));
    let mut instance = update_source().to_instance();
    instance.properties.retain(|property| property.name != "ContentVersion");
    assert_eq!(UpdateSource::from_instance(&instance), Err(SettingsError::Property("ContentVersion")));
    let unknown = BODY.replace(r#"type="19""#, r#"type="7""#);
    assert!(PolicyBody::parse(&unknown).unwrap_err().to_string().contains("'7' is not a valid CIM type"));
}

#[test]
fn list_limits_hold_at_the_limit_and_fail_one_past_it() {
    let rules = |count: usize| {
        let rules = "<PolicyRule/>".repeat(count);
        format!("<Policy PolicyID='x' PolicyVersion='1.0'>{rules}</Policy>")
    };
    assert_eq!(PolicyBody::parse(&rules(limits::LIST_ITEMS)).unwrap().rules.len(), limits::LIST_ITEMS);
    assert!(PolicyBody::parse(&rules(limits::LIST_ITEMS + 1)).is_err());
    let assignments = |count: usize| {
        let assignment = "<PolicyAssignment PolicyAssignmentID=''/>".repeat(count);
        REPLY.trim_end().replace("</ReplyAssignments>", &format!("{assignment}</ReplyAssignments>"))
    };
    assert!(ReplyAssignments::parse(&assignments(limits::LIST_ITEMS - 1)).is_ok());
    assert!(ReplyAssignments::parse(&assignments(limits::LIST_ITEMS)).is_err());
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é]{0,10}"
}

fn versions() -> impl Strategy<Value = PolicyVersion> {
    any::<(u32, u32)>().prop_map(|(major, minor)| PolicyVersion { major, minor })
}

fn conditions() -> impl Strategy<Value = Option<Condition>> {
    proptest::option::of((text(), text(), text()).prop_map(|(operator, expression_type, expression)| Condition {
        operator,
        expression_type,
        expression,
    }))
}

fn references() -> impl Strategy<Value = PolicyReference> {
    let options = (proptest::option::of(text()), proptest::option::of(text()));
    (text(), versions(), options, any::<u32>(), text()).prop_map(|(id, version, (category, hash), flags, location)| {
        PolicyReference { id, version, category, flags, hash, location }
    })
}

fn assignments() -> impl Strategy<Value = PolicyAssignment> {
    (text(), conditions(), proptest::collection::vec(references(), 0..3))
        .prop_map(|(id, condition, policies)| PolicyAssignment { id, condition, policies })
}

fn properties() -> impl Strategy<Value = Property> {
    let kind = prop_oneof![
        Just(CimType::Sint32),
        Just(CimType::String),
        Just(CimType::Boolean),
        Just(CimType::Uint32),
        Just(CimType::DateTime)
    ];
    let values = proptest::collection::vec("[ -~\\]>]{0,8}", 0..3);
    (text(), kind, any::<bool>(), values).prop_map(|(name, kind, array, values)| Property { name, kind, array, values })
}

fn bodies() -> impl Strategy<Value = PolicyBody> {
    let instance = (text(), proptest::collection::vec(properties(), 0..4))
        .prop_map(|(class, properties)| Instance { class, properties });
    let rule = (text(), conditions(), proptest::collection::vec(instance, 0..3))
        .prop_map(|(id, condition, instances)| PolicyRule { id, condition, instances });
    (text(), versions(), text(), proptest::collection::vec(rule, 0..3))
        .prop_map(|(id, version, source, rules)| PolicyBody { id, version, source, rules })
}

proptest! {
    #[test]
    fn messages_read_back(
        id: u128,
        names in (text(), text(), text()),
        cookie in proptest::option::of("[0-9][ -~]{0,9}"),
        delta: bool,
        assignments in proptest::collection::vec(assignments(), 0..3),
    ) {
        let identification = Identification {
            client_id: SmsId(Uuid::from_u128(id)),
            fqdn: names.0,
            netbios_name: names.1,
        };
        let request = RequestAssignments {
            acknowledge: delta,
            request_type: if delta { RequestType::OnUpdate } else { RequestType::Full },
            identification: identification.clone(),
            policy_source: names.2.clone(),
            server_cookie: cookie.clone(),
        };
        prop_assert_eq!(&RequestAssignments::parse(&request.to_xml()).unwrap(), &request);
        let reply = ReplyAssignments {
            reply_type: if delta { ReplyType::Delta } else { ReplyType::Full },
            identification,
            policy_source: names.2,
            server_cookie: cookie.unwrap_or_default(),
            assignments,
        };
        prop_assert_eq!(ReplyAssignments::parse(&reply.to_xml()).unwrap(), reply);
    }

    #[test]
    fn bodies_read_back(body in bodies()) {
        prop_assert_eq!(PolicyBody::parse(&body.to_xml()).unwrap(), body);
    }

    #[test]
    fn damaged_messages_never_panic(at in 0usize..1500, junk in "[<>/\"a-z ]{0,6}") {
        for text in [REQUEST, REPLY, BODY] {
            let cut = format!("{}{junk}", text.get(..at).unwrap_or(text));
            let _ = RequestAssignments::parse(&cut);
            let _ = ReplyAssignments::parse(&cut);
            let _ = PolicyBody::parse(&cut);
        }
        let _ = parse_body_query(&junk);
    }
}
