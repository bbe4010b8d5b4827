//! Hosts for tests.

use cmsim_sim::{Clock, Journal, Seed, TimeZone};
use cmsim_wire::profile::Profile;

use crate::host::Host;
use crate::spec::HostSpec;

/// A journal at the default start of a world, 2014-01-20 12:17:00 US Eastern.
pub(crate) fn journal() -> Journal {
    let zone = TimeZone::named("America/New_York").unwrap();
    let start = zone.at_local("2014-01-20T12:17:00".parse().unwrap()).unwrap();
    Journal::new(Clock::virtual_time(start, zone))
}

pub(crate) fn spec(name: &str) -> HostSpec {
    HostSpec::in_domain(name, "CONTOSO.COM", "192.168.2.62".parse().unwrap(), Profile::windows_7())
}

pub(crate) fn host(name: &str) -> Host {
    Host::new(spec(name), journal(), &Seed::new(1))
}
