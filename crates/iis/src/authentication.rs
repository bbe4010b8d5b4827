//! Windows authentication, reduced to who somebody says he is.
//!
//! No Kerberos or NTLM messages are exchanged: a client of the world names its account in the
//! `Authorization` header, and the listener believes hosts of the world and nobody else (inferred
//! shape, marked by its own token). The exchange costs one round trip less than the real one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cmsim_net::server::Peer;
use http::{HeaderMap, header};

/// What our tokens begin with, so that a real one is not taken for an account.
const MARK: &[u8] = b"cmsim:";
/// Longest account name in bytes, domain included.
const LONGEST: usize = 256;

/// The account a request was made with. `None` for anonymous ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub Option<Arc<str>>);

/// The `Authorization` header by which a client of the world uses `account` (`CONTOSO\PS1SITE$`).
#[must_use]
pub fn windows_authorization(account: &str) -> String {
    format!("Negotiate {}", STANDARD.encode([MARK, account.as_bytes()].concat()))
}

/// The account in the header, if it is one of ours and comes from a host of the world.
pub(crate) fn account(headers: &HeaderMap, peer: &Peer) -> Option<Arc<str>> {
    peer.host.as_ref()?;
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Negotiate ")?;
    if token.len() > LONGEST * 2 {
        return None;
    }
    let decoded = STANDARD.decode(token).ok()?;
    let name = std::str::from_utf8(decoded.strip_prefix(MARK)?).ok()?;
    let fits = !name.is_empty() && name.len() <= LONGEST && !name.contains(char::is_control);
    fits.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn peer(host: Option<&str>) -> Peer {
        let at = "192.168.2.10:50000".parse().unwrap();
        Peer {
            host: host.map(Into::into),
            client: at,
            server_host: "PS1SYS".into(),
            server: at,
            connection: 1,
            tls: None,
        }
    }

    fn headers(value: &[u8]) -> HeaderMap {
        let value = HeaderValue::from_bytes(value).ok();
        value.into_iter().map(|value| (header::AUTHORIZATION, value)).collect()
    }

    #[test]
    fn nobody_outside_the_world_is_believed() {
        let headers = headers(windows_authorization(r"CONTOSO\PS1SITE$").as_bytes());
        assert_eq!(account(&headers, &peer(Some("PS1SITE"))).as_deref(), Some(r"CONTOSO\PS1SITE$"));
        assert_eq!(account(&headers, &peer(None)), None);
    }

    proptest! {
        #[test]
        fn an_account_comes_back(name in r"[A-Z]{1,15}\\[A-Za-z0-9$. -]{1,40}") {
            let headers = headers(windows_authorization(&name).as_bytes());
            let found = account(&headers, &peer(Some("X")));
            prop_assert_eq!(found.as_deref(), Some(name.as_str()));
        }

        #[test]
        fn any_header_is_an_account_or_none(value: Vec<u8>, token in "Negotiate [A-Za-z0-9+/=]{0,60}") {
            let _ = account(&headers(&value), &peer(Some("X")));
            let _ = account(&headers(token.as_bytes()), &peer(Some("X")));
        }
    }
}
