//! What a strict parser says about bytes it does not accept.

use thiserror::Error;

use crate::scan::Place;

/// The most bytes any reader of this crate takes in one piece: far above every log that rolls over, far below memory.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A place in a log at which it stops being the format it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {why}")]
pub struct ParseError {
    /// Line of the file, counted from 1 by line feeds (also those inside messages).
    pub line: usize,
    /// Character of that line, counted from 1.
    pub column: usize,
    /// What was expected, or what was found that must not be there.
    pub why: String,
}

impl ParseError {
    /// The error at byte `offset` of `input`; line and column are counted here.
    pub(crate) fn at(input: &[u8], offset: usize, why: impl Into<String>) -> Self {
        let Place { line, column, .. } = Place::START.advance(input, offset.min(input.len()));
        Self { line, column, why: why.into() }
    }
}

/// Refuses inputs of more than [`MAX_BYTES`].
pub(crate) fn check_size(len: usize) -> Result<(), ParseError> {
    if len > MAX_BYTES {
        let why = format!("{len} bytes are more than the limit of {MAX_BYTES}");
        return Err(ParseError { line: 1, column: 1, why });
    }
    Ok(())
}

/// The bytes as UTF-8, or the place where they stop being it.
pub(crate) fn text(input: &[u8]) -> Result<&str, ParseError> {
    check_size(input.len())?;
    std::str::from_utf8(input).map_err(|error| ParseError::at(input, error.valid_up_to(), "the bytes are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_counts_lines_and_characters() {
        let input = "één\ntwee".as_bytes();
        let error = ParseError::at(input, input.len() - 1, "why");
        assert_eq!((error.line, error.column), (2, 4));
        assert_eq!(ParseError::at(input, 4, "why").column, 3);
        assert_eq!(error.to_string(), "line 2, column 4: why");
    }

    #[test]
    fn the_size_limit_holds_at_the_limit_and_fails_one_past_it() {
        assert!(check_size(MAX_BYTES).is_ok());
        assert!(check_size(MAX_BYTES + 1).is_err());
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        assert_eq!(text(b"ab\xFF").unwrap_err().column, 3);
    }
}
