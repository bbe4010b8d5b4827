//! Points in time: the world's UTC milliseconds and their local reading.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A point in simulated time: whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(i64);

impl SimTime {
    /// The point `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The same point as a UTC timestamp; points outside jiff's range are clamped to its ends.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// The time that passed since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl From<Timestamp> for SimTime {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }
}

impl Add<Duration> for SimTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<Duration> for SimTime {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

/// A named time zone with its rules, from a database compiled into the program.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeZone(tz::TimeZone);

/// The name of a time zone that the bundled database does not have.
#[derive(Debug, Error)]
#[error("unknown time zone '{0}': use an IANA name such as America/New_York or Europe/Budapest")]
pub struct UnknownTimeZone(String);

impl TimeZone {
    /// Looks up an IANA name. The machine's own zone and database are never consulted.
    ///
    /// # Errors
    /// [`UnknownTimeZone`] if the bundled database has no such name.
    pub fn named(name: &str) -> Result<Self, UnknownTimeZone> {
        tz::TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| UnknownTimeZone(name.to_owned()))
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(tz::TimeZone::UTC)
    }

    /// The wall clock of this zone at `at`.
    #[must_use]
    pub fn local(&self, at: SimTime) -> LocalTime {
        let zoned = at.timestamp().to_zoned(self.0.clone());
        LocalTime {
            year: zoned.year(),
            month: zoned.month().unsigned_abs(),
            day: zoned.day().unsigned_abs(),
            hour: zoned.hour().unsigned_abs(),
            minute: zoned.minute().unsigned_abs(),
            second: zoned.second().unsigned_abs(),
            millisecond: zoned.millisecond().unsigned_abs(),
            bias_minutes: -zoned.offset().seconds() / 60,
        }
    }

    /// The point at which a wall clock of this zone shows `local` (the earlier one if it does twice).
    ///
    /// # Errors
    /// The range error of the calendar library for a date it cannot represent.
    pub fn at_local(&self, local: jiff::civil::DateTime) -> Result<SimTime, jiff::Error> {
        Ok(self.0.to_ambiguous_zoned(local).compatible()?.timestamp().into())
    }
}

/// A wall-clock reading. `bias_minutes` follows Windows: UTC = local + bias, so +300 for US Eastern in winter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year, four digits.
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
    /// Millisecond, 0 to 999.
    pub millisecond: u16,
    /// Minutes to add to local time to get UTC.
    pub bias_minutes: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eastern_winter_is_plus_300_and_summer_plus_240() {
        let zone = TimeZone::named("America/New_York").unwrap();
        let winter = zone.at_local(jiff::civil::date(2014, 1, 20).at(12, 17, 0, 0)).unwrap();
        assert_eq!(winter.timestamp().to_string(), "2014-01-20T17:17:00Z");
        let local = zone.local(winter);
        assert_eq!((local.hour, local.minute, local.bias_minutes), (12, 17, 300));
        let summer = zone.at_local(jiff::civil::date(2014, 7, 1).at(0, 0, 0, 0)).unwrap();
        assert_eq!(zone.local(summer).bias_minutes, 240);
    }

    #[test]
    fn an_unknown_zone_names_itself() {
        let error = TimeZone::named("Mars/Olympus").unwrap_err();
        assert!(error.to_string().contains("Mars/Olympus"));
    }

    #[test]
    fn since_never_goes_below_zero() {
        let early = SimTime::from_millis(5);
        let late = early + Duration::from_millis(7);
        assert_eq!(late.since(early), Duration::from_millis(7));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
