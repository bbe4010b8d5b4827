//! The machine-wide WinHTTP proxy, as `netsh winhttp` keeps it in the registry.

use cmsim_net::client::{Bypass, ProxySetting};
use cmsim_world::{Host, RegistryValue};

/// Key and value (field: `netsh winhttp show proxy` reads it).
const KEY: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections";
const VALUE: &str = "WinHttpSettings";
/// Version of the structure and the flags for "direct" and "direct and proxy" (field).
const VERSION: u32 = 0x28;
const DIRECT: u32 = 1;
const PROXY: u32 = 3;
/// The port of a proxy that names none (docs: WinHTTP).
const DEFAULT_PORT: u16 = 80;

/// The setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WinHttpProxy {
    /// Host and port, `proxy.contoso.com:8080`.
    pub proxy: String,
    /// Bypass list in the language of `netsh`, `<local>;*.contoso.com`.
    pub bypass: String,
}

/// The content of the registry value: `None` stands for direct access. Write it with the world's registry, so that a
/// change leaves its mark there.
#[must_use]
pub fn write_winhttp_proxy(setting: Option<&WinHttpProxy>) -> (&'static str, &'static str, RegistryValue) {
    let flags = if setting.is_some() { PROXY } else { DIRECT };
    let mut bytes = Vec::new();
    for number in [VERSION, 0, flags] {
        bytes.extend(number.to_le_bytes());
    }
    let texts = setting.map_or(["", ""], |setting| [&setting.proxy, &setting.bypass]);
    for text in texts {
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    (KEY, VALUE, RegistryValue::Binary(bytes))
}

/// What the registry of the host says; direct if it says nothing that can be read.
pub(crate) fn read(host: &Host) -> ProxySetting {
    match host.registry().get(KEY, VALUE) {
        Some(RegistryValue::Binary(bytes)) => parse(&bytes).unwrap_or_default(),
        _ => ProxySetting::Direct,
    }
}

fn parse(bytes: &[u8]) -> Option<ProxySetting> {
    let (header, rest) = bytes.split_at_checked(12)?;
    let flags = u32::from_le_bytes(header[8..].try_into().ok()?);
    if flags != PROXY {
        return Some(ProxySetting::Direct);
    }
    let (proxy, rest) = text(rest)?;
    let (bypass, _) = text(rest)?;
    let (host, port) = match proxy.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (proxy, DEFAULT_PORT),
    };
    Some(ProxySetting::Static { host: host.to_owned(), port, bypass: Bypass::parse(bypass) })
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::host;

    #[tokio::test(start_paused = true)]
    async fn the_registry_decides_and_can_be_changed_back() {
        let host = host();
        assert_eq!(read(&host), ProxySetting::Direct);
        let setting = WinHttpProxy { proxy: "proxy.contoso.com:8080".into(), bypass: "<local>".into() };
        let (key, name, value) = write_winhttp_proxy(Some(&setting));
        host.registry().set(key, name, value).unwrap();
        let ProxySetting::Static { host: proxy, port, bypass } = read(&host) else {
            panic!("a proxy is set");
        };
        assert_eq!((proxy.as_str(), port), ("proxy.contoso.com", 8080));
        assert!(bypass.contains("ps1site"));
        let (key, name, value) = write_winhttp_proxy(None);
        host.registry().set(key, name, value).unwrap();
        assert_eq!(read(&host), ProxySetting::Direct);
    }

    proptest! {
        #[test]
        fn settings_survive(proxy in "[a-z.]{1,20}", port in 1_u16.., bypass in "[a-z;*.<>]{0,20}") {
            let setting = WinHttpProxy { proxy: format!("{proxy}:{port}"), bypass: bypass.clone() };
            let (_, _, RegistryValue::Binary(bytes)) = write_winhttp_proxy(Some(&setting)) else { unreachable!() };
            let expected = ProxySetting::Static { host: proxy, port, bypass: Bypass::parse(&bypass) };
            prop_assert_eq!(parse(&bytes), Some(expected));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
            let mut proxied = vec![0x28, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0];
            proxied.extend(bytes);
            let _ = parse(&proxied);
        }
    }
}
