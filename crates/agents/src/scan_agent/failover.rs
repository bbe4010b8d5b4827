//! Which software update point a scan uses, and what a failed scan means for the next one.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::framework::Location;

/// Wait before the first try of another one (docs).
const SWITCH_DELAY: Duration = Duration::from_secs(120);
/// With boundary groups the last good one is tried for at least this long (docs).
const KEEP_LAST_GOOD: Duration = Duration::from_secs(120 * 60);

/// The client's attachment to one software update point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affinity {
    /// URL in use.
    pub current: Option<String>,
    /// URL of the last scan that worked.
    pub last_success: Option<String>,
    failures: u32,
    first_failure: Option<Timestamp>,
    switch: bool,
}

/// What follows from a failed scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Repeat after that long.
    Retry(Duration),
    /// Give up; the next scan is whatever asks for one.
    GiveUp,
}

/// What the rules of a site say about repetition.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether the code is one of those for which scans are repeated.
    pub listed: bool,
    /// Time between tries.
    pub delay: Duration,
    /// Whether the 120 minutes of boundary groups apply.
    pub boundary_groups: bool,
    /// Failures on one software update point before another is tried.
    pub failures_before_switch: u32,
}

impl Affinity {
    /// The location to scan: the one in use while it is offered, the next one after a switch, the first for a fresh client.
    pub fn choose<'a>(&mut self, offered: &'a [Location]) -> Option<&'a Location> {
        let at = self.current.as_ref().and_then(|url| offered.iter().position(|location| location.url == *url));
        let index = match at {
            Some(index) if self.switch => (index + 1) % offered.len(),
            Some(index) => index,
            None => 0,
        };
        let chosen = offered.get(index)?;
        if self.current.as_deref() != Some(chosen.url.as_str()) {
            self.failures = 0;
            self.first_failure = None;
        }
        self.switch = false;
        self.current = Some(chosen.url.clone());
        Some(chosen)
    }

    /// A scan worked: stay here.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.first_failure = None;
        self.last_success.clone_from(&self.current);
    }

    /// A scan failed.
    pub fn failed(&mut self, now: Timestamp, rules: Rules) -> Verdict {
        if !rules.listed {
            return Verdict::GiveUp;
        }
        self.failures += 1;
        let first = *self.first_failure.get_or_insert(now);
        let tried_for = Duration::try_from(now.duration_since(first)).unwrap_or_default();
        let long_enough = !rules.boundary_groups || tried_for >= KEEP_LAST_GOOD;
        if self.failures >= rules.failures_before_switch && long_enough {
            self.switch = true;
            return Verdict::Retry(SWITCH_DELAY);
        }
        Verdict::Retry(rules.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Vec<Location> {
        ["http://a:8530", "http://b:8530"]
            .iter()
            .map(|url| Location { url: (*url).to_owned(), server: "s".to_owned(), version: 1 })
            .collect()
    }

    fn rules(listed: bool, boundary_groups: bool) -> Rules {
        Rules { listed, delay: Duration::from_secs(1800), boundary_groups, failures_before_switch: 4 }
    }

    #[test]
    fn a_fresh_client_takes_the_first_and_stays() {
        let mut affinity = Affinity::default();
        assert_eq!(affinity.choose(&offered()).unwrap().url, "http://a:8530");
        affinity.succeeded();
        let mut turned = offered();
        turned.reverse();
        assert_eq!(affinity.choose(&turned).unwrap().url, "http://a:8530");
        assert_eq!(affinity.choose(&[]), None);
    }

    #[test]
    fn the_fourth_listed_failure_leads_to_the_next_after_two_minutes() {
        let mut affinity = Affinity::default();
        let mut now: Timestamp = "2014-01-20T17:00:00Z".parse().unwrap();
        for _ in 0..3 {
            affinity.choose(&offered());
            let verdict = affinity.failed(now, rules(true, false));
            assert_eq!(verdict, Verdict::Retry(Duration::from_secs(1800)));
            now += Duration::from_secs(1800);
        }
        assert_eq!(affinity.choose(&offered()).unwrap().url, "http://a:8530");
        assert_eq!(affinity.failed(now, rules(true, false)), Verdict::Retry(SWITCH_DELAY));
        assert_eq!(affinity.choose(&offered()).unwrap().url, "http://b:8530");
        affinity.succeeded();
        assert_eq!(affinity.last_success.as_deref(), Some("http://b:8530"));
    }

    #[test]
    fn other_codes_never_lead_anywhere() {
        let mut affinity = Affinity::default();
        affinity.choose(&offered());
        for _ in 0..9 {
            let now = "2014-01-20T17:00:00Z".parse().unwrap();
            assert_eq!(affinity.failed(now, rules(false, false)), Verdict::GiveUp);
        }
        assert_eq!(affinity.choose(&offered()).unwrap().url, "http://a:8530");
    }

    #[test]
    fn boundary_groups_hold_on_for_two_hours() {
        let mut affinity = Affinity::default();
        let mut now: Timestamp = "2014-01-20T17:00:00Z".parse().unwrap();
        affinity.choose(&offered());
        let mut delays = Vec::new();
        for _ in 0..5 {
            delays.push(affinity.failed(now, rules(true, true)));
            now += Duration::from_secs(1800);
        }
        assert_eq!(delays[3], Verdict::Retry(Duration::from_secs(1800)));
        assert_eq!(delays[4], Verdict::Retry(SWITCH_DELAY));
    }
}
