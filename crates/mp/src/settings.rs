//! How a management point is set up.

use cmsim_wire::ccm::site_information::OperationalSettings;
use cmsim_wire::location::EmptyReply;

use crate::keys::SiteKeys;

/// Whom the site approves when a client registers (documented client approval methods).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Approval {
    /// Computers of the management point's own domain: the default.
    #[default]
    TrustedDomains,
    /// Every computer.
    All,
    /// Nobody without an administrator.
    Manual,
}

/// Where the relay puts its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outbox {
    /// A management point on its own host: MPFDM moves the files to the site server (article).
    Remote,
    /// On the site server: straight into the inbox, below this installation folder (article).
    Colocated {
        /// Folder of the site's installation, a Windows path.
        install_dir: String,
    },
}

impl Outbox {
    /// Folder for state messages, a Windows path.
    #[must_use]
    pub fn state_messages(&self) -> String {
        match self {
            Self::Remote => r"C:\SMS\mp\outboxes\StateMsg.box".to_owned(),
            Self::Colocated { install_dir } => format!(r"{install_dir}\inboxes\auth\statesys.box\incoming"),
        }
    }
}

/// Settings of one management point.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Code of the site it belongs to.
    pub site_code: String,
    /// Whether clients use HTTPS.
    pub ssl: bool,
    /// How a location reply without any record looks.
    pub empty_reply: EmptyReply,
    /// Whom the site approves.
    pub approval: Approval,
    /// Where relayed files go.
    pub outbox: Outbox,
    /// Keys and certificates of site and management point.
    pub keys: SiteKeys,
}

impl Settings {
    /// A remote management point over HTTP, as the default topology has it.
    #[must_use]
    pub fn new(site_code: impl Into<String>, keys: SiteKeys) -> Self {
        Self {
            site_code: site_code.into(),
            ssl: false,
            empty_reply: EmptyReply::default(),
            approval: Approval::default(),
            outbox: Outbox::Remote,
            keys,
        }
    }

    /// The settings that clients of the site get where the site database holds none (capture: a client log of a
    /// 2012 SP1 HTTP site).
    #[must_use]
    pub fn operational_settings(&self, version: &str) -> OperationalSettings {
        OperationalSettings {
            version: version.to_owned(),
            security_mode: 0,
            security_mode_ex: 480,
            http_port: 80,
            https_port: 443,
            site_signing_certificate: self.keys.site_signing.certificate().to_vec(),
        }
    }

    /// `SSLState` of the management point's capabilities (capture: 0 over HTTP, 63 over HTTPS).
    #[must_use]
    pub fn ssl_state(&self) -> u32 {
        if self.ssl { 63 } else { 0 }
    }
}
