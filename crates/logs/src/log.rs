//! Every log file the product writes: name, components, format, default place.

use serde::{Deserialize, Serialize};

/// The format of a file, and so the module that writes and reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `cmtrace`.
    CmTrace,
    /// `server`, the older `$$<` lines of native site components.
    Server,
    /// `sup_setup`.
    SupSetup,
    /// `windows_update::tabbed`, up to Windows 8.1.
    WindowsUpdateTabbed,
    /// `windows_update::decoded`, Windows 10 and later.
    WindowsUpdateDecoded,
    /// `software_distribution`.
    SoftwareDistribution,
    /// [`crate::w3c`].
    W3c,
    /// `httperr`.
    HttpErr,
    /// `reporting_events`.
    ReportingEvents,
    /// `cbs`.
    Cbs,
    /// `msi`.
    Msi,
    /// `profiler`.
    ProfilerTrace,
}

/// Who sets where a file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Folder {
    /// `Windows/CCM/Logs` (`docs`).
    Client,
    /// The management point's framework folder, a setting of the place (`docs`).
    ManagementPoint,
    /// `Program Files/Microsoft Configuration Manager/Logs` (`docs`).
    SiteServer,
    /// `SMS/Logs` on a remote site system (`docs`).
    SiteSystem,
    /// `Program Files/Update Services/LogFiles` (`docs`).
    Wsus,
    /// `inetpub/logs/LogFiles/W3SVC<n>` (`docs`).
    IisSite,
    /// `Windows/System32/LogFiles/HTTPERR` (`docs`).
    HttpErr,
    /// `Windows` (`docs`).
    Windows,
    /// `Windows/SoftwareDistribution` (`docs`).
    UpdateAgent,
    /// `Windows/Logs/CBS` (`docs`).
    Cbs,
    /// `Windows/Temp`: where a service's `%TEMP%` points (`inferred`).
    Temp,
    /// `SQL`: ours, the product has no standing trace.
    Sql,
}

/// What the path of a log depends on besides the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// Folder of the management point's logs, below the drive.
    pub management_point: String,
    /// Number of the IIS site, the `n` of `W3SVC<n>`.
    pub iis_site: u32,
    /// The day, in UTC, that names an IIS log: year, month, day.
    pub iis_day: (i16, u8, u8),
}

impl Default for LogPlace {
    /// A management point installed before any client on its host, and the first IIS site.
    fn default() -> Self {
        Self { management_point: "SMS_CCM/Logs".to_owned(), iis_site: 1, iis_day: (2000, 1, 1) }
    }
}

macro_rules! logs {
    ($($(#[$doc:meta])* $name:ident $file:literal [$($component:literal),*] $format:ident $folder:ident;)*) => {
        /// A log file the product writes. Names, components and folders are from Microsoft's log reference and
        /// public logs; a component or format marked `inferred` at its variant was not seen on a real file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Log {
            $($(#[$doc])* $name,)*
        }

        impl Log {
            /// Every log, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The file's name, in the product's capitals. IIS logs: the pattern, see [`Log::path`] for the day's name.
            #[must_use]
            pub const fn file_name(self) -> &'static str {
                match self {
                    $(Self::$name => $file,)*
                }
            }

            /// Every component that writes into the file, the usual one first; empty where records name none.
            #[must_use]
            pub const fn components(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($component),*],)*
                }
            }

            /// The format of the file.
            #[must_use]
            pub const fn format(self) -> Format {
                match self {
                    $(Self::$name => Format::$format,)*
                }
            }

            /// Who decides where the file lies.
            #[must_use]
            pub const fn folder(self) -> Folder {
                match self {
                    $(Self::$name => Folder::$folder,)*
                }
            }
        }
    };
}

logs! {
    /// Scan requests and scan jobs of the client.
    ScanAgent "ScanAgent.log" ["ScanAgent"] CmTrace Client;
    /// Where management points, update points and content are.
    LocationServices "LocationServices.log" ["LocationServices"] CmTrace Client;
    /// Site assignment.
    ClientLocation "ClientLocation.log" ["ClientLocation"] CmTrace Client;
    /// Messages between client and management point.
    CcmMessaging "CcmMessaging.log" ["CcmMessaging"] CmTrace Client;
    /// What the client has the Windows Update Agent do.
    WuaHandler "WUAHandler.log" ["WUAHandler"] CmTrace Client;
    /// Stored state of every update.
    UpdatesStore "UpdatesStore.log" ["UpdatesStore"] CmTrace Client;
    /// State messages on their way out.
    StateMessage "StateMessage.log" ["StateMessage"] CmTrace Client;
    /// Deployments.
    UpdatesDeployment "UpdatesDeployment.log" ["UpdatesDeploymentAgent"] CmTrace Client;
    /// Download and installation jobs of updates.
    UpdatesHandler "UpdatesHandler.log" ["UpdatesHandler"] CmTrace Client;
    /// Content access.
    Cas "CAS.log" ["ContentAccess"] CmTrace Client;
    /// Scheduling of transfers.
    ContentTransferManager "ContentTransferManager.log" ["ContentTransferManager"] CmTrace Client;
    /// Transfers.
    DataTransferService "DataTransferService.log" ["DataTransferService"] CmTrace Client;
    /// Maintenance windows.
    ServiceWindowManager "ServiceWindowManager.log" ["ServiceWindowManager"] CmTrace Client;
    /// Restarts.
    RebootCoordinator "RebootCoordinator.log" ["RebootCoordinator"] CmTrace Client;
    /// Tasks that wait for a maintenance window.
    MaintenanceCoordinator "MaintenanceCoordinator.log" ["MaintenanceCoordinator"] CmTrace Client;
    /// The client's service.
    CcmExec "CcmExec.log" ["CcmExec", "CCMEXEC"] CmTrace Client;
    /// Fast channel.
    CcmNotificationAgent "CcmNotificationAgent.log" ["BgbAgent"] CmTrace Client;
    /// Policy requests, replies and downloads.
    PolicyAgent "PolicyAgent.log"
        ["PolicyAgent_RequestAssignments", "PolicyAgent_ReplyAssignments", "PolicyAgent_PolicyDownload"] CmTrace Client;
    /// Policy evaluation.
    PolicyEvaluator "PolicyEvaluator.log" ["PolicyAgent_PolicyEvaluator"] CmTrace Client;
    /// Schedules.
    Scheduler "Scheduler.log" ["Scheduler"] CmTrace Client;
    /// Identity and registration of the client.
    ClientIdManagerStartup "ClientIDManagerStartup.log" ["ClientIDManagerStartup"] CmTrace Client;
    /// Status messages of the client.
    StatusAgent "StatusAgent.log" ["StatusAgent"] CmTrace Client;
    /// Messages to the fallback status point.
    FspStateMessage "FSPStateMessage.log" ["FSPStateMessage"] CmTrace Client;
    /// Differential downloads, current branch.
    DeltaDownload "DeltaDownload.log" ["DeltaDownload"] CmTrace Client;
    /// User notifications.
    ScNotify "SCNotify.log" ["SCNotify"] CmTrace Client;

    /// Location requests at the management point.
    MpLocation "MP_Location.log" ["MP_LocationManager"] CmTrace ManagementPoint;
    /// Messages relayed to the site.
    MpRelay "MP_Relay.log" ["MP_RelayEndpoint"] CmTrace ManagementPoint;
    /// Status messages at the management point; component inferred.
    MpStatus "MP_Status.log" ["MP_StatusManager"] CmTrace ManagementPoint;
    /// Policy assignments at the management point; component inferred.
    MpPolicy "MP_Policy.log" ["MP_PolicyManager"] CmTrace ManagementPoint;
    /// Policy bodies at the management point; component inferred.
    MpGetPolicy "MP_GetPolicy.log" ["MP_GetPolicy_ISAPI"] CmTrace ManagementPoint;
    /// Authentication requests (site list, certificates); component inferred.
    MpGetAuth "MP_GetAuth.log" ["MP_GetAuth_ISAPI"] CmTrace ManagementPoint;
    /// The messaging framework; component inferred.
    MpFramework "MP_Framework.log" ["MP_Framework"] CmTrace ManagementPoint;
    /// Client registration endpoint; component inferred.
    MpCliReg "MP_CliReg.log" ["MP_ClientREG"] CmTrace ManagementPoint;
    /// Client registration; component inferred.
    MpRegistrationManager "MP_RegistrationManager.log" ["MP_RegistrationManager"] CmTrace ManagementPoint;

    /// WSUS configuration.
    Wcm "WCM.log" ["SMS_WSUS_CONFIGURATION_MANAGER"] Server SiteServer;
    /// Update synchronization.
    WsyncMgr "wsyncmgr.log" ["SMS_WSUS_SYNC_MANAGER"] Server SiteServer;
    /// State messages into the site database.
    StateSys "statesys.log" ["SMS_STATE_SYSTEM"] Server SiteServer;
    /// Configuration items to policies.
    ObjReplMgr "objreplmgr.log" ["SMS_OBJECT_REPLICATION_MANAGER"] Server SiteServer;
    /// Policies and who gets them.
    PolicyPv "policypv.log" ["SMS_POLICY_PROVIDER"] Server SiteServer;
    /// Database notifications.
    SmsDbMon "smsdbmon.log" ["SMS_DATABASE_NOTIFICATION_MONITOR"] Server SiteServer;
    /// Installation of site components.
    SiteComp "sitecomp.log" ["SMS_SITE_COMPONENT_MANAGER"] Server SiteServer;
    /// Automatic deployment rules.
    RuleEngine "ruleengine.log" ["SMS_RULE_ENGINE"] Server SiteServer;
    /// WMI provider.
    SmsProv "SMSProv.log" ["SMS Provider"] Server SiteServer;
    /// Downloads of update content for rules.
    PatchDownloader "PatchDownloader.log" ["Software Updates Patch Downloader"] CmTrace SiteServer;

    /// WSUS health, on the software update point.
    WsusCtrl "WSUSCtrl.log" ["SMS_WSUS_CONTROL_MANAGER"] Server SiteSystem;
    /// Installation of the software update point.
    SupSetup "SUPSetup.log" [] SupSetup SiteSystem;
    /// Files from the management point to the site server.
    MpFdm "mpfdm.log" ["SMS_MP_FILE_DISPATCH_MANAGER"] Server SiteSystem;
    /// Availability of the management point.
    MpControl "MPControl.log" ["SMS_MP_CONTROL_MANAGER"] Server SiteSystem;
    /// Fast channel, server side; component inferred.
    BgbServer "BGBServer.log" ["SMS_NOTIFICATION_SERVER"] Server SiteSystem;

    /// WSUS.
    SoftwareDistribution "SoftwareDistribution.log" [] SoftwareDistribution Wsus;
    /// Requests to an IIS site.
    IisRequests "u_ex.log" [] W3c IisSite;
    /// Connections that never reached a site.
    HttpErr "httperr1.log" [] HttpErr HttpErr;

    /// Windows Update Agent, up to Windows 8.1.
    WindowsUpdate "WindowsUpdate.log"
        ["Agent", "AU", "COMAPI", "DnldMgr", "Handler", "Misc", "PT", "Report", "Service", "Setup", "DtaStor", "EP", "WS",
         "IdleTmr"] WindowsUpdateTabbed Windows;
    /// Windows Update Agent, Windows 10 and later, as `Get-WindowsUpdateLog` decodes it.
    WindowsUpdateDecoded "WindowsUpdate.log"
        ["Agent", "ComApi", "DownloadManager", "Handler", "IdleTimer", "Misc", "ProtocolTalker", "Reporter", "Setup",
         "Shared", "SLS", "WebServices"] WindowsUpdateDecoded Windows;
    /// Events the Windows Update Agent reports.
    ReportingEvents "ReportingEvents.log" [] ReportingEvents UpdateAgent;
    /// Component-based servicing.
    Cbs "CBS.log" ["CBS", "CSI"] Cbs Cbs;
    /// Verbose log of the Windows Installer for the WSUS or management-point package.
    Msi "MSI.log" [] Msi Temp;
    /// Trace of the calls a database server ran.
    Profiler "profiler.xml" [] ProfilerTrace Sql;
}

impl Log {
    /// The component that usually writes the file, "" where records name none.
    #[must_use]
    pub fn component(self) -> &'static str {
        self.components().first().copied().unwrap_or("")
    }

    /// The file below its drive's folder, with `/` between the parts: `Windows/CCM/Logs/ScanAgent.log`.
    #[must_use]
    pub fn path(self, place: &LogPlace) -> String {
        let folder = match self.folder() {
            Folder::Client => "Windows/CCM/Logs",
            Folder::ManagementPoint => place.management_point.trim_end_matches('/'),
            Folder::SiteServer => "Program Files/Microsoft Configuration Manager/Logs",
            Folder::SiteSystem => "SMS/Logs",
            Folder::Wsus => "Program Files/Update Services/LogFiles",
            Folder::IisSite => {
                let (year, month, day) = place.iis_day;
                let short = year.rem_euclid(100);
                return format!("inetpub/logs/LogFiles/W3SVC{}/u_ex{short:02}{month:02}{day:02}.log", place.iis_site);
            }
            Folder::HttpErr => "Windows/System32/LogFiles/HTTPERR",
            Folder::Windows => "Windows",
            Folder::UpdateAgent => "Windows/SoftwareDistribution",
            Folder::Cbs => "Windows/Logs/CBS",
            Folder::Temp => "Windows/Temp",
            Folder::Sql => "SQL",
        };
        format!("{folder}/{}", self.file_name())
    }

    /// The log a file name belongs to, whatever its capitals; rolled files (`Name-20140120-121809.log`, `Name.lo_`)
    /// count as their log. `WindowsUpdate.log` is taken for [`Log::WindowsUpdate`]: only its content tells the two apart.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some(day) = lower.strip_prefix("u_ex").and_then(|rest| rest.strip_suffix(".log")) {
            return day.bytes().all(|byte| byte.is_ascii_digit()).then_some(Self::IisRequests);
        }
        if lower.starts_with("httperr") && lower.ends_with(".log") {
            return Some(Self::HttpErr);
        }
        let stem = lower.strip_suffix(".lo_").or_else(|| lower.strip_suffix(".log"));
        let stem = stem.map_or(lower.as_str(), without_roll_stamp);
        Self::ALL.iter().copied().find(|log| {
            let own = log.file_name();
            own.eq_ignore_ascii_case(&lower)
                || own.strip_suffix(".log").is_some_and(|own| own.eq_ignore_ascii_case(stem))
        })
    }
}

/// Drops the `-YYYYMMDD-HHMMSS` of a rolled client log.
fn without_roll_stamp(stem: &str) -> &str {
    let Some(cut) = stem.len().checked_sub(16) else { return stem };
    let Some(stamp) = stem.get(cut..) else { return stem };
    let shaped = stamp
        .bytes()
        .enumerate()
        .all(|(at, byte)| if at == 0 || at == 9 { byte == b'-' } else { byte.is_ascii_digit() });
    if shaped { &stem[..cut] } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_windows_keeps_them() {
        let place = LogPlace { iis_day: (2014, 1, 20), ..LogPlace::default() };
        let expected = [
            (Log::ScanAgent, "Windows/CCM/Logs/ScanAgent.log"),
            (Log::MpRelay, "SMS_CCM/Logs/MP_Relay.log"),
            (Log::StateSys, "Program Files/Microsoft Configuration Manager/Logs/statesys.log"),
            (Log::WsusCtrl, "SMS/Logs/WSUSCtrl.log"),
            (Log::SoftwareDistribution, "Program Files/Update Services/LogFiles/SoftwareDistribution.log"),
            (Log::IisRequests, "inetpub/logs/LogFiles/W3SVC1/u_ex140120.log"),
            (Log::HttpErr, "Windows/System32/LogFiles/HTTPERR/httperr1.log"),
            (Log::WindowsUpdate, "Windows/WindowsUpdate.log"),
            (Log::ReportingEvents, "Windows/SoftwareDistribution/ReportingEvents.log"),
            (Log::Profiler, "SQL/profiler.xml"),
        ];
        for (log, path) in expected {
            assert_eq!(log.path(&place), path);
        }
        let beside_a_client = LogPlace { management_point: "Program Files/SMS_CCM/Logs".into(), ..place };
        assert_eq!(Log::MpLocation.path(&beside_a_client), "Program Files/SMS_CCM/Logs/MP_Location.log");
    }

    #[test]
    fn every_name_leads_back_to_its_log() {
        for &log in Log::ALL {
            let found = Log::from_file_name(&log.file_name().to_uppercase());
            let expected = if log == Log::WindowsUpdateDecoded { Log::WindowsUpdate } else { log };
            assert_eq!(found, Some(expected), "{log:?}");
        }
        assert_eq!(Log::from_file_name("u_ex140120.log"), Some(Log::IisRequests));
        assert_eq!(Log::from_file_name("u_extra.log"), None);
        assert_eq!(Log::from_file_name("ScanAgent-20140120-121809.log"), Some(Log::ScanAgent));
        assert_eq!(Log::from_file_name("ScanAgent-2014012-121809.log"), None);
        assert_eq!(Log::from_file_name("wcm.lo_"), Some(Log::Wcm));
        assert_eq!(Log::from_file_name("notes.txt"), None);
    }
}
