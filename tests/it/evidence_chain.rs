//! Step 7 as a chain: what the client found is what the site database says, and every hand it went through tells so.

use std::collections::{BTreeMap, BTreeSet};

use cmsim_logs::{Entry, Log};
use roxmltree::{Document, Node};

use crate::runs::{Run, healthy, rescan};

const SOURCE: &str = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";

/// The state reports that the management point's relay endpoint took, as XML.
fn reports(run: &Run) -> Vec<String> {
    let bodies =
        run.texts(Log::MpRelay).into_iter().filter_map(|text| Some(text.strip_prefix("Message Body : \n")?.to_owned()));
    bodies.filter(|body| body.contains("<ReportContent>State Message Data</ReportContent>")).collect()
}

/// A state message of a report.
#[derive(Debug)]
struct Message {
    serial: u64,
    topic_type: u32,
    topic: String,
    state: u32,
    parameters: Vec<String>,
}

fn messages(report: &str) -> Vec<Message> {
    let document = Document::parse(report).unwrap();
    let messages = document.descendants().filter(|node| node.has_tag_name("StateMessage"));
    let child = |node: Node<'_, '_>, name: &str, attribute: &str| {
        let child = node.children().find(|child| child.has_tag_name(name)).unwrap();
        child.attribute(attribute).unwrap().to_owned()
    };
    let message = |node: Node<'_, '_>| Message {
        serial: node.attribute("SerialNumber").unwrap().parse().unwrap(),
        topic_type: child(node, "Topic", "Type").parse().unwrap(),
        topic: child(node, "Topic", "ID"),
        state: child(node, "State", "ID").parse().unwrap(),
        parameters: node
            .descendants()
            .filter(|node| node.has_tag_name("Param"))
            .flat_map(|node| node.text())
            .map(str::to_owned)
            .collect(),
    };
    messages.map(message).collect()
}

/// State number and revision by update, from the list that WUAHandler.log shows after pruning.
fn listed(run: &Run) -> BTreeMap<String, (u32, u32)> {
    let mut listed = BTreeMap::new();
    for text in run.texts(Log::WuaHandler) {
        let Some((state, rest)) = text.strip_prefix("Update (").and_then(|text| text.split_once("): ")) else {
            continue;
        };
        let state = match state {
            "Missing" => 2,
            "Installed" => 3,
            other => panic!("{other}"),
        };
        let (id, revision) = rest.rsplit_once('(').unwrap().1.trim_end_matches(')').split_once(", ").unwrap();
        listed.insert(id.to_owned(), (state, revision.parse().unwrap()));
    }
    listed
}

/// The only record that the test finds, and the time it was written.
fn only(records: &[Entry], fits: impl Fn(&str) -> bool, what: &str) -> (String, i64) {
    let found: Vec<&Entry> = records.iter().filter(|entry| fits(&entry.text)).collect();
    let [entry] = found.as_slice() else { panic!("{} records: {what}", found.len()) };
    (entry.text.clone(), entry.time.unwrap().utc_millis())
}

#[test]
fn the_report_passes_every_hand() {
    let run = healthy();
    let (_, forwarded) = only(
        &run.records(Log::StateMessage),
        |text| text == "Successfully forwarded State Messages to the MP",
        "forwarded",
    );
    let messaging = run.records(Log::CcmMessaging);
    let queued = |text: &str| {
        text.starts_with("Sending async message") && text.ends_with("to outgoing queue 'mp:mp_relayendpoint'")
    };
    let (queued, sent) = only(&messaging, queued, "queued");
    let id = queued.split('\'').nth(1).unwrap();
    let delivered = format!(
        "OutgoingMessage(Queue='mp_mp_relayendpoint', ID={id}): Delivered successfully to host 'PS1SYS.CONTOSO.COM'."
    );
    let (_, delivered) = only(&messaging, |text| text == delivered, "delivered");

    // The web server writes whole seconds, of the time at which the request came.
    let posts: Vec<Entry> = run
        .logs()
        .filter(|(path, log, _)| *log == Log::IisRequests && path.contains("PS1SYS"))
        .flat_map(|(_, _, bytes)| cmsim_logs::read(bytes, 300).entries)
        .collect();
    let posted = |entry: &&Entry| {
        let at = entry.time.unwrap().utc_millis();
        entry.text.starts_with("CCM_POST /ccm_system/request 200 ") && (sent - 999..=delivered).contains(&at)
    };
    assert_eq!(posts.iter().filter(posted).count(), 1, "one post at the management point");

    let relay = run.records(Log::MpRelay);
    let (_, accepted) = only(&relay, |text| text == "Inv-Relay: Task completed successfully", "accepted");
    let (moved, moved_at) = only(&run.records(Log::MpFdm), |text| text.starts_with("Moved file "), "moved");
    let site = run.records(Log::StateSys);
    let (_, found) =
        only(&site, |text| text == "Found new state messages to process, starting processing thread", "found");
    let (_, loaded) = only(&site, |text| text == "total chucks loaded (1)", "loaded");
    only(
        &site,
        |text| text == "CMessageProcessor - Processed 1 message files in this batch, with 0 bad files.",
        "processed",
    );
    let times = [forwarded, sent, accepted, delivered, moved_at, found, loaded];
    assert!(times.is_sorted(), "{times:?}");

    let paths: Vec<&str> = moved.trim_start_matches("Moved file ").split(" to ").collect();
    let [from, to] = paths.as_slice() else { panic!("{moved}") };
    assert!(
        from.starts_with(r"C:\SMS\MP\OUTBOXES\statemsg.box\")
            && to.starts_with(r"\\PS1SITE.CONTOSO.COM\SMS_PS1\inboxes\auth\statesys.box\incoming\"),
        "{moved}"
    );
    let name = |path: &str| path.rsplit('\\').next().unwrap().to_owned();
    assert_eq!(name(from), name(to));
    assert!(name(from).ends_with(".SMX"));
    let left: Vec<&String> = run.files.keys().filter(|path| path.to_ascii_uppercase().ends_with(".SMX")).collect();
    assert!(left.is_empty(), "nothing stays in an outbox: {left:?}");
}

#[test]
fn the_report_arrives_as_the_client_wrote_it() {
    let run = healthy();
    let reports = reports(run);
    let [report] = reports.as_slice() else { panic!("{} reports", reports.len()) };
    let told =
        run.texts(Log::StateMessage).into_iter().filter(|text| text.contains("<ReportBody>")).collect::<Vec<_>>();
    let [told] = told.as_slice() else { panic!("{} bodies in StateMessage.log", told.len()) };
    let body = |text: &str| text[text.find("<Report>").unwrap()..].to_owned();
    assert_eq!(body(told), body(report));
}

#[test]
fn the_database_holds_what_the_agent_listed_after_pruning() {
    let run = healthy();
    let listed = listed(run);
    let count = |state: u32| listed.values().filter(|(of, _)| *of == state).count();
    let (missing, installed) = (count(2), count(3));
    // 163 found, 30 of them superseded by others than service packs and definition updates.
    assert_eq!((missing, installed), (36, 97));
    let pruned: BTreeSet<String> = run
        .texts(Log::WuaHandler)
        .iter()
        .filter_map(|text| Some(text.strip_prefix("Pruning: update id (")?.split(')').next()?.to_owned()))
        .collect();
    assert_eq!(pruned.len() + missing + installed, 163);
    assert!(pruned.iter().all(|id| !listed.contains_key(id)));

    let rows = run.sql(
        "site.db",
        "select lower(i.CI_UniqueID), c.Status, s.RevisionNumber from v_Update_ComplianceStatusAll c
         join v_UpdateInfo i on i.CI_ID = c.CI_ID join v_R_System r on r.ResourceID = c.ResourceID
         left join Update_ComplianceStatus s on s.CI_ID = c.CI_ID and s.ResourceID = c.ResourceID
         where r.Name0 = 'CLIENT1'",
    );
    let catalogue: usize = run.sql_value("site.db", "select count(*) from v_UpdateInfo").parse().unwrap();
    assert_eq!(rows.len(), catalogue, "one row for each update");
    let mut reported = BTreeMap::new();
    for row in rows {
        let [Some(id), Some(status), revision] = row.as_slice() else { panic!("{row:?}") };
        match status.as_str() {
            // Nobody reported it: the site derives that it is not required.
            "1" => assert_eq!(*revision, None, "{id}"),
            _ => drop(
                reported.insert(id.clone(), (status.parse().unwrap(), revision.as_ref().unwrap().parse().unwrap())),
            ),
        }
    }
    assert_eq!(reported, listed);
    let unresolved = run.sql_value("site.db", "select count(*) from Update_UnresolvedStatus");
    assert_eq!(unresolved, "0", "every reported update is known to the site");
}

#[test]
fn the_scan_is_recorded_as_completed() {
    let rows = healthy().sql(
        "site.db",
        "select r.Name0, n.StateName, s.LastScanState, s.LastErrorCode, s.LastScanPackageVersion, s.LastScanPackageLocation,
                u.UpdateSource_UniqueID
         from v_UpdateScanStatus s join v_R_System r on r.ResourceID = s.ResourceID
         join v_StateNames n on n.TopicType = 501 and n.StateID = s.LastScanState
         join v_SoftwareUpdateSource u on u.UpdateSource_ID = s.UpdateSource_ID",
    );
    let expected = ["CLIENT1", "Scan completed", "3", "0", "38", "http://PS1SITE.CONTOSO.COM:8530", SOURCE];
    assert_eq!(rows, [expected.map(|value| Some(value.to_owned()))]);
}

#[test]
fn the_report_tells_each_state_once() {
    let run = healthy();
    let listed = listed(run);
    let mut told = BTreeMap::new();
    let mut scans = Vec::new();
    for message in reports(run).iter().flat_map(|report| messages(report)) {
        match message.topic_type {
            500 => {
                let [revision] = message.parameters.as_slice() else { panic!("{message:?}") };
                let before = told.insert(message.topic.clone(), (message.state, revision.parse().unwrap()));
                assert_eq!(before, None, "{message:?}");
            }
            501 => scans.push((message.topic, message.state)),
            _ => panic!("{message:?}"),
        }
    }
    assert_eq!(told, listed);
    assert_eq!(scans, [(SOURCE.to_owned(), 3)]);
}

#[test]
fn serial_numbers_have_no_gap() {
    for run in [healthy(), rescan()] {
        let serials: Vec<u64> =
            reports(run).iter().flat_map(|report| messages(report)).map(|message| message.serial).collect();
        let expected: Vec<u64> = (1..=serials.len()).map(|serial| u64::try_from(serial).unwrap()).collect();
        assert_eq!(serials, expected);
        let last = run.sql_value("site.db", "select LastSerialNumber from SR_ClientSerialNumbers");
        assert_eq!(last, serials.len().to_string());
        assert_eq!(run.sql_value("site.db", "select count(*) from SR_MissingMessageRanges"), "0");
    }
}

/// The second scan tells what changed, and nothing else.
#[test]
fn a_rescan_reports_only_what_changed() {
    let reports = reports(rescan());
    let (first, later) = reports.split_first().unwrap();
    assert_eq!(messages(first).len(), messages(&self::reports(healthy())[0]).len());
    let later: Vec<Message> = later.iter().flat_map(|report| messages(report)).collect();
    let states: Vec<(&str, u32)> = later
        .iter()
        .filter(|message| message.topic_type == 500)
        .map(|message| (message.topic.as_str(), message.state))
        .collect();
    assert_eq!(states, [("505fda07-b4f3-45fb-83d9-8642554e2773", 3)]);
    let scans: Vec<&Message> = later.iter().filter(|message| message.topic_type == 501).collect();
    assert!(
        !scans.is_empty()
            && scans.iter().all(|message| message.parameters.first().is_some_and(|version| version == "39")),
        "{scans:?}"
    );
}
