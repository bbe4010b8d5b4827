use std::time::Duration;

use cmsim_logs::software_distribution;
use cmsim_wire::wusp::get_extended_update_info::{FragmentType, GetExtendedUpdateInfo};
use cmsim_wire::wusp::get_file_locations::GetFileLocations;
use cmsim_wire::wusp::refresh_cache::RefreshCache;
use cmsim_wire::wusp::start_category_scan::{CategoryRelationship, StartCategoryScan};

use super::catalogue::{id, revised};
use super::*;
use crate::{Prepared, SusdbError};

fn scan() -> SyncUpdateParameters {
    SyncUpdateParameters::default()
}

async fn change(world: &World, sql: &'static str) {
    let db = world.server.susdb().database();
    db.write("test", |c| Box::pin(sqlx::query(sql).execute(c))).await.unwrap();
}

/// Code and message of the fault that a scan gets.
async fn refused(agent: &mut Agent<'_>, parameters: SyncUpdateParameters) -> (ErrorCode, String) {
    let detail = agent.scan(parameters).await.unwrap_err().detail.unwrap();
    (detail.error_code, detail.message)
}

#[tokio::test(start_paused = true)]
async fn a_computer_must_register_first_and_under_its_own_name() {
    let world = world(1).await;
    let mut agent = Agent::new(&world, "1.8");
    agent.connect(None).await.unwrap();
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::RegistrationRequired);
    assert_eq!(code(&agent.register("other.contoso.com").await.unwrap_err()), &ErrorCode::InvalidParameters);
    agent.register("CLIENT1.contoso.com").await.unwrap();
    assert!(agent.scan(scan()).await.is_ok());
    change(&world, "UPDATE tbConfiguration SET IsRegistrationRequired = 0").await;
    let needless = agent.register("client1.contoso.com").await.unwrap_err();
    assert_eq!(code(&needless), &ErrorCode::RegistrationNotRequired);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_lasts_one_hour_and_is_renewed_with_the_old_one() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    agent.scan(scan()).await.unwrap();
    world.clock.wait("test", "time", Duration::from_secs(3_599)).await;
    agent.scan(scan()).await.unwrap();
    world.clock.wait("test", "time", Duration::from_secs(1)).await;
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::CookieExpired);
    let old = agent.cookie.clone();
    agent.connect(old).await.unwrap();
    agent.scan(scan()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn foreign_damaged_and_missing_cookies_are_told_apart() {
    let (world, other) = (world(1).await, world(2).await);
    let mut agent = Agent::ready(&world, "1.8").await;
    let good = agent.cookie.clone();
    agent.cookie = Agent::ready(&other, "1.8").await.cookie;
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::InvalidCookie);
    agent.cookie = None;
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::InvalidCookie);
    agent.cookie = good;
    change(&world, "UPDATE tbConfiguration SET ServerID = '00000000-0000-4000-8000-000000000001'").await;
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::ServerChanged);
    let old = agent.cookie.clone();
    assert_eq!(code(&agent.connect(old).await.unwrap_err()), &ErrorCode::ServerChanged);
    agent.connect(None).await.unwrap();
    agent.scan(scan()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_changed_configuration_is_told_once() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    change(&world, "UPDATE tbConfiguration SET LastConfigChange = '2014-01-20 17:17:00.000'").await;
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::ConfigChanged);
    let old = agent.cookie.clone();
    agent.connect(old).await.unwrap();
    agent.scan(scan()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn limits_hold_at_the_limit_and_fail_one_past_it() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    let installed = |count| SyncUpdateParameters { installed_non_leaf_update_ids: vec![7; count], ..scan() };
    assert!(agent.scan(installed(400)).await.is_ok());
    let expected = (ErrorCode::InvalidParameters, "parameters.InstalledNonLeafUpdateIDs".to_owned());
    assert_eq!(refused(&mut agent, installed(401)).await, expected);
    let other = |count| SyncUpdateParameters { other_cached_update_ids: vec![7; count], ..scan() };
    assert!(agent.scan(other(22_000)).await.is_ok());
    let expected = (ErrorCode::InvalidParameters, "parameters.OtherCachedUpdateIDs".to_owned());
    assert_eq!(refused(&mut agent, other(22_001)).await, expected);
    let extended = |count: i32| GetExtendedUpdateInfo {
        cookie: agent.cookie.clone(),
        revision_ids: (0..count).collect(),
        info_types: vec![FragmentType::Extended],
        locales: Vec::new(),
        device_attributes: None,
        geo_id: None,
        caller_attributes: None,
    };
    assert!(agent.call(&extended(50)).await.is_ok());
    assert_eq!(agent.call(&extended(51)).await.unwrap_err().detail.unwrap().message, "revisionIDs");
    let categories = |count| {
        let category = CategoryRelationship { index_of_and_group: 0, category_id: id(1) };
        StartCategoryScan { requested_categories: Some(vec![category; count]) }
    };
    assert!(agent.call(&categories(199)).await.is_ok());
    assert_eq!(code(&agent.call(&categories(200)).await.unwrap_err()), &ErrorCode::InvalidParameters);
}

#[tokio::test(start_paused = true)]
async fn parameters_that_make_no_sense_are_named() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    let devices =
        SyncUpdateParameters { system_spec: vec![cmsim_wire::wusp::sync_updates::Device::default()], ..scan() };
    assert_eq!(refused(&mut agent, devices).await.1, "parameters.SystemSpec");
    let cookie = agent.cookie.clone();
    let message = |fault: Fault| fault.detail.unwrap().message;
    let short = GetFileLocations { cookie: cookie.clone(), file_digests: Some(vec![vec![1; 19]]) };
    assert_eq!(message(agent.call(&short).await.unwrap_err()), "fileDigests");
    assert_eq!(message(agent.call(&RefreshCache { cookie, global_ids: None }).await.unwrap_err()), "globalIDs");
    assert_eq!(
        message(agent.call(&StartCategoryScan { requested_categories: None }).await.unwrap_err()),
        "requestedCategories"
    );
    let version = GetConfig { protocol_version: Some("two".to_owned()) };
    assert_eq!(message(agent.call(&version).await.unwrap_err()), "protocolVersion");
    let nameless =
        GetAuthorizationCookie { client_id: Some(CLIENT.to_owned()), target_group_name: None, dns_name: None };
    let fault = agent.call(&nameless).await.unwrap_err();
    assert_eq!((fault.code.as_str(), code(&fault)), ("Server", &ErrorCode::InternalServerError));
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_says_so_until_the_minute_is_over() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    world.server.configure(|settings| settings.calls_per_minute = Some(4));
    agent.scan(scan()).await.unwrap();
    assert_eq!(refused(&mut agent, scan()).await.0, ErrorCode::ServerBusy);
    world.clock.wait("test", "time", Duration::from_secs(60)).await;
    agent.scan(scan()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_in_the_servers_log_under_its_id() {
    let world = world(1).await;
    let mut agent = Agent::ready(&world, "1.8").await;
    let too_many = SyncUpdateParameters { installed_non_leaf_update_ids: vec![7; 401], ..scan() };
    let detail = agent.scan(too_many).await.unwrap_err().detail.unwrap();
    let file = world.host.disk().read(r"C:\Program Files\Update Services\LogFiles\SoftwareDistribution.log").unwrap();
    let records = software_distribution::parse(&file).unwrap();
    let last = records.last().unwrap();
    let expected = format!(
        "ThrowException: actor = http://ps1site.contoso.com:8530/ClientWebService/client.asmx, ID={}, ErrorCode=InvalidParameters, Message=parameters.InstalledNonLeafUpdateIDs, Client={CLIENT}",
        detail.id
    );
    assert_eq!((last.process.as_str(), last.text.as_str()), ("w3wp", expected.as_str()));
    assert_eq!(records[0].text, "ThreadHelper.ThreadStart");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_gets_a_status_or_a_fault_without_detail() {
    let world = world(1).await;
    let path = Service::Client.path();
    let xml = [("content-type", "text/xml")];
    let status = async |method: Method, headers: &[(&str, &str)], body: &str| {
        send(&world.server, method, path, headers, body).await.status
    };
    assert_eq!(status(Method::POST, &xml, "<html>").await, StatusCode::BAD_REQUEST);
    assert_eq!(status(Method::POST, &[("content-type", "text/plain")], "x").await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(status(Method::PUT, &xml, "").await, StatusCode::METHOD_NOT_ALLOWED);
    let foreign = GetConfig { protocol_version: None }.encode().replace("GetConfig", "GetTimestamps");
    let answer = send(&world.server, Method::POST, path, &xml, &foreign).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let Reply::Fault(fault) = soap::decode_reply::<SyncUpdatesResponse>(&answer.body).unwrap() else {
        panic!("a fault");
    };
    assert_eq!(fault.detail, None);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_cannot_work_changes_nothing() {
    let world = world(1).await;
    let susdb = world.server.susdb();
    let before = susdb.catalogue().await.unwrap().revisions.len();
    let mut lost = revised(9);
    lost.core = lost.core.replace(&id(6).to_string(), &id(99).to_string());
    assert!(matches!(
        susdb.import(&Prepared::read(&[revised(8), lost]).unwrap()).await,
        Err(SusdbError::UnknownPrerequisite { .. })
    ));
    let mut digest = revised(9);
    digest.extended = digest.extended.replace("Digest=\"", "Digest=\"x");
    assert!(matches!(susdb.import(&Prepared::read(&[digest]).unwrap()).await, Err(SusdbError::Digest { .. })));
    let mut broken = revised(9);
    broken.core.push('<');
    assert!(matches!(Prepared::read(&[broken]), Err(SusdbError::Fragment { .. })));
    assert_eq!(susdb.catalogue().await.unwrap().revisions.len(), before);
    let twice = susdb.import(&Prepared::read(&catalogue::entries()).unwrap()).await.unwrap();
    assert_eq!(twice.revisions, 0);
}
