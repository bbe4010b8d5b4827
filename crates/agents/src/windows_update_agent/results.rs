//! What a search found, as its caller gets it.

use cmsim_wire::update::rules::Verdict;
use cmsim_wire::update::{MachineFacts, rules};
use uuid::Uuid;

use super::store::{DataStore, Revision};
use crate::framework::{Category, FoundUpdate, UpdateState};

/// Ids of all categories in the store with what is known of them.
pub(super) fn categories(store: &DataStore) -> Vec<Category> {
    store
        .descriptions
        .iter()
        .filter_map(|(id, description)| {
            Some(Category {
                id: store.revisions.get(id)?.identity.id,
                kind: description.category.clone()?,
                title: description.title.clone(),
            })
        })
        .collect()
}

/// An update with everything the store knows of it.
pub(super) fn found_update(
    id: i32,
    state: UpdateState,
    store: &DataStore,
    categories: &[Category],
) -> Option<FoundUpdate> {
    let revision = store.revisions.get(&id)?;
    let core = revision.core()?;
    let description = store.descriptions.get(&id).cloned().unwrap_or_default();
    let memberships: Vec<Uuid> = core
        .prerequisites()
        .iter()
        .filter(|clause| clause.is_category)
        .flat_map(|clause| clause.any_of.iter().copied())
        .collect();
    Some(FoundUpdate {
        id: revision.identity.id,
        revision: revision.identity.revision,
        title: description.title,
        articles: description.articles,
        bulletins: description.bulletins,
        state,
        supersedes: core.superseded().to_vec(),
        categories: categories.iter().filter(|category| memberships.contains(&category.id)).cloned().collect(),
        bundled: Vec::new(),
    })
}

/// The parts of a bundle that concern this machine. Bundles hold no bundles.
pub(super) fn bundled(
    id: i32,
    store: &DataStore,
    categories: &[Category],
    facts: &dyn MachineFacts,
) -> Vec<FoundUpdate> {
    let Some(core) = store.revisions.get(&id).and_then(Revision::core) else { return Vec::new() };
    let mut parts = Vec::new();
    for identity in core.bundled().iter().flat_map(|clause| &clause.any_of) {
        let Some((id, part)) = store.revisions.iter().find(|(_, part)| part.identity == *identity) else { continue };
        let verdict = part.core().and_then(|core| rules::verdict(core.rules.as_ref()?, facts).ok());
        let state = match verdict {
            Some(Verdict::Installed) => UpdateState::Installed,
            Some(Verdict::Needed) => UpdateState::Missing,
            Some(Verdict::NotApplicable) | None => continue,
        };
        parts.extend(found_update(*id, state, store, categories));
    }
    parts
}
