//! State reports and what the views make of them.

use cmsim_wire::ccm::state_report::{Machine, StateDetails, StateMessage, StateReport, Topic};
use jiff::Timestamp;

use super::*;

const UPDATES: [Uuid; 3] = [
    uuid!("505fda07-b4f3-45fb-83d9-8642554e2773"),
    uuid!("4ae85c00-0eaa-4be0-b81b-dbd7053d5fae"),
    uuid!("57260dfe-227c-45e3-9ffc-2fc77a67f95a"),
];

fn update(unique_id: Uuid, min_source_version: u32) -> UpdateRecord {
    UpdateRecord {
        unique_id,
        revision: 200,
        min_source_version,
        kind: UpdateKind::Update,
        driver: false,
        title: format!("Update {unique_id}"),
        description: String::new(),
        article_id: "2862152".into(),
        bulletin_id: String::new(),
        info_url: String::new(),
        severity: 8,
        revised: Timestamp::UNIX_EPOCH,
        superseded: false,
        expired: false,
        eula: false,
        supersedes: vec![],
        classification: CLASSIFICATION,
        products: vec![PRODUCT],
    }
}

async fn catalogue(db: &SiteDb) {
    let category =
        |kind, id, title: &str| CategoryRecord { kind, id, title: title.into(), parent: None, subscribed: true };
    let categories = [
        category(CategoryKind::UpdateClassification, CLASSIFICATION, "Security Updates"),
        category(CategoryKind::Product, PRODUCT, "Windows 7"),
    ];
    db.import_categories("PS1", &categories).await.unwrap();
    let updates = [update(UPDATES[0], 38), update(UPDATES[1], 38), update(UPDATES[2], 40)];
    db.import_updates("PS1", &updates).await.unwrap();
}

fn message(serial: u64, kind: u32, id: &str, state: u32, parameters: &[&str]) -> StateMessage {
    StateMessage {
        time: Timestamp::from_millisecond(START + i64::try_from(serial).unwrap() * 1000).unwrap(),
        serial,
        topic: Topic { id: id.into(), kind, id_type: 3, user: None, user_sid: None },
        state,
        criticality: 0,
        flags: 0,
        parameters: parameters.iter().map(|text| (*text).to_owned()).collect(),
        details: None,
    }
}

fn detection(serial: u64, id: Uuid, state: u32) -> StateMessage {
    message(serial, 500, &id.to_string(), state, &["200"])
}

fn scanned(serial: u64, state: u32, parameters: &[&str]) -> StateMessage {
    message(serial, 501, "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}", state, parameters)
}

const URL: &str = "http://PS1SITE.CONTOSO.COM:8530";

fn report(messages: Vec<StateMessage>) -> String {
    StateReport {
        machine: Machine {
            client_installed: 1,
            client_type: 1,
            client_id: CLIENT.parse().unwrap(),
            client_version: "5.00.7958.1000".into(),
            netbios_name: "CLIENT1".into(),
            code_page: 437,
            lcid: 1033,
            priority: Some(5),
        },
        date: Timestamp::from_millisecond(START + 60_000).unwrap(),
        messages,
    }
    .to_xml()
}

async fn take(db: &SiteDb, messages: Vec<StateMessage>) -> ReportOutcome {
    db.sp_process_state_report(&report(messages)).await.unwrap()
}

/// CI_UniqueID and status of every row of the widest view.
async fn states(db: &SiteDb) -> Vec<String> {
    let sql = "SELECT substr(CI_UniqueID, 1, 4) || ' ' || Status FROM v_Update_ComplianceStatusAll
               JOIN v_UpdateInfo USING (CI_ID) ORDER BY CI_ID, ResourceID";
    rows(db, sql).await
}

fn with_site<F: Future>(work: impl FnOnce(SiteDb) -> F) -> F::Output {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        synchronize_both(&db, 38).await;
        catalogue(&db).await;
        register(&db, "CLIENT1", CLIENT).await;
        work(db).await
    })
}

#[test]
fn unknown_before_a_scan_derived_after_it() {
    with_site(|db| async move {
        assert_eq!(states(&db).await, ["505f 0", "4ae8 0", "5726 0"]);
        let outcome = take(&db, vec![detection(1, UPDATES[0], 2)]).await;
        assert_eq!(outcome, ReportOutcome { records: 1, invalid: 0 });
        assert_eq!(states(&db).await, ["505f 2", "4ae8 0", "5726 0"], "no scan has completed yet");
        take(&db, vec![scanned(2, 2, &["38", URL])]).await;
        assert_eq!(states(&db).await, ["505f 2", "4ae8 0", "5726 0"], "a running scan derives nothing");
        take(&db, vec![scanned(3, 3, &["38", URL])]).await;
        assert_eq!(states(&db).await, ["505f 2", "4ae8 1", "5726 0"], "the third came after the scanned version");
        take(&db, vec![scanned(4, 2, &["40", URL])]).await;
        assert_eq!(states(&db).await, ["505f 2", "4ae8 1", "5726 0"], "what was known stays known during a scan");
        take(&db, vec![scanned(5, 3, &["40", URL])]).await;
        assert_eq!(states(&db).await, ["505f 2", "4ae8 1", "5726 1"]);
        let reported = "SELECT COUNT(*) || '' FROM v_Update_ComplianceStatusReported";
        assert_eq!(rows(&db, reported).await, ["1"]);
    });
}

#[test]
fn the_scan_status_says_what_the_guide_looks_for() {
    with_site(|db| async move {
        let scan = "SELECT json_array(LastScanState, LastErrorCode, LastScanPackageVersion, LastScanPackageLocation,
                        LastWUAVersion, ScanTime, LastScanTime) FROM v_UpdateScanStatus";
        let mut failed = scanned(1, 5, &["38", URL, "0x80072EE2"]);
        failed.details = Some(StateDetails { kind: 2, text: "7.6.7600.256".into() });
        take(&db, vec![failed]).await;
        assert_eq!(
            rows(&db, scan).await,
            [r#"[5,-2147012894,38,"http://PS1SITE.CONTOSO.COM:8530","7.6.7600.256",null,"2014-01-20 17:17:01.000"]"#]
        );
        take(&db, vec![scanned(2, 3, &["38", URL])]).await;
        assert_eq!(
            rows(&db, scan).await,
            [concat!(
                r#"[3,0,38,"http://PS1SITE.CONTOSO.COM:8530","7.6.7600.256","#,
                r#""2014-01-20 17:17:02.000","2014-01-20 17:17:02.000"]"#
            )]
        );
    });
}

#[test]
fn repeated_and_late_reports_change_nothing_newer() {
    with_site(|db| async move {
        take(&db, vec![detection(1, UPDATES[0], 2), detection(2, UPDATES[0], 3)]).await;
        take(&db, vec![detection(1, UPDATES[0], 2)]).await;
        assert_eq!(states(&db).await[0], "505f 3");
        let times = "SELECT LastStatusChangeTime || ' ' || LastStatusCheckTime FROM v_Update_ComplianceStatusReported";
        take(&db, vec![detection(4, UPDATES[0], 3)]).await;
        assert_eq!(rows(&db, times).await, ["2014-01-20 17:17:02.000 2014-01-20 17:17:04.000"]);
    });
}

#[test]
fn lost_numbers_are_noted_and_forgotten_when_they_arrive() {
    with_site(|db| async move {
        let gaps = "SELECT RangeStart || '-' || RangeEnd FROM SR_MissingMessageRanges ORDER BY 1";
        take(&db, vec![detection(1, UPDATES[0], 2), detection(5, UPDATES[1], 3)]).await;
        assert_eq!(rows(&db, gaps).await, ["2-4"]);
        take(&db, vec![detection(3, UPDATES[1], 2)]).await;
        assert_eq!(rows(&db, gaps).await, ["2-2", "4-4"]);
        assert_eq!(states(&db).await[1], "4ae8 3", "the late message is older");
        take(&db, vec![detection(2, UPDATES[0], 2), detection(4, UPDATES[0], 2)]).await;
        assert!(rows(&db, gaps).await.is_empty());
        let sent = "SELECT LastMessageSentTime FROM v_ClientMessageStatistics";
        assert_eq!(rows(&db, sent).await, ["2014-01-20 17:18:00.000"]);
    });
}

#[test]
fn a_state_that_comes_before_its_update_counts_once_the_update_is_known() {
    with_site(|db| async move {
        let late = Uuid::from_u128(7);
        take(&db, vec![detection(1, late, 2)]).await;
        let reported = "SELECT CI_UniqueID FROM v_Update_ComplianceStatusReported JOIN v_UpdateCIs USING (CI_ID)";
        assert!(rows(&db, reported).await.is_empty());
        db.import_updates("PS1", &[update(late, 38)]).await.unwrap();
        assert_eq!(rows(&db, reported).await, [late.to_string()]);
        assert_eq!(rows(&db, "SELECT CI_UniqueID FROM Update_UnresolvedStatus").await, Vec::<String>::new());
    });
}

#[test]
fn senseless_messages_are_counted_and_left_out() {
    with_site(|db| async move {
        let mut messages = vec![
            detection(1, UPDATES[0], 2),
            detection(2, UPDATES[1], 4),
            message(3, 500, "not an id", 2, &[]),
            scanned(4, 7, &[]),
            message(5, 2001, "EPDeploymentState", 1, &[]),
        ];
        assert_eq!(take(&db, messages.clone()).await, ReportOutcome { records: 5, invalid: 3 });
        messages.truncate(1);
        take(&db, messages).await;
        let counts =
            "SELECT json_array(TopicType, StateID, TotalMsgs, StatDate) FROM v_StateMessageStatistics ORDER BY 1";
        assert_eq!(rows(&db, counts).await, [r#"[2001,1,1,"2014-01-20"]"#, r#"[500,2,2,"2014-01-20"]"#]);
    });
}

#[test]
fn enforcement_shows_beside_detection() {
    with_site(|db| async move {
        take(&db, vec![detection(1, UPDATES[0], 2)]).await;
        take(&db, vec![message(2, 402, &UPDATES[0].to_string(), 8, &[])]).await;
        let combined = "SELECT json_array(StateType, StateID) FROM v_UpdateState_Combined ORDER BY CI_ID LIMIT 1";
        assert_eq!(rows(&db, combined).await, ["[402,8]"]);
        assert_eq!(states(&db).await[0], "505f 2");
    });
}

#[test]
fn reports_that_cannot_be_taken_leave_nothing() {
    with_site(|db| async move {
        let broken = db.sp_process_state_report("<Report>").await.unwrap_err();
        assert!(matches!(broken, SiteDbError::Report(ReportRefused::Malformed(_))), "{broken}");
        let stranger = report(vec![detection(1, UPDATES[0], 2)]).replace("0E6F4C1A", "00000000");
        let unknown = db.sp_process_state_report(&stranger).await.unwrap_err();
        assert!(matches!(unknown, SiteDbError::Report(ReportRefused::UnknownClient(_))), "{unknown}");
        assert!(rows(&db, "SELECT CI_ID || '' FROM v_Update_ComplianceStatusReported").await.is_empty());
        assert!(traced(&db).last().unwrap().starts_with("exec dbo.spProcessStateReport N'<?xml "));
    });
}

#[test]
fn summaries_count_what_the_views_show_and_write_only_changes() {
    with_site(|db| async move {
        take(&db, vec![detection(1, UPDATES[0], 2), scanned(2, 3, &["38", URL])]).await;
        assert_eq!(db.summarize(SummaryTask::UpdateStatus).await.unwrap(), 3);
        let summary = "SELECT json_array(NumTotal, NumMissing, NumInstalled, NumNotApplicable, NumUnknown)
                       FROM v_Update_ComplianceSummary ORDER BY CI_ID";
        assert_eq!(rows(&db, summary).await, ["[1,1,0,0,0]", "[1,0,0,1,0]", "[1,0,0,0,1]"]);
        assert_eq!(db.summarize(SummaryTask::UpdateStatus).await.unwrap(), 0);
        take(&db, vec![detection(3, UPDATES[0], 3)]).await;
        assert_eq!(db.summarize(SummaryTask::UpdateStatus).await.unwrap(), 1);
        let tasks = "SELECT json_array(TaskName, LastRunResult, NextStartTime) FROM v_SummaryTasks";
        assert_eq!(rows(&db, tasks).await, [r#"["SUM Update Status Summarizer",1,"2014-01-20 18:17:00.000"]"#]);
    });
}

#[test]
fn a_new_revision_renews_an_update_and_its_categories() {
    with_site(|db| async move {
        let mut newer = update(UPDATES[0], 40);
        (newer.revision, newer.superseded, newer.products) = (201, true, vec![]);
        db.import_updates("PS1", &[newer]).await.unwrap();
        let info = "SELECT json_array(RevisionNumber, MinSourceVersion, IsSuperseded, CIVersion) FROM v_UpdateInfo ORDER BY CI_ID LIMIT 1";
        assert_eq!(rows(&db, info).await, ["[201,38,1,201]"]);
        let categories = "SELECT CategoryTypeName FROM v_CICategories_All WHERE CI_UniqueID LIKE '505fda07%'";
        assert_eq!(rows(&db, categories).await, ["UpdateClassification"]);
        assert!(matches!(db.import_updates("ZZ9", &[]).await, Err(SiteDbError::Missing { .. })));
    });
}
