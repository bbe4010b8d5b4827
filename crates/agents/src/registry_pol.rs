//! `registry.pol`: the file in which Group Policy keeps registry settings.
//!
//! Shape (docs: registry policy file format): `PReg`, version 1, then one `[key;value;type;size;data]` per setting with
//! every text as NUL-terminated UTF-16LE and type and size as little-endian numbers.

use thiserror::Error;

use crate::framework::{PolicySetting, RegistryValue};

/// Where the local computer policy lies (docs).
pub const LOCAL_POLICY_FILE: &str = r"C:\Windows\System32\GroupPolicy\Machine\Registry.pol";

/// Most settings one file may hold here.
pub const MAX_SETTINGS: usize = 4096;
/// Most bytes the data of one setting may have (docs: 65,535).
pub const MAX_DATA: usize = 65_535;

const HEADER: [u8; 8] = *b"PReg\x01\0\0\0";
const DELETE_PREFIX: &str = "**del.";

/// Why a file is not a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegistryPolError {
    /// The first eight bytes are not signature and version 1.
    #[error("not a registry policy file: wrong signature or version")]
    Header,
    /// A setting ends too early or lacks a delimiter.
    #[error("malformed setting at byte {0}")]
    Malformed(usize),
    /// The data of a setting does not fit its type.
    #[error("data of the setting at byte {0} does not fit its type")]
    Data(usize),
    /// More than [`MAX_SETTINGS`] settings, or data above [`MAX_DATA`].
    #[error("too large at byte {0}")]
    TooLarge(usize),
}

/// The file for these settings. Data above [`MAX_DATA`] bytes is left to [`parse`] to refuse.
#[must_use]
pub fn write(settings: &[PolicySetting]) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    for setting in settings {
        let (kind, data) = match &setting.value {
            Some(RegistryValue::Text(text)) => (1_u32, utf16(text)),
            Some(RegistryValue::Bytes(bytes)) => (3, bytes.clone()),
            Some(RegistryValue::Number(number)) => (4, number.to_le_bytes().to_vec()),
            Some(RegistryValue::Lines(lines)) => {
                let mut data: Vec<u8> = lines.iter().flat_map(|line| utf16(line)).collect();
                data.extend([0, 0]);
                (7, data)
            }
            None => (1, utf16(" ")),
        };
        let name =
            if setting.value.is_some() { setting.name.clone() } else { format!("{DELETE_PREFIX}{}", setting.name) };
        out.extend(unit('['));
        out.extend(utf16(&setting.key));
        out.extend(unit(';'));
        out.extend(utf16(&name));
        out.extend(unit(';'));
        out.extend(kind.to_le_bytes());
        out.extend(unit(';'));
        out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(unit(';'));
        out.extend(data);
        out.extend(unit(']'));
    }
    out
}

/// The settings of a file.
///
/// # Errors
/// When the bytes are not a well-formed policy file within the limits.
pub fn parse(bytes: &[u8]) -> Result<Vec<PolicySetting>, RegistryPolError> {
    let mut reader = Reader { bytes, at: HEADER.len() };
    if bytes.get(..HEADER.len()) != Some(&HEADER) {
        return Err(RegistryPolError::Header);
    }
    let mut settings = Vec::new();
    while reader.at < bytes.len() {
        if settings.len() == MAX_SETTINGS {
            return Err(RegistryPolError::TooLarge(reader.at));
        }
        settings.push(reader.setting()?);
    }
    Ok(settings)
}

fn unit(c: char) -> [u8; 2] {
    let mut buffer = [0; 2];
    let unit = c.encode_utf16(&mut buffer)[0];
    unit.to_le_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], RegistryPolError> {
        let end = self.at.checked_add(count).ok_or(RegistryPolError::Malformed(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(RegistryPolError::Malformed(self.at))?;
        self.at = end;
        Ok(taken)
    }

    fn delimiter(&mut self, expected: char) -> Result<(), RegistryPolError> {
        let at = self.at;
        if self.take(2)? == unit(expected) { Ok(()) } else { Err(RegistryPolError::Malformed(at)) }
    }

    fn number(&mut self) -> Result<u32, RegistryPolError> {
        let at = self.at;
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| RegistryPolError::Malformed(at))?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<String, RegistryPolError> {
        let at = self.at;
        let mut units = Vec::new();
        loop {
            let pair: [u8; 2] = self.take(2)?.try_into().map_err(|_| RegistryPolError::Malformed(at))?;
            match u16::from_le_bytes(pair) {
                0 => break,
                unit => units.push(unit),
            }
        }
        String::from_utf16(&units).map_err(|_| RegistryPolError::Malformed(at))
    }

    fn setting(&mut self) -> Result<PolicySetting, RegistryPolError> {
        let start = self.at;
        self.delimiter('[')?;
        let key = self.text()?;
        self.delimiter(';')?;
        let name = self.text()?;
        self.delimiter(';')?;
        let kind = self.number()?;
        self.delimiter(';')?;
        let size = self.number()? as usize;
        self.delimiter(';')?;
        if size > MAX_DATA {
            return Err(RegistryPolError::TooLarge(start));
        }
        let data = self.take(size)?.to_vec();
        self.delimiter(']')?;
        if let Some(name) = name.strip_prefix(DELETE_PREFIX) {
            return Ok(PolicySetting { key, name: name.to_owned(), value: None });
        }
        let value = value(kind, data).ok_or(RegistryPolError::Data(start))?;
        Ok(PolicySetting { key, name, value: Some(value) })
    }
}

fn value(kind: u32, data: Vec<u8>) -> Option<RegistryValue> {
    match kind {
        1 | 2 => Some(RegistryValue::Text(texts(&data)?.into_iter().next().unwrap_or_default())),
        4 => Some(RegistryValue::Number(u32::from_le_bytes(data.try_into().ok()?))),
        7 => Some(RegistryValue::Lines(texts(&data)?.into_iter().filter(|line| !line.is_empty()).collect())),
        _ => Some(RegistryValue::Bytes(data)),
    }
}

/// The NUL-terminated texts in some data.
fn texts(data: &[u8]) -> Option<Vec<String>> {
    let (pairs, rest) = data.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    units.split(|unit| *unit == 0).map(|part| String::from_utf16(part).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_setting() -> impl Strategy<Value = PolicySetting> {
        let text = "[a-zA-Z0-9 :/.\\\\-]{1,30}";
        let value = prop_oneof![
            text.prop_map(RegistryValue::Text),
            any::<u32>().prop_map(RegistryValue::Number),
            prop::collection::vec(text, 0..3).prop_map(RegistryValue::Lines),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(RegistryValue::Bytes),
        ];
        ("[a-zA-Z\\\\]{1,30}", "[a-zA-Z]{1,10}", prop::option::of(value)).prop_map(|(key, name, value)| PolicySetting {
            key,
            name,
            value,
        })
    }

    proptest! {
        #[test]
        fn settings_survive(settings in prop::collection::vec(any_setting(), 0..6)) {
            prop_assert_eq!(parse(&write(&settings)), Ok(settings));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            let mut framed = HEADER.to_vec();
            framed.extend(bytes);
            let _ = parse(&framed);
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let setting = PolicySetting { key: "K".into(), name: "V".into(), value: Some(RegistryValue::Number(1)) };
        let expected = b"PReg\x01\0\0\0[\0K\0\0\0;\0V\0\0\0;\0\x04\0\0\0;\0\x04\0\0\0;\0\x01\0\0\0]\0";
        assert_eq!(write(&[setting]), expected);
    }

    #[test]
    fn limits_hold() {
        let sized = |size: usize| PolicySetting {
            key: "K".into(),
            name: "V".into(),
            value: Some(RegistryValue::Bytes(vec![0; size])),
        };
        assert!(parse(&write(&[sized(MAX_DATA)])).is_ok());
        assert_eq!(parse(&write(&[sized(MAX_DATA + 1)])), Err(RegistryPolError::TooLarge(8)));
        let many = vec![sized(0); MAX_SETTINGS];
        assert!(parse(&write(&many)).is_ok());
        let more = vec![sized(0); MAX_SETTINGS + 1];
        assert!(matches!(parse(&write(&more)), Err(RegistryPolError::TooLarge(_))));
        assert_eq!(parse(b"nonsense"), Err(RegistryPolError::Header));
        assert_eq!(parse(b"PReg\x01\0\0\0[\0"), Err(RegistryPolError::Malformed(10)));
    }
}
