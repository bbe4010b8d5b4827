//! WSUSLocationRequest and WSUSLocationReply: which software update points may a client use?
//!
//! Both texts are printed whole in LocationServices.log and MP_Location.log, so they are byte-stable: attribute and
//! element order follow the article's lines. Evidence: article, apart from [`BoundaryGroups`] (field; its place in
//! this message inferred) and the shapes of an empty reply (inferred).

use std::net::IpAddr;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::guid::Braced;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

const SCHEMA_VERSION: &str = "1.00";

/// What a client asks: the update source and the content version its policy demands, and where it is (article).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WsusLocationRequest {
    /// Unique id of the update source.
    pub content_id: Uuid,
    /// Content version the client's policy requires.
    pub content_version: u32,
    /// Code of the site the client is assigned to.
    pub assigned_site: String,
    /// Where the client is.
    pub client: ClientLocation,
}

/// Where a client is on the network. Also the argument of `MP_GetSiteInfoUnified` (article).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientLocation {
    /// Whether the client thinks it is on the Internet.
    pub on_internet: bool,
    /// Active Directory site; none for a workgroup machine.
    pub ad_site: Option<String>,
    /// Forest of the machine account.
    pub forest: Option<String>,
    /// Domain of the machine account.
    pub domain: Option<String>,
    /// Addresses with their subnets, in adapter order.
    pub addresses: Vec<SubnetAddress>,
    /// Cached boundary groups; only clients of the current branch send them.
    pub boundary_groups: Option<BoundaryGroups>,
}

/// One address of a client and the network it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetAddress {
    /// Network address of the subnet.
    pub subnet: IpAddr,
    /// The client's address.
    pub address: IpAddr,
}

/// The boundary-group cache of a client (field: location requests of 1702 and later).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryGroups {
    /// When the client got the list, its own local time in milliseconds.
    pub retrieved: DateTime,
    /// Whether the client takes its connection for a VPN.
    pub on_vpn: bool,
    /// The groups.
    pub groups: Vec<BoundaryGroup>,
}

/// One boundary group a client is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundaryGroup {
    /// Number of the group in the site database.
    pub id: u32,
    /// Unique id; written bare and lower-case.
    pub guid: Uuid,
    /// Flags, 0 in all samples.
    pub flag: u32,
}

/// What the management point answers (article).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WsusLocationReply {
    /// Usually exactly one.
    pub sites: Vec<SiteLocations>,
}

/// The software update points of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteLocations {
    /// Site code.
    pub site_code: String,
    /// The records, in the order the client should see; `None` leaves the element out altogether.
    pub records: Option<Vec<LocationRecord>>,
}

/// One software update point. There are no other attributes (docs: the SDK's class of the record has these three).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationRecord {
    /// Scheme, host and port; the scheme alone says whether to use TLS.
    pub url: String,
    /// Host name, spelled as in the URL.
    pub server_name: String,
    /// Content version the server has.
    pub version: u32,
}

/// How a reply without any record looks. No public source shows one, so it is a setting (inferred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyReply {
    /// The site with `<LocationRecords/>`.
    #[default]
    NoRecords,
    /// The site without a `LocationRecords` element.
    NoRecordList,
    /// `<Sites/>`.
    NoSite,
}

impl EmptyReply {
    /// The reply of this shape for a site.
    #[must_use]
    pub fn reply(self, site_code: &str) -> WsusLocationReply {
        let site = |records| SiteLocations { site_code: site_code.to_owned(), records };
        let sites = match self {
            Self::NoRecords => vec![site(Some(Vec::new()))],
            Self::NoRecordList => vec![site(None)],
            Self::NoSite => Vec::new(),
        };
        WsusLocationReply { sites }
    }
}

impl WsusLocationRequest {
    /// Name of the root element.
    pub const ROOT: &'static str = "WSUSLocationRequest";

    /// The message on one line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", SCHEMA_VERSION);
        writer.start("Content");
        writer.attr("ID", Braced(self.content_id).to_string());
        writer.attr("Version", self.content_version.to_string()).end();
        writer.start("AssignedSite").attr("SiteCode", &self.assigned_site).end();
        self.client.write(&mut writer);
        writer.finish()
    }

    /// Reads a request; unknown elements are passed over.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message, or a required attribute is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let (mut content, mut site, mut client) = (None, None, None);
        while let Some(child) = reader.next_child(&root)? {
            match child.local() {
                "Content" => {
                    let id: Braced = child.require_parsed("ID")?;
                    content = Some((id.0, child.require_parsed("Version")?));
                }
                "AssignedSite" => site = Some(child.require("SiteCode")?.to_owned()),
                ClientLocation::ROOT => client = Some(ClientLocation::read(&mut reader, &child)?),
                _ => {}
            }
        }
        reader.finish()?;
        let missing = |name: &str| root.error(XmlErrorKind::MissingElement(name.to_owned()));
        let (content_id, content_version) = content.ok_or_else(|| missing("Content"))?;
        Ok(Self {
            content_id,
            content_version,
            assigned_site: site.ok_or_else(|| missing("AssignedSite"))?,
            client: client.ok_or_else(|| missing(ClientLocation::ROOT))?,
        })
    }
}

impl ClientLocation {
    /// Name of the element.
    pub const ROOT: &'static str = "ClientLocationInfo";

    /// The element alone, as the stored procedure gets it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads the element alone.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this element or a value is malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let location = Self::read(&mut reader, &root)?;
        reader.finish()?;
        Ok(location)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start(Self::ROOT).attr("OnInternet", flag(self.on_internet));
        for (element, name) in [("ADSite", &self.ad_site), ("Forest", &self.forest), ("Domain", &self.domain)] {
            if let Some(name) = name {
                writer.start(element).attr("Name", name).end();
            }
        }
        writer.start("IPAddresses");
        for address in &self.addresses {
            writer.start("IPAddress");
            writer.attr("SubnetAddress", address.subnet.to_string());
            writer.attr("Address", address.address.to_string()).end();
        }
        writer.end();
        if let Some(groups) = &self.boundary_groups {
            groups.write(writer);
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut location = Self { on_internet: tag.attr("OnInternet").is_some_and(is_set), ..Self::default() };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ADSite" => location.ad_site = Some(child.require("Name")?.to_owned()),
                "Forest" => location.forest = Some(child.require("Name")?.to_owned()),
                "Domain" => location.domain = Some(child.require("Name")?.to_owned()),
                "IPAddresses" => {
                    while let Some(address) = reader.next_child(&child)? {
                        bounded(&address, location.addresses.len())?;
                        location.addresses.push(SubnetAddress {
                            subnet: address.require_parsed("SubnetAddress")?,
                            address: address.require_parsed("Address")?,
                        });
                    }
                }
                BoundaryGroups::ROOT => location.boundary_groups = Some(BoundaryGroups::read(reader, &child)?),
                _ => {}
            }
        }
        Ok(location)
    }
}

impl BoundaryGroups {
    const ROOT: &'static str = "BoundaryGroups";

    fn write(&self, writer: &mut Writer) {
        writer.start(Self::ROOT);
        writer.attr("BoundaryGroupListRetrieveTime", self.retrieved.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string());
        writer.attr("IsOnVPN", flag(self.on_vpn));
        for group in &self.groups {
            writer.start("BoundaryGroup").attr("GroupID", group.id.to_string());
            writer.attr("GroupGUID", group.guid.to_string());
            writer.attr("GroupFlag", group.flag.to_string()).end();
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut block = Self {
            retrieved: tag.require_parsed("BoundaryGroupListRetrieveTime")?,
            on_vpn: tag.attr("IsOnVPN").is_some_and(is_set),
            groups: Vec::new(),
        };
        while let Some(group) = reader.next_child(tag)? {
            if group.local() != "BoundaryGroup" {
                continue;
            }
            bounded(&group, block.groups.len())?;
            let guid: Braced = group.require_parsed("GroupGUID")?;
            block.groups.push(BoundaryGroup {
                id: group.require_parsed("GroupID")?,
                guid: guid.0,
                flag: group.parse_attr("GroupFlag")?.unwrap_or(0),
            });
        }
        Ok(block)
    }
}

impl WsusLocationReply {
    /// Name of the root element.
    pub const ROOT: &'static str = "WSUSLocationReply";

    /// A reply for one site.
    #[must_use]
    pub fn for_site(site_code: impl Into<String>, records: Vec<LocationRecord>) -> Self {
        Self { sites: vec![SiteLocations { site_code: site_code.into(), records: Some(records) }] }
    }

    /// All records of all sites, in order.
    pub fn records(&self) -> impl Iterator<Item = &LocationRecord> {
        self.sites.iter().filter_map(|site| site.records.as_ref()).flatten()
    }

    /// The message on one line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", SCHEMA_VERSION);
        writer.start("Sites");
        for site in &self.sites {
            writer.start("Site");
            writer.start("MPSite").attr("SiteCode", &site.site_code).end();
            if let Some(records) = &site.records {
                writer.start("LocationRecords");
                for record in records {
                    writer.start("LocationRecord").attr("WSUSURL", &record.url);
                    writer.attr("ServerName", &record.server_name);
                    writer.attr("Version", record.version.to_string()).end();
                }
                writer.end();
            }
            writer.end();
        }
        writer.finish()
    }

    /// Reads a reply; unknown elements are passed over.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message, or a required attribute is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let mut reply = Self::default();
        while let Some(sites) = reader.next_child(&root)? {
            if sites.local() != "Sites" {
                continue;
            }
            while let Some(site) = reader.next_child(&sites)? {
                bounded(&site, reply.sites.len())?;
                reply.sites.push(SiteLocations::read(&mut reader, &site)?);
            }
        }
        reader.finish()?;
        Ok(reply)
    }
}

impl SiteLocations {
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut site = Self { site_code: String::new(), records: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "MPSite" => child.require("SiteCode")?.clone_into(&mut site.site_code),
                "LocationRecords" => {
                    let records = site.records.get_or_insert_default();
                    while let Some(record) = reader.next_child(&child)? {
                        bounded(&record, records.len())?;
                        records.push(LocationRecord {
                            url: record.require("WSUSURL")?.to_owned(),
                            server_name: record.require("ServerName")?.to_owned(),
                            version: record.require_parsed("Version")?,
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(site)
    }
}

fn flag(set: bool) -> &'static str {
    if set { "1" } else { "0" }
}

fn is_set(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

fn bounded(tag: &Tag<'_>, already: usize) -> Result<(), XmlError> {
    if already < limits::LIST_ITEMS {
        return Ok(());
    }
    Err(tag.error(XmlErrorKind::Limit { what: "list items", limit: limits::LIST_ITEMS }))
}

#[cfg(test)]
mod tests;
