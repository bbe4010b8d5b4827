//! What a host is before anything is installed on it.

use std::net::IpAddr;

use cmsim_sim::TimeZone;
use cmsim_wire::profile::Profile;

use crate::disk::Disk;

/// What a host is a member of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// An Active Directory domain.
    Domain {
        /// DNS name as the directory spells it, `CONTOSO.COM`.
        domain: String,
        /// Distinguished name of the organizational unit or container the computer account is in.
        ou: String,
    },
    /// A workgroup.
    Workgroup(String),
}

/// An address of a host in its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// Length of the network prefix in bits: 24 for 255.255.255.0.
    pub prefix: u8,
}

impl Interface {
    /// The network address of the subnet.
    #[must_use]
    pub fn subnet(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }
}

/// What a host is before anything is installed on it.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// NetBIOS name, upper case.
    pub name: String,
    /// Domain or workgroup.
    pub membership: Membership,
    /// Addresses in binding order.
    pub interfaces: Vec<Interface>,
    /// Product versions.
    pub profile: Profile,
    /// Make, model and memory.
    pub hardware: Hardware,
    /// Time zone, if it is not the world's.
    pub zone: Option<TimeZone>,
    /// The disk; a fresh one in memory if `None`.
    pub disk: Option<Disk>,
}

impl HostSpec {
    /// A host in a domain, in its `Computers` container, with one address in a /24 subnet.
    #[must_use]
    pub fn in_domain(name: &str, domain: &str, address: IpAddr, profile: Profile) -> Self {
        let parts: Vec<_> = domain.split('.').map(|part| format!("DC={part}")).collect();
        Self {
            name: name.to_owned(),
            membership: Membership::Domain {
                domain: domain.to_owned(),
                ou: format!("CN=Computers,{}", parts.join(",")),
            },
            interfaces: vec![Interface { address, prefix: 24 }],
            profile,
            hardware: Hardware::default(),
            zone: None,
            disk: None,
        }
    }
}

/// Make, model and firmware, as `Win32_ComputerSystem` and `Win32_BIOS` show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Manufacturer of the machine.
    pub manufacturer: String,
    /// Model of the machine.
    pub model: String,
    /// Manufacturer of the firmware.
    pub bios_manufacturer: String,
    /// Version of the firmware.
    pub bios_version: String,
    /// Release date of the firmware, `YYYY-MM-DD`.
    pub bios_date: String,
    /// Memory in MiB.
    pub memory_mb: u32,
}

impl Default for Hardware {
    /// A generic virtual machine (inferred: any value is possible).
    fn default() -> Self {
        Self {
            manufacturer: "Microsoft Corporation".to_owned(),
            model: "Virtual Machine".to_owned(),
            bios_manufacturer: "American Megatrends Inc.".to_owned(),
            bios_version: "090006".to_owned(),
            bios_date: "2012-05-23".to_owned(),
            memory_mb: 4096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_follow_the_prefix() {
        let subnet = |address: &str, prefix| {
            let address = address.parse().unwrap();
            Interface { address, prefix }.subnet().to_string()
        };
        assert_eq!(subnet("192.168.2.62", 24), "192.168.2.0");
        assert_eq!(subnet("10.1.2.3", 0), "0.0.0.0");
        assert_eq!(subnet("10.1.2.3", 32), "10.1.2.3");
        assert_eq!(subnet("2001:db8::1:2", 64), "2001:db8::");
    }
}
