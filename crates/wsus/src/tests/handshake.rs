use std::collections::BTreeMap;

use cmsim_net::pki::verify_sha256;
use cmsim_wire::update::{CoreFragment, UpdateIdentity, UpdateType};
use cmsim_wire::wusp::get_extended_update_info::{FragmentType, GetExtendedUpdateInfo};
use cmsim_wire::wusp::get_file_locations::GetFileLocations;
use cmsim_wire::wusp::refresh_cache::RefreshCache;
use cmsim_wire::wusp::report_event_batch::{BasicData, ExtendedData, ReportEventBatch, ReportingEvent};
use cmsim_wire::wusp::self_update::SignedFile;
use cmsim_wire::wusp::start_category_scan::{CategoryRelationship, StartCategoryScan};
use cmsim_wire::wusp::sync_updates::{DeploymentAction, UpdateInfo};
use uuid::Uuid;

use super::catalogue::{
    ARM, BUNDLE, FIRST, FOR_ARM, OTHER_PRODUCT, PART, PRODUCT, SECOND, X64, digest, id, name, revised,
};
use super::*;
use crate::Approval;

/// What a client has: by revision id the update, and whether it is declared as an installed prerequisite.
#[derive(Default)]
struct Cache {
    updates: BTreeMap<i32, (UpdateIdentity, UpdateInfo)>,
    declared: Vec<i32>,
    pages: Vec<Vec<u128>>,
}

impl Cache {
    /// Scans until nothing new comes; `absent` are the non-leaf updates that are not installed on this machine.
    async fn fill(&mut self, agent: &mut Agent<'_>, filter: &[Uuid], absent: &[u128]) {
        loop {
            let answer = agent.scan(self.parameters(filter)).await.unwrap();
            for gone in &answer.out_of_scope_revision_ids {
                self.updates.remove(gone);
            }
            let mut page = Vec::new();
            let mut goes_on = answer.truncated;
            for update in answer.new_updates {
                let core = CoreFragment::decode(update.xml.as_deref().unwrap()).unwrap();
                let number = core.identity.id.as_u128() & 0xFF;
                page.push(number);
                if !update.is_leaf {
                    goes_on = true;
                    if !absent.contains(&number) {
                        self.declared.push(update.id);
                    }
                }
                assert!(update.deployment.is_some());
                self.updates.insert(update.id, (core.identity, update));
            }
            page.sort_unstable();
            self.pages.push(page);
            if !goes_on {
                return;
            }
        }
    }

    fn parameters(&self, filter: &[Uuid]) -> SyncUpdateParameters {
        SyncUpdateParameters {
            installed_non_leaf_update_ids: self.declared.clone(),
            other_cached_update_ids: self.updates.keys().copied().filter(|id| !self.declared.contains(id)).collect(),
            filter_category_ids: filter.to_vec(),
            need_two_group_out_of_scope_updates: Some(true),
            ..SyncUpdateParameters::default()
        }
    }

    fn revision(&self, number: u128) -> i32 {
        let found = self.updates.iter().find(|(_, (identity, _))| identity.id == id(number));
        *found.unwrap().0
    }

    fn action(&self, number: u128) -> DeploymentAction {
        self.updates[&self.revision(number)].1.deployment.as_ref().unwrap().action
    }
}

#[tokio::test(start_paused = true)]
async fn both_protocols_get_every_layer_down_to_the_last_leaf() {
    for version in ["1.8", "2.90"] {
        let world = world(1).await;
        let mut agent = Agent::ready(&world, version).await;
        let mut cache = Cache::default();
        cache.fill(&mut agent, &[], &[ARM]).await;
        // Roots; then the family and what the detectoid alone unlocks; the products; the updates. Product 4 is a leaf.
        assert_eq!(cache.pages, [vec![1, 5, 6, 7], vec![2, 12], vec![3, 4], vec![8, 9, 11]], "{version}");
        assert_eq!(cache.action(FIRST), DeploymentAction::PreDeploymentCheck);
        assert_eq!(cache.action(PART), DeploymentAction::Bundle);
        assert_eq!(cache.action(X64), DeploymentAction::Evaluate);
        let deployment = cache.updates[&cache.revision(FIRST)].1.deployment.clone().unwrap();
        assert_eq!(deployment.auto_select, Some(0));
        assert_eq!(deployment.last_change_time.to_string(), "2014-01-20");
        let drivers = agent
            .scan(SyncUpdateParameters {
                installed_non_leaf_update_ids: cache.declared.clone(),
                skip_software_sync: true,
                ..SyncUpdateParameters::default()
            })
            .await
            .unwrap();
        assert_eq!((drivers.new_updates.len(), drivers.driver_sync_not_needed), (0, Some(true)));
        // A second scan with the same cookie is one call that brings nothing.
        let again = agent.scan(cache.parameters(&[])).await.unwrap();
        assert_eq!(
            (again.new_updates.len(), again.changed_updates.len(), again.out_of_scope_revision_ids.len()),
            (0, 0, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn old_clients_get_no_flags_and_no_newer_elements() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.6").await;
    agent.xpress = false;
    let answer = agent.scan(SyncUpdateParameters::default()).await.unwrap();
    assert_eq!(answer.driver_sync_not_needed, None);
    assert_eq!(answer.new_updates[0].deployment.as_ref().unwrap().auto_select, None);
}

#[tokio::test(start_paused = true)]
async fn small_pages_bring_the_same_revisions_in_more_round_trips() {
    let world = world(1).await;
    world.server.configure(|settings| settings.page = 2);
    let mut agent = Agent::ready(&world, "1.8").await;
    let mut cache = Cache::default();
    cache.fill(&mut agent, &[], &[ARM]).await;
    assert!(cache.pages.iter().all(|page| page.len() <= 2) && cache.pages.len() > 5);
    assert_eq!(cache.updates.len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_category_scan_is_the_dialogue_of_the_capture() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "2.90").await;
    let wanted = CategoryRelationship { index_of_and_group: 0, category_id: id(OTHER_PRODUCT) };
    let answer = agent.call(&StartCategoryScan { requested_categories: Some(vec![wanted]) }).await.unwrap();
    assert_eq!(answer.preferred_category_ids, [id(OTHER_PRODUCT)]);
    let mut cache = Cache::default();
    cache.fill(&mut agent, &answer.preferred_category_ids, &[]).await;
    assert_eq!(cache.pages, [[1], [2], [4]]);
}

#[tokio::test(start_paused = true)]
async fn approvals_declines_and_new_revisions_reach_a_client_that_has_scanned() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    let mut cache = Cache::default();
    cache.fill(&mut agent, &[], &[ARM]).await;
    let (first, second, bundle) = (cache.revision(FIRST), cache.revision(SECOND), cache.revision(BUNDLE));
    let deadline = "2014-02-01T03:00:00Z".parse().ok();
    world.server.approve(&[id(FIRST)], Approval::Install { deadline }).await.unwrap();
    world.server.approve(&[id(SECOND)], Approval::Declined).await.unwrap();
    world.server.import(&[revised(BUNDLE)]).await.unwrap();
    let answer = agent.scan(cache.parameters(&[])).await.unwrap();
    let changed = &answer.changed_updates[..];
    assert_eq!(changed.iter().map(|update| update.id).collect::<Vec<_>>(), [first]);
    assert_eq!(changed[0].xml, None);
    let deployment = changed[0].deployment.as_ref().unwrap();
    assert_eq!((deployment.action, deployment.deadline), (DeploymentAction::Install, deadline));
    let mut gone = answer.out_of_scope_revision_ids.clone();
    gone.sort_unstable();
    let mut expected = [second, bundle];
    expected.sort_unstable();
    assert_eq!(gone, expected);
    assert_eq!(answer.new_updates.len(), 1);
    // A decline can be taken back.
    world.server.approve(&[id(SECOND)], Approval::NotApproved).await.unwrap();
    let again: Vec<i32> =
        agent.scan(cache.parameters(&[])).await.unwrap().changed_updates.iter().map(|u| u.id).collect();
    assert_eq!(again, [second]);
    // The same question again: the client's cookie says that it has heard of the change.
    assert_eq!(agent.scan(cache.parameters(&[])).await.unwrap().changed_updates.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_came_before_its_bundle_is_deployed_with_it() {
    let mut entries = catalogue::entries();
    let bundle = entries.remove(7);
    let world = world_of(1, &entries).await;
    let action = async || {
        let catalogue = world.server.susdb().catalogue().await.unwrap();
        let revision = &catalogue.revisions[&catalogue.by_update[&id(PART)]];
        revision.deployments.values().next().unwrap().action
    };
    assert_eq!(action().await, DeploymentAction::Evaluate);
    world.server.import(&[bundle]).await.unwrap();
    assert_eq!(action().await, DeploymentAction::Bundle);
}

#[tokio::test(start_paused = true)]
async fn extended_fragments_come_by_kind_in_the_best_language_with_their_files() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "2.90").await;
    let mut cache = Cache::default();
    cache.fill(&mut agent, &[], &[]).await;
    let ids = vec![cache.revision(FIRST), cache.revision(PRODUCT), 77];
    let call = GetExtendedUpdateInfo {
        cookie: agent.cookie.clone(),
        revision_ids: ids.clone(),
        info_types: vec![FragmentType::Extended, FragmentType::LocalizedProperties],
        locales: vec!["en-US".to_owned(), "en".to_owned(), "de".to_owned()],
        device_attributes: None,
        geo_id: None,
        caller_attributes: None,
    };
    let answer = agent.call(&call).await.unwrap();
    let order: Vec<i32> = answer.updates.iter().map(|update| update.id).collect();
    assert_eq!(order, [ids[0], ids[1], ids[0], ids[1]]);
    assert!(answer.updates[0].xml.starts_with("<ExtendedProperties"));
    assert!(answer.updates[2].xml.contains(&name(FIRST)) && answer.updates[2].xml.contains("<Language>en<"));
    assert_eq!(answer.out_of_scope_revision_ids, [77]);
    let url = format!("http://ps1site.contoso.com:8530/Content/08/{}.cab", "08".repeat(20));
    assert_eq!(answer.file_locations.len(), 1);
    assert_eq!(answer.file_locations[0].url, url);
    let digests = vec![digest(FIRST).to_vec(), vec![0xEE; 20]];
    let located =
        agent.call(&GetFileLocations { cookie: agent.cookie.clone(), file_digests: Some(digests) }).await.unwrap();
    assert_eq!(located.file_locations, answer.file_locations);
}

#[tokio::test(start_paused = true)]
async fn refresh_cache_translates_to_another_servers_ids_without_parts_of_bundles() {
    let (old, new) = (world(1).await, world(2).await);
    let mut agent = Agent::ready(&old, "1.8").await;
    let mut cache = Cache::default();
    cache.fill(&mut agent, &[], &[ARM]).await;
    let moved = Agent::ready(&new, "1.8").await;
    let identities: Vec<UpdateIdentity> = cache.updates.values().map(|(identity, _)| *identity).collect();
    let unknown = UpdateIdentity { id: id(99), revision: 1 };
    let global_ids = Some(identities.iter().copied().chain([unknown]).collect());
    let answer = moved.call(&RefreshCache { cookie: moved.cookie.clone(), global_ids }).await.unwrap();
    assert_eq!(answer.results.len(), identities.len() - 1);
    assert!(answer.results.iter().all(|result| !cache.updates.contains_key(&result.revision_id)));
    assert!(answer.results.iter().all(|result| result.global_id.id != id(PART)));
}

#[tokio::test(start_paused = true)]
async fn what_a_client_reports_becomes_events_and_states() {
    let world = world(1).await;
    let agent = Agent::ready(&world, "1.8").await;
    let event = |number: u128, event_id: i16, misc_data: Vec<String>| ReportingEvent {
        basic: BasicData {
            sid: Some(CLIENT.to_owned()),
            sequence_number: 0,
            time_at_target: world.clock.now().timestamp(),
            event_instance_id: Uuid::from_u128(number),
            namespace_id: 1,
            event_id,
            source_id: 101,
            update_id: Uuid::nil(),
            revision_number: 0,
            win32_hresult: 0,
            app_name: Some("CcmExec".to_owned()),
        },
        extended: ExtendedData {
            replacement_strings: vec!["3".to_owned()],
            misc_data,
            computer_brand: None,
            computer_model: None,
            bios_revision: None,
            processor_architecture: "Amd64Compatible".to_owned(),
            os_version: [6, 1, 7601, 65_792, 1, 0],
            os_locale_id: 1033,
            device_id: None,
        },
    };
    let lists = vec![
        format!("U={};{}", id(FIRST).to_string().to_uppercase(), id(99)),
        format!("V={}", id(SECOND)),
        "Q=1".to_owned(),
    ];
    let batch = ReportEventBatch {
        cookie: agent.cookie.clone(),
        client_time: world.clock.now().timestamp(),
        event_batch: vec![event(1, 147, vec![]), event(2, 156, lists)],
    };
    for _ in 0..2 {
        assert!(agent.call(&batch).await.unwrap().received);
    }
    let db = world.server.susdb().database();
    let events: Vec<(i64, String)> = db
        .read("test", |c| Box::pin(sqlx::query_as("SELECT EventID, AppName FROM tbEventInstance").fetch_all(c)))
        .await
        .unwrap();
    assert_eq!(events, [(147, "CcmExec".to_owned())]);
    let states: Vec<(String, i64)> = db
        .read("test", |c| {
            Box::pin(
                sqlx::query_as(
                    "SELECT u.UpdateID, s.SummarizationState FROM tbUpdateStatusPerComputer s
                     JOIN tbUpdate u ON u.LocalUpdateID = s.LocalUpdateID ORDER BY s.SummarizationState",
                )
                .fetch_all(c),
            )
        })
        .await
        .unwrap();
    assert_eq!(states, [(id(FIRST).to_string(), 2), (id(SECOND).to_string(), 4)]);
}

#[tokio::test(start_paused = true)]
async fn the_guides_three_urls_answer_and_the_cabinet_is_signed() {
    let world = world(1).await;
    let cabinet = get(&world.server, "/Selfupdate/wuident.cab").await;
    assert_eq!(cabinet.status, StatusCode::OK);
    let file = SignedFile::decode(&cabinet.body).unwrap();
    assert!(file.content.starts_with(b"MSCF"));
    assert!(verify_sha256(&file.chain[0], &file.content, &file.signature));
    assert!(!verify_sha256(&file.chain[0], &file.content[1..], &file.signature));
    for path in ["/ClientWebService/wusserverversion.xml", "/SimpleAuthWebService/SimpleAuth.asmx"] {
        assert_eq!(get(&world.server, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&world.server, "/ClientWebService/other.xml").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn content_is_served_whole_and_in_ranges_or_not_at_all() {
    let world = world(1).await;
    let name = "08".repeat(20);
    let path = format!("/Content/08/{name}.cab");
    assert_eq!(get(&world.server, &path).await.status, StatusCode::NOT_FOUND);
    world.host.disk().write(&format!(r"C:\WSUS\WsusContent\08\{name}.cab"), b"0123456789").unwrap();
    let whole = get(&world.server, &path).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &b"0123456789"[..]));
    let ranged = async |method: Method, range: &str| send(&world.server, method, &path, &[("range", range)], "").await;
    let part = ranged(Method::GET, "bytes=2-4").await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
    assert_eq!(part.headers[header::CONTENT_RANGE], "bytes 2-4/10");
    assert_eq!(ranged(Method::GET, "bytes=8-99").await.body, "89");
    for (method, range) in [(Method::GET, "bytes=10-"), (Method::GET, "bytes=4-2"), (Method::HEAD, "bytes=0-1")] {
        assert_eq!(ranged(method, range).await.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
    }
    let head = send(&world.server, Method::HEAD, &path, &[], "").await;
    assert_eq!((head.headers[header::CONTENT_LENGTH].to_str().unwrap(), head.body.len()), ("10", 0));
    assert_eq!(get(&world.server, &format!("/Content/08/{name}")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&world.server, &format!("/Content/09/{name}.cab")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn ids_types_and_members_of_the_small_catalogue_are_what_the_tests_rely_on() {
    let world = world(1).await;
    let catalogue = world.server.susdb().catalogue().await.unwrap();
    assert_eq!(catalogue.revisions.len(), 12);
    let revision = |number: u128| &catalogue.revisions[&catalogue.by_update[&id(number)]];
    assert_eq!(revision(FOR_ARM).update_type, UpdateType::Software);
    assert!(!revision(PRODUCT).is_leaf && revision(OTHER_PRODUCT).is_leaf && revision(PART).is_leaf);
    // Ids come from the entries, not from their order.
    assert!(catalogue.by_update[&id(1)] > catalogue.by_update[&id(12)]);
}
