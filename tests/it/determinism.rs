//! The same scenario and seed leave the same bytes, whatever else the machine does; another seed tells the same story with
//! other numbers.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cmsim_scenario::{Settings, Verdict, run_all};
use regex::Regex;

use crate::runs::{
    HEALTHY, RESCAN, Run, WINDOWS_11, alone, healthy, repository, rescan, scenario, settings, tree, windows_11,
};

/// How often the healthy scan runs in the first test.
const RUNS: usize = 50;

/// The first file in which two trees differ, with the place in it.
fn difference(one: &BTreeMap<String, Vec<u8>>, other: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    names.into_iter().find_map(|name| {
        let (Some(a), Some(b)) = (one.get(name), other.get(name)) else {
            return Some(format!("only one run has {name}"));
        };
        let at =
            a.iter().zip(b).position(|(a, b)| a != b).or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))?;
        let around = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned()
        };
        Some(format!("{name} from byte {at}:\n{}\n{}", around(a), around(b)))
    })
}

/// Two runs at a time in folders of their own, while two more threads take what they can of the processors.
#[test]
fn the_same_seed_leaves_the_same_bytes_under_load() {
    let _alone = alone();
    let (started, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let scenario = scenario(HEALTHY);
    let reference = &healthy().files;
    let runs = || {
        let mut found = Vec::new();
        while started.fetch_add(1, Ordering::Relaxed) < RUNS {
            found.extend(difference(reference, &Run::of(&scenario, None).files));
        }
        found
    };
    let differences: Vec<String> = std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let workers = [threads.spawn(runs), threads.spawn(runs)];
        let found = workers.map(std::thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        found.into_iter().flat_map(Result::unwrap).collect()
    });
    assert!(differences.is_empty(), "{} of {RUNS} runs differ: {}", differences.len(), differences[0]);
}

/// The runs that the other tests look at were made one by one; here they share a folder and the time.
#[test]
fn jobs_and_folders_make_no_difference() {
    let out = tempfile::tempdir().unwrap();
    let scenarios = [HEALTHY, RESCAN, WINDOWS_11].map(scenario);
    let finished = run_all(&scenarios, &Settings { jobs: 2, ..settings(out.path()) }, &mut |_| ());
    for (end, alone) in finished.iter().zip([healthy(), rescan(), windows_11()]) {
        assert_eq!(end.verdict, Verdict::Passed, "{}", end.id);
        assert_eq!(difference(&alone.files, &tree(&out.path().join(&end.id))), None);
    }
}

#[test]
fn another_process_elsewhere_in_the_world_leaves_the_same_bytes() {
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_cmsim"))
        .args(["run", "guide/healthy-scan.toml", "--out"])
        .arg(out.path().join("elsewhere"))
        .current_dir(repository().join("scenarios"))
        .envs([("TZ", "Asia/Tokyo"), ("LANG", "hu_HU.UTF-8"), ("LC_ALL", "hu_HU.UTF-8"), ("HOME", "/nonexistent")])
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    assert_eq!(difference(&healthy().files, &tree(&out.path().join("elsewhere/healthy-scan"))), None);
}

/// A text without what a seed may change: ids, numbers of any base, drawn names.
fn template(text: &str) -> String {
    static MASK: std::sync::OnceLock<[Regex; 2]> = std::sync::OnceLock::new();
    let [ids, numbers] = MASK.get_or_init(|| {
        let ids = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{40,}|[A-Z0-9]{8}\.SMX";
        [Regex::new(ids).unwrap(), Regex::new(r"\d+").unwrap()]
    });
    numbers.replace_all(&ids.replace_all(text, "<id>"), "#").into_owned()
}

/// Every log as its templates in order.
fn story(run: &Run) -> BTreeMap<String, Vec<String>> {
    run.logs()
        .map(|(path, _, bytes)| {
            let entries = cmsim_logs::read(bytes, 300).entries;
            (
                path.to_owned(),
                entries.iter().map(|entry| template(&format!("{}: {}", entry.component, entry.text))).collect(),
            )
        })
        .collect()
}

#[test]
fn another_seed_tells_the_same_story() {
    for (name, one) in [(HEALTHY, healthy()), (RESCAN, rescan()), (WINDOWS_11, windows_11())] {
        let other = Run::of(&scenario(name), Some(2));
        assert_eq!(other.finished.verdict, Verdict::Passed, "{name}: {:?}", other.finished.error);
        assert_eq!(one.finished.guide.as_ref().map(verdicts), other.finished.guide.as_ref().map(verdicts));
        let (ours, theirs) = (story(one), story(&other));
        assert!(ours.keys().eq(theirs.keys()), "{name}: {:?} {:?}", ours.keys(), theirs.keys());
        for (log, records) in &ours {
            let others = &theirs[log];
            let first = records.iter().zip(others).position(|(a, b)| a != b);
            let shown = first.map(|at| format!("record {at}:\n{}\n{}", records[at], others[at]));
            assert_eq!((records.len(), shown), (others.len(), None), "{name}: {log}");
        }
        assert_ne!(one.files["timeline.jsonl"], other.files["timeline.jsonl"]);
    }
}

fn verdicts(verdict: &cmsim_guide::Verdict) -> Vec<(String, cmsim_guide::Outcome)> {
    verdict
        .clients
        .iter()
        .flat_map(|client| client.steps.iter().map(|step| (step.step.clone(), step.outcome)))
        .collect()
}
