//! CIM date-times, `yyyymmddhhmmss.ffffff+ooo`: the times in state reports and WMI (article, DMTF DSP0004).

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// `at` in UTC, microseconds kept: `20140120171855.573000+000`.
#[must_use]
pub fn format(at: Timestamp) -> String {
    at.strftime("%Y%m%d%H%M%S.%6f+000").to_string()
}

/// The moment a CIM date-time with any offset names, or `None` if it is not one.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    if text.len() != 25 || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i32> {
        let digits = &text[from..to];
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let small = |from: usize, to: usize| number(from, to).and_then(|value| i8::try_from(value).ok());
    let local = DateTime::new(
        i16::try_from(number(0, 4)?).ok()?,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        number(15, 21)?.checked_mul(1000)?,
    );
    let minutes = number(22, 25)?;
    let sign = match (&text[14..15], &text[21..22]) {
        (".", "+") => 1,
        (".", "-") => -1,
        _ => return None,
    };
    let utc = Offset::UTC.to_timestamp(local.ok()?).ok()?;
    utc.checked_sub(SignedDuration::from_mins(i64::from(sign * minutes))).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_are_minutes_from_utc() {
        let at: Timestamp = "2014-01-20T17:18:55.573Z".parse().unwrap();
        assert_eq!(format(at), "20140120171855.573000+000");
        assert_eq!(parse("20140120121855.573000-300"), Some(at));
        assert_eq!(parse("20140120181855.573000+060"), Some(at));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "20140120171855.573000+00",
            "20140120171855,573000+000",
            "20140120171855.573000*000",
            "20141320171855.573000+000",
            "2014012017185é.573000+00",
            "+0140120171855.573000+000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_read_back(seconds in 0i64..4_000_000_000, micros in 0i32..1_000_000) {
            let at = Timestamp::new(seconds, micros * 1000).unwrap();
            prop_assert_eq!(parse(&format(at)), Some(at));
        }

        #[test]
        fn arbitrary_texts_never_panic(text in "\\PC{0,30}") {
            let _ = parse(&text);
        }
    }
}
