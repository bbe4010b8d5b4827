use cmsim_logs::Log;
use cmsim_wire::ccm::state_report::{Machine, StateReport};
use cmsim_wire::ccm::{endpoint, text};

use super::*;
use crate::Outbox;

fn report() -> String {
    StateReport {
        machine: Machine {
            client_installed: 1,
            client_type: 1,
            client_id: CLIENT,
            client_version: "5.00.7958.1000".into(),
            netbios_name: "CLIENT1".into(),
            code_page: 437,
            lcid: 1033,
            priority: Some(5),
        },
        date: "2014-01-20T17:17:00Z".parse().unwrap(),
        messages: vec![],
    }
    .to_xml()
}

fn to_relay(kind: Option<&str>) -> Msg {
    let properties = kind.map(|kind| ("FileType".to_owned(), kind.to_owned())).into_iter().collect();
    Msg { properties, ..header(endpoint::MP_RELAY_ENDPOINT, "StateMessageManager") }
}

const OUTBOX: &str = r"C:\SMS\mp\outboxes\StateMsg.box";

#[test]
fn a_report_becomes_a_file_and_the_log_says_so() {
    run(|site| async move {
        site.post(to_relay(Some("SMX")), &report()).await.assert_empty();
        let files = site.host.disk().list(OUTBOX).unwrap();
        let name = files[0].name();
        assert!(name.len() == 12 && name.ends_with(".SMX") && !name.contains(|c: char| c.is_ascii_lowercase()));
        let bytes = site.host.disk().read(&files[0].path).unwrap();
        assert_eq!(bytes, text::utf16le_with_mark(&report()));
        assert_eq!(
            site.log(Log::MpRelay),
            [
                "Mp Message Handler: start message processing for Relay------------------------------".to_owned(),
                "Mp Message Handler: FileType=SMX".to_owned(),
                format!("Message Body : \n{}", report()),
                "Inv-Relay Task: Processing message body".to_owned(),
                format!("Relay: Outbox dir: {OUTBOX}"),
                "Priority in the message = 5".to_owned(),
                format!("State Priority Directory = {OUTBOX}"),
                "Inv-Relay: Task completed successfully".to_owned(),
            ]
        );
    });
}

#[test]
fn the_content_names_the_file_type_if_nothing_else_does() {
    run(|site| async move {
        site.post(to_relay(None), &report()).await.assert_empty();
        site.post(to_relay(None), "<Report/>").await.assert_empty();
        site.post(to_relay(Some("MIF")), &report()).await.assert_empty();
        assert_eq!(site.host.disk().list(OUTBOX).unwrap().len(), 1);
    });
}

#[test]
fn a_damaged_report_is_the_state_systems_business() {
    run(|site| async move {
        site.post(to_relay(Some("SMX")), "<Report>State Message Data").await.assert_empty();
        assert_eq!(site.host.disk().list(OUTBOX).unwrap().len(), 1);
        assert!(!site.log(Log::MpRelay).iter().any(|line| line.starts_with("Priority")));
    });
}

#[test]
fn what_could_not_be_stored_is_not_taken() {
    run(|site| async move {
        site.post(to_relay(Some("SMX")), &report()).await.assert_empty();
        // Room for the log, not for the report.
        site.host.disk().set_capacity(Some(site.host.disk().used() + 2400));
        let answer = site.post(to_relay(Some("SMX")), &"x".repeat(1000)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(site.host.disk().list(OUTBOX).unwrap().len(), 1);
    });
}

#[test]
fn a_colocated_management_point_writes_into_the_inbox() {
    let outbox = Outbox::Colocated { install_dir: r"C:\Program Files\Microsoft Configuration Manager".to_owned() };
    run_with(
        |settings| Settings { outbox, ..settings },
        |site| async move {
            site.post(to_relay(Some("SMX")), &report()).await.assert_empty();
            let inbox = r"C:\Program Files\Microsoft Configuration Manager\inboxes\auth\statesys.box\incoming";
            assert_eq!(site.host.disk().list(inbox).unwrap().len(), 1);
        },
    );
}
