//! A world in which nothing can happen any more ends at once and says who waits for what.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::time::Duration;

use cmsim_sim::{Clock, SimTime, Stalled, TimeZone};
use cmsim_stage::{NetworkKind, Settings, Stage};
use cmsim_wire::profile::Profile;

const DAY: Duration = Duration::from_secs(86_400);

/// Waits for something that cannot happen in a world whose servers alone are started, or nothing.
fn wait_in_vain(with_servers: bool) -> Stalled {
    let settings = Settings {
        seed: 1,
        profile: Profile::windows_7(),
        clients: 1,
        workgroup: false,
        network: NetworkKind::Memory,
        folder: None,
    };
    let work = |clock: Clock| async move {
        let stage = Stage::build(&settings, clock.clone()).await.unwrap();
        if with_servers {
            stage.start_servers().unwrap();
        }
        let _waiting = clock.waits().enter("test", "a record of CLIENT1, whose agents never started", None);
        loop {
            let length = stage.journal().len();
            stage.journal().longer_than(length).await;
            let of_client =
                |entries: &[cmsim_sim::journal::Entry]| entries.iter().any(|entry| &*entry.host == "CLIENT1");
            if stage.journal().with_entries(of_client) {
                return;
            }
        }
    };
    cmsim_sim::run(SimTime::from_millis(1_390_238_220_000), TimeZone::utc(), DAY, work).unwrap_err()
}

#[test]
fn without_servers_and_agents_the_one_who_waits_is_named() {
    let stalled = wait_in_vain(false);
    let said = stalled.to_string();
    assert!(said.contains("test waits for a record of CLIENT1, whose agents never started"), "{said}");
    assert_eq!(stalled.waiting.len(), 1, "{said}");
}

#[test]
fn servers_that_nobody_calls_say_what_they_wait_for() {
    let stalled = wait_in_vain(true);
    let said = stalled.to_string();
    assert!(said.contains("test waits for a record of CLIENT1"), "{said}");
    assert!(said.contains("SMS_STATE_SYSTEM waits for"), "{said}");
}
