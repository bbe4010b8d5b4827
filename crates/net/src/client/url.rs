//! The URLs that the client takes.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use thiserror::Error;

/// Longest URL in bytes: `INTERNET_MAX_URL_LENGTH` of wininet.h, rounded down.
const LONGEST: usize = 2083;

/// An absolute `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    secure: bool,
    host: String,
    port: u16,
    target: String,
}

/// Text that is not a URL the client can use; WinHTTP's `ERROR_WINHTTP_INVALID_URL` (12005) and
/// `ERROR_WINHTTP_UNRECOGNIZED_SCHEME` (12006).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidUrl {
    /// Neither `http` nor `https`.
    #[error("'{0}' is neither an http nor an https URL")]
    Scheme(String),
    /// Anything else.
    #[error("'{0}' is not a URL")]
    Malformed(String),
}

impl Url {
    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as written.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 if none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, `/` at least.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The URL as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port as the `Host` header has them: the port only if it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == default_port(self.secure) { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let shown = || text.chars().take(80).collect::<String>();
        let malformed = || InvalidUrl::Malformed(shown());
        if text.len() > LONGEST {
            return Err(malformed());
        }
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(InvalidUrl::Scheme(shown())),
            None => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        let host = authority.host();
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty() || authority.as_str().contains('@') || !host.bytes().all(is_host) {
            return Err(malformed());
        }
        let port = match authority.as_str().rsplit_once(':') {
            None => default_port(secure),
            Some((_, digits)) => digits.parse().ok().filter(|port| *port > 0).ok_or_else(malformed)?,
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self { text: text.to_owned(), secure, host: host.to_owned(), port, target: target.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_has_its_parts() {
        let url: Url = "https://PS1SYS.CONTOSO.COM:8531/ClientWebService/Client.asmx?x=1".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("PS1SYS.CONTOSO.COM", 8531));
        assert_eq!(url.target(), "/ClientWebService/Client.asmx?x=1");
        assert_eq!(url.authority(), "PS1SYS.CONTOSO.COM:8531");
        let plain: Url = "http://ps1sys".parse().unwrap();
        assert_eq!((plain.port(), plain.target(), plain.authority()), (80, "/", "ps1sys".to_owned()));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "http:/ps1site:8530",
            "ps1site",
            "http://",
            "http://a b/",
            "http://a:0/",
            "http://a:99999/",
            "http://u@h/",
            "/path",
            "http://a:/",
        ] {
            assert!(matches!(text.parse::<Url>(), Err(InvalidUrl::Malformed(_))), "{text}");
        }
        assert!(matches!("ftp://a/".parse::<Url>(), Err(InvalidUrl::Scheme(_))));
        let at_limit = format!("http://a/{}", "x".repeat(LONGEST - 9));
        assert!(at_limit.parse::<Url>().is_ok());
        assert!(format!("{at_limit}x").parse::<Url>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_a_url_or_an_error(text in "\\PC{0,60}") {
            if let Ok(url) = text.parse::<Url>() {
                prop_assert_eq!(url.as_str(), text);
                prop_assert!(!url.host().is_empty());
            }
        }
    }
}
