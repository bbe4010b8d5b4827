//! The devices of the driver pass, read from WMI as Plug and Play lists them.

use cmsim_wire::ccm::cim_time;
use cmsim_wire::profile::WuaGeneration;
use cmsim_wire::wusp::sync_updates::{Device, DriverVersion, ExtensionDriver, InstalledDriver};
use jiff::Timestamp;
use uuid::Uuid;

use crate::framework::{Machine, WmiInstance, WmiValue};
use crate::settings;

/// Namespace of what Windows tells about itself.
pub(super) const CIMV2: &str = r"root\cimv2";

/// Set-up class of extension drivers (docs: system-defined set-up classes).
const EXTENSION: &str = "{E2F84CE7-8EFA-411C-AA69-97454CA4CB57}";
/// What the ids of the computer itself begin with (capture).
const COMPUTER: &str = r"COMPUTER\";
/// Files whose drivers fit whole classes of devices; their drivers carry the mark (inferred from the marked ones in a
/// capture: a generic mouse, USB input, a software component).
const GENERIC: [&str; 3] = ["msmouse.inf", "input.inf", "c_swcomponent.inf"];
/// Ranks (capture): a trusted driver that matched by hardware id, and what a match by compatible id adds.
const TRUSTED: i32 = 0x00FF_0000;
const COMPATIBLE: i32 = 0x2000;
/// The first day of the calendar stands for no driver (capture).
const NO_DATE: &str = "0001-01-01T00:00:00Z";

/// Every device that Plug and Play knows, with its driver.
pub(super) fn devices(machine: &dyn Machine) -> Vec<Device> {
    // The specification of the protocol does not know the mark; only agents of the later generation send it (capture).
    let marks = machine.profile().wua == WuaGeneration::Wua10;
    let read = |class| machine.wmi(CIMV2, class).unwrap_or_default();
    let drivers = read("Win32_PnPSignedDriver");
    let of_device = |row: &WmiInstance| {
        let id = settings::text(row, "DeviceID").unwrap_or_default().to_owned();
        drivers.iter().filter(move |driver| settings::text(driver, "DeviceID") == Some(&id))
    };
    read("Win32_PnPEntity")
        .iter()
        .map(|row| {
            let (hardware_ids, compatible_ids) = (list(row, "HardwareID"), list(row, "CompatibleID"));
            let (extensions, base): (Vec<_>, Vec<_>) = of_device(row).partition(|driver| is_extension(driver));
            Device {
                installed_driver: Some(installed(base.first().copied(), &hardware_ids, &compatible_ids, marks)),
                extension_drivers: extensions.into_iter().map(extension).collect(),
                // A printer driver is no device Plug and Play has found (capture).
                device_flags: (settings::text(row, "PNPClass") == Some("Printer")).then_some(1),
                hardware_ids,
                compatible_ids,
            }
        })
        .collect()
}

/// The ids of the computer as its own device has them, without what stands before them (capture: the same ids).
pub(super) fn computer_ids(machine: &dyn Machine) -> Vec<Uuid> {
    let rows = machine.wmi(CIMV2, "Win32_PnPEntity").unwrap_or_default();
    let ids = rows.iter().flat_map(|row| list(row, "HardwareID"));
    ids.filter_map(|id| id.strip_prefix(COMPUTER)?.parse().ok()).collect()
}

fn list(row: &WmiInstance, name: &str) -> Vec<String> {
    match row.get(name) {
        Some(WmiValue::List(items)) => items.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn is_extension(driver: &WmiInstance) -> bool {
    settings::text(driver, "ClassGuid").is_some_and(|class| class.eq_ignore_ascii_case(EXTENSION))
}

fn text(row: &WmiInstance, name: &str) -> Option<String> {
    settings::text(row, name).map(str::to_owned)
}

fn date(driver: &WmiInstance) -> Timestamp {
    let none = || NO_DATE.parse().unwrap_or(Timestamp::MIN);
    settings::text(driver, "DriverDate").and_then(cim_time::parse).unwrap_or_else(none)
}

fn version(driver: &WmiInstance) -> DriverVersion {
    let mut parts = [0; 4];
    let text = settings::text(driver, "DriverVersion").unwrap_or_default();
    for (slot, part) in parts.iter_mut().zip(text.split('.')) {
        *slot = part.parse().unwrap_or(0);
    }
    DriverVersion::from_parts(parts)
}

/// Where an id stands among those of a device, as a rank.
fn rank(matched: &str, hardware: &[String], compatible: &[String]) -> i32 {
    let place = |ids: &[String]| ids.iter().position(|id| id.eq_ignore_ascii_case(matched));
    let counted = |place: usize| i32::try_from(place).unwrap_or(0xFFF);
    match (place(hardware), place(compatible)) {
        (Some(place), _) => TRUSTED + counted(place),
        (None, Some(place)) => TRUSTED + COMPATIBLE + counted(place),
        (None, None) => -1,
    }
}

fn installed(driver: Option<&WmiInstance>, hardware: &[String], compatible: &[String], marks: bool) -> InstalledDriver {
    let nothing = WmiInstance::new();
    let row = driver.unwrap_or(&nothing);
    let matching_id = text(row, "HardWareID");
    let printer = settings::text(row, "DeviceClass") == Some("PRINTER");
    let of_printer = |name| text(row, name).filter(|_| printer);
    let rank = matching_id.as_deref().map_or(-1, |id| if printer { -1 } else { rank(id, hardware, compatible) });
    InstalledDriver {
        date: date(row),
        version: version(row),
        class: if printer { Some("Printer".to_owned()) } else { text(row, "ClassGuid") },
        manufacturer: of_printer("Manufacturer"),
        provider: of_printer("DriverProviderName"),
        model: of_printer("DeviceName"),
        matching_computer_hwid: None,
        rank,
        is_generic: marks && settings::text(row, "InfName").is_some_and(|name| GENERIC.contains(&name)),
        matching_id,
    }
}

fn extension(driver: &WmiInstance) -> ExtensionDriver {
    ExtensionDriver {
        extension_id: text(driver, "ExtensionID").unwrap_or_default(),
        date: date(driver),
        version: version(driver),
        class: EXTENSION.to_owned(),
        rank: TRUSTED,
        matching_computer_hwid: None,
    }
}

#[cfg(test)]
mod tests {
    use cmsim_wire::profile::Profile;

    use super::*;
    use crate::framework::instance;
    use crate::testing::TestMachine;

    fn ids(ids: &[&str]) -> WmiValue {
        WmiValue::List(ids.iter().map(|id| (*id).into()).collect())
    }

    /// Shapes of a capture: a driver by compatible id, a printer, the computer with an extension, and no driver at all.
    #[test]
    fn devices_have_the_drivers_that_plug_and_play_gave_them() {
        let mut machine = TestMachine::new();
        machine.profile = Profile::windows_11();
        for (device, class, hardware, compatible) in [
            ("A", "HIDClass", vec![r"USB\VID_1"], vec![r"USB\A", r"USB\Class_03"]),
            ("B", "Printer", vec!["{084f01fa-e634-4d77-83ee-074817c03581}"], vec![]),
            ("C", "Computer", vec![r"COMPUTER\{458AB48B-ACB9-5863-B5A8-D2C32F0D3E6F}"], vec![r"COMPUTER\Generic"]),
            ("D", "", vec![r"ACPI\X"], vec![]),
        ] {
            let row = instance([
                ("DeviceID", device.into()),
                ("PNPClass", class.into()),
                ("HardwareID", ids(&hardware)),
                ("CompatibleID", ids(&compatible)),
            ]);
            machine.put_wmi(CIMV2, "Win32_PnPEntity", &["DeviceID"], row).unwrap();
        }
        for (n, device, matched, class, inf) in [
            ("1", "A", r"USB\Class_03", "HIDCLASS", "input.inf"),
            ("2", "B", "{084f01fa-e634-4d77-83ee-074817c03581}", "PRINTER", "ntprint.inf"),
            ("3", "C", r"COMPUTER\Generic", "COMPUTER", "hal.inf"),
        ] {
            let row = instance([
                ("N", n.into()),
                ("DeviceID", device.into()),
                ("HardWareID", matched.into()),
                ("DeviceClass", class.into()),
                ("ClassGuid", "{745A17A0-74D3-11D0-B6FE-00A0C90F57DA}".into()),
                ("DriverDate", "20060621000000.000000+000".into()),
                ("DriverVersion", "10.0.26100.7920".into()),
                ("DeviceName", "Microsoft Print To PDF".into()),
                ("InfName", inf.into()),
            ]);
            machine.put_wmi(CIMV2, "Win32_PnPSignedDriver", &["N"], row).unwrap();
        }
        let row = instance([("N", "4".into()), ("DeviceID", "C".into()), ("ClassGuid", EXTENSION.into())]);
        machine.put_wmi(CIMV2, "Win32_PnPSignedDriver", &["N"], row).unwrap();

        let found = devices(&machine);
        let driver = |n: usize| found[n].installed_driver.as_ref().unwrap();
        assert_eq!((driver(0).rank, driver(0).is_generic), (TRUSTED + COMPATIBLE + 1, true));
        assert_eq!(driver(0).version.0, 2_814_751_477_604_080);
        assert_eq!((driver(1).rank, driver(1).class.as_deref()), (-1, Some("Printer")));
        assert_eq!((found[1].device_flags, driver(1).model.as_deref()), (Some(1), Some("Microsoft Print To PDF")));
        assert_eq!((driver(2).model.as_deref(), found[2].extension_drivers.len()), (None, 1));
        assert_eq!(
            (driver(3).matching_id.as_deref(), driver(3).rank, driver(3).date.to_string().as_str()),
            (None, -1, NO_DATE)
        );
        machine.profile = Profile::windows_7();
        assert!(!devices(&machine)[0].installed_driver.as_ref().unwrap().is_generic, "earlier agents mark none");
        assert_eq!(computer_ids(&machine), [uuid::uuid!("458ab48b-acb9-5863-b5a8-d2c32f0d3e6f")]);
    }
}
