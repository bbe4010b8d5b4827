//! The wall-clock reading that log records carry.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// A wall-clock reading with its distance from UTC. `bias_minutes` follows Windows: UTC = local + bias, so +300 for
/// US Eastern in winter and -60 for central Europe in winter (`field`: records that state the same instant both ways).
///
/// Equality compares the fields; [`LocalStamp::cmp_instant`] compares the instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LocalStamp {
    /// Year, 1 to 9999.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Millisecond, 0 to 999; 0 in formats that keep whole seconds.
    pub millisecond: u16,
    /// Minutes to add to local time to get UTC; 0 in formats that are in UTC.
    pub bias_minutes: i32,
}

/// The largest bias a stamp may carry, in minutes either way: 25 hours is more than any zone has.
pub const MAX_BIAS_MINUTES: i32 = 25 * 60;

impl LocalStamp {
    /// The reading of a clock set `bias_minutes` off UTC at `utc_ms` milliseconds after the Unix epoch.
    /// Points outside the years 1 to 9999 are clamped to the ends.
    #[must_use]
    pub fn from_utc_millis(utc_ms: i64, bias_minutes: i32) -> Self {
        let local = utc_ms.saturating_sub(i64::from(bias_minutes) * 60_000);
        let days = local.div_euclid(86_400_000).clamp(days_before(1, 1, 1), days_before(9999, 12, 31));
        let in_day = local.rem_euclid(86_400_000);
        let (year, month, day) = civil(days);
        let small = |value: i64| u8::try_from(value).unwrap_or(0);
        Self {
            year,
            month,
            day,
            hour: small(in_day / 3_600_000),
            minute: small(in_day / 60_000 % 60),
            second: small(in_day / 1000 % 60),
            millisecond: u16::try_from(in_day % 1000).unwrap_or(0),
            bias_minutes,
        }
    }

    /// Milliseconds since the Unix epoch of the instant this reading names.
    #[must_use]
    pub fn utc_millis(&self) -> i64 {
        self.local_millis() + i64::from(self.bias_minutes) * 60_000
    }

    /// The same reading as if the clock ran in UTC: what "local time of day" comparisons need.
    #[must_use]
    pub fn local_millis(&self) -> i64 {
        let days = days_before(self.year, self.month, self.day);
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        days * 86_400_000 + seconds * 1000 + i64::from(self.millisecond)
    }

    /// The same instant read on a clock with another bias.
    #[must_use]
    pub fn with_bias(&self, bias_minutes: i32) -> Self {
        Self::from_utc_millis(self.utc_millis(), bias_minutes)
    }

    /// Orders by instant, whatever the bias.
    #[must_use]
    pub fn cmp_instant(&self, other: &Self) -> Ordering {
        self.utc_millis().cmp(&other.utc_millis())
    }

    /// Why the fields are no date and time, or `None` if they are one.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        if !(1..=9999).contains(&self.year) {
            Some("the year is not in 1 to 9999")
        } else if !(1..=12).contains(&self.month) {
            Some("there is no such month")
        } else if self.day == 0 || self.day > days_in_month(self.year, self.month) {
            Some("the month has no such day")
        } else if self.hour > 23 || self.minute > 59 || self.second > 59 || self.millisecond > 999 {
            Some("there is no such time of day")
        } else if self.bias_minutes.abs() > MAX_BIAS_MINUTES {
            Some("the bias is more than 25 hours")
        } else {
            None
        }
    }
}

fn leap(year: i16) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days between 1970-01-01 and the date, negative before it (Gregorian throughout).
fn days_before(year: i16, month: u8, day: u8) -> i64 {
    // Years counted from March put the leap day last, so a month's first day needs no leap rule.
    let year = i64::from(year) - i64::from(month <= 2);
    let month_from_march = (i64::from(month) + 9) % 12;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_before`].
fn civil(days: i64) -> (i16, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (i16::try_from(year).unwrap_or(1), u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn utc_is_local_plus_bias() {
        let stamp = LocalStamp::from_utc_millis(1_390_238_229_520, 300);
        assert_eq!((stamp.year, stamp.month, stamp.day), (2014, 1, 20));
        assert_eq!((stamp.hour, stamp.minute, stamp.second, stamp.millisecond), (12, 17, 9, 520));
        assert_eq!(stamp.with_bias(-60).hour, 18);
        assert_eq!(stamp.with_bias(-60).cmp_instant(&stamp), Ordering::Equal);
    }

    #[test]
    fn dates_that_do_not_exist_say_why() {
        let mut stamp = LocalStamp::from_utc_millis(0, 0);
        assert_eq!(stamp.fault(), None);
        (stamp.year, stamp.month, stamp.day) = (2000, 2, 29);
        assert_eq!(stamp.fault(), None);
        stamp.year = 1900;
        assert_eq!(stamp.fault(), Some("the month has no such day"));
        stamp.month = 13;
        assert_eq!(stamp.fault(), Some("there is no such month"));
    }

    #[test]
    fn the_bias_limit_holds_at_the_limit_and_fails_one_past_it() {
        assert_eq!(LocalStamp::from_utc_millis(0, MAX_BIAS_MINUTES).fault(), None);
        assert!(LocalStamp::from_utc_millis(0, -MAX_BIAS_MINUTES - 1).fault().is_some());
    }

    proptest! {
        #[test]
        fn an_instant_survives_the_calendar(ms in -62_000_000_000_000_i64..253_000_000_000_000, bias in -900..900) {
            let stamp = LocalStamp::from_utc_millis(ms, bias);
            prop_assert_eq!(stamp.fault(), None);
            prop_assert_eq!(stamp.utc_millis(), ms);
        }

        #[test]
        fn our_calendar_is_jiffs(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            let stamp = LocalStamp::from_utc_millis(ms, 0);
            let at = jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            prop_assert_eq!(stamp.year, at.year());
            prop_assert_eq!(i8::try_from(stamp.month).unwrap(), at.month());
            prop_assert_eq!(i8::try_from(stamp.day).unwrap(), at.day());
            prop_assert_eq!(i8::try_from(stamp.hour).unwrap(), at.hour());
        }
    }
}
