//! Product versions of a host, as data: what a component says and does depends on them.

use serde::{Deserialize, Serialize};

/// Which generation of the Windows Update Agent a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WuaGeneration {
    /// 7.6 on Windows 7: tab-separated log, protocol 1.8, self-update.
    Wua76,
    /// Windows 10 and later: decoded traces, protocol 2.x, xpress answers.
    Wua10,
}

/// The rules by which a site answers and a client asks for locations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteGeneration {
    /// System Center 2012 R2: one list per site, forest and Internet flag filter it.
    Cm2012R2,
    /// Current branch (1702 and later): boundary groups decide.
    CurrentBranch,
}

/// The operating system of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// Name as WMI's `Win32_OperatingSystem.Caption` shows it.
    pub caption: String,
    /// Major, minor, build, revision.
    pub version: [u32; 4],
    /// Service pack major and minor.
    pub service_pack: [u16; 2],
    /// 1 workstation, 2 domain controller, 3 server.
    pub product_type: u8,
    /// `OSVERSIONINFOEX.wSuiteMask`.
    pub suite_mask: u16,
    /// `GetProductInfo` SKU number.
    pub sku: u32,
    /// Whether it is a 64-bit (x64) system.
    pub x64: bool,
}

/// Versions of everything on a machine that the profile decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The name scenario files use.
    pub name: String,
    /// Operating system.
    pub os: OperatingSystem,
    /// Generation of the Windows Update Agent.
    pub wua: WuaGeneration,
    /// File version of the agent, as its logs and user agent show it.
    pub wua_version: String,
    /// `protocolVersion` of GetConfig and GetCookie.
    pub wusp_protocol: String,
    /// Version of the ConfigMgr client.
    pub client_version: String,
    /// Location rules of the site.
    pub site: SiteGeneration,
    /// Version of the site.
    pub site_version: String,
    /// Build number of the site, as MPLIST shows it.
    pub site_build: u32,
}

impl Profile {
    /// The guide's own profile: Windows 7 SP1 x64, agent 7.6, client and site 2012 R2 (article; protocol 1.8 from MS-WUSP).
    #[must_use]
    pub fn windows_7() -> Self {
        Self {
            name: "windows-7".to_owned(),
            os: OperatingSystem {
                caption: "Microsoft Windows 7 Enterprise ".to_owned(),
                version: [6, 1, 7601, 65536],
                service_pack: [1, 0],
                product_type: 1,
                suite_mask: 256,
                sku: 4,
                x64: true,
            },
            wua: WuaGeneration::Wua76,
            wua_version: "7.6.7600.256".to_owned(),
            wusp_protocol: "1.8".to_owned(),
            client_version: "5.00.7958.1000".to_owned(),
            site: SiteGeneration::Cm2012R2,
            site_version: "5.00.7958.1000".to_owned(),
            site_build: 7958,
        }
    }

    /// Windows 11 with the current branch (capture for the agent; site build 9132 from field tools).
    #[must_use]
    pub fn windows_11() -> Self {
        Self {
            name: "windows-11".to_owned(),
            os: OperatingSystem {
                caption: "Microsoft Windows 11 Pro".to_owned(),
                version: [10, 0, 26200, 8037],
                service_pack: [0, 0],
                product_type: 1,
                suite_mask: 256,
                sku: 48,
                x64: true,
            },
            wua: WuaGeneration::Wua10,
            wua_version: "1507.2601.30012.0".to_owned(),
            wusp_protocol: "2.90".to_owned(),
            client_version: "5.00.9132.1000".to_owned(),
            site: SiteGeneration::CurrentBranch,
            site_version: "5.00.9132.1000".to_owned(),
            site_build: 9132,
        }
    }

    /// The same product versions on the server system of that time: what site systems of the profile run on.
    #[must_use]
    pub fn on_server(&self) -> Self {
        let (caption, version, service_pack, sku) = match self.wua {
            WuaGeneration::Wua76 => ("Microsoft Windows Server 2008 R2 Standard ", [6, 1, 7601, 65536], [1, 0], 7),
            WuaGeneration::Wua10 => ("Microsoft Windows Server 2022 Standard", [10, 0, 20348, 4297], [0, 0], 7),
        };
        let caption = caption.to_owned();
        let os = OperatingSystem { caption, version, service_pack, product_type: 3, suite_mask: 272, sku, x64: true };
        Self { os, ..self.clone() }
    }

    /// The profile of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|profile| profile.name == name)
    }

    /// Every profile, default first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![Self::windows_7(), Self::windows_11()]
    }
}
