//! What Windows tells about the machine under it: make, model, firmware, devices and drivers, in `root\cimv2`.
//!
//! The machine is a Hyper-V guest. Class and property names are Windows' own (docs); the devices and their ids are those
//! such a guest has (inferred: any selection is possible), so every client sends the same list in its driver pass.

use cmsim_world::wmi::{Class, Instance, WmiValue};
use cmsim_world::{Host, wmi};
use uuid::{Uuid, uuid};

use crate::settings::StageError;

const CIMV2: &str = r"root\cimv2";
/// Name space of computer hardware ids (docs: `ComputerHardwareIds`).
const COMPUTER_IDS: Uuid = uuid!("70ffd812-4c7f-4c7d-0000-000000000000");
/// Date of the drivers that come with Windows.
const INBOX_DATE: &str = "20060621000000.000000+000";

/// A device with the driver that comes with Windows.
struct Device {
    id: &'static str,
    class: &'static str,
    class_id: &'static str,
    hardware: &'static [&'static str],
    compatible: &'static [&'static str],
    /// The id by which the driver matched, and its file; none for a device without driver.
    driver: Option<(&'static str, &'static str)>,
}

const SYSTEM: &str = "{4D36E97D-E325-11CE-BFC1-08002BE10318}";

const DEVICES: [Device; 12] = [
    Device {
        id: r"ACPI\PNP0A03\0",
        class: "System",
        class_id: SYSTEM,
        hardware: &[r"ACPI\VEN_PNP&DEV_0A03", r"ACPI\PNP0A03", "*PNP0A03"],
        compatible: &[],
        driver: Some(("*PNP0A03", "machine.inf")),
    },
    Device {
        id: r"ACPI\PNP0303\4&8118B71&0",
        class: "Keyboard",
        class_id: "{4D36E96B-E325-11CE-BFC1-08002BE10318}",
        hardware: &[r"ACPI\VEN_PNP&DEV_0303", r"ACPI\PNP0303", "*PNP0303"],
        compatible: &[],
        driver: Some(("*PNP0303", "keyboard.inf")),
    },
    Device {
        id: r"ACPI\PNP0F03\4&8118B71&0",
        class: "Mouse",
        class_id: "{4D36E96F-E325-11CE-BFC1-08002BE10318}",
        hardware: &[r"ACPI\VEN_PNP&DEV_0F03", r"ACPI\PNP0F03", "*PNP0F03"],
        compatible: &["*PNP0F13"],
        driver: Some(("*PNP0F03", "msmouse.inf")),
    },
    Device {
        id: r"PCI\VEN_8086&DEV_7111&SUBSYS_00000000&REV_01\3&267A616A&0&39",
        class: "hdc",
        class_id: "{4D36E96A-E325-11CE-BFC1-08002BE10318}",
        hardware: &[
            r"PCI\VEN_8086&DEV_7111&SUBSYS_00000000&REV_01",
            r"PCI\VEN_8086&DEV_7111&SUBSYS_00000000",
            r"PCI\VEN_8086&DEV_7111&CC_010180",
            r"PCI\VEN_8086&DEV_7111&CC_0101",
        ],
        compatible: &[r"PCI\VEN_8086&DEV_7111", r"PCI\VEN_8086&CC_0101", r"PCI\CC_010180", r"PCI\CC_0101"],
        driver: Some((r"PCI\VEN_8086&DEV_7111", "mshdc.inf")),
    },
    Device {
        id: r"PCI\VEN_8086&DEV_7192&SUBSYS_00000000&REV_03\3&267A616A&0&00",
        class: "System",
        class_id: SYSTEM,
        hardware: &[r"PCI\VEN_8086&DEV_7192&SUBSYS_00000000&REV_03", r"PCI\VEN_8086&DEV_7192&SUBSYS_00000000"],
        compatible: &[r"PCI\VEN_8086&DEV_7192", r"PCI\CC_060000", r"PCI\CC_0600"],
        driver: Some((r"PCI\CC_0600", "machine.inf")),
    },
    Device {
        id: r"ROOT\MSSMBIOS\0000",
        class: "System",
        class_id: SYSTEM,
        hardware: &[r"ROOT\mssmbios"],
        compatible: &[],
        driver: Some((r"ROOT\mssmbios", "mssmbios.inf")),
    },
    Device {
        id: r"STORAGE\VOLUME\{8BBE2B5A-0000-0000-0000-100000000000}#0000000000100000",
        class: "Volume",
        class_id: "{71A27CDD-812A-11D0-BEC7-08002BE2092F}",
        hardware: &[r"STORAGE\Volume"],
        compatible: &[],
        driver: Some((r"STORAGE\Volume", "volume.inf")),
    },
    Device {
        id: r"VMBUS\{3375BAF4-9E15-4B30-B765-67ACB10D607B}\5&1",
        class: "",
        class_id: "",
        hardware: &[r"VMBUS\{3375baf4-9e15-4b30-b765-67acb10d607b}"],
        compatible: &[],
        driver: None,
    },
    Device {
        id: r"VMBUS\{BA6163D9-04A1-4D29-B605-72E2FFB1DC7F}\5&2",
        class: "SCSIAdapter",
        class_id: "{4D36E97B-E325-11CE-BFC1-08002BE10318}",
        hardware: &[r"VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}"],
        compatible: &[],
        driver: Some((r"VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}", "wstorvsc.inf")),
    },
    Device {
        id: r"VMBUS\{CFA8B69E-5B4A-4CC0-B98B-8BA1A1F3F95A}\5&3",
        class: "HIDClass",
        class_id: "{745A17A0-74D3-11D0-B6FE-00A0C90F57DA}",
        hardware: &[r"VMBUS\{cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a}"],
        compatible: &[],
        driver: Some((r"VMBUS\{cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a}", "wvmbushid.inf")),
    },
    Device {
        id: r"VMBUS\{DA0A7802-E377-4AAC-8E77-0558EB1073F8}\5&4",
        class: "Display",
        class_id: "{4D36E968-E325-11CE-BFC1-08002BE10318}",
        hardware: &[r"VMBUS\{da0a7802-e377-4aac-8e77-0558eb1073f8}"],
        compatible: &[],
        driver: Some((r"VMBUS\{da0a7802-e377-4aac-8e77-0558eb1073f8}", "wvmbusvideo.inf")),
    },
    Device {
        id: r"VMBUS\{F8615163-DF3E-46C5-913F-F2D2F965ED0E}\5&5",
        class: "Net",
        class_id: "{4D36E972-E325-11CE-BFC1-08002BE10318}",
        hardware: &[r"VMBUS\{f8615163-df3e-46c5-913f-f2d2f965ed0e}"],
        compatible: &[],
        driver: Some((r"VMBUS\{f8615163-df3e-46c5-913f-f2d2f965ed0e}", "wnetvsc.inf")),
    },
];

/// Fills `root\cimv2` of a client.
pub(crate) fn describe(host: &Host) -> Result<(), StageError> {
    for (class, keys) in [
        ("Win32_ComputerSystem", &["Name"][..]),
        ("Win32_BIOS", &["Name"]),
        ("Win32_PnPEntity", &["DeviceID"]),
        ("Win32_PnPSignedDriver", &["DeviceID", "InfName"]),
    ] {
        host.wmi().define(CIMV2, Class::new(class, keys).retain(wmi::Retention::Nothing));
    }
    let failed = || format!("cannot describe the hardware of {}", host.name());
    for instance in system(host).into_iter().chain(devices(host)) {
        host.wmi().put(CIMV2, instance).map_err(StageError::part(failed()))?;
    }
    Ok(())
}

fn system(host: &Host) -> [Instance; 2] {
    let hardware = host.hardware();
    let released = format!("{}000000.000000+000", hardware.bios_date.replace('-', ""));
    let system = Instance::new("Win32_ComputerSystem")
        .with("Name", &**host.name())
        .with("Domain", host.domain().unwrap_or("WORKGROUP"))
        .with("PartOfDomain", host.domain().is_some())
        .with("Manufacturer", hardware.manufacturer.as_str())
        .with("Model", hardware.model.as_str())
        .with("TotalPhysicalMemory", i64::from(hardware.memory_mb) * 1024 * 1024);
    let bios = Instance::new("Win32_BIOS")
        .with("Name", hardware.bios_version.as_str())
        .with("Manufacturer", hardware.bios_manufacturer.as_str())
        .with("SMBIOSBIOSVersion", hardware.bios_version.as_str())
        .with("ReleaseDate", released);
    [system, bios]
}

fn array<T: AsRef<str>>(ids: &[T]) -> WmiValue {
    WmiValue::Array(ids.iter().map(|id| id.as_ref().into()).collect())
}

fn devices(host: &Host) -> Vec<Instance> {
    let [major, minor, build, revision] = host.profile().os.version;
    // An enablement package raises the build, not the drivers (capture: 26100 under 26200).
    let build = if build == 26_200 { 26_100 } else { build };
    let version = format!("{major}.{minor}.{build}.{revision}");
    let mut found = Vec::new();
    for device in &DEVICES {
        found.push(entity(device.id, device.class, device.class_id, array(device.hardware), array(device.compatible)));
        if let Some((matched, file)) = device.driver {
            found.push(driver(device.id, matched, file, &device.class.to_uppercase(), device.class_id, &version));
        }
    }
    if host.profile().os.version[0] >= 10 {
        found.extend(since_windows_10(host, &version));
    }
    found
}

/// What newer Windows lists too: printer drivers, and the computer as a device of its own with an extension.
fn since_windows_10(host: &Host, version: &str) -> Vec<Instance> {
    const PRINTER: &str = "{4D36E979-E325-11CE-BFC1-08002BE10318}";
    const COMPUTER: &str = "{4D36E966-E325-11CE-BFC1-08002BE10318}";
    const EXTENSION: &str = "{E2F84CE7-8EFA-411C-AA69-97454CA4CB57}";
    let mut found = Vec::new();
    for (name, id) in [
        ("Microsoft Print To PDF", "{084f01fa-e634-4d77-83ee-074817c03581}"),
        ("Microsoft IPP Class Driver", "{b71661f4-a4dc-43df-bc16-39d337d15a95}"),
    ] {
        let device = format!(r"SWD\PRINTENUM\{id}");
        found.push(entity(&device, "Printer", PRINTER, array(&[id]), array::<&str>(&[])));
        let printer = driver(&device, id, "ntprint.inf", "PRINTER", PRINTER, version);
        found.push(printer.with("DeviceName", name));
    }
    let computer = r"ROOT\COMPUTER\0000";
    let ids: Vec<String> =
        computer_ids(host).map(|id| format!(r"COMPUTER\{}", id.braced().to_string().to_uppercase())).collect();
    let compatible = [r"COMPUTER\Generic", r"SWD\GenericRaw", r"SWD\Generic"];
    found.push(entity(computer, "Computer", COMPUTER, array(&ids), array(&compatible)));
    found.push(driver(computer, compatible[0], "hal.inf", "COMPUTER", COMPUTER, version));
    let extension = driver(computer, compatible[0], "oem0.inf", "EXTENSION", EXTENSION, version);
    found.push(extension.with("ExtensionID", "{8C1E5D07-3B62-4F0A-9D41-6E2A7B95C3F8}"));
    found
}

/// Ids made of the firmware's texts, from specific to general (docs: version 5 ids over UTF-16 texts joined by `&`; which
/// texts stand in which id is simplified).
fn computer_ids(host: &Host) -> impl Iterator<Item = Uuid> {
    let hardware = host.hardware();
    let (maker, model) = (hardware.manufacturer.as_str(), hardware.model.as_str());
    let (firmware, version) = (hardware.bios_manufacturer.as_str(), hardware.bios_version.as_str());
    let texts = [
        vec![maker, model, firmware, version, &hardware.bios_date],
        vec![maker, model, firmware, version],
        vec![maker, model, firmware],
        vec![maker, model],
        vec![maker, firmware],
        vec![maker],
    ];
    let id = |texts: Vec<&str>| {
        let bytes: Vec<u8> = texts.join("&").encode_utf16().flat_map(u16::to_le_bytes).collect();
        Uuid::new_v5(&COMPUTER_IDS, &bytes)
    };
    texts.map(id).into_iter()
}

fn entity(id: &str, class: &str, class_id: &str, hardware: WmiValue, compatible: WmiValue) -> Instance {
    Instance::new("Win32_PnPEntity")
        .with("DeviceID", id)
        .with("PNPClass", class)
        .with("ClassGuid", class_id)
        .with("HardwareID", hardware)
        .with("CompatibleID", compatible)
}

fn driver(device: &str, matched: &str, file: &str, class: &str, class_id: &str, version: &str) -> Instance {
    Instance::new("Win32_PnPSignedDriver")
        .with("DeviceID", device)
        .with("HardWareID", matched)
        .with("InfName", file)
        .with("DeviceClass", class)
        .with("ClassGuid", class_id)
        .with("Manufacturer", "Microsoft")
        .with("DriverProviderName", "Microsoft")
        .with("DriverDate", INBOX_DATE)
        .with("DriverVersion", version)
}
