//! Machines, names, directory and certificates of the default topology.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cmsim_net::Network;
use cmsim_net::pki::{Authority, CertificateRequest, CertifiedKey, PkiError, Usage, Validity};
use cmsim_net::tls::{Protocols, TlsVersion};
use cmsim_sim::{Journal, Seed};
use cmsim_wire::profile::{Profile, WuaGeneration};
use cmsim_world::directory::Domain;
use cmsim_world::{Directory, Disk, Host, HostSpec, Interface, Membership};
use indexmap::IndexMap;

use crate::settings::{NetworkKind, Settings, StageError};
use crate::topology;

/// How long the certificates of the world are valid, before and after its start.
const VALIDITY: Duration = Duration::from_secs(5 * 365 * 24 * 3600);

/// Everything the machines have in common.
pub(crate) struct Surroundings {
    pub(crate) network: Network,
    pub(crate) directory: Directory,
    pub(crate) hosts: IndexMap<String, Host>,
    pub(crate) authority: Authority,
    pub(crate) validity: Validity,
}

/// Builds the machines and connects them.
pub(crate) fn surroundings(settings: &Settings, journal: &Journal, seed: &Seed) -> Result<Surroundings, StageError> {
    let network = match settings.network {
        NetworkKind::Memory => Network::memory(journal.clone(), seed),
        NetworkKind::Loopback => Network::loopback(journal.clone(), seed),
    };
    let directory = directory(settings);
    let now = journal.clock().now();
    let validity = Validity { from: now - VALIDITY, until: now + VALIDITY };
    let authority = Authority::root("CONTOSO Root CA", validity, &seed.child("pki"))
        .map_err(StageError::part("cannot make the root certificate"))?;
    let mut hosts = IndexMap::new();
    for name in topology::SERVERS {
        let address = topology::server_address(name).unwrap_or_default();
        let spec =
            HostSpec::in_domain(name, topology::DOMAIN, Ipv4Addr::from(address).into(), settings.profile.on_server());
        add(spec, settings, &network, journal, seed, &mut hosts)?;
    }
    for number in 1..=settings.clients {
        add(client(number, settings), settings, &network, journal, seed, &mut hosts)?;
    }
    for host in hosts.values() {
        host.certificates().trust("Root", authority.certificate());
        if let (Some(interface), true) = (host.interfaces().first(), host.domain().is_some())
            && let Some(site) = directory.site_of(interface.address)
        {
            host.set_ad_site(&site);
        }
    }
    Ok(Surroundings { network, directory, hosts, authority, validity })
}

fn client(number: u32, settings: &Settings) -> HostSpec {
    let name = topology::client_name(number);
    let address = Ipv4Addr::from(topology::client_address(number));
    let spec = HostSpec::in_domain(&name, topology::DOMAIN, address.into(), settings.profile.clone());
    if settings.workgroup {
        HostSpec { membership: Membership::Workgroup("WORKGROUP".to_owned()), ..spec }
    } else {
        spec
    }
}

fn add(
    mut spec: HostSpec,
    settings: &Settings,
    network: &Network,
    journal: &Journal,
    seed: &Seed,
    hosts: &mut IndexMap<String, Host>,
) -> Result<(), StageError> {
    if let Some(folder) = &settings.folder {
        let place = folder.join("hosts").join(&spec.name);
        let disk = Disk::directory(journal.clock().clone(), &place);
        spec.disk = Some(disk.map_err(StageError::part(format!("cannot use {} as a disk", place.display())))?);
    }
    let host = Host::new(spec, journal.clone(), seed);
    let addresses: Vec<Ipv4Addr> = host
        .interfaces()
        .iter()
        .filter_map(|interface| match interface.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
        .collect();
    network
        .add_host(host.name(), &addresses, Some(topology::DOMAIN))
        .map_err(StageError::part(format!("cannot connect {}", host.name())))?;
    network.set_record(&topology::fqdn(host.name()), &addresses);
    let clock = host.clone();
    network
        .set_time_source(host.name(), move || clock.now())
        .and_then(|()| network.set_protocols(host.name(), protocols(host.profile())))
        .map_err(StageError::part(format!("cannot connect {}", host.name())))?;
    hosts.insert(host.name().to_string(), host);
    Ok(())
}

/// What Schannel offers and accepts: TLS 1.3 came with Windows 11 and Server 2022 (docs).
fn protocols(profile: &Profile) -> Protocols {
    const OLD: [TlsVersion; 3] = [TlsVersion::Tls10, TlsVersion::Tls11, TlsVersion::Tls12];
    match profile.wua {
        WuaGeneration::Wua76 => Protocols::both(&OLD),
        WuaGeneration::Wua10 => Protocols::default(),
    }
}

/// The guide's forest: one domain, one AD site that holds every client's subnet.
fn directory(settings: &Settings) -> Directory {
    let directory = Directory::new(topology::DOMAIN);
    directory.add_domain(Domain {
        name: topology::DOMAIN.to_owned(),
        netbios: "CONTOSO".to_owned(),
        controllers: vec![topology::DOMAIN_CONTROLLER.to_owned()],
    });
    directory.add_site(topology::AD_SITE, &subnets(settings));
    directory
}

/// The subnets that servers and clients are in, in order.
pub(crate) fn subnets(settings: &Settings) -> Vec<Interface> {
    let last = topology::client_address(settings.clients.max(1))[2];
    let [a, b, first, _] = topology::SUBNET.0;
    (first..=last)
        .map(|third| Interface { address: Ipv4Addr::new(a, b, third, 0).into(), prefix: topology::SUBNET.1 })
        .collect()
}

impl Surroundings {
    /// A server certificate for that machine's full name.
    pub(crate) fn server_certificate(&self, name: &str) -> Result<CertifiedKey, PkiError> {
        let fqdn = topology::fqdn(name);
        self.authority.issue(&CertificateRequest {
            subject: fqdn.clone(),
            dns_names: vec![fqdn],
            addresses: Vec::new(),
            validity: self.validity,
            usage: Usage::Server,
        })
    }

    /// The certificate with which WSUS signs its self-update files; every machine of the world trusts its issuer.
    pub(crate) fn code_signer(&self) -> Result<CertifiedKey, PkiError> {
        self.authority.issue(&CertificateRequest {
            subject: "Simulated Update Publisher".to_owned(),
            dns_names: vec!["publisher.contoso.com".to_owned()],
            addresses: Vec::new(),
            validity: self.validity,
            usage: Usage::ServerAndClient,
        })
    }

    /// The machine of that name, which the topology has.
    pub(crate) fn server(&self, name: &str) -> Result<&Host, StageError> {
        self.hosts.get(name).ok_or_else(|| StageError::UnknownHost(name.to_owned()))
    }
}
