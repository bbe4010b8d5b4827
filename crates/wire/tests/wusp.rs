//! The update protocol's messages against golden files, against the element inventory of a recorded scan, against the
//! published schemas, and under random input.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod wusp_examples;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use cmsim_wire::limits;
use cmsim_wire::update::UpdateIdentity;
use cmsim_wire::wusp::get_config::GetConfig;
use cmsim_wire::wusp::get_cookie::GetCookie;
use cmsim_wire::wusp::refresh_cache::RefreshCache;
use cmsim_wire::wusp::register_computer::RegisterComputer;
use cmsim_wire::wusp::report_event_batch::ReportEventBatch;
use cmsim_wire::wusp::start_category_scan::StartCategoryScan;
use cmsim_wire::wusp::sync_updates::{
    DeploymentAction, Device, SyncUpdateParameters, SyncUpdates, SyncUpdatesResponse, UpdateInfo,
};
use cmsim_wire::wusp::{Call, Cookie, ErrorCode, LIST_ITEMS, Message, Reply, soap};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use wusp_examples::{cookie, deployment, windows_7, windows_11};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wusp").join(name)
}

#[test]
fn windows_7_messages_equal_their_golden_files() {
    for example in windows_7() {
        let path = golden(&format!("{}.xml", example.name));
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        // The first line names the source of the shape.
        let (source, expected) = file.split_once('\n').unwrap_or_default();
        if std::env::var_os("CMSIM_BLESS").is_some() {
            let source = if source.is_empty() { "<!-- Shape: MS-WUSP. Values: ours. -->" } else { source };
            std::fs::write(&path, format!("{source}\n{}\n", example.body)).unwrap();
            continue;
        }
        assert!(source.starts_with("<!-- Shape: "), "{} names no source", path.display());
        assert_eq!(example.body, expected.trim_end(), "{}", example.name);
    }
}

#[test]
fn every_example_survives_decoding() {
    for example in windows_7().iter().chain(&windows_11()) {
        assert!(example.survives, "{}: {}", example.name, example.body);
    }
}

#[test]
fn windows_11_messages_have_the_elements_of_the_recorded_scan() {
    for example in windows_11() {
        let path = golden("inventory").join(format!("{}.txt", example.name));
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(inventory(&example.body), expected, "{}", example.name);
    }
}

/// Paths of all elements with the names of their attributes, each once, in order of first appearance. Prefixes are
/// kept as written, so the envelope's style is compared too.
fn inventory(body: &str) -> String {
    let mut open: Vec<&str> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        if tag.starts_with('?') {
            continue;
        }
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let mut words = tag.split(' ');
        open.push(words.next().unwrap());
        let mut line = open.join("/");
        for attribute in words.filter_map(|word| word.split_once('=')) {
            let _ = write!(line, " @{}", attribute.0);
        }
        if !seen.contains(&line) {
            seen.push(line);
        }
        if is_empty {
            open.pop();
        }
    }
    seen.join("\n") + "\n"
}

#[test]
fn windows_7_messages_validate_against_the_published_schemas() {
    let Some(folder) = std::env::var_os("CMSIM_WUSP_SCHEMAS") else {
        eprintln!("skipped: CMSIM_WUSP_SCHEMAS names no folder with wusp-client.xsd and its siblings");
        return;
    };
    for example in windows_7().iter().filter(|example| !example.name.starts_with("fault")) {
        let inner = example.body.split_once(":Body").unwrap().1.split_once('>').unwrap().1;
        let inner = inner.rsplit_once("</").unwrap().0.rsplit_once("</").unwrap().0;
        let schema = match inner.split('"').nth(1).and_then(|namespace| namespace.rsplit('/').next()) {
            Some("ClientWebService") => "wusp-client.xsd",
            Some("SimpleAuthWebService") => "wusp-simpleauth.xsd",
            _ => "wusp-reporting.xsd",
        };
        let file = std::env::temp_dir().join(format!("cmsim-{}-{}.xml", std::process::id(), example.name));
        std::fs::write(&file, inner).unwrap();
        let schema = PathBuf::from(&folder).join(schema);
        let checked = Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).args([&schema, &file]).output();
        let _ = std::fs::remove_file(&file);
        let checked = checked.expect("xmllint is needed when CMSIM_WUSP_SCHEMAS is set");
        assert!(checked.status.success(), "{}: {}", example.name, String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_soap_action_is_quoted_and_ends_in_the_operation() {
    let action = "\"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/SyncUpdates\"";
    assert_eq!(SyncUpdates::soap_action(), action);
    assert_eq!(ReportEventBatch::soap_action(), "\"http://www.microsoft.com/SoftwareDistribution/ReportEventBatch\"");
}

#[test]
fn the_body_names_the_operation_whatever_the_prefixes() {
    let body = concat!(
        r#"<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">"#,
        r#"<SOAP-ENV:Header><x/></SOAP-ENV:Header><SOAP-ENV:Body>"#,
        r#"<c:GetConfig xmlns:c="http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService">"#,
        r#"<c:later>1</c:later><c:protocolVersion> 1.8</c:protocolVersion></c:GetConfig></SOAP-ENV:Body></SOAP-ENV:Envelope>"#,
    );
    assert_eq!(soap::operation(body.as_bytes()).unwrap(), "GetConfig");
    assert_eq!(GetConfig::decode(body.as_bytes()).unwrap().protocol_version.as_deref(), Some(" 1.8"));
    assert!(GetCookie::decode(body.as_bytes()).unwrap_err().to_string().contains("GetConfig"));
}

#[test]
fn nil_counts_as_absent_and_unknown_elements_are_ignored() {
    let body = scan_body(concat!(
        r#"<SkipSoftwareSync>0</SkipSoftwareSync>"#,
        r#"<FeatureScoreMatchingKey i:nil="1" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"/>"#,
        r#"<WuBundleId>7</WuBundleId><InstalledNonLeafUpdateIDs><int>3</int><other/></InstalledNonLeafUpdateIDs>"#,
    ));
    let parameters = SyncUpdates::decode(body.as_bytes()).unwrap().parameters.unwrap();
    assert_eq!(parameters.feature_score_matching_key, None);
    assert_eq!(parameters.installed_non_leaf_update_ids, [3]);
}

#[test]
fn a_missing_mandatory_element_and_a_bad_value_are_named() {
    let missing = SyncUpdates::decode(scan_body("<ExpressQuery>false</ExpressQuery>").as_bytes()).unwrap_err();
    assert!(missing.to_string().contains("'SkipSoftwareSync' is missing"), "{missing}");
    let wrong = SyncUpdates::decode(scan_body("<SkipSoftwareSync>maybe</SkipSoftwareSync>").as_bytes()).unwrap_err();
    assert!(wrong.to_string().contains("'maybe'") && wrong.offset > 0, "{wrong}");
}

#[test]
fn a_list_may_be_as_long_as_the_limit_and_not_longer() {
    let list = |length: usize| {
        let ids = "<int>1</int>".repeat(length);
        scan_body(&format!("<OtherCachedUpdateIDs>{ids}</OtherCachedUpdateIDs><SkipSoftwareSync>0</SkipSoftwareSync>"))
    };
    let at_limit = SyncUpdates::decode(list(LIST_ITEMS).as_bytes()).unwrap();
    assert_eq!(at_limit.parameters.unwrap().other_cached_update_ids.len(), LIST_ITEMS);
    let beyond = SyncUpdates::decode(list(LIST_ITEMS + 1).as_bytes()).unwrap_err();
    assert!(beyond.to_string().contains("list members exceed the limit"), "{beyond}");
}

#[test]
fn a_body_may_be_as_large_as_the_limit_and_not_larger() {
    let body = GetConfig { protocol_version: None }.encode();
    // Comments may be as long as they like; one text may not.
    let padded = |length: usize| format!("{body}<!--{}-->", "x".repeat(length - body.len() - 7));
    assert!(GetConfig::decode(padded(limits::SOAP_XML.bytes).as_bytes()).is_ok());
    assert!(GetConfig::decode(padded(limits::SOAP_XML.bytes + 1).as_bytes()).is_err());
}

#[test]
fn a_fault_without_detail_is_a_fault_without_code() {
    let body = concat!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>"#,
        r#"<faultcode xmlns:a="urn:dispatcher">a:InternalServiceFault</faultcode><faultstring>broken</faultstring>"#,
        r#"<detail><ExceptionDetail/></detail></s:Fault></s:Body></s:Envelope>"#,
    );
    let Reply::Fault(fault) = soap::decode_reply::<SyncUpdatesResponse>(body.as_bytes()).unwrap() else {
        panic!("a fault");
    };
    assert_eq!((fault.code.as_str(), fault.error_code()), ("InternalServiceFault", None));
}

#[test]
fn both_spellings_of_the_moved_file_fault_are_one_code() {
    assert_eq!(ErrorCode::from("FileLocationsChanged"), ErrorCode::FileLocationChanged);
    assert_eq!(ErrorCode::from("Novel"), ErrorCode::Other("Novel".to_owned()));
}

fn scan_body(parameters: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{}\"><e:Body><SyncUpdates xmlns=\"{}\"><parameters>{parameters}</parameters></SyncUpdates></e:Body></e:Envelope>",
        soap::ENVELOPE,
        SyncUpdates::SERVICE.namespace(),
    )
}

fn text() -> impl Strategy<Value = String> {
    // Printable text with everything that needs escaping; blank-only texts are trimmed nowhere in strings.
    "[ -~äß\n\"'<>&]{0,24}"
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_i64..250_000_000_000, 0..10_000_000_i32)
        .prop_map(|(second, ticks)| Timestamp::new(second, if second < 0 { 0 } else { ticks * 100 }).unwrap())
}

fn device_strategy() -> impl Strategy<Value = Device> {
    (proptest::collection::vec(text(), 0..3), proptest::option::of(any::<u8>()))
        .prop_map(|(hardware_ids, device_flags)| Device { hardware_ids, device_flags, ..Device::default() })
}

fn parameters() -> impl Strategy<Value = SyncUpdateParameters> {
    let ids = || proptest::collection::vec(any::<i32>(), 0..5);
    let guids = || proptest::collection::vec(any::<u128>().prop_map(Uuid::from_u128), 0..3);
    let lists = (ids(), ids(), ids(), guids(), proptest::collection::vec(device_strategy(), 0..3));
    let rest = (
        any::<bool>(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        proptest::option::of(guids()),
        proptest::option::of(text()),
    );
    (lists, rest).prop_map(|((installed, other, drivers, filter, devices), (skip, two, also, computer, key))| {
        SyncUpdateParameters {
            express_query: false,
            installed_non_leaf_update_ids: installed,
            other_cached_update_ids: other,
            system_spec: devices,
            cached_driver_ids: drivers,
            skip_software_sync: skip,
            filter_category_ids: filter,
            need_two_group_out_of_scope_updates: two,
            also_perform_regular_sync: also,
            computer_spec: computer,
            feature_score_matching_key: key,
            products_parameters: None,
        }
    })
}

proptest! {
    #[test]
    fn any_scan_survives(parameters in parameters(), expiration in time(), data in any::<Option<Vec<u8>>>()) {
        let cookie = Cookie { expiration, encrypted_data: data };
        let call = SyncUpdates { cookie: Some(cookie), parameters: Some(parameters) };
        prop_assert_eq!(SyncUpdates::decode(call.encode().as_bytes()).unwrap(), call);
    }

    #[test]
    fn any_page_survives(xml in proptest::collection::vec((any::<i32>(), any::<bool>(), text()), 0..6), truncated: bool) {
        let new_updates = xml.into_iter().map(|(id, is_leaf, xml)| UpdateInfo {
            id,
            deployment: Some(deployment(id, DeploymentAction::Evaluate)),
            is_leaf,
            xml: Some(Arc::from(xml)),
        });
        let page = SyncUpdatesResponse {
            new_updates: new_updates.collect(),
            out_of_scope_revision_ids: vec![],
            changed_updates: vec![],
            truncated,
            new_cookie: Some(cookie()),
            deployed_out_of_scope_revision_ids: vec![1],
            driver_sync_not_needed: None,
        };
        prop_assert_eq!(SyncUpdatesResponse::decode(page.encode().as_bytes()).unwrap(), page);
    }

    #[test]
    fn any_list_of_revisions_survives(revisions in proptest::collection::vec((any::<u128>(), 0..i32::MAX), 0..6)) {
        let ids = revisions.into_iter().map(|(id, revision)| UpdateIdentity {
            id: Uuid::from_u128(id),
            revision: revision.cast_unsigned(),
        });
        let call = RefreshCache { cookie: Some(cookie()), global_ids: Some(ids.collect()) };
        prop_assert_eq!(RefreshCache::decode(call.encode().as_bytes()).unwrap(), call);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = soap::operation(&bytes);
        let _ = soap::decode_reply::<SyncUpdatesResponse>(&bytes);
        let _ = RegisterComputer::decode(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(which in 0..18_usize, cut in 0..4_000_usize, byte: u8) {
        let body = windows_11().swap_remove(which).body.into_bytes();
        let at = cut % body.len();
        let mut damaged = body.clone();
        damaged[at] = byte;
        for bytes in [&body[..at], &damaged[..]] {
            let _ = SyncUpdates::decode(bytes);
            let _ = soap::decode_reply::<SyncUpdatesResponse>(bytes);
            let _ = RegisterComputer::decode(bytes);
            let _ = StartCategoryScan::decode(bytes);
            let _ = GetCookie::decode(bytes);
        }
    }
}
