//! What agents up to Windows 8.1 read before they talk to a server: the signed `wuident.cab` and its `wuident.txt`.
//!
//! Real files carry a Microsoft signature, which nobody else can make. Here a signature of the world's own signer is
//! appended to the file, and the layout of `wuident.txt` is ours too (inferred; sections and the two directives are
//! described in MS-WUSP note 49).

use std::fmt::Write as _;

use thiserror::Error;

/// Marks the end of a signed file.
const MARK: &[u8; 8] = b"CMSIMSIG";

/// Most certificates in a signature's chain.
pub const CHAIN: usize = 8;
/// Largest certificate or signature in bytes.
pub const PART_BYTES: usize = 16 * 1024;
/// Most lines of a `wuident.txt`.
pub const LINES: usize = 4_096;

/// A file with a signature behind it. The signature is over `content`, PKCS #1 v1.5 with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFile {
    /// The file itself.
    pub content: Vec<u8>,
    /// Certificates, DER: the signer's first, then those of its issuers without the root.
    pub chain: Vec<Vec<u8>>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Why a file does not count as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignedFileError {
    /// No signature at the end.
    #[error("the file carries no signature")]
    Unsigned,
    /// There is one, but its parts do not add up.
    #[error("the signature of the file is damaged")]
    Damaged,
}

impl SignedFile {
    /// The content, then each part with its length behind it, the number of certificates and the mark: readable from
    /// the end, as a real cabinet's signature lies behind the cabinet.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut file = self.content.clone();
        for part in self.chain.iter().chain([&self.signature]) {
            file.extend_from_slice(part);
            file.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        file.push(u8::try_from(self.chain.len()).unwrap_or(u8::MAX));
        file.extend_from_slice(MARK);
        file
    }

    /// Takes a signed file apart. Whether the signature is good is not looked at.
    ///
    /// # Errors
    /// [`SignedFileError`] if there is no signature or it is not complete.
    pub fn decode(file: &[u8]) -> Result<Self, SignedFileError> {
        let rest = file.strip_suffix(MARK).ok_or(SignedFileError::Unsigned)?;
        let (&count, mut rest) = rest.split_last().ok_or(SignedFileError::Damaged)?;
        if usize::from(count) > CHAIN {
            return Err(SignedFileError::Damaged);
        }
        let mut parts = Vec::new();
        for _ in 0..=count {
            let (before, length) = rest.split_last_chunk::<4>().ok_or(SignedFileError::Damaged)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let start = before.len().checked_sub(length).filter(|_| length <= PART_BYTES);
            let (before, part) = before.split_at(start.ok_or(SignedFileError::Damaged)?);
            parts.push(part.to_vec());
            rest = before;
        }
        parts.reverse();
        let signature = parts.pop().ok_or(SignedFileError::Damaged)?;
        Ok(Self { content: rest.to_vec(), chain: parts, signature })
    }
}

/// What a line of `wuident.txt` tells an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// `/SKIP`: the agent is up to date.
    Skip,
    /// `/UNSUPPORTED`: the agent must stop.
    Unsupported,
    /// The folder of newer files.
    Folder(String),
}

/// The `[OS]` section: operating system versions, such as `6.1`, and what applies to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wuident {
    /// Version and directive, in order of the file; the first match counts.
    pub os: Vec<(String, Directive)>,
}

/// A `wuident.txt` that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("wuident.txt: {why} (line {line})")]
pub struct WuidentError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl Wuident {
    /// The text, lines ending in CRLF.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::from("[OS]\r\n");
        for (version, directive) in &self.os {
            let value = match directive {
                Directive::Skip => "/SKIP",
                Directive::Unsupported => "/UNSUPPORTED",
                Directive::Folder(folder) => folder,
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "{version}={value}\r\n");
        }
        text
    }

    /// Reads the `[OS]` section; other sections, blank lines and comments are passed over.
    ///
    /// # Errors
    /// [`WuidentError`] without an `[OS]` section, for a line without `=` in it, and beyond [`LINES`].
    pub fn decode(text: &str) -> Result<Self, WuidentError> {
        let mut os: Option<Vec<(String, Directive)>> = None;
        let mut inside = false;
        let mut line = 0;
        for content in text.lines().map(str::trim) {
            line += 1;
            let fail = |why| WuidentError { line, why };
            if line > LINES {
                return Err(fail("too many lines"));
            }
            if content.is_empty() || content.starts_with(';') {
                continue;
            }
            if content.starts_with('[') {
                inside = content.eq_ignore_ascii_case("[OS]");
                if inside {
                    os.get_or_insert_default();
                }
                continue;
            }
            if let Some(entries) = os.as_mut().filter(|_| inside) {
                let (version, value) = content.split_once('=').ok_or(fail("no '=' in an entry"))?;
                let directive = match value.trim() {
                    value if value.eq_ignore_ascii_case("/SKIP") => Directive::Skip,
                    value if value.eq_ignore_ascii_case("/UNSUPPORTED") => Directive::Unsupported,
                    folder => Directive::Folder(folder.to_owned()),
                };
                entries.push((version.trim().to_owned(), directive));
            }
        }
        os.map(|os| Self { os }).ok_or(WuidentError { line, why: "no [OS] section" })
    }

    /// What applies to an operating system version, if anything does.
    #[must_use]
    pub fn directive(&self, os: &str) -> Option<&Directive> {
        self.os.iter().find(|(version, _)| version == os).map(|(_, directive)| directive)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_reads_back_and_other_sections_are_ignored() {
        let wuident = Wuident {
            os: vec![
                ("6.1".to_owned(), Directive::Skip),
                ("5.0".to_owned(), Directive::Unsupported),
                ("5.1".to_owned(), Directive::Folder("WSUS3".to_owned())),
            ],
        };
        let text = format!("; made up\r\n[ARCH]\r\nx64=x64\r\n{}[LANG]\r\n1033=en\r\n", wuident.encode());
        assert_eq!(Wuident::decode(&text).unwrap(), wuident);
        assert_eq!(wuident.directive("6.1"), Some(&Directive::Skip));
        assert_eq!(wuident.directive("6.2"), None);
    }

    #[test]
    fn a_text_without_section_or_with_a_bare_word_is_refused_with_its_line() {
        assert_eq!(Wuident::decode("x=y\n").unwrap_err().why, "no [OS] section");
        assert_eq!(Wuident::decode("[OS]\nword\n").unwrap_err().line, 2);
    }

    #[test]
    fn limits_hold_at_the_limit_and_fail_one_past_it() {
        let text = |lines: usize| format!("[OS]{}", "\nx=y".repeat(lines - 1));
        assert!(Wuident::decode(&text(LINES)).is_ok());
        assert!(Wuident::decode(&text(LINES + 1)).is_err());
        let signed = |chain: usize, part: usize| SignedFile {
            content: vec![1],
            chain: vec![vec![2]; chain],
            signature: vec![3; part],
        };
        assert!(SignedFile::decode(&signed(CHAIN, PART_BYTES).encode()).is_ok());
        assert_eq!(SignedFile::decode(&signed(CHAIN + 1, 1).encode()), Err(SignedFileError::Damaged));
        assert_eq!(SignedFile::decode(&signed(1, PART_BYTES + 1).encode()), Err(SignedFileError::Damaged));
    }

    proptest! {
        #[test]
        fn any_signed_file_survives(content: Vec<u8>, chain in proptest::collection::vec(any::<Vec<u8>>(), 0..4), signature: Vec<u8>) {
            let file = SignedFile { content, chain, signature };
            prop_assert_eq!(SignedFile::decode(&file.encode()).unwrap(), file);
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, text: String) {
            let _ = SignedFile::decode(&bytes);
            bytes.extend_from_slice(MARK);
            let _ = SignedFile::decode(&bytes);
            let _ = Wuident::decode(&text);
        }
    }
}
