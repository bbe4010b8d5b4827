//! The table of known codes, its lookup, and which codes let a client change its software update point.

use std::sync::LazyLock;

use thiserror::Error;

use super::HResult;

/// What is known about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownCode {
    /// The code.
    pub code: HResult,
    /// Symbolic name, where a public source has one.
    pub name: Option<&'static str>,
    /// What it says, in our words.
    pub text: &'static str,
    /// Which component raises it.
    pub raised_by: &'static str,
    /// Where the row comes from.
    pub source: &'static str,
}

/// The default of the site property `WSUS Scan Retry Error Codes`: a scan that failed with one of these is repeated
/// and finally sent to another software update point (docs: planning page, 36 decimal numbers). Everything else, such
/// as time-outs and certificate errors, never leads to another server.
pub const DEFAULT_RETRY_CODES: [HResult; 36] = [
    HResult(0x8004_0693),
    HResult(0x8007_2EFD),
    HResult(0x8007_2EFE),
    HResult(0x8024_001A),
    HResult(0x8024_001E),
    HResult(0x8024_4004),
    HResult(0x8024_4005),
    HResult(0x8024_4006),
    HResult(0x8024_4007),
    HResult(0x8024_4008),
    HResult(0x8024_4009),
    HResult(0x8024_400A),
    HResult(0x8024_400B),
    HResult(0x8024_400C),
    HResult(0x8024_400D),
    HResult(0x8024_400E),
    HResult(0x8024_4010),
    HResult(0x8024_4015),
    HResult(0x8024_4016),
    HResult(0x8024_4018),
    HResult(0x8024_4019),
    HResult(0x8024_401A),
    HResult(0x8024_401C),
    HResult(0x8024_401D),
    HResult(0x8024_401E),
    HResult(0x8024_401F),
    HResult(0x8024_4020),
    HResult(0x8024_4021),
    HResult(0x8024_4022),
    HResult(0x8024_4023),
    HResult(0x8024_4024),
    HResult(0x8024_4026),
    HResult(0x8024_4027),
    HResult(0x8024_402B),
    HResult(0x8024_402C),
    HResult(0x8024_F004),
];

const TABLE: &str = include_str!("codes.tsv");

static CODES: LazyLock<Vec<KnownCode>> = LazyLock::new(|| {
    let mut codes: Vec<KnownCode> = TABLE.lines().skip(1).filter_map(row).collect();
    codes.sort_by_key(|known| known.code);
    codes
});

fn row(line: &'static str) -> Option<KnownCode> {
    let mut columns = line.split('\t');
    let digits = columns.next()?.strip_prefix("0x")?;
    let code = HResult(u32::from_str_radix(digits, 16).ok()?);
    let name = columns.next()?;
    Some(KnownCode {
        code,
        name: (name != "-").then_some(name),
        text: columns.next()?,
        raised_by: columns.next()?,
        source: columns.next()?,
    })
}

/// A text that is no result code in any of the accepted spellings.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not a result code: write it in hex (0x80244019), as a signed or unsigned decimal, or by name")]
pub struct NotACode(pub String);

impl HResult {
    /// What is known about this code.
    #[must_use]
    pub fn known(self) -> Option<&'static KnownCode> {
        let found = CODES.binary_search_by_key(&self, |known| known.code);
        found.ok().map(|index| &CODES[index])
    }

    /// Whether the code is in the default retry list.
    #[must_use]
    pub fn is_retry_listed(self) -> bool {
        DEFAULT_RETRY_CODES.contains(&self)
    }
}

/// Every known code, in ascending order.
#[must_use]
pub fn all() -> &'static [KnownCode] {
    &CODES
}

/// Reads a code as people paste it: `0x80244019`, `80244019`, `-2145107943`, `2149859353`, the 64-bit form
/// `0xFFFFFFFF80244019`, or a symbolic name. Eight bare digits are hex if that is a known code, else decimal.
///
/// # Errors
/// [`NotACode`].
pub fn lookup(text: &str) -> Result<HResult, NotACode> {
    let trimmed = text.trim();
    let error = || NotACode(trimmed.chars().take(80).collect());
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok().and_then(narrow);
    if let Some(digits) = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")) {
        return hex(digits).ok_or_else(error);
    }
    if trimmed.starts_with('-') {
        let signed = trimmed.parse::<i32>().map_err(|_| error())?;
        return Ok(HResult(signed.cast_unsigned()));
    }
    let named = CODES.iter().find(|known| known.name.is_some_and(|name| name.eq_ignore_ascii_case(trimmed)));
    if let Some(known) = named {
        return Ok(known.code);
    }
    let as_hex = (trimmed.len() == 8).then(|| hex(trimmed)).flatten();
    match (as_hex, trimmed.parse::<u32>()) {
        (Some(code), _) if code.known().is_some() => Ok(code),
        (_, Ok(number)) => Ok(HResult(number)),
        (Some(code), Err(_)) => Ok(code),
        (None, Err(_)) => Err(error()),
    }
}

/// A 32-bit code, or one that was sign-extended to 64 bits.
fn narrow(value: u64) -> Option<HResult> {
    let sign = value >> 32;
    let code = u32::try_from(value & 0xFFFF_FFFF).ok()?;
    (sign == 0 || (sign == 0xFFFF_FFFF && code & 0x8000_0000 != 0)).then_some(HResult(code))
}
