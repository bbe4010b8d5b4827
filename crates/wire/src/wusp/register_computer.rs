//! RegisterComputer: what the machine is, for the server's records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::values::{self, put_display, put_some, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterComputer {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// The machine.
    pub computer_info: Option<ComputerInfo>,
}

/// The answer: an empty element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterComputerResponse;

/// The machine as its agent describes it. Unknown BIOS texts are `unknown` (capture).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputerInfo {
    /// Equal to `dnsName` of GetAuthorizationCookie.
    pub dns_name: Option<String>,
    /// Major, minor and build number of the operating system.
    pub os_version: [i32; 3],
    /// Service pack, major and minor.
    pub os_service_pack: [i16; 2],
    /// Language tag, such as `en-US`.
    pub os_locale: Option<String>,
    /// Manufacturer.
    pub computer_manufacturer: Option<String>,
    /// Model.
    pub computer_model: Option<String>,
    /// BIOS version.
    pub bios_version: Option<String>,
    /// BIOS name.
    pub bios_name: Option<String>,
    /// BIOS date.
    pub bios_release_date: Timestamp,
    /// `AMD64`, `x86` …: a free text here.
    pub processor_architecture: Option<String>,
    /// `OSVERSIONINFOEX.wSuiteMask`.
    pub suite_mask: i16,
    /// `OSVERSIONINFOEX.wProductType`.
    pub old_product_type: u8,
    /// `GetProductInfo` SKU number.
    pub new_product_type: i32,
    /// `GetSystemMetrics(SM_SERVERR2 …)` bits.
    pub system_metrics: i32,
    /// The agent's version, four parts.
    pub client_version: [i16; 4],
    /// What only Windows 10 and later agents send; they always send all five (capture).
    pub windows_10: Option<Windows10Info>,
}

/// The members of `ComputerInfo` that Windows 10 added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows10Info {
    /// Edition; `Windows 10 Pro` on Windows 11 too (capture).
    pub os_description: String,
    /// Manufacturer again.
    pub oem: String,
    /// Model again.
    pub device_type: String,
    /// Firmware version.
    pub firmware_version: String,
    /// `Not Present` without a modem (capture).
    pub mobile_operator: String,
}

const WINDOWS_10: [&str; 5] = ["OSDescription", "OEM", "DeviceType", "FirmwareVersion", "MobileOperator"];
const OS_VERSION: [&str; 3] = ["OSMajorVersion", "OSMinorVersion", "OSBuildNumber"];
const SERVICE_PACK: [&str; 2] = ["OSServicePackMajorNumber", "OSServicePackMinorNumber"];
const CLIENT_VERSION: [&str; 4] =
    ["ClientVersionMajorNumber", "ClientVersionMinorNumber", "ClientVersionBuildNumber", "ClientVersionQfeNumber"];

impl Call for RegisterComputer {
    type Answer = RegisterComputerResponse;
}

impl Message for RegisterComputer {
    const ELEMENT: &'static str = "RegisterComputer";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        if let Some(info) = &self.computer_info {
            info.write(writer);
        }
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self { cookie: None, computer_info: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => call.cookie = Cookie::read(reader, &child)?,
                "computerInfo" => call.computer_info = Some(ComputerInfo::read(reader, &child)?),
                _ => {}
            }
        }
        Ok(call)
    }
}

impl Message for RegisterComputerResponse {
    const ELEMENT: &'static str = "RegisterComputerResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, _: &mut Writer) {}

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        reader.skip(tag)?;
        Ok(Self)
    }
}

impl ComputerInfo {
    fn write(&self, writer: &mut Writer) {
        writer.start("computerInfo");
        put_some(writer, "DnsName", self.dns_name.as_deref());
        put_numbers(writer, OS_VERSION, self.os_version);
        put_numbers(writer, SERVICE_PACK, self.os_service_pack);
        put_some(writer, "OSLocale", self.os_locale.as_deref());
        put_some(writer, "ComputerManufacturer", self.computer_manufacturer.as_deref());
        put_some(writer, "ComputerModel", self.computer_model.as_deref());
        put_some(writer, "BiosVersion", self.bios_version.as_deref());
        put_some(writer, "BiosName", self.bios_name.as_deref());
        put_display(writer, "BiosReleaseDate", self.bios_release_date);
        put_some(writer, "ProcessorArchitecture", self.processor_architecture.as_deref());
        put_display(writer, "SuiteMask", self.suite_mask);
        put_display(writer, "OldProductType", self.old_product_type);
        put_display(writer, "NewProductType", self.new_product_type);
        put_display(writer, "SystemMetrics", self.system_metrics);
        put_numbers(writer, CLIENT_VERSION, self.client_version);
        if let Some(info) = &self.windows_10 {
            let texts =
                [&info.os_description, &info.oem, &info.device_type, &info.firmware_version, &info.mobile_operator];
            for (name, text) in WINDOWS_10.into_iter().zip(texts) {
                put_some(writer, name, Some(text));
            }
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut texts = Members::default();
        let mut bios_release_date = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "BiosReleaseDate" => bios_release_date = values::time(reader, &child)?,
                name => texts.0.push((name.to_owned(), values::string(reader, &child)?)),
            }
            if texts.0.len() > Members::MOST {
                return Err(child.error(crate::xml::XmlErrorKind::Limit { what: "members", limit: Members::MOST }));
            }
        }
        Ok(Self {
            dns_name: texts.take("DnsName"),
            os_version: texts.numbers(tag, OS_VERSION)?,
            os_service_pack: texts.numbers(tag, SERVICE_PACK)?,
            os_locale: texts.take("OSLocale"),
            computer_manufacturer: texts.take("ComputerManufacturer"),
            computer_model: texts.take("ComputerModel"),
            bios_version: texts.take("BiosVersion"),
            bios_name: texts.take("BiosName"),
            bios_release_date: required(bios_release_date, tag, "BiosReleaseDate")?,
            processor_architecture: texts.take("ProcessorArchitecture"),
            suite_mask: texts.number(tag, "SuiteMask")?,
            old_product_type: texts.number(tag, "OldProductType")?,
            new_product_type: texts.number(tag, "NewProductType")?,
            system_metrics: texts.number(tag, "SystemMetrics")?,
            client_version: texts.numbers(tag, CLIENT_VERSION)?,
            windows_10: texts.windows_10(),
        })
    }
}

fn put_numbers<T: Copy + std::fmt::Display, const N: usize>(
    writer: &mut Writer,
    names: [&'static str; N],
    values: [T; N],
) {
    for (name, value) in names.into_iter().zip(values) {
        put_display(writer, name, value);
    }
}

/// The members as texts by name, before each takes its type.
#[derive(Default)]
struct Members(Vec<(String, Option<String>)>);

impl Members {
    /// Twice the members that exist, so that new ones are tolerated.
    const MOST: usize = 52;

    fn take(&mut self, name: &str) -> Option<String> {
        let found = self.0.iter_mut().find(|(member, _)| member == name);
        found.and_then(|(_, text)| text.take())
    }

    fn number<T: std::str::FromStr>(&mut self, tag: &Tag<'_>, name: &str) -> Result<T, XmlError> {
        let text = required(self.take(name), tag, name)?;
        let wrong = |_| tag.error(crate::xml::XmlErrorKind::value(format!("number in '{name}'"), &text));
        text.trim().parse().map_err(wrong)
    }

    fn numbers<T: std::str::FromStr + Default + Copy, const N: usize>(
        &mut self,
        tag: &Tag<'_>,
        names: [&str; N],
    ) -> Result<[T; N], XmlError> {
        let mut values = [T::default(); N];
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.number(tag, name)?;
        }
        Ok(values)
    }

    /// Present as soon as one of the five is there.
    fn windows_10(&mut self) -> Option<Windows10Info> {
        let texts = WINDOWS_10.map(|name| self.take(name));
        if texts.iter().all(Option::is_none) {
            return None;
        }
        let [os_description, oem, device_type, firmware_version, mobile_operator] =
            texts.map(Option::unwrap_or_default);
        Some(Windows10Info { os_description, oem, device_type, firmware_version, mobile_operator })
    }
}
