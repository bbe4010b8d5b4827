//! Tests of the database with virtual clocks and real files.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cmsim_sim::{Clock, Journal, SimTime, TimeZone};

use crate::{Caller, Database, DbError, Exec, Migration, Timing, Trace};

const SCHEMA: &[Migration] = &[
    Migration {
        version: 1,
        name: "readings",
        sql: "CREATE TABLE readings (task INTEGER, step INTEGER, at INTEGER, PRIMARY KEY (task, step));",
    },
    Migration {
        version: 2,
        name: "view",
        sql: "CREATE VIEW per_task AS SELECT task, COUNT(*) AS n FROM readings GROUP BY task;
              CREATE INDEX readings_at ON readings (at);",
    },
];

fn virtual_run<F: Future>(work: impl FnOnce(Clock) -> F) -> F::Output {
    cmsim_sim::run(SimTime::from_millis(0), TimeZone::utc(), Duration::from_secs(86_400), work).unwrap()
}

async fn twenty_tasks(clock: &Clock, path: &Path) -> SimTime {
    let db = Database::open_memory(Timing::of(clock)).await.unwrap();
    db.migrate(SCHEMA).await.unwrap();
    let tasks: Vec<_> = (0..20_i64)
        .map(|task| {
            let (db, clock) = (db.clone(), clock.clone());
            tokio::spawn(async move {
                for step in 0..20_i64 {
                    let pause = Duration::from_millis(u64::try_from(task % 3).unwrap() + 1);
                    clock.wait("task", "its turn", pause).await;
                    let at = clock.now().millis();
                    db.write("reading", move |c| {
                        Box::pin(
                            sqlx::query("INSERT INTO readings VALUES (?, ?, ?)")
                                .bind(task)
                                .bind(step)
                                .bind(at)
                                .execute(c),
                        )
                    })
                    .await
                    .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rows: Vec<i64> = db
        .read("count", |c| Box::pin(sqlx::query_scalar("SELECT n FROM per_task ORDER BY task").fetch_all(c)))
        .await
        .unwrap();
    assert_eq!(rows, vec![20; 20]);
    db.save_to(path).await.unwrap();
    clock.now()
}

#[test]
fn statements_take_no_virtual_time_and_twenty_runs_give_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let files: BTreeSet<Vec<u8>> = (0..20)
        .map(|run| {
            let path = folder.path().join(format!("{run}.db"));
            let end = virtual_run(|clock| {
                let path = path.clone();
                async move { twenty_tasks(&clock, &path).await }
            });
            // The slowest tasks pause 20 times for 3 ms; anything above is drift.
            assert_eq!(end.millis(), 60);
            std::fs::read(&path).unwrap()
        })
        .collect();
    assert_eq!(files.len(), 1);
    let bytes = files.first().unwrap();
    assert!(bytes.starts_with(b"SQLite format 3\0") && bytes.len() > 4096);
}

#[test]
fn a_guard_held_over_a_virtual_wait_stops_nobody_for_ever() {
    virtual_run(|clock| async move {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        let guard = db.main().lock().await;
        let reader = tokio::spawn({
            let db = db.clone();
            async move { db.read("one", |c| Box::pin(sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(c))).await }
        });
        clock.wait("test", "the reader to queue", Duration::from_secs(5)).await;
        drop(guard);
        assert_eq!(reader.await.unwrap().unwrap(), 1);
    });
}

async fn count(db: &Database) -> i64 {
    db.read("count", |c| Box::pin(sqlx::query_scalar("SELECT COUNT(*) FROM readings").fetch_one(c))).await.unwrap()
}

#[test]
fn a_failed_write_leaves_nothing_and_names_its_operation() {
    virtual_run(|_| async {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        db.migrate(SCHEMA).await.unwrap();
        let error = db
            .write("two equal rows", |c| {
                Box::pin(async move {
                    for _ in 0..2 {
                        sqlx::query("INSERT INTO readings VALUES (1, 1, 1)").execute(&mut *c).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap_err();
        assert!(error.to_string().starts_with("two equal rows: "), "{error}");
        assert_eq!(count(&db).await, 0);
    });
}

#[test]
fn migrations_apply_once_in_order_and_notice_a_changed_text() {
    virtual_run(|_| async {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        db.migrate(&SCHEMA[..1]).await.unwrap();
        db.migrate(SCHEMA).await.unwrap();
        let names: Vec<String> = db
            .read("names", |c| {
                Box::pin(sqlx::query_scalar("SELECT name FROM schema_migrations ORDER BY version").fetch_all(c))
            })
            .await
            .unwrap();
        assert_eq!(names, ["readings", "view"]);

        let changed = Migration { sql: "SELECT 1", ..SCHEMA[0] };
        assert!(matches!(db.migrate(&[changed]).await, Err(DbError::Migration { version: 1, .. })));
        let backwards = [SCHEMA[1], SCHEMA[0]];
        assert!(matches!(db.migrate(&backwards).await, Err(DbError::Migration { version: 1, .. })));
        let broken = Migration { version: 3, name: "broken", sql: "CREATE TABLE half (n); CREATE NONSENSE;" };
        assert!(db.migrate(&[broken]).await.is_err());
        let half = db.read("half", |c| Box::pin(sqlx::query("SELECT * FROM half").fetch_all(c))).await;
        assert!(half.is_err(), "the statements before the broken one must be rolled back");
    });
}

#[test]
fn real_time_reads_beside_a_writer_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("real.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Database::open_file(Timing::Real, &path).await.unwrap();
        db.migrate(SCHEMA).await.unwrap();
        let tasks: Vec<_> = (0..8_i64)
            .map(|task| {
                let db = db.clone();
                tokio::spawn(async move {
                    for step in 0..10_i64 {
                        db.write("insert", move |c| {
                            Box::pin(
                                sqlx::query("INSERT INTO readings VALUES (?, ?, 0)").bind(task).bind(step).execute(c),
                            )
                        })
                        .await
                        .unwrap();
                        assert!(count(&db).await > step);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        drop(db);
        let again = Database::open_file(Timing::Real, &path).await.unwrap();
        assert_eq!(count(&again).await, 80);
    });
}

#[test]
fn committed_writes_wake_and_failed_ones_do_not() {
    virtual_run(|_| async {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        let mut changes = db.changes();
        let failed = db.write("nonsense", |c| Box::pin(sqlx::query("NONSENSE").execute(c))).await;
        assert!(failed.is_err() && !changes.has_changed().unwrap());
        db.write("table", |c| Box::pin(sqlx::query("CREATE TABLE t (n)").execute(c))).await.unwrap();
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        db.read("look", |c| Box::pin(sqlx::query("SELECT * FROM t").fetch_all(c))).await.unwrap();
        assert!(!changes.has_changed().unwrap());
    });
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    virtual_run(|_| async {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        let error = db.save_to(Path::new("/nonexistent-folder/site.db")).await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent-folder/site.db"), "{error}");
    });
}

#[test]
fn calls_read_as_profiler_prints_them() {
    let exec = Exec::new("MP_GetWSUSServerLocations").text("{C2D1}").text(38).text("O'Neil").raw("@Error output");
    assert_eq!(exec.to_string(), "exec MP_GetWSUSServerLocations N'{C2D1}',N'38',N'O''Neil',@Error output");
}

#[test]
fn the_trace_numbers_sessions_and_reaches_the_journal() {
    virtual_run(|clock| async move {
        let journal = Journal::new(clock);
        let trace = Trace::new(journal.clone(), "PS1SITE", "CM_PS1");
        let caller = |host: &str| Caller {
            host: host.into(),
            application: "SMS_MP".into(),
            login: format!("CONTOSO\\{host}$").into(),
        };
        trace.call(&caller("PS1SYS"), Exec::new("MP_GetSiteInfoUnified").text("<a b=\"1\"/>\u{1}"));
        trace.call(&caller("PS1SITE"), Exec::new("spX"));
        trace.call(&caller("PS1SYS"), Exec::new("spY"));
        let spids: Vec<u32> = trace.rows().iter().map(|row| row.spid).collect();
        assert_eq!(spids, [51, 52, 51]);
        assert_eq!(journal.len(), 3);
        let first = serde_json::to_value(&journal.entries()[0]).unwrap();
        assert_eq!((first["kind"].as_str(), first["host"].as_str()), (Some("sql"), Some("PS1SITE")));
    });
}

#[tokio::test(start_paused = true)]
async fn databases_side_by_side_end_with_what_each_alone_would_have() {
    async fn fill(number: i64) -> i64 {
        let db = Database::open_memory(Timing::Virtual).await.unwrap();
        db.write("fill", move |c| {
            Box::pin(async move {
                sqlx::query("CREATE TABLE t (n INTEGER)").execute(&mut *c).await?;
                for n in 0..50 {
                    sqlx::query("INSERT INTO t VALUES (?)").bind(n * number).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        db.read("look", |c| Box::pin(sqlx::query_scalar("SELECT sum(n) FROM t").fetch_one(c))).await.unwrap()
    }
    let before = tokio::time::Instant::now();
    let sums = crate::side_by_side(Timing::Virtual, async { tokio::join!(fill(1), fill(2), fill(3)) }).await;
    assert_eq!(sums, (1_225, 2_450, 3_675));
    assert_eq!(tokio::time::Instant::now(), before);
}
