//! The components together, on the disks and the database of a small site.

use std::future::Future;
use std::time::Duration;

use cmsim_db::{Caller, Database, Timing, Trace};
use cmsim_logs::{Log, LogPlace, server};
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_sitedb::{
    ClientConnection, Registration, SiteDb, SiteRecord, SiteType, SoftwareUpdatePointRecord, SynchronizationState,
    UpdateSourceRecord,
};
use cmsim_wire::ccm::policy::{CONTENT_TYPE_WSUS, PolicyAssignment, PolicyBody, UpdateSource};
use cmsim_wire::ccm::state_report::{Machine, StateMessage, StateReport, Topic};
use cmsim_wire::ccm::text;
use cmsim_wire::profile::{Profile, SiteGeneration};
use cmsim_world::{Host, HostSpec};
use uuid::{Uuid, uuid};

use crate::{
    FileDispatch, NotificationMonitor, PolicyProvider, STATE_OUTBOX, SiteServer, StateSystem, VERBOSE_KEY,
    VERBOSE_VALUE, profiler_trace,
};

const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
const CLIENT: &str = "GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B";
const START: i64 = 1_390_238_220_000;

struct World {
    clock: Clock,
    site: SiteServer,
    mp: Host,
}

fn run<F: Future>(work: impl FnOnce(World) -> F) -> F::Output {
    cmsim_sim::run(
        SimTime::from_millis(START),
        TimeZone::named("America/New_York").unwrap(),
        Duration::from_secs(7 * 86_400),
        |clock| async move { work(world(clock).await).await },
    )
    .unwrap()
}

async fn world(clock: Clock) -> World {
    let journal = Journal::new(clock.clone());
    let host = |name: &str, address: &str| {
        let spec = HostSpec::in_domain(name, "CONTOSO.COM", address.parse().unwrap(), Profile::windows_7());
        Host::new(spec, journal.clone(), &Seed::new(1))
    };
    let (server, mp) = (host("PS1SITE", "192.168.2.10"), host("PS1SYS", "192.168.2.11"));
    let db = Database::open_memory(Timing::Virtual).await.unwrap();
    let trace = Trace::new(journal.clone(), "PS1SITE", "CM_PS1");
    let caller = Caller { host: "PS1SITE".into(), application: "SMS".into(), login: "NT AUTHORITY\\SYSTEM".into() };
    let db = SiteDb::create(db, clock.clone(), trace, caller, SiteGeneration::Cm2012R2).await.unwrap();
    fill(&db).await;
    World { site: SiteServer::install(server, db, "PS1"), mp, clock }
}

async fn fill(db: &SiteDb) {
    db.add_site(&SiteRecord {
        site_code: "PS1".into(),
        name: "Primary Site 1".into(),
        parent: String::new(),
        site_type: SiteType::Primary,
        build: 7958,
        version: "5.00.7958.1000".into(),
        server: "PS1SITE.CONTOSO.COM".into(),
        install_dir: crate::INSTALL_DIR.into(),
        client_settings: String::new(),
        default_mp: "PS1SYS.CONTOSO.COM".into(),
        capabilities: String::new(),
    })
    .await
    .unwrap();
    db.add_update_source(&UpdateSourceRecord {
        site_code: "PS1".into(),
        unique_id: SOURCE,
        name: "Microsoft Update".into(),
        content_version: 0,
    })
    .await
    .unwrap();
    db.add_software_update_point(&SoftwareUpdatePointRecord {
        site_code: "PS1".into(),
        source: SOURCE,
        server: "PS1SITE.CONTOSO.COM".into(),
        url: "http://PS1SITE.CONTOSO.COM:8530".into(),
        content_version: 0,
        forest: String::new(),
        connection: ClientConnection::Intranet,
    })
    .await
    .unwrap();
}

async fn register(db: &SiteDb) {
    db.register_client(&Registration {
        client_id: CLIENT.into(),
        netbios_name: "CLIENT1".into(),
        fqdn: "CLIENT1.CONTOSO.COM".into(),
        signing_certificate: String::new(),
        encryption_certificate: String::new(),
        key_type: 1,
        approved: true,
        client_version: "5.00.7958.1000".into(),
        site_code: "PS1".into(),
    })
    .await
    .unwrap();
}

async fn synchronize(db: &SiteDb, version: u32) {
    db.sp_process_sum_sync_state_message(&SynchronizationState {
        time: SimTime::from_millis(START),
        site_code: "PS1".into(),
        source: SOURCE,
        state: 1,
        error_code: 0,
        content_version: version,
        server: "PS1SITE.CONTOSO.COM".into(),
    })
    .await
    .unwrap();
}

/// A report as the relay writes it: UTF-16 with mark.
fn report(serial: u64) -> Vec<u8> {
    let time = SimTime::from_millis(START).timestamp();
    let message = StateMessage {
        time,
        serial,
        topic: Topic {
            id: "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}".into(),
            kind: 501,
            id_type: 4,
            user: None,
            user_sid: None,
        },
        state: 3,
        criticality: 0,
        flags: 0,
        parameters: vec!["38".into(), "http://PS1SITE.CONTOSO.COM:8530".into()],
        details: None,
    };
    let machine = Machine {
        client_installed: 1,
        client_type: 1,
        client_id: CLIENT.parse().unwrap(),
        client_version: "5.00.7958.1000".into(),
        netbios_name: "CLIENT1".into(),
        code_page: 437,
        lcid: 1033,
        priority: Some(5),
    };
    text::utf16le_with_mark(&StateReport { machine, date: time, messages: vec![message] }.to_xml())
}

/// Texts of a server log.
fn lines(host: &Host, log: Log) -> Vec<String> {
    let path = format!("C/{}", log.path(&LogPlace::default()));
    let bytes = host.disk().read(&path).unwrap_or_default();
    server::parse(&bytes).unwrap().into_iter().map(|record| record.text).collect()
}

async fn count(db: &SiteDb, sql: &'static str) -> i64 {
    db.database().read("count", |c| Box::pin(sqlx::query_scalar(sql).fetch_one(c))).await.unwrap()
}

async fn pass(clock: &Clock, seconds: u64) {
    clock.wait("test", "the components", Duration::from_secs(seconds)).await;
}

fn files(host: &Host, folder: &str) -> Vec<String> {
    host.disk().list(folder).unwrap().iter().map(cmsim_world::FileFacts::name).collect()
}

const SCANS: &str = "SELECT COUNT(*) FROM v_UpdateScanStatus WHERE LastScanState = 3";

#[test]
fn a_relayed_report_travels_to_the_database() {
    run(|world| async move {
        register(world.site.db()).await;
        world.site.host().registry().set(VERBOSE_KEY, VERBOSE_VALUE, 1_u32).unwrap();
        tokio::spawn(FileDispatch::new(world.mp.clone(), world.site.clone()).run());
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        pass(&world.clock, 3).await;
        world.mp.disk().write(&format!(r"{STATE_OUTBOX}\TAZGYTSJ.SMX"), &report(1)).unwrap();
        pass(&world.clock, 60).await;

        assert_eq!(
            lines(&world.mp, Log::MpFdm),
            [concat!(
                r"Moved file C:\SMS\MP\OUTBOXES\statemsg.box\TAZGYTSJ.SMX to ",
                r"\\PS1SITE.CONTOSO.COM\SMS_PS1\inboxes\auth\statesys.box\incoming\TAZGYTSJ.SMX"
            )]
        );
        let seen = lines(world.site.host(), Log::StateSys);
        let thread = seen[2].split(['#', ':']).nth(2).unwrap().split(' ').next().unwrap();
        assert_eq!(
            seen,
            [
                "Inbox notification triggered, pause for 10 seconds......".to_owned(),
                "Found new state messages to process, starting processing thread".to_owned(),
                format!("Thread \"State Message Processing Thread #0\" id:{thread} started"),
                "total chucks loaded (1)".to_owned(),
                "CMessageProcessor - Processing file: TAZGYTSJ.SMX".to_owned(),
                "CMessageProcessor - Processed 1 records with 0 invalid records.".to_owned(),
                "CMessageProcessor - Processed 1 message files in this batch, with 0 bad files.".to_owned(),
                "total chucks loaded (0)".to_owned(),
                format!("Thread \"State Message Processing Thread #0\" id:{thread} terminated normally"),
            ]
        );
        assert_eq!(count(world.site.db(), SCANS).await, 1);
        assert!(files(&world.mp, STATE_OUTBOX).is_empty());
        assert!(files(world.site.host(), &world.site.inbox(r"auth\statesys.box\incoming")).is_empty());
    });
}

#[test]
fn without_remote_registry_files_pile_up_until_it_runs_again() {
    run(|world| async move {
        tokio::spawn(FileDispatch::new(world.mp.clone(), world.site.clone()).run());
        world.site.host().services().stop("RemoteRegistry").unwrap();
        for name in ["A.SMX", "B.SMX", "C.TMP"] {
            world.mp.disk().write(&format!(r"{STATE_OUTBOX}\{name}"), b"x").unwrap();
        }
        pass(&world.clock, 80).await;
        assert_eq!(files(&world.mp, STATE_OUTBOX).len(), 3);
        let error = "~**ERROR: Cannot connect to the inbox source, sleep 30 seconds and try again.";
        assert_eq!(lines(&world.mp, Log::MpFdm), [error; 3]);
        world.site.host().services().start("RemoteRegistry").unwrap();
        pass(&world.clock, 60).await;
        assert_eq!(files(&world.mp, STATE_OUTBOX), ["C.TMP"]);
        assert_eq!(lines(&world.mp, Log::MpFdm).len(), 5);
    });
}

#[test]
fn a_full_site_server_keeps_the_file_at_the_management_point() {
    run(|world| async move {
        tokio::spawn(FileDispatch::new(world.mp.clone(), world.site.clone()).run());
        world.site.host().disk().set_capacity(Some(0));
        world.mp.disk().write(&format!(r"{STATE_OUTBOX}\A.SMX"), b"x").unwrap();
        pass(&world.clock, 6).await;
        assert_eq!(files(&world.mp, STATE_OUTBOX), ["A.SMX"]);
        assert!(lines(&world.mp, Log::MpFdm)[0].ends_with("error 112"));
        world.site.host().disk().set_capacity(None);
        pass(&world.clock, 10).await;
        assert!(files(&world.mp, STATE_OUTBOX).is_empty());
    });
}

#[test]
fn bad_files_are_put_aside_and_good_ones_load() {
    run(|world| async move {
        register(world.site.db()).await;
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        let incoming = world.site.inbox(r"auth\statesys.box\incoming");
        let disk = world.site.host().disk();
        disk.write(&format!(r"{incoming}\BAD.SMX"), b"<Report>").unwrap();
        disk.write(&format!(r"{incoming}\GOOD.SMX"), &report(1)).unwrap();
        pass(&world.clock, 60).await;
        assert_eq!(count(world.site.db(), SCANS).await, 1);
        assert_eq!(files(world.site.host(), &world.site.inbox(r"auth\statesys.box\corrupt")), ["BAD.SMX"]);
        let batch = "CMessageProcessor - Processed 2 message files in this batch, with 1 bad files.";
        let seen = lines(world.site.host(), Log::StateSys);
        assert!(seen.iter().any(|line| line == batch), "{seen:#?}");
        assert!(!seen.iter().any(|line| line.contains("Processing file")), "only with verbose logging");
    });
}

#[test]
fn a_report_of_an_unknown_client_is_tried_again_and_then_given_up() {
    run(|world| async move {
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        let incoming = world.site.inbox(r"auth\statesys.box\incoming");
        let (retry, corrupt) =
            (world.site.inbox(r"auth\statesys.box\retry"), world.site.inbox(r"auth\statesys.box\corrupt"));
        let disk = world.site.host().disk();
        disk.write(&format!(r"{incoming}\LATE.SMX"), &report(1)).unwrap();
        disk.write(
            &format!(r"{incoming}\NEVER.SMX"),
            &text::utf16le_with_mark(&text::decode(&report(1)).unwrap().replace("0E6F4C1A", "00000000")),
        )
        .unwrap();
        pass(&world.clock, 60).await;
        assert_eq!(files(world.site.host(), &retry), ["LATE.SMX", "NEVER.SMX"]);
        register(world.site.db()).await;
        pass(&world.clock, 7200).await;
        assert_eq!(count(world.site.db(), SCANS).await, 1);
        assert_eq!(files(world.site.host(), &retry), ["NEVER.SMX"]);
        pass(&world.clock, 28_800 + 86_400 - 60).await;
        assert_eq!(files(world.site.host(), &retry), ["NEVER.SMX"]);
        pass(&world.clock, 180).await;
        assert_eq!(files(world.site.host(), &corrupt), ["NEVER.SMX"]);
    });
}

#[test]
fn more_files_than_a_chunk_holds_load_in_chunks() {
    run(|world| async move {
        register(world.site.db()).await;
        world.site.db().set_component_property("PS1", "SMS_STATE_SYSTEM", "Loader Chunk Size", "2", "").await.unwrap();
        let incoming = world.site.inbox(r"auth\statesys.box\incoming");
        for serial in 1..=5 {
            world.site.host().disk().write(&format!(r"{incoming}\{serial}.SMX"), &report(serial)).unwrap();
        }
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        pass(&world.clock, 60).await;
        let seen = lines(world.site.host(), Log::StateSys);
        assert!(seen.iter().any(|line| line == "total chucks loaded (3)"), "{seen:#?}");
        assert_eq!(count(world.site.db(), "SELECT COUNT(*) FROM SR_MissingMessageRanges").await, 0);
        assert_eq!(count(world.site.db(), "SELECT MAX(LastSerialNumber) FROM SR_ClientSerialNumbers").await, 5);
    });
}

#[test]
fn a_stopped_executive_does_nothing() {
    run(|world| async move {
        register(world.site.db()).await;
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        tokio::spawn(NotificationMonitor::new(world.site.clone()).run());
        world.site.host().services().stop("SMS_EXECUTIVE").unwrap();
        let path = format!(r"{}\A.SMX", world.site.inbox(r"auth\statesys.box\incoming"));
        world.site.host().disk().write(&path, &report(1)).unwrap();
        synchronize(world.site.db(), 38).await;
        pass(&world.clock, 600).await;
        assert!(world.site.host().disk().exists(&path));
        assert!(lines(world.site.host(), Log::SmsDbMon).is_empty());
    });
}

#[test]
fn a_change_whose_file_cannot_be_dropped_waits_for_the_next_one() {
    run(|world| async move {
        let (db, disk) = (world.site.db(), world.site.host().disk());
        tokio::spawn(NotificationMonitor::new(world.site.clone()).run());
        disk.set_capacity(Some(0));
        synchronize(db, 36).await;
        pass(&world.clock, 10).await;
        assert_eq!(db.change_notifications().await.unwrap().len(), 1);
        disk.set_capacity(None);
        synchronize(db, 38).await;
        pass(&world.clock, 10).await;
        assert!(db.change_notifications().await.unwrap().is_empty());
        let sent = lines(world.site.host(), Log::SmsDbMon);
        assert_eq!(sent.iter().filter(|line| line.starts_with("SND: Dropped ")).count(), 2, "{sent:#?}");
        // A monitor that is started later finds nothing to repeat.
        tokio::spawn(NotificationMonitor::new(world.site.clone()).run());
        pass(&world.clock, 10).await;
        assert_eq!(lines(world.site.host(), Log::SmsDbMon), sent);
    });
}

#[test]
fn summaries_run_every_hour() {
    run(|world| async move {
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        pass(&world.clock, 3 * 3600).await;
        let seen = lines(world.site.host(), Log::StateSys);
        assert_eq!(seen[0], "Started task 'SUM Update Status Summarizer'");
        assert!(seen[1].starts_with("Task 'SUM Update Status Summarizer' completed successfully after running for "));
        assert!(seen[1].ends_with(" seconds, with status 0."));
        assert_eq!(seen.len(), 4, "each run begins an hour after the last one ended");
    });
}

async fn policy(db: &SiteDb) -> (PolicyAssignment, PolicyBody, String) {
    let rows = db.mp_get_machine_policy_assignments(CLIENT, None).await.unwrap();
    assert_eq!(rows.len(), 1);
    let assignment = PolicyAssignment::parse(&text::decode(&rows[0].body).unwrap()).unwrap();
    let reference = &assignment.policies[0];
    let body = db.mp_get_policy_body(&reference.id, &reference.version.to_string()).await.unwrap().unwrap();
    let body = PolicyBody::parse(&text::decode(&body.body).unwrap()).unwrap();
    (assignment, body, rows[0].body_signature.clone())
}

#[test]
fn a_synchronization_becomes_a_policy_and_a_new_version_of_it() {
    run(|world| async move {
        let db = world.site.db();
        register(db).await;
        tokio::spawn(NotificationMonitor::new(world.site.clone()).run());
        let signer: crate::Signer = std::sync::Arc::new(|bytes| vec![0xAB, u8::from(bytes.starts_with(&[0xFF, 0xFE]))]);
        tokio::spawn(PolicyProvider::new(world.site.clone(), Some(signer)).run());
        synchronize(db, 36).await;
        pass(&world.clock, 30).await;

        let inbox = r"C:\Program Files\Microsoft Configuration Manager\inboxes\policypv.box";
        let id = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";
        assert_eq!(
            lines(world.site.host(), Log::SmsDbMon),
            [
                format!("RCV: INSERT on Update_SyncStatus for UpdSyncStatus_iu [{id}][1]"),
                format!(r"SND: Dropped {inbox}\{id}.STN (non-zero) [1]"),
            ]
        );
        assert_eq!(
            lines(world.site.host(), Log::PolicyPv),
            [
                format!("Found {id}.STN"),
                format!("Added Scan Tool ID {id}"),
                format!(r"Adding to delete list: {inbox}\{id}.STN"),
            ]
        );
        assert!(files(world.site.host(), inbox).is_empty());

        let (first, body, signature) = policy(db).await;
        assert_eq!(signature, "AB01");
        let source = UpdateSource::from_instance(body.instances().next().unwrap()).unwrap();
        assert_eq!((source.unique_id, source.content_version), (SOURCE, 36));
        assert_eq!((source.content_type, source.retry_codes.len()), (CONTENT_TYPE_WSUS, 36));
        assert_eq!(body.source, "SMS:PS1");
        let reference = &first.policies[0];
        assert_eq!(reference.category.as_deref(), Some("UpdateSource"));
        assert_eq!(reference.location, format!("http://<mp>/SMS_MP/.sms_pol?{}.1_00", reference.id));

        synchronize(db, 38).await;
        synchronize(db, 38).await;
        pass(&world.clock, 30).await;
        let (second, body, _) = policy(db).await;
        assert_eq!((second.id.as_str(), &second.policies[0].id), (first.id.as_str(), &reference.id));
        assert_eq!(second.policies[0].version.to_string(), "2.00");
        assert_ne!(second.policies[0].hash, reference.hash);
        let source = UpdateSource::from_instance(body.instances().next().unwrap()).unwrap();
        assert_eq!(source.content_version, 38);
    });
}

#[test]
fn nothing_is_published_twice_and_nothing_before_a_synchronization() {
    run(|world| async move {
        let provider = PolicyProvider::new(world.site.clone(), None);
        assert!(!provider.publish_update_source().await.unwrap());
        synchronize(world.site.db(), 38).await;
        assert!(provider.publish_update_source().await.unwrap());
        assert!(!provider.publish_update_source().await.unwrap());
        let code = "{2147954429}";
        let (component, name) = ("SMS_WSUS_CONFIGURATION_MANAGER", "WSUS Scan Retry Error Codes");
        world.site.db().set_component_property("PS1", component, name, "", code).await.unwrap();
        assert!(provider.publish_update_source().await.unwrap(), "the retry list is part of the policy");
    });
}

/// What a synchronization and three reports leave behind.
#[derive(PartialEq)]
struct Leavings {
    database: Vec<u8>,
    logs: Vec<Vec<u8>>,
    trace: Vec<String>,
}

fn leavings(folder: &std::path::Path) -> Leavings {
    let path = folder.join("site.db");
    let target = path.clone();
    let (logs, trace) = run(|world| async move {
        register(world.site.db()).await;
        tokio::spawn(FileDispatch::new(world.mp.clone(), world.site.clone()).run());
        tokio::spawn(StateSystem::new(world.site.clone()).run());
        tokio::spawn(NotificationMonitor::new(world.site.clone()).run());
        tokio::spawn(PolicyProvider::new(world.site.clone(), None).run());
        synchronize(world.site.db(), 38).await;
        for serial in 1..=3 {
            world.mp.disk().write(&format!(r"{STATE_OUTBOX}\{serial}.SMX"), &report(serial)).unwrap();
            pass(&world.clock, 1800).await;
        }
        world.site.db().save_to(&target).await.unwrap();
        let logs = [
            (world.mp.clone(), Log::MpFdm),
            (world.site.host().clone(), Log::StateSys),
            (world.site.host().clone(), Log::SmsDbMon),
            (world.site.host().clone(), Log::PolicyPv),
        ];
        let logs = logs.map(|(host, log)| {
            let path = format!("C/{}", log.path(&LogPlace::default()));
            host.disk().read(&path).unwrap()
        });
        let trace = world.site.db().trace().rows().iter().map(|row| format!("{:?} {}", row.at, row.text)).collect();
        (logs.to_vec(), trace)
    });
    Leavings { database: std::fs::read(path).unwrap(), logs, trace }
}

#[test]
fn equal_runs_leave_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = leavings(folder.path());
    // One synchronization, four statements of the policy, three reports.
    assert_eq!(first.trace.len(), 8, "{:#?}", first.trace);
    assert!(first.logs.iter().all(|bytes| !bytes.is_empty()));
    for _ in 0..4 {
        assert!(leavings(folder.path()) == first);
    }
}

#[test]
fn the_trace_names_procedures_and_classes() {
    run(|world| async move {
        synchronize(world.site.db(), 38).await;
        world.site.db().mp_get_mp_sites_from_assigned_site("PS1").await.unwrap();
        let trace = profiler_trace(world.site.db().trace(), world.clock.zone());
        let seen: Vec<_> =
            trace.events.iter().map(|e| (e.class.id_and_name().0, e.object.as_str(), e.sequence)).collect();
        assert_eq!(seen, [(12, "spProcessSUMSyncStateMessage", 1), (10, "MP_GetMPSitesFromAssignedSite", 2)]);
        assert_eq!((trace.server.as_str(), trace.events[0].start.hour), ("PS1SITE", 12));
    });
}
