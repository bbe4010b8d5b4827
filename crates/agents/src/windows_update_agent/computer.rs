//! What the agent tells a server about its computer.

use cmsim_wire::ccm::cim_time;
use cmsim_wire::profile::WuaGeneration;
use cmsim_wire::wusp::register_computer::{ComputerInfo, Windows10Info};
use cmsim_wire::wusp::report_event_batch::ExtendedData;
use cmsim_wire::wusp::sync_updates::ProductsParameters;
use jiff::Timestamp;

use super::devices::CIMV2;
use crate::framework::{Machine, WmiInstance};
use crate::settings;

/// Brand and model as WMI has them, `unknown` where it says nothing (capture: unknown fields are sent so).
struct Brand {
    manufacturer: String,
    model: String,
    bios: String,
    bios_date: Timestamp,
}

impl Brand {
    fn read(machine: &dyn Machine) -> Self {
        let first = |class: &str| machine.wmi(CIMV2, class).ok().and_then(|rows| rows.into_iter().next());
        let text = |row: &Option<WmiInstance>, name: &str| {
            row.as_ref().and_then(|row| settings::text(row, name)).unwrap_or("unknown").to_owned()
        };
        let (system, bios) = (first("Win32_ComputerSystem"), first("Win32_BIOS"));
        let date = bios.as_ref().and_then(|row| cim_time::parse(settings::text(row, "ReleaseDate")?));
        Self {
            manufacturer: text(&system, "Manufacturer"),
            model: text(&system, "Model"),
            bios: text(&bios, "SMBIOSBIOSVersion"),
            bios_date: date.unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

/// Up to four numbers of a dotted version; what does not fit is 0.
fn parts(version: &str) -> [i16; 4] {
    let mut parts = [0; 4];
    for (slot, part) in parts.iter_mut().zip(version.split('.')) {
        *slot = part.parse().unwrap_or(0);
    }
    parts
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The registration data.
pub(super) fn info(machine: &dyn Machine) -> ComputerInfo {
    let profile = machine.profile();
    let os = &profile.os;
    let brand = Brand::read(machine);
    let windows_10 = (profile.wua == WuaGeneration::Wua10).then(|| Windows10Info {
        // The agent keeps saying Windows 10 on Windows 11 (capture).
        os_description: os.caption.replace("Microsoft ", "").replace("Windows 11", "Windows 10").trim().to_owned(),
        oem: brand.manufacturer.clone(),
        device_type: brand.model.clone(),
        firmware_version: brand.bios.clone(),
        mobile_operator: "Not Present".to_owned(),
    });
    ComputerInfo {
        dns_name: Some(machine.fqdn().to_lowercase()),
        os_version: [small(os.version[0]), small(os.version[1]), small(os.version[2])],
        os_service_pack: os.service_pack.map(|part| i16::try_from(part).unwrap_or(i16::MAX)),
        os_locale: Some("en-US".to_owned()),
        computer_manufacturer: Some(brand.manufacturer),
        computer_model: Some(brand.model),
        bios_version: Some(brand.bios.clone()),
        bios_name: Some(brand.bios),
        bios_release_date: brand.bios_date,
        processor_architecture: Some(if os.x64 { "AMD64" } else { "x86" }.to_owned()),
        suite_mask: i16::try_from(os.suite_mask).unwrap_or(i16::MAX),
        old_product_type: os.product_type,
        new_product_type: small(os.sku),
        system_metrics: 0,
        client_version: parts(&profile.wua_version),
        windows_10,
    }
}

/// The client version of a current agent that is not the one of its user agent (capture).
const CLIENT_LIBRARY: &str = "1451.2601.23012.0";

/// Version of the cumulative update: of the build that an enablement package raised (capture: 26100 under 26200).
fn cumulative(version: &[u32; 4]) -> String {
    let [major, minor, build, revision] = version;
    let build = if *build == 26_200 { 26_100 } else { *build };
    format!("{major}.{minor}.{build}.{revision}")
}

/// `ProductsParameters` of current agents; none for 7.6. Names, order and form of the pairs are captured; of the sixty
/// captured ones, those about sensors, Defender and disks are left out. What a machine says of itself comes from its
/// facts, the rest is what an unremarkable machine of an organization says.
pub(super) fn products(caller: &str, server: &str, machine: &dyn Machine) -> Option<ProductsParameters> {
    let profile = machine.profile();
    if profile.wua == WuaGeneration::Wua76 {
        return None;
    }
    let version = profile.os.version.map(|part| part.to_string()).join(".");
    let (sku, brand) = (profile.os.sku.to_string(), Brand::read(machine));
    let lcu = cumulative(&profile.os.version);
    let pairs = [
        ("ActivationChannel", "Volume:GVLK"),
        ("App", "WU_OS"),
        ("AppVer", &profile.wua_version),
        ("AttrDataVer", "344"),
        ("BranchReadinessLevel", "CB"),
        ("CurrentBranch", "ge_release"),
        ("DefaultUserRegion", "244"),
        ("DeviceFamily", "Windows.Desktop"),
        ("DL_OSVersion", &version),
        ("FirmwareVersion", &brand.bios),
        ("FlightingBranchName", ""),
        ("FlightRing", "Retail"),
        ("HotpatchError", "0"),
        ("InstallationType", "Client"),
        ("InstallLanguage", "en-US"),
        ("IsCloudDomainJoined", "0"),
        ("IsContainerMgrInstalled", "1"),
        ("IsDeviceRetailDemo", "0"),
        ("IsEdgeWithChromiumInstalled", "1"),
        ("IsFlightingEnabled", "0"),
        ("IsMDMEnrolled", "0"),
        ("IsVirtualDevice", "1"),
        ("IsWindows365Device", "0"),
        ("LCUVer", &lcu),
        ("OEMModel", &brand.model),
        ("OEMName_Uncleaned", &brand.manufacturer),
        ("OSArchitecture", "AMD64"),
        ("OSSkuId", &sku),
        ("OSUILocale", "en-US"),
        ("OSVersion", &version),
        ("ProductType", "WinNT"),
        ("SecureBootCapable", "1"),
        ("TelemetryLevel", "1"),
        ("TPMVersion", "2"),
        ("UpdateManagementGroup", "2"),
        ("UpdateServiceUrl", server),
        ("VBSState", "0"),
        ("WuClientVer", CLIENT_LIBRARY),
    ];
    let facts = machine.facts();
    let pair = |(name, value): &(&str, &str)| {
        let value = facts.device_attribute(name).unwrap_or_else(|| (*value).to_owned());
        format!("{name}={value};")
    };
    Some(ProductsParameters {
        sync_current_version_only: false,
        device_attributes: pairs.iter().map(pair).collect(),
        caller_attributes: format!("Interactive=0;SheddingAware=1;Id={caller};"),
    })
}

/// The part of an event that describes the computer.
pub(super) fn event_data(
    replacement_strings: Vec<String>,
    misc_data: Vec<String>,
    machine: &dyn Machine,
) -> ExtendedData {
    let profile = machine.profile();
    let os = &profile.os;
    let brand = Brand::read(machine);
    let mut misc = vec![format!("G={}", profile.wua_version), format!("K={}", brand.bios), "Q=1".to_owned()];
    misc.extend(misc_data);
    ExtendedData {
        replacement_strings,
        misc_data: misc,
        computer_brand: Some(brand.manufacturer),
        computer_model: Some(brand.model),
        bios_revision: Some(brand.bios),
        processor_architecture: if os.x64 { "Amd64Compatible" } else { "X86Compatible" }.to_owned(),
        os_version: [
            small(os.version[0]),
            small(os.version[1]),
            small(os.version[2]),
            small(os.version[3]),
            i32::from(os.service_pack[0]),
            i32::from(os.service_pack[1]),
        ],
        os_locale_id: 1033,
        device_id: Some(String::new()),
    }
}
