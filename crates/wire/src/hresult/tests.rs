use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::profile::WuaGeneration;

#[test]
fn every_row_of_the_table_is_read_once() {
    let lines = include_str!("codes.tsv").lines().count() - 1;
    assert_eq!(all().len(), lines);
    let codes: BTreeSet<HResult> = all().iter().map(|known| known.code).collect();
    assert_eq!(codes.len(), lines);
    assert!(all().iter().all(|known| !known.text.is_empty() && !known.source.is_empty()));
    assert!(all().is_sorted_by_key(|known| known.code));
}

#[test]
fn the_retry_list_is_the_documented_one() {
    let listed: BTreeSet<HResult> = DEFAULT_RETRY_CODES.into_iter().collect();
    assert_eq!(listed.len(), 36);
    assert!(listed.iter().all(|code| code.known().is_some()));
    // Timeouts, raw name failures, 401, 407, certificates and policy conflicts never lead to another server.
    for code in [
        0x8007_2EE2,
        0x8007_2EE7,
        0x8024_4011,
        0x8024_4017,
        0x8024_401B,
        0x8024_0438,
        0x8024_500C,
        0x8007_2F8F,
        0x87D0_0692,
    ] {
        assert!(!HResult(code).is_retry_listed(), "{code:#x}");
    }
    // The spot checks of public articles, in the decimal form of the site property.
    for code in [2_147_747_475, 2_149_859_340, 2_147_954_429, 2_149_904_388] {
        assert!(HResult(code).is_retry_listed(), "{code}");
    }
}

#[test]
fn codes_are_found_however_they_are_pasted() {
    let code = HResult(0x8024_4019);
    for text in [
        "0x80244019",
        "0X80244019 ",
        "80244019",
        "-2145107943",
        "2149859353",
        "0xFFFFFFFF80244019",
        "wu_e_pt_http_status_not_found",
    ] {
        assert_eq!(lookup(text), Ok(code), "{text}");
    }
    assert_eq!(code.known().unwrap().name, Some("WU_E_PT_HTTP_STATUS_NOT_FOUND"));
    assert_eq!(lookup("12345678"), Ok(HResult(12_345_678)));
    assert_eq!(lookup("80abcdef"), Ok(HResult(0x80AB_CDEF)));
    assert_eq!(lookup("0"), Ok(HResult::S_OK));
    for wrong in ["", "0x", "-", "x", "0x1FFFFFFFF", "99999999999", "-99999999999", "0xFFFFFFFF00000001"] {
        assert!(lookup(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_refused_and_a_silent_server_give_different_failover() {
    let map = |failure| map_transport(WuaGeneration::Wua76, &failure);
    let refused = map(TransportFailure::Refused);
    let silent = map(TransportFailure::ResponseTimeout);
    assert_eq!((refused.winhttp, refused.hresult), (12029, HResult(0x8007_2EFD)));
    assert_eq!((silent.winhttp, silent.hresult), (12002, HResult(0x8007_2EE2)));
    assert!(refused.hresult.is_retry_listed());
    assert!(!silent.hresult.is_retry_listed());
    assert_eq!(map(TransportFailure::Reset).hresult, HResult(0x8007_2EFE));
    assert_eq!(map(TransportFailure::NotHttp).hresult, HResult(0x8007_2F78));
}

#[test]
fn the_agents_generation_decides_two_forms() {
    let both = |failure: TransportFailure| {
        [WuaGeneration::Wua76, WuaGeneration::Wua10].map(|generation| map_transport(generation, &failure).hresult.0)
    };
    assert_eq!(both(TransportFailure::NameNotResolved), [0x8024_402C, 0x8007_2EE7]);
    assert_eq!(both(TlsFailure::Untrusted.into()), [0x8007_2F0D, 0x8007_2F8F]);
    assert_eq!(both(TlsFailure::ClientCertificateNeeded.into()), [0x8007_2F0C; 2]);
    assert_eq!(both(TlsFailure::NoCommonProtocol.into()), [0x8007_2EFE; 2]);
    assert_eq!(both(ProxyFailure::AuthenticationRequired.into()), [0x8024_401B; 2]);
    assert_eq!(both(ProxyFailure::AutoDetectionFailed.into()), [0x8007_2F94; 2]);
}

#[test]
fn messaging_clients_always_get_a_winhttp_number() {
    assert_eq!(winhttp_error(&TransportFailure::NameNotResolved), 12007);
    assert_eq!(winhttp_error(&ProxyFailure::AuthenticationRequired.into()), 12015);
    assert_eq!(from_winhttp(12007), HResult(0x8007_2EE7));
}

#[test]
fn statuses_have_the_codes_of_the_error_header() {
    for (status, code) in [
        (401, 0x8024_4017),
        (404, 0x8024_4019),
        (407, 0x8024_401B),
        (502, 0x8024_4021),
        (503, 0x8024_4022),
        (418, 0x8024_402B),
        (200, 0x8024_402B),
    ] {
        assert_eq!(map_http_status(status), HResult(code), "{status}");
    }
}

#[test]
fn faults_are_cured_as_the_specification_says() {
    use Recovery::{GetAuthorizationCookie, GetConfig, GetCookie, RefreshCache};
    assert_eq!(fault_recovery("InvalidCookie"), [GetConfig, GetAuthorizationCookie, GetCookie, RefreshCache]);
    assert_eq!(fault_recovery("ConfigChanged"), [GetConfig, GetAuthorizationCookie, GetCookie]);
    assert_eq!(fault_recovery("CookieExpired"), [GetAuthorizationCookie, GetCookie]);
    assert_eq!(fault_recovery("ServerBusy"), [Recovery::TryLater]);
    assert!(fault_recovery("InvalidParameters").is_empty());
}

proptest! {
    #[test]
    fn every_spelling_of_every_code_reads_back(value: u32) {
        let code = HResult(value);
        prop_assert_eq!(lookup(&code.to_string()), Ok(code));
        if code.signed() < 0 {
            prop_assert_eq!(lookup(&code.signed().to_string()), Ok(code));
        }
        prop_assert_eq!(lookup(&format!("{:#x}", u64::from(value))), Ok(code));
    }

    #[test]
    fn arbitrary_texts_never_panic(text in "\\PC{0,30}") {
        let _ = lookup(&text);
    }
}
