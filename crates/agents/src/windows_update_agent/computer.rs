//! What the agent tells a server about its computer.

use cmsim_wire::profile::WuaGeneration;
use cmsim_wire::wusp::register_computer::{ComputerInfo, Windows10Info};
use cmsim_wire::wusp::report_event_batch::ExtendedData;
use cmsim_wire::wusp::sync_updates::{Device, ProductsParameters};
use jiff::Timestamp;

use crate::framework::{Machine, WmiInstance, WmiValue};
use crate::settings;

/// Brand and model as WMI has them, `unknown` where it says nothing (capture: unknown fields are sent so).
struct Brand {
    manufacturer: String,
    model: String,
    bios: String,
}

impl Brand {
    fn read(machine: &dyn Machine) -> Self {
        let first = |class: &str| machine.wmi(r"root\cimv2", class).ok().and_then(|rows| rows.into_iter().next());
        let text = |row: &Option<WmiInstance>, name: &str| {
            row.as_ref().and_then(|row| settings::text(row, name)).unwrap_or("unknown").to_owned()
        };
        let (system, bios) = (first("Win32_ComputerSystem"), first("Win32_BIOS"));
        Self { manufacturer: text(&system, "Manufacturer"), model: text(&system, "Model"), bios: text(&bios, "Name") }
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
        bios_release_date: Timestamp::UNIX_EPOCH,
        processor_architecture: Some(if os.x64 { "AMD64" } else { "x86" }.to_owned()),
        suite_mask: i16::try_from(os.suite_mask).unwrap_or(i16::MAX),
        old_product_type: os.product_type,
        new_product_type: small(os.sku),
        system_metrics: 0,
        client_version: parts(&profile.wua_version),
        windows_10,
    }
}

/// The devices of the driver pass, as Plug and Play lists them.
pub(super) fn devices(machine: &dyn Machine) -> Vec<Device> {
    let list = |row: &WmiInstance, name: &str| match row.get(name) {
        Some(WmiValue::List(items)) => items.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    machine
        .wmi(r"root\cimv2", "Win32_PnPEntity")
        .unwrap_or_default()
        .iter()
        .map(|row| Device {
            hardware_ids: list(row, "HardwareID"),
            compatible_ids: list(row, "CompatibleID"),
            ..Device::default()
        })
        .collect()
}

/// `ProductsParameters` of current agents; none for 7.6. The pairs are a selection of the captured ones.
pub(super) fn products(caller: &str, server: &str, machine: &dyn Machine) -> Option<ProductsParameters> {
    let profile = machine.profile();
    if profile.wua == WuaGeneration::Wua76 {
        return None;
    }
    let version = profile.os.version.map(|part| part.to_string()).join(".");
    let pairs = [
        ("App", "WU".to_owned()),
        ("AppVer", profile.wua_version.clone()),
        ("DeviceFamily", "Windows.Desktop".to_owned()),
        ("InstallLanguage", "en-US".to_owned()),
        ("IsDomainJoined", u8::from(machine.place().domain.is_some()).to_string()),
        ("OSArchitecture", "AMD64".to_owned()),
        ("OSSkuId", profile.os.sku.to_string()),
        ("OSVersion", version),
        ("UpdateServiceUrl", server.to_owned()),
    ];
    Some(ProductsParameters {
        sync_current_version_only: false,
        device_attributes: pairs.iter().map(|(name, value)| format!("{name}={value};")).collect(),
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
