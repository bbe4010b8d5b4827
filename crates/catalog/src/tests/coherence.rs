//! What holds for every catalogue.

use std::collections::{BTreeMap, BTreeSet};

use cmsim_wire::update::rules::Expression;
use cmsim_wire::update::{CoreFragment, ExtendedFragment, LocalizedProperties, UpdateIdentity};
use uuid::Uuid;

use super::{eleven, seven};
use crate::{Approval, Catalogue, FileEntry, Kind};

fn catalogues() -> [Catalogue; 2] {
    [seven(7), eleven(7)]
}

#[test]
fn every_named_entity_is_there_and_stands_before() {
    for catalogue in catalogues() {
        let mut before: BTreeSet<Uuid> = BTreeSet::new();
        let mut parts: BTreeSet<UpdateIdentity> = BTreeSet::new();
        let all: BTreeSet<Uuid> = catalogue.entities.iter().map(|entity| entity.identity.id).collect();
        assert_eq!(all.len(), catalogue.entities.len(), "one revision of each");
        for entity in &catalogue.entities {
            // Standing before rules out circles.
            let mut named = entity.prerequisites.iter().flat_map(|clause| &clause.any_of);
            assert!(named.all(|id| before.contains(id)), "{}", entity.title);
            assert!(entity.bundles.iter().all(|part| parts.contains(part)), "{}", entity.title);
            assert!(entity.supersedes.iter().all(|id| all.contains(id)), "{}", entity.title);
            before.insert(entity.identity.id);
            if entity.kind == Kind::BundleChild {
                parts.insert(entity.identity);
            }
        }
    }
}

#[test]
fn supersedence_is_known_both_ways() {
    for catalogue in catalogues() {
        let (mut down, mut up) = (BTreeSet::new(), BTreeSet::new());
        for entity in &catalogue.entities {
            down.extend(entity.supersedes.iter().map(|old| (entity.identity.id, *old)));
            up.extend(entity.superseded_by.iter().map(|new| (*new, entity.identity.id)));
        }
        assert!(!down.is_empty());
        assert_eq!(down, up);
    }
}

#[test]
fn leaves_and_approvals_follow_from_relations() {
    for catalogue in catalogues() {
        let mut named = BTreeSet::new();
        let mut bundled = BTreeSet::new();
        for entity in &catalogue.entities {
            named.extend(entity.prerequisites.iter().flat_map(|clause| clause.any_of.clone()));
            bundled.extend(entity.bundles.iter().map(|part| part.id));
        }
        for entity in &catalogue.entities {
            assert_eq!(entity.is_leaf, !named.contains(&entity.identity.id), "{}", entity.title);
            assert_eq!(entity.kind == Kind::BundleChild, bundled.contains(&entity.identity.id), "{}", entity.title);
            let expected = match entity.kind {
                Kind::Category(_) | Kind::Detectoid => Approval::Evaluate,
                Kind::BundleChild => Approval::Bundle,
                _ => Approval::DetectOnly,
            };
            assert!([expected, Approval::Declined].contains(&entity.approval), "{}", entity.title);
        }
    }
}

#[test]
fn every_fragment_can_be_read_and_evaluated() {
    fn known(expression: &Expression) -> bool {
        match expression {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().all(known),
            Expression::Not(body) | Expression::RegKeyLoop { body, .. } => known(body),
            Expression::Unknown(_) => false,
            _ => true,
        }
    }
    for catalogue in catalogues() {
        for entity in &catalogue.entities {
            let rules = CoreFragment::decode(&entity.core).unwrap().rules.unwrap_or_default();
            assert!([rules.is_installed, rules.is_installable].iter().flatten().all(known), "{}", entity.title);
            let extended = ExtendedFragment::decode(&entity.extended).unwrap();
            assert_eq!(extended.encode(), entity.extended);
            let names: Vec<_> = extended.files.iter().map(|file| file.name().unwrap()).collect();
            assert_eq!(names, entity.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>());
            let english = LocalizedProperties::decode(&entity.localized[0].1).unwrap();
            assert_eq!((english.language.as_str(), english.title.as_str()), ("en", entity.title.as_str()));
        }
    }
}

#[test]
fn digests_are_those_of_the_stand_in() {
    use sha1::Digest as _;
    let catalogue = seven(7);
    let mut digests = BTreeMap::new();
    for entity in &catalogue.entities {
        for file in &entity.files {
            let content = FileEntry::stand_in(entity.identity, &file.name);
            assert_eq!(file.sha1, <[u8; 20]>::from(sha1::Sha1::digest(content)));
            assert!(digests.insert(file.sha1, &file.name).is_none(), "{}", file.name);
        }
    }
}

#[test]
fn numbers_of_the_server_are_unique() {
    for catalogue in catalogues() {
        let numbers: BTreeSet<i32> = catalogue.entities.iter().map(|entity| entity.local_id).collect();
        assert_eq!(numbers.len(), catalogue.entities.len());
        assert!(numbers.first().is_some_and(|number| *number > 0));
    }
}
