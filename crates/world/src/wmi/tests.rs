use std::time::Duration;

use cmsim_sim::TimeZone;

use super::*;

const SCAN: &str = r"root\ccm\scanagent";

fn clock() -> Clock {
    Clock::virtual_time(SimTime::from_millis(1_000), TimeZone::utc())
}

fn wmi(clock: &Clock) -> Wmi {
    let wmi = Wmi::new(clock.clone());
    wmi.define(SCAN, Class::new("CCM_ScanJobInstance", &["ScanJobID"]));
    wmi
}

fn job(id: &str, state: &str) -> Instance {
    Instance::new("ccm_scanjobinstance").with("ScanJobID", id).with("ScanState", state)
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_lived_only_during_its_job_is_in_the_history() {
    let clock = clock();
    let wmi = wmi(&clock);
    wmi.put(SCAN, job("{4CD0}", "Waiting")).unwrap();
    clock.wait("test", "job", Duration::from_millis(5)).await;
    assert!(wmi.delete(r"ROOT/CCM/ScanAgent", "CCM_SCANJOBINSTANCE", &["{4cd0}".into()]).unwrap());
    let json = serde_json::to_value(wmi.export()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({SCAN: {"CCM_ScanJobInstance": {
        "instances": [],
        "history": [
            {"at": 1000, "operation": "put", "path": "CCM_ScanJobInstance.ScanJobID=\"{4CD0}\"",
             "properties": {"ScanJobID": "{4CD0}", "ScanState": "Waiting"}},
            {"at": 1005, "operation": "delete", "path": "CCM_ScanJobInstance.ScanJobID=\"{4cd0}\""},
        ]}}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_put_replaces_by_key_without_case_and_queries_see_it() {
    let wmi = wmi(&clock());
    wmi.put(SCAN, job("{a}", "Waiting")).unwrap();
    wmi.put(SCAN, job("{A}", "Running")).unwrap();
    wmi.put(SCAN, job("{b}", "Waiting")).unwrap();
    let running = wmi.query(SCAN, "SELECT ScanJobID FROM CCM_ScanJobInstance WHERE ScanState = 'Running'").unwrap();
    assert_eq!(running, [Instance::new("CCM_ScanJobInstance").with("ScanJobID", "{A}")]);
    assert_eq!(wmi.instances(SCAN, "CCM_ScanJobInstance").unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn refusals_carry_the_codes_of_wmi() {
    let wmi = wmi(&clock());
    let code = |result: Result<Vec<Instance>, WmiError>| result.unwrap_err().hresult();
    assert_eq!(code(wmi.query(r"root\nowhere", "SELECT * FROM x")), 0x8004_100E);
    assert_eq!(code(wmi.query(SCAN, "SELECT * FROM x")), 0x8004_1010);
    assert_eq!(code(wmi.query(SCAN, "SELECT *")), 0x8004_1017);
    let keyless = Instance::new("CCM_ScanJobInstance");
    assert_eq!(wmi.put(SCAN, keyless).unwrap_err().hresult(), 0x8004_1008);
}

#[tokio::test(start_paused = true)]
async fn retention_bounds_the_history_but_not_the_instances() {
    let wmi = wmi(&clock());
    for (class, retention, expected) in [
        ("Two", Retention::Last(2), 2),
        ("None", Retention::Nothing, 0),
        ("Zero", Retention::Last(0), 0),
        ("All", Retention::All, 5),
    ] {
        wmi.define(SCAN, Class::new(class, &["Id"]).retain(retention));
        for id in 0..5 {
            wmi.put(SCAN, Instance::new(class).with("Id", id)).unwrap();
        }
        let export = &wmi.export().0[SCAN][class];
        assert_eq!((export.history.len(), export.instances.len()), (expected, 5), "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn singletons_have_the_path_of_a_singleton() {
    let wmi = wmi(&clock());
    wmi.define("root\\ccm", Class::new("SMS_Client", &[]));
    let path = wmi.put("root\\ccm", Instance::new("SMS_Client").with("ClientVersion", "5.00")).unwrap();
    assert_eq!(path, "SMS_Client=@");
    assert!(wmi.get("root\\ccm", "SMS_Client", &[]).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_change_to_an_instance_counts_and_reverts() {
    let wmi = wmi(&clock());
    wmi.put(SCAN, job("{a}", "Waiting")).unwrap();
    let before = wmi.export().0[SCAN]["CCM_ScanJobInstance"].instances.clone();
    let mark = Mark::new("lost job");
    assert!(wmi.delete_marked(&mark, SCAN, "CCM_ScanJobInstance", &["{a}".into()]).unwrap());
    wmi.put_marked(&mark, SCAN, job("{b}", "Odd")).unwrap();
    assert_eq!(wmi.get(SCAN, "CCM_ScanJobInstance", &["{a}".into()]).unwrap(), None);
    assert_eq!(mark.hits(), 1);
    wmi.revert(&mark);
    assert_eq!(wmi.export().0[SCAN]["CCM_ScanJobInstance"].instances, before);
}

#[tokio::test(start_paused = true)]
async fn a_marked_put_exports_the_bytes_of_a_plain_one() {
    let (plain, marked) = (wmi(&clock()), wmi(&clock()));
    plain.put(SCAN, job("{a}", "Waiting")).unwrap();
    marked.put_marked(&Mark::new("x"), SCAN, job("{a}", "Waiting")).unwrap();
    let bytes = |wmi: &Wmi| serde_json::to_vec(&wmi.export()).unwrap();
    assert_eq!(bytes(&plain), bytes(&marked));
}

#[tokio::test(start_paused = true)]
async fn an_export_read_back_answers_the_same_query() {
    let wmi = wmi(&clock());
    wmi.put(SCAN, job("{a}", "Waiting").with("Bulletin", WmiValue::Null).with("Tries", 2)).unwrap();
    let json = serde_json::to_string(&wmi.export()).unwrap();
    let export: WmiExport = serde_json::from_str(&json).unwrap();
    let wql = "SELECT * FROM CCM_ScanJobInstance WHERE Tries = 2";
    let query = Query::parse(wql).unwrap();
    assert_eq!(export.query(SCAN, &query).unwrap(), wmi.query(SCAN, wql).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_lost_namespace_refuses_everything_and_comes_back() {
    let wmi = wmi(&clock());
    wmi.put(SCAN, job("{a}", "Waiting")).unwrap();
    let mark = Mark::new("repository");
    wmi.lose_namespace_marked(&mark, SCAN).unwrap();
    assert_eq!(wmi.instances(SCAN, "CCM_ScanJobInstance").unwrap_err().hresult(), 0x8004_100E);
    assert!(wmi.keys(SCAN, "CCM_ScanJobInstance").is_some());
    assert_eq!(mark.hits(), 1);
    wmi.revert(&mark);
    assert_eq!(wmi.instances(SCAN, "CCM_ScanJobInstance").unwrap().len(), 1);
}
