//! Simulated Windows hosts and the directory they belong to.
//!
//! A [`Host`] is passive: registry, WMI, services, disk, event log, certificates and logs that roles
//! and agents read and write. Configuration lies in [`Tracked`] cells, so that a change of the world
//! is plain state to every component and still knows whether anybody met it.

mod certificates;
pub mod directory;
pub mod disk;
pub mod event_log;
mod export;
mod facts;
mod host;
mod log;
mod os;
mod packages;
pub mod registry;
pub mod services;
mod spec;
mod tracked;
pub mod wmi;

#[cfg(test)]
mod testing;

pub use certificates::{Certificates, StoredCertificate, thumbprint};
pub use directory::Directory;
pub use disk::{Disk, DiskError, FileFacts, FileVersion};
pub use event_log::{EventLog, EventRecord, NewEvent};
pub use host::Host;
pub use log::{FormattedRecord, LogHandle, LogLine};
pub use packages::Packages;
pub use registry::{BadPath, Registry, RegistryValue};
pub use services::{ServiceError, ServiceState, ServiceStatus, Services, StartType};
pub use spec::{Hardware, HostSpec, Interface, Membership};
pub use tracked::{Mark, Tracked};
pub use wmi::{Wmi, WmiError, WmiValue};
