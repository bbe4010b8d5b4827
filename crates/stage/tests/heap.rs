//! A thousand clients on a timer heap, without tokio, say what their detailed twins say.
//!
//! The detailed ones run as tasks over the network in memory, with connections, web servers and all. Both worlds have
//! the same seed, so every random stream of a client is the same, and the heap draws latencies from the same streams as
//! the network: no field is masked, even the times inside the bodies are equal.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_agents::framework::{HttpOutcome, ScheduleId};
use cmsim_client::heap::{Answer, Arrived, Servers};
use cmsim_sim::journal::Event;
use cmsim_sim::{Clock, SimTime, TimeZone};
use cmsim_stage::{Action, InProcess, NetworkKind, Settings, Stage};
use cmsim_wire::profile::Profile;
use cmsim_world::Host;

/// Clients on the heap.
const MANY: u32 = 1_000;
/// Those of them that are compared with detailed ones byte for byte.
const DETAILED: u32 = 20;
/// When everybody is told to scan: registration and policy are done by then, and no timer of a client ends just now, as
/// nothing says what comes first within a millisecond.
const SCAN: Duration = Duration::from_millis(971_357);
/// When the state messages of the scan have left.
const END: Duration = Duration::from_secs(40 * 60);
/// Software updates scan cycle.
const SCAN_CYCLE: ScheduleId = ScheduleId(113);

/// The bodies that one machine sent to one URL, with method, in order. Calls to different URLs may overlap, so there is
/// no order among them.
type Requests = BTreeMap<String, Vec<(String, Vec<u8>)>>;

/// What one machine sent, and its state messages as they are in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    requests: Requests,
    /// Calls of each operation of the WSUS services, by the header that names it.
    operations: BTreeMap<String, usize>,
    state_messages: Vec<String>,
}

type World = BTreeMap<String, Said>;

impl Said {
    fn note(&mut self, url: &str, method: &str, headers: &[(String, String)], body: Vec<u8>) {
        self.requests.entry(url.to_owned()).or_default().push((method.to_owned(), body));
        for (_, action) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("SOAPAction")) {
            let operation = action.trim_matches('"').rsplit('/').next().unwrap_or_default();
            *self.operations.entry(operation.to_owned()).or_default() += 1;
        }
    }
}

fn epoch() -> SimTime {
    SimTime::from_millis(1_390_238_220_000)
}

fn zone() -> TimeZone {
    TimeZone::named("America/New_York").unwrap()
}

fn settings(clients: u32) -> Settings {
    let profile = Profile::windows_7();
    Settings { seed: 1, profile, clients, workgroup: false, network: NetworkKind::Memory, folder: None }
}

/// Everything of `CCM_StateMsg`.
fn state_messages(host: &Host) -> Vec<String> {
    let instances = host.wmi().instances(r"root\ccm\StateMsg", "CCM_StateMsg").unwrap_or_default();
    instances.iter().map(|instance| format!("{instance:?}")).collect()
}

fn detailed() -> World {
    let work = |clock: Clock| async move {
        let stage = Stage::build(&settings(DETAILED), clock.clone()).await.unwrap();
        stage.start().await.unwrap();
        clock.wait("test", "the policies", SCAN).await;
        for client in stage.client_names() {
            stage.trigger(&client, Action::ScanCycle).await.unwrap();
        }
        clock.wait("test", "the scan", END - SCAN).await;
        stage.stop().await;
        let journal = stage.journal();
        let mut world = World::new();
        for entry in journal.entries() {
            let Event::Exchange(exchange) = entry.event else { continue };
            let body = exchange.request_body.map_or_else(Vec::new, |id| journal.payload(id).unwrap().to_vec());
            let said = world.entry(entry.host.to_string()).or_default();
            said.note(&exchange.url, &exchange.method, &exchange.request_headers, body);
        }
        for (name, said) in &mut world {
            said.state_messages = state_messages(stage.host(name).unwrap());
        }
        world
    };
    cmsim_sim::run(epoch(), zone(), END * 2, work).unwrap()
}

/// The servers, and a note of every request.
struct Noted {
    servers: InProcess,
    world: World,
    refused: Vec<String>,
}

impl Servers for Noted {
    fn listens(&mut self, host: &str, port: u16) -> bool {
        self.servers.listens(host, port)
    }

    fn answer(&mut self, arrived: Arrived<'_>) -> Answer {
        let (client, call) = (arrived.endpoints.client_host.as_deref().unwrap().to_owned(), arrived.call);
        let said = self.world.entry(client.clone()).or_default();
        said.note(&call.url, &call.method, &call.headers, call.body.clone());
        let answer = self.servers.answer(arrived);
        if !matches!(&answer.outcome, HttpOutcome::Response { status: 200, .. }) {
            self.refused.push(format!("{client}: {} gives {:?}", call.url, answer.outcome));
        }
        answer
    }
}

fn on_a_heap() -> World {
    assert!(tokio::runtime::Handle::try_current().is_err(), "there is no runtime here");
    let clock = Clock::stepped(epoch(), zone());
    let stage = pollster::block_on(Stage::build(&settings(MANY), clock)).unwrap();
    let noted = Noted { servers: stage.in_process(), world: World::new(), refused: Vec::new() };
    let mut heap = stage.heap(noted).unwrap();
    heap.run_until(epoch() + SCAN);
    for machine in 0..MANY as usize {
        heap.trigger(machine, SCAN_CYCLE);
    }
    heap.run_until(epoch() + END);
    assert_eq!(heap.servers().refused, [""; 0]);
    let mut world = std::mem::take(&mut heap.servers().world);
    for (name, said) in &mut world {
        said.state_messages = state_messages(stage.host(name).unwrap());
    }
    world
}

/// Requests to URLs that contain `part`.
fn count(said: &Said, part: &str) -> usize {
    let fitting = said.requests.iter().filter(|(url, _)| url.contains(part));
    fitting.map(|(_, bodies)| bodies.len()).sum()
}

/// How far a client went: operations of a scan in the fewest numbers that any client needs, policies and states exactly.
fn reached(said: &Said, least: &Said) -> bool {
    // A client whose first evaluation after its start falls into the hour scans once more.
    let all = least.operations.iter().all(|(name, calls)| said.operations.get(name) >= Some(calls));
    all && count(said, "wuident.cab") >= 1
        && count(said, "/ccm_system/request") >= count(least, "/ccm_system/request")
        && count(said, ".sms_pol") == count(least, ".sms_pol")
        && said.state_messages.len() == least.state_messages.len()
}

#[test]
fn a_thousand_clients_on_a_heap_say_what_detailed_ones_say() {
    let (detailed, heap) = (detailed(), on_a_heap());
    assert_eq!((detailed.len(), heap.len()), (DETAILED as usize, MANY as usize));
    for (client, said) in &detailed {
        let other = &heap[client];
        for (url, bodies) in &said.requests {
            assert!(other.requests.get(url) == Some(bodies), "{client} does not say the same to {url}");
        }
        assert!(other == said, "{client} says more, or has other state messages, on the heap");
    }
    // The others have no twin; they go all the way too.
    let least = &detailed["CLIENT1"];
    assert!(
        least.operations["SyncUpdates"] > 3 && least.state_messages.len() > 100,
        "a scan to the last leaf, with its states"
    );
    for (client, said) in &heap {
        assert!(reached(said, least), "{client} did not go all the way");
    }
}
