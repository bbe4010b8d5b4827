//! Drawing numbers, ids and dates.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use uuid::Uuid;

/// The caller's random numbers.
pub(crate) struct Draw<'d>(pub(crate) &'d mut dyn FnMut() -> u64);

impl Draw<'_> {
    /// A number from `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let width = u128::from(high.saturating_sub(low));
        let scaled = (u128::from((self.0)()) * width) >> 64;
        low + u64::try_from(scaled).unwrap_or(0)
    }

    /// As [`Draw::between`], for version parts and the like.
    pub(crate) fn small(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.between(u64::from(low), u64::from(high))).unwrap_or(low)
    }

    /// A random (version 4) GUID.
    pub(crate) fn guid(&mut self) -> Uuid {
        let (high, low) = ((self.0)(), (self.0)());
        let bits = (u128::from(high) << 64) | u128::from(low);
        uuid::Builder::from_u128(bits)
            .with_version(uuid::Version::Random)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid()
    }
}

/// When updates of a month are published: the second Tuesday, 18:00 UTC.
pub(crate) fn patch_day(year: i16, month: i8) -> Timestamp {
    let first = Date::new(year, month, 1).unwrap_or(Date::ZERO);
    let tuesday = first.nth_weekday_of_month(2, Weekday::Tuesday).unwrap_or(first);
    let at = tuesday.at(18, 0, 0, 0).to_zoned(TimeZone::UTC);
    at.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}
