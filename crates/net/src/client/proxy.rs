//! Proxy settings, and the tunnel that an https request asks a proxy for.

use std::io;

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Url;
use crate::stream::Stream;

/// Longest answer head of a proxy to CONNECT, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// The proxy that a session uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxySetting {
    /// None (`WINHTTP_ACCESS_TYPE_NO_PROXY`).
    #[default]
    Direct,
    /// One proxy for http and https (`netsh winhttp set proxy`).
    Static {
        /// Name or address of the proxy.
        host: String,
        /// Its port.
        port: u16,
        /// Who is reached without it.
        bypass: Bypass,
    },
}

/// The bypass list of a proxy setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass(Vec<String>);

impl Bypass {
    /// Reads a list as `netsh winhttp` takes it: entries between semicolons or blanks, `*` for any
    /// text, `<local>` for names without a dot.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let entries = list.split([';', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self(entries.map(str::to_ascii_lowercase).collect())
    }

    /// Whether `host` is reached without the proxy.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|entry| if entry == "<local>" { !host.contains('.') } else { matches_pattern(entry, &host) })
    }
}

/// Whether `text` is `pattern`, in which each `*` stands for any text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

/// What a proxy answered to CONNECT.
#[derive(Debug)]
pub(super) enum Tunnel {
    /// Bytes go through to the server.
    Open(Stream),
    /// 407.
    AuthenticationRequired,
    /// Any other status; the proxy's own answer to the request.
    Denied(StatusCode, String),
    /// The answer is not HTTP.
    NotHttp,
}

/// Asks the proxy at the other end of `stream` for a tunnel to the server of `url`.
pub(super) async fn tunnel(mut stream: Stream, url: &Url, user_agent: Option<&str>) -> io::Result<Tunnel> {
    let (host, port) = (url.host(), url.port());
    let agent = user_agent.map_or_else(String::new, |agent| format!("User-Agent: {agent}\r\n"));
    let request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\n{agent}Host: {host}:{port}\r\nProxy-Connection: Keep-Alive\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Byte by byte: what follows the head belongs to the tunnel.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_HEAD {
            return Ok(Tunnel::NotHttp);
        }
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|code| code.parse::<StatusCode>().ok());
    let reason = words.next().unwrap_or_default().to_owned();
    Ok(match status.filter(|_| version.starts_with("HTTP/1.")) {
        None => Tunnel::NotHttp,
        Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => Tunnel::AuthenticationRequired,
        Some(status) if status.is_success() => Tunnel::Open(stream),
        Some(status) => Tunnel::Denied(status, reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bypass_list_knows_local_names_and_wildcards() {
        let bypass = Bypass::parse("<local>; *.contoso.com 192.168.*");
        for host in ["PS1SITE", "ps1site.CONTOSO.com", "192.168.2.10"] {
            assert!(bypass.contains(host), "{host}");
        }
        for host in ["contoso.com", "update.microsoft.com", "10.192.168.1"] {
            assert!(!bypass.contains(host), "{host}");
        }
        assert!(!Bypass::parse("").contains("ps1site"));
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*a*b*", "xxaxbx", true),
            ("*a*b*", "xxbxa", false),
            ("abc", "abcd", false),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
