//! Our own example messages, one per operation and profile. Host names, ids and cookies are made up.

use cmsim_wire::update::UpdateIdentity;
use cmsim_wire::wusp::fault::Detail;
use cmsim_wire::wusp::get_authorization_cookie::{GetAuthorizationCookie, GetAuthorizationCookieResponse};
use cmsim_wire::wusp::get_config::{AuthPlugInInfo, ConfigurationProperty, GetConfig, GetConfigResponse};
use cmsim_wire::wusp::get_cookie::{GetCookie, GetCookieResponse};
use cmsim_wire::wusp::get_extended_update_info::{
    FragmentType, GetExtendedUpdateInfo, GetExtendedUpdateInfoResponse, UpdateData,
};
use cmsim_wire::wusp::get_file_locations::{FileLocation, GetFileLocations, GetFileLocationsResponse};
use cmsim_wire::wusp::refresh_cache::{RefreshCache, RefreshCacheResponse, RefreshCacheResult};
use cmsim_wire::wusp::register_computer::{ComputerInfo, RegisterComputer, RegisterComputerResponse, Windows10Info};
use cmsim_wire::wusp::report_event_batch::{
    BasicData, ExtendedData, ReportEventBatch, ReportEventBatchResponse, ReportingEvent,
};
use cmsim_wire::wusp::start_category_scan::{CategoryRelationship, StartCategoryScan, StartCategoryScanResponse};
use cmsim_wire::wusp::sync_updates::{
    Deployment, DeploymentAction, Device, DriverVersion, ExtensionDriver, InstalledDriver, ProductsParameters,
    SyncUpdateParameters, SyncUpdates, SyncUpdatesResponse, UpdateInfo,
};
use cmsim_wire::wusp::{AuthorizationCookie, Cookie, ErrorCode, Fault, Message, Reply, Style, soap};
use jiff::Timestamp;
use uuid::Uuid;

/// One encoded message and whether it survives decoding.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) body: String,
    pub(crate) survives: bool,
}

fn example<M: Message + PartialEq>(name: &'static str, message: &M) -> Example {
    let body = message.encode();
    let survives = M::decode(body.as_bytes()).is_ok_and(|decoded| decoded == *message);
    Example { name, body, survives }
}

fn fault(name: &'static str, style: Style) -> Example {
    let detail = Detail {
        error_code: ErrorCode::InvalidParameters,
        message: "parameters.InstalledNonLeafUpdateIDs".to_owned(),
        id: id(0xFA),
        method: Some(
            "\"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/SyncUpdates\"".to_owned(),
        ),
    };
    let fault = Fault::thrown(detail, style, "http://ps1site.contoso.com:8530/ClientWebService/client.asmx");
    let body = soap::encode_fault(&fault, style);
    let decoded = soap::decode_reply::<SyncUpdatesResponse>(body.as_bytes());
    let survives = decoded.is_ok_and(|reply| reply == Reply::Fault(fault));
    Example { name, body, survives }
}

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(0xC0FF_EE00_0000_4000_8000_0000_0000_0000 + n)
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn cookie() -> Cookie {
    Cookie { expiration: at("2014-01-20T18:17:09.031Z"), encrypted_data: Some(vec![7; 24]) }
}

fn authorization() -> AuthorizationCookie {
    AuthorizationCookie { plug_in_id: "SimpleTargeting".to_owned(), cookie_data: vec![9; 24] }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn config() -> GetConfigResponse {
    let property = |name: &str, value: &str| ConfigurationProperty { name: name.to_owned(), value: value.to_owned() };
    GetConfigResponse {
        last_change: at("2014-01-06T09:00:00.25Z"),
        is_registration_required: true,
        auth_info: vec![AuthPlugInInfo {
            plug_in_id: "SimpleTargeting".to_owned(),
            service_url: "SimpleAuthWebService/SimpleAuth.asmx".to_owned(),
            parameter: some(""),
        }],
        allowed_event_ids: Vec::new(),
        properties: vec![
            property("MaxExtendedUpdatesPerRequest", "50"),
            property("PackageServerShare", r"\\PS1SITE\UpdateServicesPackages"),
            property("ProtocolVersion", "3.2"),
            property("IsInventoryRequired", "0"),
            property("ClientReportingLevel", "2"),
        ],
    }
}

fn get_cookie(version: &str) -> GetCookie {
    GetCookie {
        auth_cookies: vec![authorization()],
        old_cookie: Some(Cookie { expiration: at("2014-01-20T17:17:09Z"), encrypted_data: None }),
        last_change: config().last_change,
        current_time: at("2014-01-20T17:17:09Z"),
        protocol_version: some(version),
    }
}

fn computer(windows_10: Option<Windows10Info>) -> RegisterComputer {
    RegisterComputer {
        cookie: Some(cookie()),
        computer_info: Some(ComputerInfo {
            dns_name: some("client1.contoso.com"),
            os_version: [6, 1, 7601],
            os_service_pack: [1, 0],
            os_locale: some("en-US"),
            computer_manufacturer: some("Contoso Systems"),
            computer_model: some("Desk 7"),
            bios_version: some("1.04"),
            bios_name: some("Contoso BIOS"),
            bios_release_date: at("2012-05-02T00:00:00Z"),
            processor_architecture: some("AMD64"),
            suite_mask: 256,
            old_product_type: 1,
            new_product_type: 4,
            system_metrics: 0,
            client_version: [7, 6, 7600, 256],
            windows_10,
        }),
    }
}

fn windows_10() -> Windows10Info {
    Windows10Info {
        os_description: "Windows 10 Pro".to_owned(),
        oem: "Contoso Systems".to_owned(),
        device_type: "Desk 11".to_owned(),
        firmware_version: "unknown".to_owned(),
        mobile_operator: "Not Present".to_owned(),
    }
}

pub(crate) fn deployment(id: i32, action: DeploymentAction) -> Deployment {
    Deployment {
        id,
        action,
        deadline: None,
        is_assigned: true,
        last_change_time: "2014-01-06".parse().unwrap(),
        download_priority: None,
        hardware_ids: Vec::new(),
        auto_select: Some(0),
        auto_download: Some(0),
        supersedence_behavior: Some(0),
        flag_bitmask: None,
    }
}

fn update(revision: i32, action: DeploymentAction, is_leaf: bool) -> UpdateInfo {
    UpdateInfo {
        id: revision,
        deployment: Some(deployment(3_000 + revision, action)),
        is_leaf,
        xml: Some("<UpdateIdentity UpdateID=\"c0ffee00-0000-4000-8000-000000000001\" RevisionNumber=\"101\" />".into()),
    }
}

fn scan(parameters: SyncUpdateParameters) -> SyncUpdates {
    SyncUpdates { cookie: Some(cookie()), parameters: Some(parameters) }
}

fn products() -> ProductsParameters {
    ProductsParameters {
        sync_current_version_only: false,
        device_attributes: "App=WU_OS;FlightingBranchName=;OSVersion=10.0.26200.8037;".to_owned(),
        caller_attributes: "Interactive=0;SheddingAware=1;Id=CcmExec;".to_owned(),
    }
}

/// What a Windows 11 agent puts into every pass; `installed` is what it declares.
fn modern(installed: &[i32], computer_spec: Vec<Uuid>) -> SyncUpdateParameters {
    SyncUpdateParameters {
        installed_non_leaf_update_ids: installed.to_vec(),
        filter_category_ids: vec![id(2)],
        need_two_group_out_of_scope_updates: Some(true),
        also_perform_regular_sync: Some(false),
        computer_spec: Some(computer_spec),
        products_parameters: Some(products()),
        ..SyncUpdateParameters::default()
    }
}

fn device(matching: &str) -> Device {
    Device {
        hardware_ids: vec![format!("{matching}&REV_01"), matching.to_owned()],
        installed_driver: Some(InstalledDriver {
            matching_id: some(matching),
            date: at("2006-06-21T00:00:00Z"),
            version: DriverVersion::from_parts([6, 1, 7601, 17514]),
            class: some("{4D36E972-E325-11CE-BFC1-08002BE10318}"),
            manufacturer: None,
            provider: None,
            model: None,
            matching_computer_hwid: None,
            rank: 16_711_680,
            is_generic: false,
        }),
        ..Device::default()
    }
}

fn printer() -> Device {
    let mut printer = device("contosocontoso_laser");
    printer.device_flags = Some(1);
    if let Some(driver) = &mut printer.installed_driver {
        driver.class = some("Printer");
        driver.manufacturer = some("Contoso");
        driver.provider = some("Contoso");
        driver.model = some("Laser 5");
        driver.rank = -1;
    }
    printer
}

fn driver_pass() -> SyncUpdateParameters {
    let mut disk = device("PCI\\VEN_8086&DEV_2922");
    disk.compatible_ids = vec!["PCI\\CC_0106".to_owned()];
    let mut audio = device("HDAUDIO\\FUNC_01");
    audio.extension_drivers = vec![ExtensionDriver {
        extension_id: "{00000000-1111-4222-8333-444444444444}".to_owned(),
        date: at("2020-02-03T00:00:00Z"),
        version: DriverVersion::from_parts([1, 2, 3, 4]),
        class: "{E2F84CE7-8EFA-411C-AA69-97454CA4CB57}".to_owned(),
        rank: 16_719_872,
        matching_computer_hwid: None,
    }];
    let mut mouse = device("HID\\VID_0001");
    if let Some(driver) = &mut mouse.installed_driver {
        driver.is_generic = true;
    }
    let mut parameters = modern(&[11, 12], vec![id(0x40), id(0x41)]);
    parameters.skip_software_sync = true;
    parameters.feature_score_matching_key = some("AMD64.10.0");
    parameters.system_spec = vec![printer(), disk, audio, mouse];
    parameters
}

fn page(new_updates: Vec<UpdateInfo>) -> SyncUpdatesResponse {
    SyncUpdatesResponse {
        new_updates,
        out_of_scope_revision_ids: Vec::new(),
        changed_updates: Vec::new(),
        truncated: false,
        new_cookie: Some(cookie()),
        deployed_out_of_scope_revision_ids: Vec::new(),
        driver_sync_not_needed: Some(true),
    }
}

fn location() -> FileLocation {
    FileLocation {
        file_digest: (0..20).collect(),
        url: "http://ps1site.contoso.com:8530/Content/13/000102030405060708090A0B0C0D0E0F10111213.cab".to_owned(),
    }
}

fn extended(modern: bool) -> GetExtendedUpdateInfo {
    GetExtendedUpdateInfo {
        cookie: Some(cookie()),
        revision_ids: vec![11, 12],
        info_types: vec![FragmentType::Extended, FragmentType::LocalizedProperties],
        locales: vec!["en-US".to_owned(), "en".to_owned()],
        device_attributes: modern.then(|| products().device_attributes),
        geo_id: modern.then(|| "USA".to_owned()),
        caller_attributes: modern.then(|| products().caller_attributes),
    }
}

fn extended_answer(file_locations: Vec<FileLocation>) -> GetExtendedUpdateInfoResponse {
    GetExtendedUpdateInfoResponse {
        updates: vec![UpdateData { id: 11, xml: "<ExtendedProperties DefaultPropertiesLanguage=\"en\" />".into() }],
        file_locations,
        out_of_scope_revision_ids: Vec::new(),
    }
}

fn event() -> ReportingEvent {
    ReportingEvent {
        basic: BasicData {
            sid: Some(id(0x5D).to_string()),
            sequence_number: 0,
            time_at_target: at("2014-01-20T17:19:02.02Z"),
            event_instance_id: id(0xE1),
            namespace_id: 1,
            event_id: 148,
            source_id: 101,
            update_id: Uuid::nil(),
            revision_number: 0,
            win32_hresult: -2_145_107_961,
            app_name: some("CcmExec"),
        },
        extended: ExtendedData {
            replacement_strings: vec!["80244007".to_owned()],
            misc_data: vec!["G=7.6.7600.256".to_owned(), "Q=1".to_owned()],
            computer_brand: some("Contoso Systems"),
            computer_model: some("Desk 7"),
            bios_revision: some("1.04"),
            processor_architecture: "Amd64Compatible".to_owned(),
            os_version: [6, 1, 7601, 65_792, 1, 0],
            os_locale_id: 1033,
            device_id: some(""),
        },
    }
}

/// Everything a 1.8 client and its server say; these validate against the published schemas.
pub(crate) fn windows_7() -> Vec<Example> {
    let mut software = page(vec![update(11, DeploymentAction::PreDeploymentCheck, true)]);
    software.out_of_scope_revision_ids = vec![15];
    software.changed_updates = vec![UpdateInfo { xml: None, ..update(14, DeploymentAction::Install, false) }];
    software.deployed_out_of_scope_revision_ids = vec![16];
    if let Some(deployment) = &mut software.changed_updates[0].deployment {
        deployment.deadline = Some(at("2014-02-01T03:00:00Z"));
        deployment.download_priority = some("High");
        deployment.hardware_ids = vec!["PCI\\VEN_8086".to_owned()];
        deployment.flag_bitmask = Some(0);
    }
    let identity = UpdateIdentity { id: id(1), revision: 101 };
    let mut matched_by_computer = device("PCI\\VEN_8086&DEV_10D3");
    if let Some(driver) = &mut matched_by_computer.installed_driver {
        driver.matching_computer_hwid = Some(id(0x40));
    }
    vec![
        example("get-config", &GetConfig { protocol_version: some("1.8") }),
        example("get-config-response", &config()),
        example(
            "get-authorization-cookie",
            &GetAuthorizationCookie {
                client_id: Some(id(0x5D).to_string()),
                target_group_name: some("Pilot"),
                dns_name: some("client1.contoso.com"),
            },
        ),
        example("get-authorization-cookie-response", &GetAuthorizationCookieResponse { cookie: authorization() }),
        example("get-cookie", &get_cookie("1.8")),
        example("get-cookie-response", &GetCookieResponse { cookie: cookie() }),
        example("register-computer", &computer(None)),
        example("register-computer-response", &RegisterComputerResponse),
        example(
            "sync-updates-first",
            &scan(SyncUpdateParameters {
                need_two_group_out_of_scope_updates: Some(true),
                ..SyncUpdateParameters::default()
            }),
        ),
        example(
            "sync-updates-later",
            &scan(SyncUpdateParameters {
                installed_non_leaf_update_ids: vec![11, 12],
                other_cached_update_ids: vec![14, 15],
                cached_driver_ids: vec![90],
                need_two_group_out_of_scope_updates: Some(true),
                ..SyncUpdateParameters::default()
            }),
        ),
        example(
            "sync-updates-drivers",
            &scan(SyncUpdateParameters {
                installed_non_leaf_update_ids: vec![11, 12],
                system_spec: vec![printer(), matched_by_computer],
                skip_software_sync: true,
                need_two_group_out_of_scope_updates: Some(true),
                ..SyncUpdateParameters::default()
            }),
        ),
        example("sync-updates-response", &software),
        example("refresh-cache", &RefreshCache { cookie: Some(cookie()), global_ids: Some(vec![identity]) }),
        example(
            "refresh-cache-response",
            &RefreshCacheResponse {
                results: vec![RefreshCacheResult {
                    revision_id: 11,
                    global_id: identity,
                    is_leaf: true,
                    deployment: Some(deployment(3_011, DeploymentAction::PreDeploymentCheck)),
                }],
            },
        ),
        example("get-extended-update-info", &extended(false)),
        example(
            "get-extended-update-info-response",
            &GetExtendedUpdateInfoResponse { out_of_scope_revision_ids: vec![12], ..extended_answer(vec![location()]) },
        ),
        example(
            "get-file-locations",
            &GetFileLocations { cookie: Some(cookie()), file_digests: Some(vec![(0..20).collect()]) },
        ),
        example(
            "get-file-locations-response",
            &GetFileLocationsResponse { file_locations: vec![location()], new_cookie: Some(cookie()) },
        ),
        example(
            "report-event-batch",
            &ReportEventBatch {
                cookie: Some(cookie()),
                client_time: at("2014-01-20T17:21:30.5Z"),
                event_batch: vec![event()],
            },
        ),
        example("report-event-batch-response", &ReportEventBatchResponse { received: true }),
        fault("fault-client-service", Style::Wcf),
        fault("fault-older-service", Style::Asmx),
    ]
}

/// What a 2.90 client and its server say in the ten exchanges of the capture, in its order. The name is the file of
/// the element inventory.
pub(crate) fn windows_11() -> Vec<Example> {
    let category = CategoryRelationship { index_of_and_group: 0, category_id: id(2) };
    vec![
        example("001-GetConfig.request", &GetConfig { protocol_version: some("2.90") }),
        example("001-GetConfig.response", &config()),
        example(
            "002-GetAuthorizationCookie.request",
            &GetAuthorizationCookie {
                client_id: Some(id(0x5D).to_string()),
                target_group_name: None,
                dns_name: some("client1.contoso.com"),
            },
        ),
        example("002-GetAuthorizationCookie.response", &GetAuthorizationCookieResponse { cookie: authorization() }),
        example("003-GetCookie.request", &get_cookie("2.90")),
        example("003-GetCookie.response", &GetCookieResponse { cookie: cookie() }),
        example("004-RegisterComputer.request", &computer(Some(windows_10()))),
        example("004-RegisterComputer.response", &RegisterComputerResponse),
        example("005-StartCategoryScan.request", &StartCategoryScan { requested_categories: Some(vec![category]) }),
        example(
            "005-StartCategoryScan.response",
            &StartCategoryScanResponse {
                preferred_category_ids: vec![id(2)],
                requested_category_ids_in_error: Vec::new(),
            },
        ),
        example("006-SyncUpdates.request", &scan(modern(&[], Vec::new()))),
        example("006-SyncUpdates.response", &page(vec![update(11, DeploymentAction::Evaluate, false)])),
        example("007-SyncUpdates.request", &scan(modern(&[11], Vec::new()))),
        example("007-SyncUpdates.response", &page(vec![update(12, DeploymentAction::Evaluate, false)])),
        example("008-SyncUpdates.request", &scan(modern(&[11, 12], Vec::new()))),
        example("008-SyncUpdates.response", &page(vec![update(13, DeploymentAction::Evaluate, true)])),
        example("009-SyncUpdates.request", &scan(driver_pass())),
        example("009-SyncUpdates.response", &page(Vec::new())),
        example("010-GetExtendedUpdateInfo.request", &extended(true)),
        example("010-GetExtendedUpdateInfo.response", &extended_answer(Vec::new())),
    ]
}
