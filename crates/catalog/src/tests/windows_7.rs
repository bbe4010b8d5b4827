use std::collections::{BTreeMap, BTreeSet};

use cmsim_wire::update::rules::{Verdict, Version};
use cmsim_wire::update::{CoreFragment, MachineFacts, RegistryData, RegistryView};
use uuid::{Uuid, uuid};

use super::scan::{Scan, scan};
use super::seven;
use crate::{Catalogue, Machine, classification};

const INSTALLED: Uuid = uuid!("4ae85c00-0eaa-4be0-b81b-dbd7053d5fae");
const UNNAMED: Uuid = uuid!("57260dfe-227c-45e3-9ffc-2fc77a67f95a");
const MISSING: Uuid = uuid!("505fda07-b4f3-45fb-83d9-8642554e2773");
const SUPERSEDED: Uuid = uuid!("70f4f236-0248-4e84-b472-292913576fa1");
const SUPERSEDING: Uuid = uuid!("726b7201-862a-4fde-9b12-f36b38323a6f");

fn scan_of(catalogue: &Catalogue) -> Scan {
    scan(catalogue, &catalogue.machine)
}

/// Updates whose state differs: title, before, after.
fn changes(catalogue: &Catalogue, machine: &Machine) -> Vec<(String, Option<Verdict>, Option<Verdict>)> {
    let before = scan_of(catalogue).states;
    let after = scan(catalogue, machine).states;
    let mut changes = Vec::new();
    for entity in catalogue.deployed() {
        let id = entity.identity.id;
        let (was, is) = (before.get(&id).copied(), after.get(&id).copied());
        if was != is {
            changes.push((entity.title.clone(), was, is));
        }
    }
    changes
}

#[test]
fn the_figures_of_the_article_come_out_of_the_rules() {
    for seed in 0..4 {
        let catalogue = seven(seed);
        let scan = scan_of(&catalogue);
        let result = &scan.result;
        assert_eq!(catalogue.deployed().count(), 1150);
        assert_eq!(result.deployed, 1150, "every prerequisite is met, so all are handed out");
        assert_eq!(result.evaluated.len(), 622);
        assert_eq!(result.found.len(), 163);
        assert_eq!(result.categories.len(), 70);
        assert_eq!(result.failed, []);
        let count = |state| scan.states.values().filter(|of| **of == state).count();
        assert_eq!((count(Verdict::Installed), count(Verdict::Needed)), (127, 36));
        assert_eq!(scan.rounds, 5, "company, family, product, component, update");
        assert_eq!(scan.declared, 100, "below the server's limit of 400");
    }
}

#[test]
fn the_updates_of_the_article_are_there() {
    let catalogue = seven(1);
    let scan = scan_of(&catalogue);
    let of = |id| {
        let entity = catalogue.find(id).unwrap();
        (entity.identity.revision, entity.title.as_str(), scan.states.get(&id).copied().unwrap())
    };
    let title = |kb: &str| format!("Security Update for Windows 7 for x64-based Systems ({kb})");
    assert_eq!(of(INSTALLED), (104, title("KB2584146").as_str(), Verdict::Installed));
    assert_eq!(of(UNNAMED), (104, title("KB2585542").as_str(), Verdict::Installed));
    assert_eq!(of(MISSING), (200, title("KB2862152").as_str(), Verdict::Needed));
    assert_eq!(catalogue.find(MISSING).unwrap().classification, Some(classification::SECURITY_UPDATES));
    assert_eq!(of(SUPERSEDED).2, Verdict::Installed);
    assert_eq!(of(SUPERSEDING).2, Verdict::Needed);
    assert_eq!(catalogue.find(SUPERSEDED).unwrap().superseded_by, [SUPERSEDING]);

    let place = |id| catalogue.entities.iter().position(|entity| entity.identity.id == id).unwrap();
    let local = |id| catalogue.find(id).unwrap().local_id;
    assert!(place(INSTALLED) < place(UNNAMED) && place(UNNAMED) < place(MISSING));
    assert!(local(INSTALLED) < local(UNNAMED) && local(UNNAMED) < local(MISSING), "the log's order, by number too");
}

/// One line per update of the search result: state, revision, title. Ids are left out but for those of the article.
fn listing(catalogue: &Catalogue) -> String {
    let states = scan_of(catalogue).states;
    let mut text = String::new();
    for entity in catalogue.deployed() {
        if let Some(state) = states.get(&entity.identity.id) {
            text.push_str(&format!("{state:?} {} {}\n", entity.identity.revision, entity.title));
        }
    }
    text
}

/// Pins numbers, titles and states of one seed: the same on every machine.
#[test]
fn the_listing_of_seed_one_is_the_golden_one() {
    let golden = include_str!("../../tests/golden/windows-7-found.txt");
    let lines: String = golden.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert_eq!(listing(&seven(1)), lines);
}

/// The client drops what another found update supersedes, unless that is a service pack or a definition update.
#[test]
fn only_what_service_packs_and_definitions_replace_survives_pruning() {
    let catalogue = seven(1);
    let found = scan_of(&catalogue).states;
    let exempt = [Some(classification::SERVICE_PACKS), Some(classification::DEFINITION_UPDATES)];
    let (mut pruned, mut kept) = (BTreeSet::new(), 0);
    for entity in catalogue.deployed().filter(|entity| found.contains_key(&entity.identity.id)) {
        let replacing: Vec<_> = entity.superseded_by.iter().map(|id| catalogue.find(*id).unwrap()).collect();
        assert!(replacing.iter().all(|newer| found.contains_key(&newer.identity.id)), "{}", entity.title);
        if replacing.iter().any(|newer| !exempt.contains(&newer.classification)) {
            pruned.insert(entity.identity.id);
        } else if !replacing.is_empty() {
            kept += 1;
        }
    }
    assert!(pruned.contains(&SUPERSEDED));
    // Eight before the service pack, four of Office and its first service pack, two definitions.
    assert_eq!(kept, 15);
    assert_eq!(pruned.len(), 30);
}

#[test]
fn one_package_decides_one_update() {
    let catalogue = seven(1);
    let mut machine = catalogue.machine.clone();
    let packages = machine.packages();
    let package = packages.iter().find(|name| name.starts_with("Package_for_KB2584146~")).unwrap();
    assert!(machine.remove_package(package));
    let title = catalogue.find(INSTALLED).unwrap().title.clone();
    assert_eq!(changes(&catalogue, &machine), [(title, Some(Verdict::Installed), Some(Verdict::Needed))]);
}

#[test]
fn one_file_version_decides_one_update() {
    let catalogue = seven(1);
    let mut machine = catalogue.machine.clone();
    let path = r"c:\windows\SYSTEM32\mfc42.dll";
    let size = machine.file(path).unwrap().size;
    machine.set_file(path, Version::new([6, 1, 7600, 16385]), size, "2009-07-14T00:00:00Z".parse().unwrap());
    let changes = changes(&catalogue, &machine);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].1, changes[0].2), (Some(Verdict::Installed), Some(Verdict::Needed)));
}

#[test]
fn one_registry_value_decides_what_asks_for_it() {
    let catalogue = seven(1);
    let mut machine = catalogue.machine.clone();
    let roots = r"SOFTWARE\Microsoft\Active Setup\Installed Components\Roots 2013-04";
    machine.set_value(RegistryView::Native, roots, "IsInstalled", RegistryData::Dword(0));
    let title = "Update for Root Certificates for Windows 7 [2013-04] (KB931125)".to_owned();
    assert_eq!(changes(&catalogue, &machine), [(title, Some(Verdict::Installed), Some(Verdict::Needed))]);

    let mut machine = catalogue.machine.clone();
    let windows = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    machine.set_value(RegistryView::Native, windows, "EditionID", RegistryData::Text("Ultimate".to_owned()));
    let changes = changes(&catalogue, &machine);
    assert_eq!(changes.len(), 31, "every language pack");
    assert!(
        changes.iter().all(|(title, was, is)| {
            title.contains("Language Pack") && was.is_none() && *is == Some(Verdict::Needed)
        })
    );
}

#[test]
fn without_a_prerequisite_less_is_handed_out_and_evaluated() {
    let catalogue = seven(1);
    let mut machine = catalogue.machine.clone();
    let client = r"SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Client";
    machine.set_value(RegistryView::Native, client, "Install", RegistryData::Dword(0));
    let result = scan(&catalogue, &machine).result;
    // Ten bundles, of which four have two parts.
    assert_eq!(result.deployed, 1150 - 24);
    assert_eq!(result.evaluated.len(), 622 - 24);
    assert_eq!(result.found.len(), 163 - 8);

    let mut machine = catalogue.machine.clone();
    machine.set_service_pack(0);
    assert!(scan(&catalogue, &machine).result.evaluated.len() < 622 - 200);

    // The same by taking the condition itself out of the catalogue.
    let mut catalogue = catalogue;
    catalogue.entities.retain(|entity| entity.title != ".NET Framework 4 Client Profile");
    assert_eq!(scan_of(&catalogue).result.evaluated.len(), 622 - 25);
}

#[test]
fn declined_updates_reach_nobody() {
    let catalogue = seven(1);
    assert_eq!(catalogue.entities.len() - catalogue.deployed().count(), 48);
    // They make nothing a prerequisite that is not one for deployed updates: leaves do not depend on them.
    let named = |entities: &mut dyn Iterator<Item = &crate::Entity>| -> BTreeSet<Uuid> {
        entities.flat_map(|entity| entity.prerequisites.iter().flat_map(|clause| clause.any_of.clone())).collect()
    };
    assert_eq!(named(&mut catalogue.entities.iter()), named(&mut catalogue.deployed()));
}

#[test]
fn the_machine_is_made_of_values_and_files() {
    let catalogue = seven(1);
    let machine = &catalogue.machine;
    let mut copy = Machine::new(&cmsim_wire::profile::Profile::windows_7());
    for entry in machine.registry() {
        copy.set_value(entry.view, &entry.key, &entry.name, entry.data);
    }
    for file in machine.files() {
        copy.set_file(&file.path, file.version, file.size, file.modified);
    }
    assert_eq!(scan(&catalogue, &copy).states, scan_of(&catalogue).states);
}

#[test]
fn another_seed_gives_other_fillers_and_the_same_shape() {
    let [one, two] = [seven(1), seven(2)];
    let shape = |catalogue: &Catalogue| {
        let mut counts = BTreeMap::new();
        for entity in &catalogue.entities {
            let parts = (entity.kind, entity.approval, entity.classification, entity.supersedes.len(), entity.is_leaf);
            *counts.entry(parts).or_insert(0) += 1;
        }
        counts
    };
    assert_eq!(shape(&one), shape(&two));
    let articles =
        |catalogue: &Catalogue| -> BTreeSet<u32> { catalogue.entities.iter().filter_map(|entity| entity.kb).collect() };
    assert!(articles(&one).intersection(&articles(&two)).count() < articles(&one).len() / 2);
    let numbers =
        |catalogue: &Catalogue| -> Vec<i32> { catalogue.entities.iter().map(|entity| entity.local_id).collect() };
    assert_ne!(numbers(&one), numbers(&two));
    assert_eq!(one.entities, seven(1).entities, "and the same seed the same");
}

#[test]
fn fragments_are_what_the_codecs_write() {
    for entity in &seven(1).entities {
        let core = CoreFragment::decode(&entity.core).unwrap();
        assert_eq!(core.encode(), entity.core);
        assert_eq!(core.identity, entity.identity);
        assert_eq!(core.prerequisites(), entity.prerequisites);
        assert_eq!(core.superseded(), entity.supersedes);
    }
}
