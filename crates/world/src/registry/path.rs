//! Registry paths, and the 32-bit and 64-bit views of one registry.

use thiserror::Error;

/// The longest path of a key that the registry takes, in characters (documented limit: 255 for each of up to 512 levels; ours is lower).
pub const LONGEST_KEY_PATH: usize = 4096;

/// Through which process's eyes a path is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// A 64-bit process on a 64-bit system, or any process on a 32-bit one.
    #[default]
    Native,
    /// A 32-bit process on a 64-bit system: most of `SOFTWARE` is redirected to `SOFTWARE\Wow6432Node`.
    Wow64,
}

/// Why a text is no registry path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadPath {
    /// The path starts with no hive that this registry has.
    #[error("'{0}' does not begin with HKLM or HKU")]
    Hive(String),
    /// Two backslashes in a row, or one at the end.
    #[error("'{0}' has an empty key name")]
    EmptyName(String),
    /// More than [`LONGEST_KEY_PATH`] characters.
    #[error("a registry path of {0} characters is too long")]
    TooLong(usize),
}

/// Keys under `SOFTWARE` that both views share, in lower case.
///
/// Source: the Windows documentation of registry keys affected by WOW64 (Windows 7 and later); the part
/// of its table that software updates, policies and certificates touch.
const SHARED: &[&str] = &[
    "clients",
    "microsoft\\cryptography\\services",
    "microsoft\\enterprisecertificates",
    "microsoft\\eventsystem",
    "microsoft\\systemcertificates",
    "microsoft\\windows\\currentversion\\group policy",
    "microsoft\\windows\\currentversion\\policies",
    "microsoft\\windows\\currentversion\\setup",
    "microsoft\\windows\\currentversion\\telephony\\locations",
    "microsoft\\windows nt\\currentversion\\networkcards",
    "microsoft\\windows nt\\currentversion\\perflib",
    "microsoft\\windows nt\\currentversion\\profilelist",
    "microsoft\\windows nt\\currentversion\\time zones",
    "policies",
    "registeredapplications",
];

const SOFTWARE: &str = "HKLM\\SOFTWARE\\";
const REDIRECTED: &str = "HKLM\\SOFTWARE\\Wow6432Node\\";

/// Names of a key are compared without case; this is the form in which they are compared.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// The one path under which a key is stored, whichever view and spelling was used. Case is kept.
pub(super) fn canonical(path: &str, view: View, x64: bool) -> Result<String, BadPath> {
    if path.len() > LONGEST_KEY_PATH {
        return Err(BadPath::TooLong(path.chars().count()));
    }
    let (hive, rest) = path.split_once('\\').unwrap_or((path, ""));
    let hive = match hive.to_ascii_uppercase().as_str() {
        "HKLM" | "HKEY_LOCAL_MACHINE" => "HKLM",
        "HKU" | "HKEY_USERS" => "HKU",
        _ => return Err(BadPath::Hive(path.to_owned())),
    };
    if rest.is_empty() {
        return Ok(hive.to_owned());
    }
    if rest.split('\\').any(str::is_empty) {
        return Err(BadPath::EmptyName(path.to_owned()));
    }
    let full = format!("{hive}\\{rest}");
    if !x64 {
        return Ok(full);
    }
    if let Some(inner) = strip_prefix(&full, REDIRECTED) {
        return Ok(if is_shared(inner) { format!("{SOFTWARE}{inner}") } else { full });
    }
    match strip_prefix(&full, SOFTWARE) {
        Some(inner) if view == View::Wow64 && fold(inner) != "wow6432node" && !is_shared(inner) => {
            Ok(format!("{REDIRECTED}{inner}"))
        }
        _ => Ok(full),
    }
}

/// The second path of a key that both views share, as regedit shows it under `Wow6432Node`.
pub(super) fn alias(canonical: &str) -> Option<String> {
    strip_prefix(canonical, SOFTWARE).filter(|inner| is_shared(inner)).map(|inner| format!("{REDIRECTED}{inner}"))
}

fn strip_prefix<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = path.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

fn is_shared(inner: &str) -> bool {
    let inner = fold(inner);
    SHARED.iter().any(|shared| is_within(&inner, shared))
}

/// Whether the folded `path` is the folded key `ancestor` or lies below it.
pub(super) fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, view: View, expected: &str) {
        assert_eq!(canonical(path, view, true).unwrap(), expected);
    }

    #[test]
    fn policies_are_one_key_in_both_views() {
        let stored = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
        check(stored, View::Native, stored);
        check(stored, View::Wow64, stored);
        check(
            r"HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Policies\Microsoft\Windows\WindowsUpdate",
            View::Native,
            stored,
        );
        assert_eq!(
            alias(stored).as_deref(),
            Some(r"HKLM\SOFTWARE\Wow6432Node\Policies\Microsoft\Windows\WindowsUpdate")
        );
    }

    #[test]
    fn other_software_is_redirected_for_32_bit_processes() {
        check(r"HKLM\SOFTWARE\Microsoft\CCM", View::Native, r"HKLM\SOFTWARE\Microsoft\CCM");
        check(r"hklm\software\Microsoft\CCM", View::Wow64, r"HKLM\SOFTWARE\Wow6432Node\Microsoft\CCM");
        check(r"HKLM\SYSTEM\Setup", View::Wow64, r"HKLM\SYSTEM\Setup");
        assert_eq!(alias(r"HKLM\SOFTWARE\Microsoft\CCM"), None);
    }

    #[test]
    fn a_name_that_only_begins_like_a_shared_key_is_redirected() {
        check(r"HKLM\SOFTWARE\PoliciesOld", View::Wow64, r"HKLM\SOFTWARE\Wow6432Node\PoliciesOld");
    }

    #[test]
    fn a_32_bit_system_has_one_view() {
        let path = r"HKLM\SOFTWARE\Wow6432Node\Policies";
        assert_eq!(canonical(path, View::Wow64, false).unwrap(), path);
    }

    #[test]
    fn bad_paths_say_why() {
        assert!(matches!(canonical("HKCU\\x", View::Native, true), Err(BadPath::Hive(_))));
        assert!(matches!(canonical("HKLM\\a\\\\b", View::Native, true), Err(BadPath::EmptyName(_))));
        let at_limit = format!("HKLM\\{}", "x".repeat(LONGEST_KEY_PATH - 5));
        assert!(canonical(&at_limit, View::Native, true).is_ok());
        assert!(matches!(canonical(&format!("{at_limit}x"), View::Native, true), Err(BadPath::TooLong(_))));
    }
}
