//! What a client finds follows from its machine: one thing changed before the scan changes exactly the updates that ask for
//! it, through every role up to the client's own store.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use cmsim_catalog::{Entity, Kind};
use cmsim_logs::Log;
use cmsim_sim::TimeZone;
use cmsim_sim::journal::Event;
use cmsim_stage::{Action, NetworkKind, Settings, Stage};
use cmsim_wire::profile::Profile;
use cmsim_world::Host;

const CLIENT: &str = "CLIENT1";

/// What one scan came to.
struct Scanned {
    /// State of every update in the site database, by update id: 1 not required, 2 missing, 3 installed.
    states: BTreeMap<String, i64>,
    /// Updates found, entities evaluated, entities deployed.
    figures: [u32; 3],
}

/// Scans once in a world whose client is changed before anything starts.
fn scan(change: impl FnOnce(&Stage, &Host)) -> Scanned {
    let zone = TimeZone::named("America/New_York").unwrap();
    let start = zone.at_local("2014-01-20T12:17:00".parse().unwrap()).unwrap();
    let day = Duration::from_secs(24 * 3600);
    cmsim_sim::run(start, zone, day, |clock| async move {
        let settings = Settings {
            seed: 1,
            profile: Profile::windows_7(),
            clients: 1,
            workgroup: false,
            network: NetworkKind::Memory,
            folder: None,
        };
        let stage = Stage::build(&settings, clock.clone()).await.unwrap();
        change(&stage, stage.host(CLIENT).unwrap());
        stage.start().await.unwrap();
        clock.wait("test", "the client's policy", Duration::from_secs(120)).await;
        stage.trigger(CLIENT, Action::ScanCycle).await.unwrap();
        clock.wait("test", "the scan", Duration::from_secs(1800)).await;
        stage.stop().await;
        scanned(&stage).await
    })
    .unwrap()
}

async fn scanned(stage: &Stage) -> Scanned {
    let query =
        "select lower(i.CI_UniqueID), c.Status from v_Update_ComplianceStatusAll c join v_UpdateInfo i using (CI_ID)";
    let rows = stage.query("site", query).await.unwrap();
    let states = rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_i64().unwrap())).collect();
    let found = stage.journal().with_entries(|entries| {
        let told = |event: &Event| match event {
            Event::Log { file, text, .. } if file.ends_with(Log::WindowsUpdate.file_name()) => Some(text.to_string()),
            _ => None,
        };
        entries.iter().filter_map(|entry| told(&entry.event)).find(|text| text.contains("evaluated appl. rules"))
    });
    let numbers: Vec<u32> = found.unwrap().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [found, _, evaluated, deployed] = numbers.try_into().unwrap();
    Scanned { states, figures: [found, evaluated, deployed] }
}

fn unchanged() -> &'static Scanned {
    static SCANNED: OnceLock<Scanned> = OnceLock::new();
    SCANNED.get_or_init(|| scan(|_, _| ()))
}

/// Updates whose state is not the unchanged machine's: id, state there, state now.
fn changes(after: &Scanned) -> Vec<(String, i64, i64)> {
    let before = &unchanged().states;
    assert!(before.keys().eq(after.states.keys()), "both sites know the same updates");
    let pairs = before.iter().zip(&after.states);
    pairs.filter(|((_, was), (_, is))| was != is).map(|((id, was), (_, is))| (id.clone(), *was, *is)).collect()
}

/// The deployed updates that a condition on them or on one of their parts picks, by id.
fn updates(stage: &Stage, picks: impl Fn(&Entity) -> bool) -> Vec<String> {
    let entities = &stage.catalogue().entities;
    let part = |update: &Entity| entities.iter().any(|part| update.bundles.contains(&part.identity) && picks(part));
    let own = stage.catalogue().deployed().filter(|entity| entity.kind != Kind::BundleChild);
    let mut ids: Vec<String> =
        own.filter(|update| picks(update) || part(update)).map(|update| update.identity.id.to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn the_unchanged_machine_gives_the_articles_figures() {
    assert_eq!(unchanged().figures, [163, 622, 1150]);
    let count = |state: i64| unchanged().states.values().filter(|of| **of == state).count();
    assert_eq!((count(2), count(3)), (36, 97));
    assert_eq!(count(0), 0, "a client that has scanned leaves nothing unknown");
}

#[test]
fn a_registry_value_decides_the_updates_that_ask_for_it() {
    let mut asking = Vec::new();
    let scanned = scan(|stage, host| {
        asking = updates(stage, |entity| entity.core.contains("EditionID") && entity.core.contains("Ultimate"));
        host.registry().set(r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "EditionID", "Ultimate").unwrap();
    });
    assert_eq!(asking.len(), 31, "one language pack each");
    let expected: Vec<_> = asking.into_iter().map(|id| (id, 1, 2)).collect();
    assert_eq!(changes(&scanned), expected);
    assert_eq!(scanned.figures, [163 + 31, 622, 1150]);
}

#[test]
fn a_file_version_decides_the_update_that_asks_for_it() {
    let mut asking = Vec::new();
    let scanned = scan(|stage, host| {
        asking = updates(stage, |entity| entity.core.contains("mfc42.dll"));
        stage.set_file_version(host, r"C:\Windows\System32\mfc42.dll", "6.1.7600.16385").unwrap();
    });
    let [id] = asking.try_into().unwrap();
    assert_eq!(changes(&scanned), [(id, 3, 2)]);
    assert_eq!(scanned.figures, [163, 622, 1150]);
}

#[test]
fn an_installed_package_decides_its_update() {
    let scanned = scan(|_, host| {
        let installed = host.packages().installed();
        let package = installed.iter().find(|name| name.starts_with("Package_for_KB2584146~")).unwrap();
        host.packages().remove(package).unwrap();
    });
    assert_eq!(changes(&scanned), [("4ae85c00-0eaa-4be0-b81b-dbd7053d5fae".to_owned(), 3, 2)]);
    assert_eq!(scanned.figures, [163, 622, 1150]);
}

/// Without the condition that they need, updates are not even handed out: ten bundles, four of them with two parts.
#[test]
fn without_a_prerequisite_less_is_evaluated() {
    let mut needing = Vec::new();
    let scanned = scan(|stage, host| {
        let condition =
            stage.catalogue().entities.iter().find(|entity| entity.title == ".NET Framework 4 Client Profile").unwrap();
        let id = condition.identity.id;
        needing = updates(stage, |entity| entity.prerequisites.iter().any(|clause| clause.any_of == [id]));
        host.registry().set(r"HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Client", "Install", 0_u32).unwrap();
    });
    assert_eq!(scanned.figures, [163 - 8, 622 - 24, 1150 - 24]);
    let changes = changes(&scanned);
    assert!(!changes.is_empty() && changes.iter().all(|(id, _, is)| needing.contains(id) && *is == 1), "{changes:?}");
    assert_eq!(needing.len(), 10);
}
