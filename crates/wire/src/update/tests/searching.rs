use std::collections::BTreeSet;

use uuid::Uuid;

use super::machine::Machine;
use crate::update::rules::Verdict;
use crate::update::search::{Entity, SearchResult, search};
use crate::update::*;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn core(number: u128, kind: UpdateType, clauses: Vec<Clause>, rules: &str) -> CoreFragment {
    let head = format!(
        r#"<UpdateIdentity UpdateID="{}" RevisionNumber="1" /><Properties UpdateType="{}" />"#,
        id(number),
        kind.as_str()
    );
    let rules =
        if rules.is_empty() { String::new() } else { format!("<ApplicabilityRules>{rules}</ApplicabilityRules>") };
    let mut core = CoreFragment::decode(&format!("{head}{rules}")).unwrap();
    core.relationships = Some(Relationships { prerequisites: clauses, ..Relationships::default() });
    core
}

const INSTALLED: &str = "<IsInstalled><True /></IsInstalled>";
const NEEDED: &str = "<IsInstallable><True /></IsInstallable>";

fn catalogue() -> Vec<CoreFragment> {
    let bundle = |children: &[u128]| {
        let part = |child: &u128| BundleClause {
            any_of: vec![UpdateIdentity { id: id(*child), revision: 1 }],
            grouped: false,
        };
        children.iter().map(part).collect()
    };
    let mut parent = core(20, UpdateType::Software, vec![Clause::needs(id(3)), Clause::category(id(2))], "");
    parent.relationships.as_mut().unwrap().bundled = bundle(&[21, 22]);
    vec![
        core(1, UpdateType::Category, vec![], INSTALLED),
        core(2, UpdateType::Category, vec![Clause::category(id(1))], INSTALLED),
        core(3, UpdateType::Detectoid, vec![], INSTALLED),
        core(4, UpdateType::Detectoid, vec![], "<IsInstalled><False /></IsInstalled>"),
        core(5, UpdateType::Detectoid, vec![], INSTALLED),
        core(10, UpdateType::Software, vec![Clause::category(id(2))], NEEDED),
        core(11, UpdateType::Software, vec![Clause::needs(id(4))], NEEDED),
        core(
            12,
            UpdateType::Software,
            vec![Clause::one_of(vec![id(4), id(3)])],
            "<IsInstalled><b.New /></IsInstalled>",
        ),
        parent,
        core(21, UpdateType::Software, vec![], INSTALLED),
        core(22, UpdateType::Software, vec![], NEEDED),
        core(30, UpdateType::Software, vec![], NEEDED),
    ]
}

fn run(catalogue: &[CoreFragment]) -> SearchResult {
    let named: BTreeSet<Uuid> = catalogue
        .iter()
        .flat_map(|core| core.prerequisites().iter().flat_map(|clause| clause.any_of.clone()))
        .collect();
    let entities: Vec<Entity<'_>> = catalogue
        .iter()
        .enumerate()
        .map(|(index, core)| Entity {
            revision_id: i32::try_from(index).unwrap(),
            core,
            leaf: !named.contains(&core.identity.id),
            bundle_only: [21, 22, 30].map(id).contains(&core.identity.id),
        })
        .collect();
    search(&entities, &Machine::default())
}

#[test]
fn only_what_is_needed_and_allowed_is_evaluated() {
    let catalogue = catalogue();
    let result = run(&catalogue);
    let evaluated: Vec<u128> = result
        .evaluated
        .iter()
        .map(|index| catalogue[usize::try_from(*index).unwrap()].identity.id.as_u128())
        .collect();
    // Left out: 5, which nothing names; 11, whose prerequisite is not met; 30, a child that no bundle names.
    assert_eq!(evaluated, [1, 2, 3, 4, 10, 12, 20, 21, 22]);
    assert_eq!(result.deployed, 12);
    let found: Vec<(u128, Verdict)> =
        result.found.iter().map(|found| (found.identity.id.as_u128(), found.verdict)).collect();
    assert_eq!(found, [(10, Verdict::Needed), (20, Verdict::Needed)]);
    assert_eq!(result.categories, BTreeSet::from([id(1), id(2)]));
    assert_eq!(result.failed.len(), 1, "the unknown rule of 12");
}

#[test]
fn a_bundle_is_installed_when_no_part_is_needed() {
    let mut catalogue = catalogue();
    catalogue[10].rules = Some(ApplicabilityRules::default());
    let found = run(&catalogue).found;
    assert_eq!(found[1].verdict, Verdict::Installed);
    catalogue[9].rules = Some(ApplicabilityRules::default());
    assert_eq!(run(&catalogue).found.len(), 1, "no part applies, so the bundle does not");
}

#[test]
fn circles_of_prerequisites_end() {
    let mut catalogue = catalogue();
    catalogue[0].relationships.as_mut().unwrap().prerequisites = vec![Clause::category(id(2))];
    assert!(run(&catalogue).categories.is_empty());
}
