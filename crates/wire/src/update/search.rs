//! What an agent's search makes of the entities it has been handed.
//!
//! *Deployed* entities are those a server handed to the client: each came with a deployment. The rules of an entity are
//! *evaluated* when the search needs them and its prerequisites are met: entities that others name as prerequisite,
//! updates, and the children of bundles. Detectoids and categories that nothing names are stored and never evaluated,
//! which is why the agent's log counts fewer evaluated than deployed entities (the log's shape is the article's; which
//! entities are left out is inferred).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::rules::{RuleError, Verdict, verdict};
use super::{BundleClause, CoreFragment, MachineFacts, UpdateIdentity, UpdateType};

/// Longest chain of prerequisites and bundles that is followed; real ones have four or five links. What lies beyond, as
/// in a circle, counts as not met.
const CHAIN: usize = 64;

/// An entity as the agent keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// The server's number of the revision.
    pub revision_id: i32,
    /// Its core fragment.
    pub core: &'a CoreFragment,
    /// Whether nothing names it as prerequisite (`IsLeaf`).
    pub leaf: bool,
    /// Whether it is deployed only as part of a bundle (deployment action `Bundle`).
    pub bundle_only: bool,
}

/// An update in the search result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The server's number of the revision.
    pub revision_id: i32,
    /// Which revision of which update.
    pub identity: UpdateIdentity,
    /// [`Verdict::Installed`] or [`Verdict::Needed`]; updates that are not applicable are not in the result.
    pub verdict: Verdict,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SearchResult {
    /// Installed and needed updates, in the order of the entities given. Superseded ones are included.
    pub found: Vec<Found>,
    /// Installed categories that the found updates belong to, with those above them (inferred: what the agent counts).
    pub categories: BTreeSet<Uuid>,
    /// Entities whose rules were evaluated.
    pub evaluated: BTreeSet<i32>,
    /// Entities handed to the client.
    pub deployed: usize,
    /// Entities with a rule that could not be evaluated. They count as not applicable.
    pub failed: Vec<(i32, RuleError)>,
}

/// Whether an entity is installed by its own rules; what a client asks of a new entity that is not a leaf, to declare it
/// in the next call.
///
/// # Errors
/// The first rule that could not be evaluated.
pub fn is_installed(core: &CoreFragment, facts: &dyn MachineFacts) -> Result<bool, RuleError> {
    match &core.rules {
        Some(rules) => Ok(verdict(rules, facts)? == Verdict::Installed),
        None => Ok(false),
    }
}

/// Searches software and drivers, installed or not, with any deployment action: the search that the ConfigMgr client
/// submits (article).
#[must_use]
pub fn search(entities: &[Entity<'_>], facts: &dyn MachineFacts) -> SearchResult {
    let mut search = Search {
        entities,
        facts,
        newest: BTreeMap::new(),
        exact: BTreeMap::new(),
        verdicts: BTreeMap::new(),
        chain: Vec::new(),
        failed: Vec::new(),
    };
    for (index, entity) in entities.iter().enumerate() {
        let identity = entity.core.identity;
        search.exact.insert(identity, index);
        let newest = search.newest.entry(identity.id).or_insert(index);
        if entities[*newest].core.identity.revision < identity.revision {
            *newest = index;
        }
    }
    search.run()
}

struct Search<'a> {
    entities: &'a [Entity<'a>],
    facts: &'a dyn MachineFacts,
    newest: BTreeMap<Uuid, usize>,
    exact: BTreeMap<UpdateIdentity, usize>,
    /// By index.
    verdicts: BTreeMap<usize, Verdict>,
    /// The entities that are being evaluated, each because of the one before it.
    chain: Vec<usize>,
    failed: Vec<(i32, RuleError)>,
}

impl Search<'_> {
    fn run(mut self) -> SearchResult {
        let mut found = Vec::new();
        for (index, entity) in self.entities.iter().enumerate() {
            match entity.core.properties.update_type {
                UpdateType::Category | UpdateType::Detectoid if !entity.leaf => {
                    self.verdict(index);
                }
                UpdateType::Software | UpdateType::Driver if !entity.bundle_only => {
                    let verdict = self.verdict(index);
                    if verdict != Some(Verdict::NotApplicable) {
                        found.extend(verdict.map(|verdict| Found {
                            revision_id: entity.revision_id,
                            identity: entity.core.identity,
                            verdict,
                        }));
                    }
                }
                _ => {}
            }
        }
        let categories = self.categories(&found);
        let evaluated = self.verdicts.keys().map(|index| self.entities[*index].revision_id);
        SearchResult {
            found,
            categories,
            evaluated: evaluated.collect(),
            deployed: self.entities.len(),
            failed: self.failed,
        }
    }

    /// The verdict on an entity; `None` if its prerequisites are not met, so that its rules are not evaluated.
    fn verdict(&mut self, index: usize) -> Option<Verdict> {
        if let Some(known) = self.verdicts.get(&index) {
            return Some(*known);
        }
        if self.chain.len() == CHAIN || self.chain.contains(&index) {
            return None;
        }
        self.chain.push(index);
        let verdict = self.prerequisites_met(index).then(|| self.by_rules(index));
        self.chain.pop();
        verdict
    }

    fn by_rules(&mut self, index: usize) -> Verdict {
        let entity = self.entities[index];
        // Children are evaluated even if the bundle has rules of its own: installing needs their states.
        let bundle = self.bundle(entity.core.bundled());
        let verdict = match &entity.core.rules {
            Some(rules) => verdict(rules, self.facts),
            None => Ok(bundle),
        };
        let verdict = verdict.unwrap_or_else(|error| {
            self.failed.push((entity.revision_id, error));
            Verdict::NotApplicable
        });
        self.verdicts.insert(index, verdict);
        verdict
    }

    fn prerequisites_met(&mut self, index: usize) -> bool {
        let core = self.entities[index].core;
        let mut clauses = core.prerequisites().iter();
        clauses.all(|clause| {
            let newest: Vec<usize> = clause.any_of.iter().filter_map(|id| self.newest.get(id).copied()).collect();
            newest.into_iter().any(|member| self.verdict(member) == Some(Verdict::Installed))
        })
    }

    /// State of a bundle without rules: needed if a part is needed, else installed if a part is, else not applicable
    /// (inferred from the description of bundles). All children are evaluated.
    fn bundle(&mut self, clauses: &[BundleClause]) -> Verdict {
        let mut all = BTreeSet::new();
        for clause in clauses {
            let mut part = BTreeSet::new();
            for identity in &clause.any_of {
                if let Some(child) = self.exact.get(identity).copied() {
                    part.extend(self.verdict(child));
                }
            }
            // Of alternatives, one that is installed is enough.
            let order = [Verdict::Installed, Verdict::Needed];
            all.extend(order.into_iter().find(|verdict| part.contains(verdict)));
        }
        let order = [Verdict::Needed, Verdict::Installed];
        let decisive = order.into_iter().find(|verdict| all.contains(verdict));
        decisive.unwrap_or(Verdict::NotApplicable)
    }

    fn categories(&self, found: &[Found]) -> BTreeSet<Uuid> {
        let mut categories = BTreeSet::new();
        let mut open: Vec<usize> = found.iter().filter_map(|found| self.exact.get(&found.identity).copied()).collect();
        while let Some(index) = open.pop() {
            let clauses = self.entities[index].core.prerequisites().iter();
            for id in clauses.filter(|clause| clause.is_category).flat_map(|clause| &clause.any_of) {
                let Some(category) = self.newest.get(id).copied() else {
                    continue;
                };
                let installed = self.verdicts.get(&category) == Some(&Verdict::Installed);
                if installed && categories.insert(*id) {
                    open.push(category);
                }
            }
        }
        categories
    }
}
