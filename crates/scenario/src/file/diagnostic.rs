//! What is wrong with a file, and where.

use std::fmt;
use std::ops::Range;

/// One mistake, with the bytes it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// The bytes of the file that it concerns.
    pub span: Range<usize>,
    /// What to do about it, where that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at `span` without advice.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, help: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A scenario file that cannot be used: its text and every mistake found in it.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// The name under which the file was given.
    pub name: String,
    /// The text, as far as it was read.
    pub text: String,
    /// The mistakes, at least one, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::error::Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a valid scenario", self.name)?;
        for diagnostic in &self.diagnostics {
            let (line, column) = self.position(diagnostic.span.start);
            write!(f, "\n{}:{line}:{column}: {}", self.name, diagnostic.message)?;
        }
        Ok(())
    }
}

impl Invalid {
    /// Line and column, from 1, of a byte of the text; columns count characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// The candidate that a user most likely meant by `word`, if one is close.
#[must_use]
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let invalid = Invalid { name: "x".into(), text: "a = 1\nä = 22\n".into(), diagnostics: vec![] };
        assert_eq!(invalid.position(0), (1, 1));
        assert_eq!(invalid.position(invalid.text.find("22").unwrap()), (2, 5));
        assert_eq!(invalid.position(10_000), (3, 1));
    }

    #[test]
    fn a_typo_finds_its_word_and_nonsense_none() {
        assert_eq!(closest("contians", ["contains", "count"]), Some("contains"));
        assert_eq!(closest("zebra", ["contains", "count"]), None);
    }
}
