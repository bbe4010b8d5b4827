//! Every agent of a machine whose servers are all gone: it keeps trying, writes clean logs, and does so the same way twice.

use std::time::Duration;

use cmsim_agents::framework::{AgentId, ScheduleId};
use cmsim_agents::site::{CCM, MOBILE_CLIENT};
use cmsim_logs::cmtrace;
use cmsim_net::Network;
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_wire::profile::Profile;
use cmsim_world::{Host, HostSpec};

use crate::{ClientMachine, fresh_agents};

/// Lets the machine run for an hour in virtual time and gives its logs by name, with the journal's length.
fn run(profile: &Profile) -> (Vec<(String, Vec<u8>)>, usize) {
    let zone = TimeZone::named("America/New_York").unwrap();
    let day = Duration::from_secs(86_400);
    let work = |clock: Clock| async move {
        let journal = Journal::new(clock.clone());
        let address = "192.168.2.62".parse().unwrap();
        let spec = HostSpec::in_domain("CLIENT1", "CONTOSO.COM", address, profile.clone());
        let host = Host::new(spec, journal.clone(), &Seed::new(1));
        host.registry().set(MOBILE_CLIENT, "AssignedSiteCode", "PS1").unwrap();
        host.registry().set(CCM, "HttpPort", 80).unwrap();
        let network = Network::memory(journal.clone(), &Seed::new(1));
        network.add_host("CLIENT1", &["192.168.2.62".parse().unwrap()], Some("contoso.com")).unwrap();
        let handle = ClientMachine::new(&host, &network).start(fresh_agents()).unwrap();
        for _ in 0..2 {
            clock.wait("test", "half an hour", Duration::from_secs(1800)).await;
            handle.trigger(ScheduleId(113));
        }
        clock.wait("test", "the last scan request", Duration::from_secs(60)).await;
        assert_eq!(handle.stop().await.len(), AgentId::ALL.len());
        let files = host.disk().list(r"C:\Windows\CCM\Logs").unwrap();
        let logs = files.iter().map(|file| (file.name(), host.disk().read(&file.path).unwrap()));
        (logs.collect(), journal.len())
    };
    cmsim_sim::run(SimTime::from_millis(1_390_238_220_000), zone, day, work).unwrap()
}

#[test]
fn a_machine_without_servers_writes_clean_logs_in_both_profiles() {
    for profile in Profile::all() {
        let (logs, _) = run(&profile);
        assert!(logs.iter().any(|(name, _)| name == "ScanAgent.log"), "{}", profile.name);
        for (name, bytes) in &logs {
            let records = cmtrace::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(records.is_sorted_by_key(|record| record.time.utc_millis()), "{name}");
        }
    }
}

#[test]
fn it_does_the_same_twice() {
    let profile = Profile::windows_7();
    assert_eq!(run(&profile), run(&profile));
}
