//! What the server's cookies hold.
//!
//! Real cookies hold client id, groups, expiry, protocol version, last synchronisation and server identity, encrypted
//! (MS-WUSP 2.2.3.4 and 2.2.3.5). Sizes are those of a capture: 224 and 496 bytes.

use cmsim_wire::wusp::{ErrorCode, ProtocolVersion};
use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::SealKey;
use crate::services::Thrown;

const SESSION: &[u8] = b"session";
const SESSION_BYTES: usize = 224;
const AUTHORIZATION: &[u8] = b"authorization";
const AUTHORIZATION_BYTES: usize = 496;

/// What SimpleAuth vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) target_group: String,
    pub(crate) dns_name: String,
    pub(crate) issued: Timestamp,
}

impl Authorization {
    pub(crate) fn seal(&self, key: &SealKey) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, self.issued.as_millisecond());
        for text in [&self.client_id, &self.target_group, &self.dns_name] {
            put_text(&mut out, text);
        }
        key.seal(AUTHORIZATION, &out, AUTHORIZATION_BYTES)
    }

    pub(crate) fn open(key: &SealKey, sealed: &[u8]) -> Option<Self> {
        let content = key.open(AUTHORIZATION, sealed)?;
        let mut rest = &content[..];
        let issued = Timestamp::from_millisecond(take_number(&mut rest)?).ok()?;
        let mut text = || take_text(&mut rest);
        Some(Self { client_id: text()?, target_group: text()?, dns_name: text()?, issued })
    }
}

/// A session with one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) server: Uuid,
    pub(crate) client_id: String,
    pub(crate) target_group: String,
    pub(crate) dns_name: String,
    pub(crate) protocol: ProtocolVersion,
    /// Does not move when the cookie is renewed (capture).
    pub(crate) expires: Timestamp,
    /// `LastChange` that the client knows.
    pub(crate) config_change: Timestamp,
    /// Number of the last deployment change that the client has heard of.
    pub(crate) anchor: i64,
    /// Makes every cookie another one.
    pub(crate) serial: i64,
}

impl Session {
    pub(crate) fn seal(&self, key: &SealKey) -> Vec<u8> {
        let mut out = self.server.as_bytes().to_vec();
        let numbers = [
            self.expires.as_millisecond(),
            self.config_change.as_millisecond(),
            self.anchor,
            self.serial,
            i64::from(self.protocol.major) << 16 | i64::from(self.protocol.minor),
        ];
        for number in numbers {
            put_number(&mut out, number);
        }
        for text in [&self.client_id, &self.target_group, &self.dns_name] {
            put_text(&mut out, text);
        }
        key.seal(SESSION, &out, SESSION_BYTES)
    }

    /// Reads a cookie of the server `server`, expired or not.
    ///
    /// # Errors
    /// InvalidCookie for what this database's key does not open, ServerChanged for a cookie of a server with another
    /// identity and the same key.
    pub(crate) fn open(key: &SealKey, server: Uuid, sealed: &[u8]) -> Result<Self, Thrown> {
        let session = key.open(SESSION, sealed).and_then(|content| Self::parse(&content));
        let session = session.ok_or_else(|| Thrown::new(ErrorCode::InvalidCookie, "cookie"))?;
        if session.server != server {
            return Err(Thrown::new(ErrorCode::ServerChanged, "").of(&session.client_id));
        }
        Ok(session)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let (server, mut rest) = content.split_first_chunk::<16>()?;
        let mut number = || take_number(&mut rest);
        let expires = Timestamp::from_millisecond(number()?).ok()?;
        let config_change = Timestamp::from_millisecond(number()?).ok()?;
        let (anchor, serial, protocol) = (number()?, number()?, number()?);
        let part = |shift: u32| u16::try_from(protocol >> shift & 0xFFFF).ok();
        let protocol = ProtocolVersion::new(part(16)?, part(0)?);
        let mut text = || take_text(&mut rest);
        Some(Self {
            server: Uuid::from_bytes(*server),
            client_id: text()?,
            target_group: text()?,
            dns_name: text()?,
            protocol,
            expires,
            config_change,
            anchor,
            serial,
        })
    }

    /// The same session under the next cookie.
    pub(crate) fn next(&self, anchor: i64) -> Self {
        Self { anchor, serial: self.serial.wrapping_add(1), ..self.clone() }
    }
}

fn put_number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take_number(rest: &mut &[u8]) -> Option<i64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(i64::from_le_bytes(*number))
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session() -> Session {
        Session {
            server: Uuid::from_u128(5),
            client_id: "7d0f6c1e-3b52-4a86-9c1d-5e2f8a904b17".to_owned(),
            target_group: "Pilot".to_owned(),
            dns_name: "client1.contoso.com".to_owned(),
            protocol: ProtocolVersion::WINDOWS_11,
            expires: Timestamp::from_millisecond(1_390_241_820_000).unwrap(),
            config_change: Timestamp::from_millisecond(1_390_000_000_250).unwrap(),
            anchor: 12,
            serial: 3,
        }
    }

    #[test]
    fn cookies_have_the_observed_sizes_and_read_back() {
        let key = SealKey::new("key");
        let sealed = session().seal(&key);
        assert_eq!(sealed.len(), 224);
        assert_eq!(Session::open(&key, Uuid::from_u128(5), &sealed).unwrap(), session());
        assert_ne!(session().next(12).seal(&key), sealed);
        let authorization = Authorization {
            client_id: "a".to_owned(),
            target_group: String::new(),
            dns_name: "b".to_owned(),
            issued: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(authorization.seal(&key).len(), 496);
        assert_eq!(Authorization::open(&key, &authorization.seal(&key)), Some(authorization));
        assert_eq!(Authorization::open(&key, &sealed), None);
    }

    #[test]
    fn another_key_and_another_server_are_told_apart() {
        let key = SealKey::new("key");
        let sealed = session().seal(&key);
        let code = |key: &SealKey, server: u128| Session::open(key, Uuid::from_u128(server), &sealed).unwrap_err().code;
        assert_eq!(code(&SealKey::new("other"), 5), ErrorCode::InvalidCookie);
        assert_eq!(code(&key, 6), ErrorCode::ServerChanged);
    }

    proptest! {
        #[test]
        fn any_session_reads_back(client in "[a-z0-9-]{1,255}", group: String, dns: String, anchor: i64, serial: i64) {
            let key = SealKey::new("key");
            let session = Session { client_id: client, target_group: group, dns_name: dns, anchor, serial, ..session() };
            prop_assert_eq!(Session::open(&key, session.server, &session.seal(&key)).unwrap(), session);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Session::parse(&bytes);
            prop_assert!(Session::open(&SealKey::new("key"), Uuid::nil(), &bytes).is_err());
            prop_assert!(Authorization::open(&SealKey::new("key"), &bytes).is_none());
        }
    }
}
