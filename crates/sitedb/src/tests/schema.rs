//! The schema as a whole.

use std::path::Path;

use super::*;

/// Views that the product documents, with some of their columns.
const VIEWS: &[&str] = &[
    "SELECT SiteCode, SiteName, ServerName, InstallDir, Version, ReportingSiteCode, BuildNumber, Type, Status FROM v_Site",
    "SELECT ResourceID, Name0, Netbios_Name0, SMS_Unique_Identifier0, Client_Version0, Build01, Obsolete0 FROM v_R_System",
    "SELECT CI_ID, CI_UniqueID, Title, ArticleID, BulletinID, RevisionNumber, DatePosted, IsSuperseded FROM v_UpdateInfo",
    "SELECT CI_ID, CI_UniqueID, MinSourceVersion, UpdateSource_ID FROM v_UpdateCIs",
    "SELECT ResourceID, LastScanState, LastErrorCode, LastScanPackageLocation, LastWUAVersion FROM v_UpdateScanStatus",
    "SELECT CI_ID, ResourceID, Status, LastStatusChangeTime, LastEnforcementMessageID FROM v_Update_ComplianceStatusAll",
    "SELECT CI_ID, ResourceID, Status FROM v_UpdateComplianceStatus",
    "SELECT CI_ID, ResourceID, Status FROM v_Update_ComplianceStatusReported",
    "SELECT CI_ID, ResourceID, StateType, StateID, StateTime FROM v_UpdateState_Combined",
    "SELECT UpdateSource_ID, UpdateSource_UniqueID, UpdateSourceVersion FROM v_SoftwareUpdateSource",
    "SELECT TopicType, StateID, StateName FROM v_StateNames",
    "SELECT CI_ID, CategoryInstance_UniqueID, CategoryTypeName FROM v_CICategories_All",
    "SELECT WSUSServerName, SyncCatalogVersion, LastSyncState, LastSyncErrorCode FROM vSMS_SUPSyncStatus",
    "SELECT BoundaryID, Value, GroupCount FROM vSMS_Boundary",
    "SELECT GroupID, MemberCount, SiteSystemCount FROM vSMS_BoundaryGroup",
    "SELECT SourceGroupName, DestinationGroupName, FallbackSUP FROM vSMS_BoundaryGroupRelationships",
    "SELECT GroupID, ServerNALPath FROM vSMS_BoundaryGroupSiteSystems",
    "SELECT ResourceID, LastMessageProcessedTime FROM v_ClientMessageStatistics",
    "SELECT CI_ID, NumTotal, NumMissing, NumInstalled, NumUnknown FROM v_Update_ComplianceSummary",
    "SELECT TaskName, LastRunResult FROM v_SummaryTasks",
    "SELECT * FROM WSUSServerLocations",
    "SELECT * FROM Update_SyncStatus",
];

#[test]
fn the_documented_views_and_the_guides_queries_answer() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        for sql in VIEWS {
            let sql = *sql;
            let rows = db.database().read("view", move |c| Box::pin(sqlx::query(sql).fetch_all(c))).await;
            assert!(rows.is_ok(), "{sql}: {rows:?}");
        }
        // Names beyond the list must at least be sound.
        let all = "SELECT name FROM sqlite_master WHERE type = 'view'";
        for view in rows(&db, all).await {
            let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM \"{view}\""));
            let answer = db.database().read("view", |c| Box::pin(sqlx::query(sql).fetch_all(c))).await;
            assert!(answer.is_ok(), "{view}: {answer:?}");
        }
        assert_eq!(rows(&db, "SELECT COUNT(*) || '' FROM v_StateNames WHERE TopicType IN (500, 501)").await, ["11"]);
    });
}

#[test]
fn no_script_reads_a_clock_or_draws_a_number() {
    let mut checked = 0;
    for folder in ["../../migrations/site", "src/procedures"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
            let banned = ["current_timestamp", "current_date", "current_time", "'now'", "random", "unixepoch("];
            for word in banned {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked}");
}

#[test]
fn equal_work_gives_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["1.db", "2.db"].map(|name| {
        let path = folder.path().join(name);
        let target = path.clone();
        run(SiteGeneration::Cm2012R2, |db, _| async move {
            synchronize_both(&db, 38).await;
            register(&db, "CLIENT1", CLIENT).await;
            db.save_to(&target).await.unwrap();
        });
        std::fs::read(path).unwrap()
    });
    assert_eq!(first, second);
}
