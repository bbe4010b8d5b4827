//! Which crate may use which. The table is the architecture; `cargo metadata` says what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate and the crates it may use directly; what those may use, it may use too.
const MAY_USE: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("logs", &[]),
    ("sim", &[]),
    ("net", &["sim", "wire"]),
    ("world", &["net", "logs"]),
    ("db", &["sim"]),
    ("iis", &["world"]),
    ("sitedb", &["db", "wire"]),
    ("site", &["sitedb", "world"]),
    ("mp", &["sitedb", "iis"]),
    ("wsus", &["iis", "db", "wire"]),
    ("agents", &["wire", "logs"]),
    ("client", &["agents", "world"]),
    ("catalog", &["wire"]),
    ("stage", &["site", "mp", "wsus", "client", "catalog"]),
    ("guide", &["logs"]),
    ("scenario", &["stage", "guide"]),
    ("cmsim", &["scenario"]),
];

fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let mut closure: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, direct) in MAY_USE {
        let mut all = BTreeSet::new();
        for used in *direct {
            all.insert((*used).to_owned());
            all.extend(closure.get(*used).cloned().unwrap_or_else(|| panic!("{used} is listed after {name}")));
        }
        closure.insert((*name).to_owned(), all);
    }
    closure
}

fn role(package: &str) -> Option<&str> {
    if package == "cmsim" { Some(package) } else { package.strip_prefix("cmsim-") }
}

/// Each of our crates with those of ours that it names in any dependency section.
fn actual() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .filter_map(|package| {
            let name = role(package["name"].as_str()?)?.to_owned();
            let used = package["dependencies"].as_array()?.iter();
            let ours = used.filter_map(|dependency| role(dependency["name"].as_str()?)).map(str::to_owned);
            Some((name, ours.collect()))
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let allowed = allowed();
    let actual = actual();
    let listed: BTreeSet<&String> = allowed.keys().collect();
    assert_eq!(actual.keys().collect::<BTreeSet<_>>(), listed, "the table and the workspace list the same crates");
    for (name, used) in &actual {
        let forbidden: Vec<&String> = used.difference(&allowed[name]).collect();
        assert!(forbidden.is_empty(), "{name} may not use {forbidden:?}");
    }
}

#[test]
fn no_role_can_reach_the_stage_or_a_scenario() {
    let actual = actual();
    let roles =
        ["wire", "logs", "sim", "net", "world", "db", "iis", "sitedb", "site", "mp", "wsus", "agents", "client"];
    for name in roles {
        let mut reachable = BTreeSet::new();
        let mut open = vec![name.to_owned()];
        while let Some(next) = open.pop() {
            open.extend(actual[&next].iter().filter(|used| reachable.insert((*used).clone())).cloned());
        }
        for summit in ["stage", "scenario", "guide", "cmsim"] {
            assert!(!reachable.contains(summit), "{name} reaches {summit}");
        }
    }
}
