//! A scan in miniature: layered delivery by prerequisites, then the agent's search.

use std::collections::{BTreeMap, BTreeSet};

use cmsim_wire::update::rules::Verdict;
use cmsim_wire::update::search::{Entity as Known, SearchResult, is_installed, search};
use cmsim_wire::update::{CoreFragment, MachineFacts};
use uuid::Uuid;

use crate::{Approval, Catalogue, Entity};

pub(super) struct Scan {
    pub(super) result: SearchResult,
    pub(super) rounds: usize,
    pub(super) declared: usize,
    /// State of every found update.
    pub(super) states: BTreeMap<Uuid, Verdict>,
}

/// What a server hands out round by round, and what the client makes of it.
pub(super) fn scan(catalogue: &Catalogue, facts: &dyn MachineFacts) -> Scan {
    let mut waiting: Vec<(&Entity, CoreFragment)> =
        catalogue.deployed().map(|entity| (entity, CoreFragment::decode(&entity.core).unwrap())).collect();
    let mut delivered: Vec<(&Entity, CoreFragment)> = Vec::new();
    let mut installed: BTreeSet<Uuid> = BTreeSet::new();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let met = |core: &CoreFragment| {
            let mut clauses = core.prerequisites().iter();
            clauses.all(|clause| clause.any_of.iter().any(|id| installed.contains(id)))
        };
        let (new, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, core)| met(core));
        waiting = rest;
        let more = new.iter().any(|(entity, _)| !entity.is_leaf);
        for (entity, core) in &new {
            if !entity.is_leaf && is_installed(core, facts).unwrap() {
                installed.insert(entity.identity.id);
            }
        }
        delivered.extend(new);
        if !more {
            break;
        }
    }
    let known: Vec<Known<'_>> = delivered
        .iter()
        .map(|(entity, core)| Known {
            revision_id: entity.local_id,
            core,
            leaf: entity.is_leaf,
            bundle_only: entity.approval == Approval::Bundle,
        })
        .collect();
    let result = search(&known, facts);
    let states = result.found.iter().map(|found| (found.identity.id, found.verdict)).collect();
    Scan { result, rounds, declared: installed.len(), states }
}
