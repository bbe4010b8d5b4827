use std::collections::BTreeMap;

use cmsim_wire::update::UpdateIdentity;
use cmsim_wire::wusp::sync_updates::{DriverVersion, InstalledDriver};
use jiff::Timestamp;

use super::*;
use crate::susdb::{ALL_COMPUTERS, Deployed};

fn id(n: i32) -> Uuid {
    Uuid::from_u128(u128::from(n.unsigned_abs()))
}

/// A catalogue of `(revision id, clauses)`; every clause counts as a category clause too.
fn catalogue(entries: &[(i32, UpdateType, &[&[i32]])]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (revision, update_type, clauses) in entries {
        let deployed = Deployed {
            id: 1_000 + revision,
            action: DeploymentAction::Evaluate,
            deadline: None,
            last_change: Timestamp::UNIX_EPOCH,
            change_number: 1,
        };
        catalogue.by_update.insert(id(*revision), *revision);
        catalogue.revisions.insert(
            *revision,
            Revision {
                identity: UpdateIdentity { id: id(*revision), revision: 100 },
                update_type: *update_type,
                is_leaf: false,
                clauses: clauses.iter().map(|clause| clause.to_vec()).collect(),
                categories: clauses.iter().copied().flatten().map(|member| id(*member)).collect(),
                parts: Vec::new(),
                drivers: Vec::new(),
                deployments: BTreeMap::from([(ALL_COMPUTERS, deployed)]),
                core: "".into(),
            },
        );
    }
    catalogue
}

/// Company 1, families 2 and 3, products 4 (in 2) and 5 (in 3), an update 6 of product 4 that needs detectoid 7 or 8.
fn layers() -> Catalogue {
    use UpdateType::{Category, Detectoid, Software};
    let mut catalogue = catalogue(&[
        (1, Category, &[]),
        (2, Category, &[&[1]]),
        (3, Category, &[&[1]]),
        (4, Category, &[&[2]]),
        (5, Category, &[&[3]]),
        (6, Software, &[&[4], &[7, 8]]),
        (7, Detectoid, &[]),
        (8, Detectoid, &[]),
    ]);
    let kinds = [(1, "Company"), (2, "ProductFamily"), (4, "Product"), (5, "Product"), (3, "UpdateClassification")];
    catalogue.category_types = kinds.into_iter().map(|(n, kind)| (id(n), kind.to_owned())).collect();
    catalogue
}

fn set(ids: &[i32]) -> BTreeSet<i32> {
    ids.iter().copied().collect()
}

/// One software call of a client that declares `installed` and has `other` besides.
fn software(catalogue: &Catalogue, installed: &[i32], other: &[i32], change: impl FnOnce(&mut Scan<'_>)) -> Outcome {
    let (installed, other) = (set(installed), set(other));
    let cached = installed.union(&other).copied().collect();
    let mut scan = Scan {
        groups: &[ALL_COMPUTERS],
        installed: &installed,
        cached: &cached,
        filter: &[],
        two_groups: true,
        anchor: 1,
        page: 200,
    };
    change(&mut scan);
    catalogue.software(&scan)
}

#[test]
fn layers_appear_as_their_prerequisites_are_declared() {
    let catalogue = layers();
    let new = |installed: &[i32], other: &[i32]| software(&catalogue, installed, other, |_| {}).new;
    assert_eq!(new(&[], &[]), [1, 7, 8]);
    assert_eq!(new(&[1], &[7, 8]), [2, 3]);
    assert_eq!(new(&[1, 2], &[3, 7, 8]), [4]);
    // Both clauses of 6 must hold; one member of the second is enough.
    assert_eq!(new(&[1, 2, 4], &[3, 7, 8]), Vec::<i32>::new());
    assert_eq!(new(&[1, 2, 4, 8], &[3, 7]), [6]);
    assert_eq!(new(&[1, 2, 4, 8], &[3, 6, 7]), Vec::<i32>::new());
}

#[test]
fn a_page_holds_at_its_size_and_is_cut_one_past_it() {
    let catalogue = layers();
    let page = |page| {
        let outcome = software(&catalogue, &[], &[], |scan| scan.page = page);
        (outcome.new.len(), outcome.truncated)
    };
    assert_eq!(page(3), (3, false));
    assert_eq!(page(2), (2, true));
}

#[test]
fn what_is_cached_and_not_needed_goes_out_of_scope_in_two_groups() {
    let catalogue = layers();
    let both = software(&catalogue, &[1], &[4, 99], |_| {});
    assert_eq!((both.out_of_scope, both.deployed_out_of_scope), (vec![99], vec![4]));
    let one = software(&catalogue, &[1], &[4, 99], |scan| scan.two_groups = false);
    assert_eq!((one.out_of_scope, one.deployed_out_of_scope), (vec![4, 99], vec![]));
}

#[test]
fn changes_after_the_anchor_are_told_for_cached_revisions_only() {
    let mut catalogue = layers();
    if let Some(deployed) = catalogue.revisions.get_mut(&7).and_then(|found| found.deployments.get_mut(&ALL_COMPUTERS))
    {
        deployed.change_number = 2;
    }
    assert_eq!(software(&catalogue, &[1], &[7, 8], |_| {}).changed, [7]);
    assert_eq!(software(&catalogue, &[1], &[7, 8], |scan| scan.anchor = 2).changed, Vec::<i32>::new());
    assert_eq!(software(&catalogue, &[1], &[8], |_| {}).new, [2, 3, 7]);
}

#[test]
fn a_blocked_or_undeployed_revision_is_never_sent() {
    let mut catalogue = layers();
    if let Some(seven) = catalogue.revisions.get_mut(&7) {
        seven.deployments.clear();
    }
    if let Some(deployed) = catalogue.revisions.get_mut(&8).and_then(|found| found.deployments.get_mut(&ALL_COMPUTERS))
    {
        deployed.action = DeploymentAction::Block;
    }
    assert_eq!(software(&catalogue, &[], &[], |_| {}).new, [1]);
}

#[test]
fn a_limited_scan_is_about_a_category_its_members_and_what_they_need() {
    let catalogue = layers();
    let filtered = |filter: i32, installed: &[i32]| {
        let (filter, installed) = ([id(filter)], set(installed));
        let scan = Scan {
            groups: &[ALL_COMPUTERS],
            installed: &installed,
            cached: &installed,
            filter: &filter,
            two_groups: true,
            anchor: 1,
            page: 200,
        };
        catalogue.software(&scan).new
    };
    // Product 5 has no updates: the dialogue of the capture, company, family, product.
    assert_eq!(filtered(5, &[]), [1]);
    assert_eq!(filtered(5, &[1]), [3]);
    assert_eq!(filtered(5, &[1, 3]), [5]);
    // Product 4 has one, so its detectoids come too.
    assert_eq!(filtered(4, &[1]), [2, 7, 8]);
    assert_eq!(filtered(99, &[]), Vec::<i32>::new());
}

#[test]
fn preferred_categories_follow_the_three_rules() {
    let catalogue = layers();
    let ask = |pairs: &[(i32, i32)]| {
        let requested: Vec<_> = pairs
            .iter()
            .map(|(index, category)| CategoryRelationship { index_of_and_group: *index, category_id: id(*category) })
            .collect();
        let answer = catalogue.preferred_categories(&requested);
        (answer.preferred_category_ids, answer.requested_category_ids_in_error)
    };
    assert_eq!(ask(&[(0, 4)]), (vec![id(4)], vec![]));
    assert_eq!(ask(&[(0, 4), (0, 3), (1, 5)]), (vec![id(4), id(5)], vec![]));
    // An unknown member drops its whole group.
    assert_eq!(ask(&[(0, 4), (0, 99), (1, 5)]), (vec![id(5)], vec![id(99)]));
    // A classification alone cannot be used, and spoils the rest.
    assert_eq!(ask(&[(0, 4), (1, 3)]), (vec![], vec![]));
    assert_eq!(ask(&[]), (vec![], vec![]));
}

#[test]
fn a_driver_must_match_and_beat_the_installed_one() {
    let mut catalogue = catalogue(&[(1, UpdateType::Driver, &[]), (2, UpdateType::Driver, &[])]);
    let fits = |hardware_id: &str, date: &str, build: u16| DriverMatch {
        hardware_id: hardware_id.to_owned(),
        date: date.to_owned(),
        version: DriverVersion::from_parts([1, 0, 0, build]),
    };
    for (revision, driver) in [(1, fits("pci\\ven_1", "2012-05-02", 5)), (2, fits("pci\\ven_1&dev_2", "2010-01-01", 1))]
    {
        if let Some(found) = catalogue.revisions.get_mut(&revision) {
            found.drivers.push(driver);
        }
    }
    let none = BTreeSet::new();
    let scan = Scan {
        groups: &[ALL_COMPUTERS],
        installed: &none,
        cached: &none,
        filter: &[],
        two_groups: true,
        anchor: 1,
        page: 200,
    };
    let device = |ids: &[&str], installed: Option<(&str, &str, u16)>| Device {
        hardware_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        installed_driver: installed.map(|(matching, date, build)| InstalledDriver {
            matching_id: Some(matching.to_owned()),
            date: format!("{date}T00:00:00Z").parse().unwrap(),
            version: DriverVersion::from_parts([1, 0, 0, build]),
            class: None,
            manufacturer: None,
            provider: None,
            model: None,
            matching_computer_hwid: None,
            rank: 0,
            is_generic: false,
        }),
        ..Device::default()
    };
    let new = |device: Device| catalogue.drivers(&scan, &[device]).new;
    let both = ["PCI\\VEN_1&DEV_2", "PCI\\VEN_1"];
    // The more specific id wins although that driver is older.
    assert_eq!(new(device(&both, None)), [2]);
    assert_eq!(new(device(&both[1..], None)), [1]);
    assert_eq!(new(device(&both[1..], Some(("PCI\\VEN_1", "2012-05-02", 5)))), Vec::<i32>::new());
    assert_eq!(new(device(&both[1..], Some(("PCI\\VEN_1", "2012-05-02", 4)))), [1]);
    assert_eq!(new(device(&both, Some(("PCI\\VEN_1", "2013-01-01", 9)))), [2]);
    assert_eq!(new(device(&["USB\\X"], None)), Vec::<i32>::new());
    assert!(catalogue.has_drivers(&[ALL_COMPUTERS], &[]) && !catalogue.has_drivers(&[ALL_COMPUTERS], &[id(9)]));
}
