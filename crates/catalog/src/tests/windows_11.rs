use cmsim_wire::update::rules::Verdict;

use super::eleven;
use super::scan::scan;

#[test]
fn the_example_client_gets_and_finds_its_part() {
    for seed in 0..4 {
        let catalogue = eleven(seed);
        let scan = scan(&catalogue, &catalogue.machine);
        let result = &scan.result;
        assert_eq!(catalogue.deployed().count(), 209);
        // Kept from it: sixteen bundles with their parts, for ARM64 and for version 23H2.
        assert_eq!(result.deployed, 209 - 32);
        assert_eq!((result.evaluated.len(), result.found.len(), result.categories.len()), (81, 34, 7));
        assert_eq!(result.failed, []);
        let count = |state| scan.states.values().filter(|of| **of == state).count();
        assert_eq!((count(Verdict::Installed), count(Verdict::Needed)), (27, 7));
        assert_eq!(scan.rounds, 4, "company, family, product, update");
    }
}

#[test]
fn a_cumulative_update_counts_for_all_before_it() {
    let catalogue = eleven(1);
    let mut machine = catalogue.machine.clone();
    let before = scan(&catalogue, &machine).states;
    let packages = machine.packages();
    let rollup = packages.iter().find(|name| name.starts_with("Package_for_RollupFix~")).unwrap();
    assert_eq!(rollup, "Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.8037.1.19");
    assert!(machine.remove_package(rollup));
    let after = scan(&catalogue, &machine).states;
    let changed: Vec<_> = before.iter().filter(|(id, state)| after.get(*id) != Some(*state)).collect();
    assert_eq!(changed.len(), 13, "every month up to the machine's");
    assert!(changed.iter().all(|(id, _)| after.get(*id) == Some(&Verdict::Needed)));
}

#[test]
fn device_attributes_decide_the_version() {
    let catalogue = eleven(1);
    let mut machine = catalogue.machine.clone();
    machine.set_device_attribute("OSVersion", "10.0.22631.4317");
    let result = scan(&catalogue, &machine).result;
    // The lines of the current version go (24 bundles with their parts), that of 23H2 comes (8).
    assert_eq!(result.deployed, 209 - 32 - 48 + 16);
}
