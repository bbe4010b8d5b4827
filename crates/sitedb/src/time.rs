//! How points in time are written into the database.

use cmsim_sim::SimTime;
use jiff::Timestamp;

/// `at` as UTC text of fixed width, so that texts compare as times do.
#[must_use]
pub fn sql_time(at: SimTime) -> String {
    sql_timestamp(at.timestamp())
}

pub(crate) fn sql_timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_fixed_width() {
        assert_eq!(sql_time(SimTime::from_millis(0)), "1970-01-01 00:00:00.000");
        assert_eq!(sql_time(SimTime::from_millis(1_390_238_220_090)), "2014-01-20 17:17:00.090");
    }
}
