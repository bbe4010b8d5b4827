//! What set-up writes, as plain records.

use std::net::Ipv4Addr;

use uuid::Uuid;

/// Kind of site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteType {
    /// Below a primary site.
    Secondary,
    /// Has its own clients.
    Primary,
    /// Above primary sites.
    CentralAdministration,
}

impl SiteType {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Secondary => 1,
            Self::Primary => 2,
            Self::CentralAdministration => 4,
        }
    }
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRecord {
    /// Three characters, such as `PS1`.
    pub site_code: String,
    /// Friendly name.
    pub name: String,
    /// Code of the parent site; empty for none.
    pub parent: String,
    /// Kind.
    pub site_type: SiteType,
    /// Build number.
    pub build: u32,
    /// Version, such as `5.00.7958.1000`.
    pub version: String,
    /// Full name of the site server.
    pub server: String,
    /// Folder of the installation, as a Windows path.
    pub install_dir: String,
    /// The `ClientOperationalSettings` document that clients get.
    pub client_settings: String,
    /// Full name of the default management point.
    pub default_mp: String,
    /// The `Capabilities` document that clients get.
    pub capabilities: String,
}

/// Result of `MP_GetSiteInfo` (columns from public tools).
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SiteInformation {
    /// Site code.
    #[sqlx(rename = "SiteCode")]
    pub site_code: String,
    /// Version.
    #[sqlx(rename = "Version")]
    pub version: String,
    /// Build number.
    #[sqlx(rename = "BuildNumber")]
    pub build: u32,
    /// The `ClientOperationalSettings` document.
    #[sqlx(rename = "Settings")]
    pub settings: String,
    /// Full name of the default management point.
    #[sqlx(rename = "DefaultMP")]
    pub default_mp: String,
    /// The `Capabilities` document.
    #[sqlx(rename = "Capabilities")]
    pub capabilities: String,
}

/// Roles of site systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteRole {
    /// The site server itself.
    SiteServer,
    /// The database server.
    SqlServer,
    /// Management point.
    ManagementPoint,
    /// Software update point.
    SoftwareUpdatePoint,
    /// Distribution point.
    DistributionPoint,
}

impl SiteRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SiteServer => "SMS Site Server",
            Self::SqlServer => "SMS SQL Server",
            Self::ManagementPoint => "SMS Management Point",
            Self::SoftwareUpdatePoint => "SMS Software Update Point",
            Self::DistributionPoint => "SMS Distribution Point",
        }
    }
}

/// A role on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSystemRecord {
    /// Site of the role.
    pub site_code: String,
    /// The role.
    pub role: SiteRole,
    /// Full name of the server.
    pub server: String,
    /// DNS domain of the server.
    pub domain: String,
    /// Forest of the server.
    pub forest: String,
    /// Whether the role answers clients on the Internet.
    pub internet: bool,
    /// Whether the role demands HTTPS.
    pub ssl: bool,
    /// Port for HTTP.
    pub http_port: u16,
    /// Port for HTTPS.
    pub https_port: u16,
}

impl SiteSystemRecord {
    pub(crate) fn nal_path(&self) -> String {
        nal_path(&self.server, &self.site_code)
    }
}

/// The network abstraction path by which the product names a server.
pub(crate) fn nal_path(server: &str, site_code: &str) -> String {
    format!("[\"Display=\\\\{server}\\\"]MSWNET:[\"SMS_SITE={site_code}\"]\\\\{server}\\")
}

/// The update source of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateSourceRecord {
    /// Site that owns it.
    pub site_code: String,
    /// Unique id.
    pub unique_id: Uuid,
    /// Name.
    pub name: String,
    /// Content version; 0 before the first synchronization.
    pub content_version: u32,
}

/// Which clients a software update point serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientConnection {
    /// Those on the intranet.
    Intranet,
    /// Those on the Internet.
    Internet,
    /// All.
    Both,
}

impl ClientConnection {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Intranet => 0,
            Self::Internet => 1,
            Self::Both => 2,
        }
    }
}

/// A software update point as locations name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareUpdatePointRecord {
    /// Its site.
    pub site_code: String,
    /// Unique id of the update source.
    pub source: Uuid,
    /// Full name, spelled as in the URL.
    pub server: String,
    /// Scheme, host and port.
    pub url: String,
    /// Content version it has; 0 before the first synchronization.
    pub content_version: u32,
    /// Its forest; empty to serve clients of any.
    pub forest: String,
    /// Which clients it serves.
    pub connection: ClientConnection,
}

/// A boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundaryRecord {
    /// Network address of an IPv4 subnet.
    Subnet(Ipv4Addr),
    /// Name of an Active Directory site.
    AdSite(String),
    /// IPv6 prefix as its leading groups, such as `2001:db8:1:2`.
    Ipv6Prefix(String),
    /// First and last address of an IPv4 range.
    Range(Ipv4Addr, Ipv4Addr),
}

impl BoundaryRecord {
    pub(crate) fn type_number(&self) -> i64 {
        match self {
            Self::Subnet(_) => 0,
            Self::AdSite(_) => 1,
            Self::Ipv6Prefix(_) => 2,
            Self::Range(..) => 3,
        }
    }

    pub(crate) fn value(&self) -> String {
        match self {
            Self::Subnet(address) => address.to_string(),
            Self::AdSite(name) | Self::Ipv6Prefix(name) => name.clone(),
            Self::Range(low, high) => format!("{low}-{high}"),
        }
    }

    pub(crate) fn range(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match self {
            Self::Range(low, high) => Some((*low, *high)),
            _ => None,
        }
    }
}

/// A boundary group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryGroupRecord {
    /// Unique id.
    pub unique_id: Uuid,
    /// Name.
    pub name: String,
    /// Site to which it assigns clients, if any.
    pub assigned_site: Option<String>,
    /// Whether it is the default group, for clients in no other.
    pub site_default: bool,
    /// Ids of its boundaries.
    pub boundaries: Vec<i64>,
    /// Full names of its servers.
    pub systems: Vec<String>,
    /// Site of these servers.
    pub systems_site: String,
}
