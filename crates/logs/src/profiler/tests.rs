use proptest::prelude::*;

use super::*;

fn trace() -> Trace {
    Trace {
        server: "PS1SITE".into(),
        events: vec![Event {
            class: Class::RpcCompleted,
            text: "exec MP_GetSiteInfoUnified N'<ClientLocationInfo OnInternet=\"0\"/>'".into(),
            host: "PS1SYS".into(),
            application: "SMS_MP".into(),
            login: "CONTOSO\\PS1SYS$".into(),
            session: 58,
            duration_us: 1523,
            start: LocalStamp::from_utc_millis(1_390_238_289_123, 300),
            object: "MP_GetSiteInfoUnified".into(),
            database: "CM_PS1".into(),
            sequence: 7,
        }],
    }
}

fn written(trace: &Trace) -> String {
    let mut out = String::new();
    trace.format(&mut out);
    out
}

#[test]
fn a_trace_comes_back() {
    let out = written(&trace());
    assert!(out.contains("<Event id=\"10\" name=\"RPC:Completed\">"));
    assert!(out.contains("<Column id=\"14\" name=\"StartTime\">2014-01-20T12:18:09.123-05:00</Column>"));
    assert_eq!(parse(out.as_bytes()).unwrap(), trace());
}

#[test]
fn what_is_no_trace_is_refused() {
    let good = written(&trace());
    for (from, to, why) in [
        ("TracePersistence", "Other", "namespace"),
        ("-05:00<", "<", "StartTime"),
        ("id=\"14\"", "id=\"15\"", "without text or start"),
        ("id=\"1\" ", "id=\"2\" ", "without text or start"),
        (">58<", ">x<", "SPID"),
        ("</TraceData>", "", "whole trace"),
        ("&lt;", "&foo;", "not predefined"),
        ("?>\r\n", "?><!DOCTYPE x>", "document type"),
    ] {
        let damaged = good.replace(from, to);
        assert_ne!(damaged, good);
        let error = parse(damaged.as_bytes()).unwrap_err();
        assert!(error.why.contains(why), "{to:?}: {error}");
    }
}

#[test]
fn depth_is_bounded() {
    let nest = |depth: usize| {
        let open = "<a>".repeat(depth);
        let close = "</a>".repeat(depth);
        format!("<TraceData xmlns=\"{NAMESPACE}\">{open}{close}</TraceData>")
    };
    assert!(parse(nest(15).as_bytes()).is_ok());
    assert!(parse(nest(16).as_bytes()).unwrap_err().why.contains("deeply"));
}

#[test]
fn events_of_other_classes_are_passed_over() {
    let other = written(&trace()).replace("id=\"10\" name=\"RPC", "id=\"17\" name=\"Other");
    assert_eq!(parse(other.as_bytes()).unwrap().events, []);
}

proptest! {
    #[test]
    fn texts_come_back(text in "[^\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\u{FFFE}\u{FFFF}]{1,40}", session: u32, ms in 0_i64..4_000_000_000_000) {
        let mut trace = trace();
        trace.events[0].text = text;
        trace.events[0].session = session;
        trace.events[0].start = LocalStamp::from_utc_millis(ms, -60);
        prop_assert_eq!(parse(written(&trace).as_bytes()).unwrap(), trace);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, cut in 0_usize..900, put: u8) {
        let _ = parse(&bytes);
        let mut damaged = written(&trace()).into_bytes();
        if let Some(place) = damaged.get_mut(cut) {
            *place = put;
        }
        let _ = parse(&damaged);
    }
}
