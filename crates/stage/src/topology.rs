//! The default topology: the guide's own example site.

use uuid::Uuid;

/// Site code.
pub const SITE_CODE: &str = "PS1";

/// Domain and forest, as the guide's location request spells them (article).
pub const DOMAIN: &str = "CONTOSO.COM";

/// Active Directory site of the example client (article; the guide's own spelling of it varies, `logs.md` settles it).
pub const AD_SITE: &str = "CM12-R2-PS1";

/// Unique id of the update source (article).
pub const UPDATE_SOURCE: Uuid = uuid::uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");

/// Content version of the update source when the world begins (article).
pub const CONTENT_VERSION: u32 = 38;

/// Network address and prefix length of the only subnet.
pub const SUBNET: ([u8; 4], u8) = ([192, 168, 2, 0], 24);

/// Domain controller and name server.
pub const DOMAIN_CONTROLLER: &str = "DC1";

/// Site server, SQL Server and the software update point on HTTP.
pub const SITE_SERVER: &str = "PS1SITE";

/// Management point and the software update point on HTTPS.
pub const SITE_SYSTEM: &str = "PS1SYS";

/// Every server.
pub const SERVERS: [&str; 3] = [DOMAIN_CONTROLLER, SITE_SERVER, SITE_SYSTEM];

/// The address of a server of [`SERVERS`].
#[must_use]
pub fn server_address(name: &str) -> Option<[u8; 4]> {
    let last = match name {
        DOMAIN_CONTROLLER => 1,
        SITE_SERVER => 10,
        SITE_SYSTEM => 11,
        _ => return None,
    };
    Some([192, 168, 2, last])
}

/// The name of the client with that number, from 1.
#[must_use]
pub fn client_name(number: u32) -> String {
    format!("CLIENT{number}")
}

/// The address of the client with that number: 192.168.2.62 for the first (article), then upwards; past the end of that
/// subnet clients continue in 192.168.3.0/24 and following ones.
#[must_use]
pub fn client_address(number: u32) -> [u8; 4] {
    let offset = 61 + number;
    // 254 hosts a subnet, never .0 or .255.
    let (subnet, host) = ((offset - 1) / 254, (offset - 1) % 254 + 1);
    [192, 168, u8::try_from(2 + subnet).unwrap_or(u8::MAX), u8::try_from(host).unwrap_or(u8::MAX)]
}

/// A host name with the domain, upper case as the guide's URLs show it.
#[must_use]
pub fn fqdn(name: &str) -> String {
    format!("{name}.{DOMAIN}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_first_client_has_the_guides_address() {
        assert_eq!(client_address(1), [192, 168, 2, 62]);
    }

    #[test]
    fn two_thousand_clients_have_two_thousand_usable_addresses() {
        let addresses: BTreeSet<[u8; 4]> = (1..=2_000).map(client_address).collect();
        assert_eq!(addresses.len(), 2_000);
        assert!(addresses.iter().all(|address| (1..=254).contains(&address[3])));
    }
}
