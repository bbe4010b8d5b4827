//! What an administrator sets outside the database.

use std::time::Duration;

/// Settings of the web services: `web.config`, registry and IIS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSettings {
    /// `maxInstalledPrerequisites`: most ids in InstalledNonLeafUpdateIDs (default from KB 4096317).
    pub max_installed_prerequisites: usize,
    /// `maxCachedUpdates`: most ids in OtherCachedUpdateIDs (default from the 0x80244007 article).
    pub max_cached_updates: usize,
    /// Most new revisions in one answer: 200 by MS-WUSP note 55; a server of 2025 was seen to give 30.
    pub page: usize,
    /// How long a cookie is good (capture: one hour).
    pub cookie_lifetime: Duration,
    /// Whether answers are compressed when the client asks for `xpress` (capture: always).
    pub xpress: bool,
    /// Most calls of the Client service in a minute; further ones are answered with ServerBusy. `None` for no limit
    /// (inferred: what makes a real server say so is not documented).
    pub calls_per_minute: Option<u32>,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            max_installed_prerequisites: 400,
            max_cached_updates: 22_000,
            page: 200,
            cookie_lifetime: Duration::from_secs(3_600),
            xpress: true,
            calls_per_minute: None,
        }
    }
}

impl WebSettings {
    /// A current server's page size (capture: Windows Server 2025).
    pub const CURRENT_PAGE: usize = 30;
}
