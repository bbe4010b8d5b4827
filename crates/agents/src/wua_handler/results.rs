//! What a search result means: superseded updates go, the rest becomes states.

use uuid::{Uuid, uuid};

use crate::framework::{FoundUpdate, UpdateStatus};

/// Classification "Service Packs" (docs: WSUS classification ids).
const SERVICE_PACKS: Uuid = uuid!("68c5b0a3-d1a6-4553-ae49-01d3a7827828");
/// Classification "Definition Updates" (docs).
const DEFINITION_UPDATES: Uuid = uuid!("e0789628-ce08-4437-be74-2495b842f43b");

/// An update that a search found and the client does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) update: Uuid,
    pub(super) by: Uuid,
}

/// Splits a result into what stays and what is superseded by another update of the same result. Superseded only by service
/// packs or definition updates stays (article).
pub(super) fn prune(found: Vec<FoundUpdate>) -> (Vec<FoundUpdate>, Vec<Pruned>) {
    let superseders: Vec<(Uuid, &FoundUpdate)> =
        found.iter().flat_map(|update| update.supersedes.iter().map(move |old| (*old, update))).collect();
    let mut pruned = Vec::new();
    for update in &found {
        let by = superseders.iter().find(|(old, newer)| *old == update.id && newer.id != update.id && counts(newer));
        if let Some((_, newer)) = by {
            pruned.push(Pruned { update: update.id, by: newer.id });
        }
    }
    let kept = found.into_iter().filter(|update| !pruned.iter().any(|gone| gone.update == update.id)).collect();
    (kept, pruned)
}

fn counts(superseder: &FoundUpdate) -> bool {
    !matches!(superseder.classification(), Some(SERVICE_PACKS | DEFINITION_UPDATES))
}

/// The status of one update for the store.
pub(super) fn status(update: &FoundUpdate) -> UpdateStatus {
    UpdateStatus {
        id: update.id,
        revision: update.revision,
        title: update.title.clone(),
        article: update.articles.first().cloned().unwrap_or_default(),
        bulletin: update.bulletins.first().cloned().unwrap_or_default(),
        product: update.classification(),
        state: update.state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{Category, UpdateState};

    const SECURITY: Uuid = uuid!("0fa1201d-4330-4fa8-8ae9-b877473b6441");

    fn update(n: u128, class: Uuid, supersedes: &[u128]) -> FoundUpdate {
        FoundUpdate {
            id: Uuid::from_u128(n),
            revision: 1,
            title: format!("Update {n}"),
            articles: Vec::new(),
            bulletins: Vec::new(),
            state: UpdateState::Missing,
            supersedes: supersedes.iter().map(|old| Uuid::from_u128(*old)).collect(),
            categories: vec![Category { id: class, kind: "UpdateClassification".into(), title: String::new() }],
            bundled: Vec::new(),
        }
    }

    fn ids(updates: &[FoundUpdate]) -> Vec<u128> {
        updates.iter().map(|update| update.id.as_u128()).collect()
    }

    #[test]
    fn superseded_updates_go_unless_only_service_packs_and_definitions_supersede_them() {
        let (kept, pruned) = prune(vec![
            update(1, SECURITY, &[]),
            update(2, SECURITY, &[1]),
            update(3, SECURITY, &[]),
            update(4, SERVICE_PACKS, &[3]),
            update(5, SECURITY, &[]),
            update(6, DEFINITION_UPDATES, &[5]),
            update(7, SECURITY, &[5, 99]),
        ]);
        assert_eq!(ids(&kept), [2, 3, 4, 6, 7]);
        let pairs: Vec<(u128, u128)> = pruned.iter().map(|gone| (gone.update.as_u128(), gone.by.as_u128())).collect();
        assert_eq!(pairs, [(1, 2), (5, 7)]);
    }

    #[test]
    fn a_chain_leaves_only_its_end() {
        let (kept, pruned) =
            prune(vec![update(1, SECURITY, &[]), update(2, SECURITY, &[1]), update(3, SECURITY, &[2, 1])]);
        assert_eq!(ids(&kept), [3]);
        assert_eq!(pruned.len(), 2);
    }
}
