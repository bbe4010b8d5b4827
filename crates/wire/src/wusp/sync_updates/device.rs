//! The devices of a driver pass.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::wusp::values::{self, put, put_display, put_list, put_nil, put_some, put_strings, required};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// One device (MS-WUSP 2.2.2.2.4; spelling and order of the extension drivers from a capture).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Device {
    /// Hardware ids in Plug and Play spelling, from specific to general.
    pub hardware_ids: Vec<String>,
    /// Compatible ids, from specific to general.
    pub compatible_ids: Vec<String>,
    /// The driver in use.
    pub installed_driver: Option<InstalledDriver>,
    /// Extension drivers in use.
    pub extension_drivers: Vec<ExtensionDriver>,
    /// Bit 0: not enumerated by Plug and Play. Left out otherwise (capture).
    pub device_flags: Option<u8>,
}

/// A driver version: four parts of 16 bits, sent as one signed 64-bit number (capture).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct DriverVersion(pub i64);

impl DriverVersion {
    /// Packs four parts, the most significant first.
    #[must_use]
    pub fn from_parts(parts: [u16; 4]) -> Self {
        let packed = parts.iter().fold(0_u64, |packed, part| packed << 16 | u64::from(*part));
        Self(packed.cast_signed())
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0.to_be_bytes();
        let part = |high, low| u16::from_be_bytes([high, low]);
        write!(f, "{}.{}.{}.{}", part(a, b), part(c, d), part(e, g), part(h, i))
    }
}

/// The driver a device uses. Without one: no matching id and class, version 0, rank -1 (capture).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledDriver {
    /// The id by which the driver matched.
    pub matching_id: Option<String>,
    /// Date; the first day of the calendar for none.
    pub date: Timestamp,
    /// Version.
    pub version: DriverVersion,
    /// Set-up class: a GUID in braces, upper case; `Printer` for printers (capture).
    pub class: Option<String>,
    /// Printer drivers only (capture), as the two that follow.
    pub manufacturer: Option<String>,
    /// Provider.
    pub provider: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// The computer hardware id that matched; sent as nil when there is none (capture).
    pub matching_computer_hwid: Option<Uuid>,
    /// Plug and Play rank in decimal; lower is better, -1 for none.
    pub rank: i32,
    /// Whether the two members that mark generic drivers follow; outside the specification (capture).
    pub is_generic: bool,
}

/// An extension driver a device uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionDriver {
    /// The extension's GUID in braces.
    pub extension_id: String,
    /// Date.
    pub date: Timestamp,
    /// Version.
    pub version: DriverVersion,
    /// Set-up class.
    pub class: String,
    /// Rank.
    pub rank: i32,
    /// The computer hardware id that matched; nil when none.
    pub matching_computer_hwid: Option<Uuid>,
}

impl Device {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start("Device");
        put_strings(writer, "HardwareIDs", &self.hardware_ids);
        put_strings(writer, "CompatibleIDs", &self.compatible_ids);
        if let Some(driver) = &self.installed_driver {
            driver.write(writer);
        }
        put_list(writer, "extensionDrivers", &self.extension_drivers, |writer, driver| driver.write(writer));
        if let Some(flags) = self.device_flags {
            put_display(writer, "DeviceFlags", flags);
        }
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut device = Self::default();
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "HardwareIDs" => device.hardware_ids = values::strings(reader, &child)?,
                "CompatibleIDs" => device.compatible_ids = values::strings(reader, &child)?,
                "installedDriver" => device.installed_driver = InstalledDriver::read(reader, &child)?,
                // The schema's list and member are both `extensionDriver`; the wire has these names.
                "extensionDrivers" => {
                    device.extension_drivers = values::list(reader, &child, "ExtensionDriver", ExtensionDriver::read)?;
                }
                "extensionDriver" => {
                    device.extension_drivers = values::list(reader, &child, "extensionDriver", ExtensionDriver::read)?;
                }
                "DeviceFlags" => device.device_flags = values::number(reader, &child)?,
                _ => {}
            }
        }
        Ok((!values::is_nil(tag)).then_some(device))
    }
}

fn put_computer(writer: &mut Writer, id: Option<Uuid>) {
    match id {
        Some(id) => put_display(writer, "MatchingComputerHWID", id),
        None => put_nil(writer, "MatchingComputerHWID"),
    }
}

impl InstalledDriver {
    fn write(&self, writer: &mut Writer) {
        writer.start("installedDriver");
        put_some(writer, "MatchingID", self.matching_id.as_deref());
        put_display(writer, "DriverVerDate", self.date);
        put_display(writer, "DriverVerVersion", self.version.0);
        put_some(writer, "Class", self.class.as_deref());
        put_some(writer, "Manufacturer", self.manufacturer.as_deref());
        put_some(writer, "Provider", self.provider.as_deref());
        put_some(writer, "Model", self.model.as_deref());
        put_computer(writer, self.matching_computer_hwid);
        put_display(writer, "DriverRank", self.rank);
        if self.is_generic {
            put(writer, "SkipProviderFiltering", "true");
            put(writer, "IsGeneric", "true");
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut driver = Self {
            matching_id: None,
            date: Timestamp::UNIX_EPOCH,
            version: DriverVersion::default(),
            class: None,
            manufacturer: None,
            provider: None,
            model: None,
            matching_computer_hwid: None,
            rank: 0,
            is_generic: false,
        };
        let (mut date, mut version, mut rank) = (None, None, None);
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "MatchingID" => driver.matching_id = values::string(reader, &child)?,
                "DriverVerDate" => date = values::time(reader, &child)?,
                "DriverVerVersion" => version = values::number(reader, &child)?,
                "Class" => driver.class = values::string(reader, &child)?,
                "Manufacturer" => driver.manufacturer = values::string(reader, &child)?,
                "Provider" => driver.provider = values::string(reader, &child)?,
                "Model" => driver.model = values::string(reader, &child)?,
                "MatchingComputerHWID" => driver.matching_computer_hwid = values::guid(reader, &child)?,
                "DriverRank" => rank = values::number(reader, &child)?,
                "IsGeneric" => driver.is_generic = values::boolean(reader, &child)?.unwrap_or(false),
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        driver.date = required(date, tag, "DriverVerDate")?;
        driver.version = DriverVersion(required(version, tag, "DriverVerVersion")?);
        driver.rank = required(rank, tag, "DriverRank")?;
        Ok(Some(driver))
    }
}

impl ExtensionDriver {
    fn write(&self, writer: &mut Writer) {
        writer.start("ExtensionDriver");
        put(writer, "ExtensionId", &self.extension_id);
        put_display(writer, "DriverVerDate", self.date);
        put_display(writer, "DriverVerVersion", self.version.0);
        put(writer, "Class", &self.class);
        put_display(writer, "DriverRank", self.rank);
        put_computer(writer, self.matching_computer_hwid);
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let (mut extension_id, mut date, mut version) = (None, None, None);
        let (mut class, mut rank, mut computer) = (None, None, None);
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ExtensionId" => extension_id = values::string(reader, &child)?,
                "DriverVerDate" => date = values::time(reader, &child)?,
                "DriverVerVersion" => version = values::number(reader, &child)?,
                "Class" => class = values::string(reader, &child)?,
                "DriverRank" => rank = values::number(reader, &child)?,
                "MatchingComputerHWID" => computer = values::guid(reader, &child)?,
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self {
            extension_id: required(extension_id, tag, "ExtensionId")?,
            date: required(date, tag, "DriverVerDate")?,
            version: DriverVersion(required(version, tag, "DriverVerVersion")?),
            class: required(class, tag, "Class")?,
            rank: required(rank, tag, "DriverRank")?,
            matching_computer_hwid: computer,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_version_is_four_sixteen_bit_parts() {
        let version = DriverVersion::from_parts([10, 0, 26100, 7920]);
        assert_eq!(version.0, 2_814_751_477_604_080);
        assert_eq!(version.to_string(), "10.0.26100.7920");
        assert_eq!(DriverVersion::from_parts([0xFFFF; 4]).0, -1);
    }
}
