//! One machine of the world.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cmsim_logs::{Log, LogPlace};
use cmsim_sim::{Clock, Journal, Seed, SimRng, SimTime, TimeZone};
use cmsim_wire::profile::Profile;

use crate::certificates::Certificates;
use crate::disk::{Disk, DiskError};
use crate::event_log::EventLog;
use crate::log::{LogHandle, LogState};
use crate::packages::Packages;
use crate::registry::Registry;
use crate::services::Services;
use crate::spec::{Hardware, HostSpec, Interface, Membership};
use crate::wmi::Wmi;
use crate::{Mark, Tracked, os};

/// Where Netlogon keeps the name of the AD site it found (documented value `DynamicSiteName`).
const NETLOGON: &str = r"HKLM\SYSTEM\CurrentControlSet\services\Netlogon\Parameters";

/// A machine with everything that lies on it. Cheap to clone; all clones are the same machine.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    spec: HostSpec,
    journal: Journal,
    seed: Seed,
    zone: TimeZone,
    registry: Registry,
    services: Services,
    wmi: Wmi,
    disk: Disk,
    event_log: EventLog,
    certificates: Certificates,
    packages: Packages,
    /// What the update agent tells servers about the device, by name.
    attributes: Mutex<BTreeMap<String, Tracked<Option<String>>>>,
    /// How far the host's clock is ahead of true time, in milliseconds.
    clock_offset: Mutex<Tracked<i64>>,
    logs: Mutex<OpenLogs>,
    log_place: Mutex<LogPlace>,
    threads: Mutex<SimRng>,
}

/// What the handles of a log share, by log and number of the IIS site.
type OpenLogs = BTreeMap<(Log, u32), Arc<Mutex<LogState>>>;

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.0.name)
    }
}

impl Host {
    /// A freshly installed machine. Its ids and secrets follow from `seed` and its name.
    #[must_use]
    pub fn new(spec: HostSpec, journal: Journal, seed: &Seed) -> Self {
        let clock = journal.clock().clone();
        let seed = seed.child("host").child(&spec.name);
        let registry = Registry::new(spec.profile.os.x64);
        let zone = spec.zone.clone().unwrap_or_else(|| clock.zone().clone());
        let host = Self(Arc::new(Inner {
            name: spec.name.as_str().into(),
            packages: Packages::new(&registry),
            registry,
            services: Services::default(),
            wmi: Wmi::new(clock.clone()),
            disk: spec.disk.clone().unwrap_or_else(|| Disk::memory(clock.clone())),
            event_log: EventLog::new(clock),
            certificates: Certificates::default(),
            attributes: Mutex::default(),
            clock_offset: Mutex::default(),
            logs: Mutex::default(),
            log_place: Mutex::default(),
            threads: Mutex::new(seed.stream("thread-ids")),
            zone,
            journal,
            seed,
            spec,
        }));
        os::install(&host);
        host
    }

    /// NetBIOS name, upper case.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Fully qualified name in the spelling of the domain; the bare name in a workgroup.
    #[must_use]
    pub fn fqdn(&self) -> String {
        match self.domain() {
            Some(domain) => format!("{}.{domain}", self.name()),
            None => self.name().to_string(),
        }
    }

    /// Domain or workgroup.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.0.spec.membership
    }

    /// DNS name of the domain, `None` in a workgroup.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        match self.membership() {
            Membership::Domain { domain, .. } => Some(domain),
            Membership::Workgroup(_) => None,
        }
    }

    /// Addresses in binding order.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.0.spec.interfaces
    }

    /// The AD site that Netlogon found, if it found one.
    #[must_use]
    pub fn ad_site(&self) -> Option<String> {
        self.registry().text(NETLOGON, "DynamicSiteName")
    }

    /// Stores the AD site as Netlogon does.
    ///
    /// # Panics
    /// Never: the key is a constant.
    pub fn set_ad_site(&self, site: &str) {
        self.registry().set(NETLOGON, "DynamicSiteName", site).expect("a constant path is a path");
    }

    /// Product versions.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.0.spec.profile
    }

    /// Make, model and firmware.
    #[must_use]
    pub fn hardware(&self) -> &Hardware {
        &self.0.spec.hardware
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// The WMI repository.
    #[must_use]
    pub fn wmi(&self) -> &Wmi {
        &self.0.wmi
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.0.disk
    }

    /// The Windows event log.
    #[must_use]
    pub fn event_log(&self) -> &EventLog {
        &self.0.event_log
    }

    /// The certificate stores of the machine.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.0.certificates
    }

    /// Installed programs and packages.
    #[must_use]
    pub fn packages(&self) -> &Packages {
        &self.0.packages
    }

    /// The journal of the world.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// The clock of the world; see [`Host::now`] for what the host's own clock shows.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.0.journal.clock()
    }

    /// The time that the host's own clock shows.
    #[must_use]
    pub fn now(&self) -> SimTime {
        let offset = *self.0.clock_offset.lock().unwrap_or_else(PoisonError::into_inner).get();
        let ahead = Duration::from_millis(offset.unsigned_abs());
        let now = self.clock().now();
        if offset < 0 { now - ahead } else { now + ahead }
    }

    /// Sets the host's clock wrong by `milliseconds`, positive meaning fast; 0 sets it right.
    pub fn set_clock_offset(&self, milliseconds: i64) {
        let mut offset = self.0.clock_offset.lock().unwrap_or_else(PoisonError::into_inner);
        offset.set(milliseconds);
    }

    /// Sets the host's clock wrong on behalf of a change.
    pub fn set_clock_offset_marked(&self, mark: &Mark, milliseconds: i64) {
        let mut offset = self.0.clock_offset.lock().unwrap_or_else(PoisonError::into_inner);
        offset.set_marked(mark, milliseconds);
    }

    /// A device attribute, as the update agent tells it to servers and rules ask for it.
    #[must_use]
    pub fn device_attribute(&self, name: &str) -> Option<String> {
        let attributes = self.0.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        attributes.get(name)?.get().clone()
    }

    /// Sets a device attribute.
    pub fn set_device_attribute(&self, name: &str, value: &str) {
        let mut attributes = self.0.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        attributes.entry(name.to_owned()).or_default().set(Some(value.to_owned()));
    }

    /// Sets a device attribute on behalf of a change.
    pub fn set_device_attribute_marked(&self, mark: &Mark, name: &str, value: &str) {
        let mut attributes = self.0.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        attributes.entry(name.to_owned()).or_default().set_marked(mark, Some(value.to_owned()));
    }

    /// The host's time zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The host's own seed: streams by label that nothing on another host can disturb.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.0.seed
    }

    /// A thread id as Windows gives them: a multiple of four below 10,000.
    #[must_use]
    pub fn new_thread_id(&self) -> u32 {
        let mut threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        windows_id(&mut threads)
    }

    /// The id of a process of this host, the same for the same name: a multiple of four below 10,000.
    #[must_use]
    pub fn process_id(&self, process: &str) -> u32 {
        windows_id(&mut self.0.seed.child("process").stream(process))
    }

    /// The handle of one of the host's logs. All handles of a log write to the same file.
    #[must_use]
    pub fn log(&self, log: Log) -> LogHandle {
        let site = self.log_place().iis_site;
        self.log_of_site(log, site)
    }

    /// The request log of the IIS site with this number.
    #[must_use]
    pub fn iis_log(&self, site: u32) -> LogHandle {
        self.log_of_site(Log::IisRequests, site)
    }

    fn log_of_site(&self, log: Log, site: u32) -> LogHandle {
        let mut logs = self.0.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let state = logs.entry((log, site)).or_default();
        LogHandle::new(self.clone(), log, site, Arc::clone(state))
    }

    /// Where the host's logs lie, as far as that is a setting.
    #[must_use]
    pub fn log_place(&self) -> LogPlace {
        let place = self.0.log_place.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }

    /// Sets the folder of the management point's logs, below the drive: `SMS_CCM/Logs`.
    pub fn set_management_point_logs(&self, folder: &str) {
        let mut place = self.0.log_place.lock().unwrap_or_else(PoisonError::into_inner);
        folder.clone_into(&mut place.management_point);
    }

    /// Takes back everything on this host that the change wrote and nobody overwrote.
    ///
    /// # Errors
    /// [`DiskError::Io`] if the directory behind the disk cannot be written.
    pub fn revert(&self, mark: &Mark) -> Result<(), DiskError> {
        self.registry().revert(mark);
        self.services().revert(mark);
        self.wmi().revert(mark);
        self.certificates().revert(mark);
        self.0.clock_offset.lock().unwrap_or_else(PoisonError::into_inner).revert(mark);
        for attribute in self.0.attributes.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            attribute.revert(mark);
        }
        self.disk().revert(mark)
    }

    /// Writes `registry.json`, `wmi.json`, `eventlog/*.jsonl` and the disk below `folder`.
    ///
    /// # Errors
    /// [`DiskError::Io`].
    pub fn export(&self, folder: &Path) -> Result<(), DiskError> {
        crate::export::host(self, folder)
    }
}

fn windows_id(stream: &mut SimRng) -> u32 {
    u32::try_from(stream.below(100, 2500)).unwrap_or(100) * 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test(start_paused = true)]
    async fn names_follow_the_membership() {
        let host = testing::host("CLIENT1");
        assert_eq!(host.fqdn(), "CLIENT1.CONTOSO.COM");
        let lonely = HostSpec { membership: Membership::Workgroup("WORKGROUP".into()), ..testing::spec("KIOSK1") };
        let lonely = Host::new(lonely, testing::journal(), &Seed::new(1));
        assert_eq!((lonely.fqdn().as_str(), lonely.domain()), ("KIOSK1", None));
    }

    #[tokio::test(start_paused = true)]
    async fn ids_look_like_those_of_windows_and_follow_from_the_seed() {
        let (host, same) = (testing::host("CLIENT1"), testing::host("CLIENT1"));
        let ids: Vec<_> = (0..50).map(|_| host.new_thread_id()).collect();
        assert!(ids.iter().all(|id| id % 4 == 0 && (400..10_000).contains(id)));
        assert_eq!(ids, (0..50).map(|_| same.new_thread_id()).collect::<Vec<_>>());
        assert_eq!(host.process_id("CcmExec"), host.process_id("CcmExec"));
        assert_ne!(host.process_id("CcmExec"), testing::host("CLIENT2").process_id("CcmExec"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_clock_is_met_by_whoever_looks_at_it() {
        let host = testing::host("CLIENT1");
        let mark = Mark::new("slow clock");
        host.set_clock_offset_marked(&mark, -3_600_000);
        assert_eq!(host.now() + Duration::from_secs(3600), host.clock().now());
        assert_eq!(mark.hits(), 1);
        host.revert(&mark).unwrap();
        assert_eq!(host.now(), host.clock().now());
    }
}
