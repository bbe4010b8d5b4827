//! The cursor that every line format here is read with.

use crate::error::ParseError;
use crate::stamp::LocalStamp;

/// A position in a text; each method takes what it names or says where and why it cannot.
#[derive(Clone)]
pub(crate) struct Scan<'a> {
    input: &'a str,
    at: usize,
    end: usize,
    known: Place,
}

/// A byte offset with its line and column: places after it are counted from here, not from the start of the file.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// The place of a later offset of the same input.
    pub(crate) fn advance(mut self, input: &[u8], offset: usize) -> Self {
        for &byte in input.get(self.offset..offset).unwrap_or(&[]) {
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0xC0 != 0x80 {
                // A character starts at each byte that does not continue one.
                self.column += 1;
            }
        }
        self.offset = offset;
        self
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self { input, at: 0, end: input.len(), known: Place::START }
    }

    /// A cursor over the bytes `at..end` of `input`, which begin line `line` of it.
    pub(crate) fn part(input: &'a str, at: usize, end: usize, line: usize) -> Self {
        Self { input, at, end, known: Place { offset: at, line, column: 1 } }
    }

    /// Marks how far the file is read, and gives the line of this place.
    pub(crate) fn mark(&mut self) -> usize {
        self.known = self.known.advance(self.input.as_bytes(), self.at);
        self.known.line
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.input[self.at..self.end]
    }

    /// The text taken since `offset`.
    pub(crate) fn since(&self, offset: usize) -> &'a str {
        &self.input[offset..self.at]
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at == self.end
    }

    pub(crate) fn seek(&mut self, offset: usize) {
        self.at = offset;
    }

    pub(crate) fn error(&self, why: impl Into<String>) -> ParseError {
        self.error_at(self.at, why)
    }

    pub(crate) fn error_at(&self, offset: usize, why: impl Into<String>) -> ParseError {
        let Place { line, column, .. } = self.known.advance(self.input.as_bytes(), offset);
        ParseError { line, column, why: why.into() }
    }

    /// Takes `literal` if it comes next.
    pub(crate) fn eat(&mut self, literal: &str) -> bool {
        let found = self.rest().starts_with(literal);
        if found {
            self.at += literal.len();
        }
        found
    }

    pub(crate) fn literal(&mut self, literal: &str) -> Result<(), ParseError> {
        if self.eat(literal) { Ok(()) } else { Err(self.error(format!("expected {literal:?}"))) }
    }

    /// Takes the text before `end` and `end` itself.
    pub(crate) fn until(&mut self, end: &str) -> Result<&'a str, ParseError> {
        let rest = self.rest();
        let Some(found) = rest.find(end) else {
            return Err(self.error(format!("no {end:?} follows")));
        };
        self.at += found + end.len();
        Ok(&rest[..found])
    }

    /// Takes all that is left.
    pub(crate) fn remaining(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.end;
        rest
    }

    /// Takes characters while `wanted` holds.
    pub(crate) fn while_is(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes exactly `count` decimal digits.
    pub(crate) fn fixed(&mut self, count: usize) -> Result<u32, ParseError> {
        let digits = self.rest().as_bytes().get(..count).filter(|d| d.iter().all(u8::is_ascii_digit));
        let Some(digits) = digits else {
            return Err(self.error(format!("expected {count} digits")));
        };
        let value = digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        self.at += count;
        Ok(value)
    }

    /// Takes a decimal number without leading zeros that fits 32 bits.
    pub(crate) fn number(&mut self) -> Result<u32, ParseError> {
        let start = self.at;
        let digits = self.while_is(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.error_at(start, "expected a number"));
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.error_at(start, "the number is padded with zeros"));
        }
        digits.parse().map_err(|_| self.error_at(start, "the number does not fit 32 bits"))
    }

    /// Takes a bias as the product writes it: sign always, no padding, and `+000` for zero.
    pub(crate) fn bias(&mut self) -> Result<i32, ParseError> {
        let start = self.at;
        let negative = self.eat("-");
        if !negative {
            self.literal("+").map_err(|_| self.error_at(start, "expected the sign of the bias"))?;
        }
        let digits = self.while_is(|c| c.is_ascii_digit());
        if !negative && digits == "000" {
            return Ok(0);
        }
        if digits.is_empty() || digits.starts_with('0') {
            return Err(self.error_at(start, "a bias is unpadded, and +000 for zero"));
        }
        let minutes: i32 = digits.parse().map_err(|_| self.error_at(start, "the bias is too large"))?;
        Ok(if negative { -minutes } else { minutes })
    }

    /// Takes `YYYY-MM-DD` with `separator` in place of the dashes.
    pub(crate) fn date(&mut self, separator: &str) -> Result<(i16, u8, u8), ParseError> {
        let year = year(self.fixed(4)?);
        self.literal(separator)?;
        let month = two(self.fixed(2)?);
        self.literal(separator)?;
        Ok((year, month, two(self.fixed(2)?)))
    }

    /// Takes `HH:MM:SS`.
    pub(crate) fn time(&mut self) -> Result<(u8, u8, u8), ParseError> {
        let hour = two(self.fixed(2)?);
        self.literal(":")?;
        let minute = two(self.fixed(2)?);
        self.literal(":")?;
        Ok((hour, minute, two(self.fixed(2)?)))
    }

    /// Checks that the fields of a stamp taken from `start` on are a date and time.
    pub(crate) fn checked(&self, start: usize, stamp: LocalStamp) -> Result<LocalStamp, ParseError> {
        match stamp.fault() {
            None => Ok(stamp),
            Some(fault) => Err(self.error_at(start, fault)),
        }
    }
}

/// Narrows a number of at most two digits, which [`Scan::fixed`] has counted.
pub(crate) fn two(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Narrows a number of at most four digits.
pub(crate) fn year(value: u32) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}

/// Narrows a number of three digits.
pub(crate) fn milli(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Writes a bias as the product does.
pub(crate) fn push_bias(out: &mut String, minutes: i32) {
    use std::fmt::Write as _;
    if minutes == 0 {
        out.push_str("+000");
    } else {
        // Writing into a String cannot fail.
        let _ = write!(out, "{minutes:+}");
    }
}
