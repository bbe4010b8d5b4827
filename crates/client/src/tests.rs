//! Small agents on one machine, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use cmsim_agents::framework::{
    Agent, AgentId, CallId, Context, HttpCall, HttpOutcome, HttpStack, Input, Message, ScheduleId, ServiceState,
    WmiValue, instance,
};
use cmsim_logs::{Evidence, cmtrace};
use cmsim_net::Network;
use cmsim_sim::journal::{Cause, Event};
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_wire::hresult::TransportFailure;
use cmsim_wire::profile::Profile;
use cmsim_world::directory::{Container, Domain, LinkState};
use cmsim_world::{Directory, Host, HostSpec, Interface};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ClientHandle, ClientMachine, DomainAccess, LocalMachine, Resident};

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn journal() -> Journal {
    let zone = TimeZone::named("America/New_York").unwrap();
    let start = SimTime::from_millis(1_390_238_220_000);
    Journal::new(Clock::virtual_time(start, zone))
}

pub(crate) fn host() -> Host {
    host_in(&journal())
}

pub(crate) fn host_in(journal: &Journal) -> Host {
    let spec = HostSpec::in_domain("CLIENT1", "CONTOSO.COM", "192.168.2.62".parse().unwrap(), Profile::windows_7());
    Host::new(spec, journal.clone(), &Seed::new(1))
}

pub(crate) fn network(journal: &Journal) -> Network {
    let network = Network::memory(journal.clone(), &Seed::new(1));
    network.add_host("CLIENT1", &["192.168.2.62".parse().unwrap()], Some("contoso.com")).unwrap();
    network.add_host("DC1", &["192.168.2.1".parse().unwrap()], Some("contoso.com")).unwrap();
    network
}

/// Does whatever its messages say and writes down what it hears.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Scribe {
    heard: Vec<String>,
}

impl Agent for Scribe {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        let line = match &input {
            Input::Start => "start".to_owned(),
            Input::Timer(name) => format!("timer {name}"),
            Input::Message(Message::TriggerSchedule(id)) => {
                match id.0 {
                    // Sets a timer twice and another that it takes back.
                    1 => {
                        cx.timer("late", MINUTE, "the first minute");
                        cx.timer("late", 2 * MINUTE, "the second minute");
                        cx.timer("never", MINUTE, "nothing");
                        cx.cancel("never");
                    }
                    2 => cx.tell(AgentId::ScanAgent, Message::Scheduled(ScheduleId(113))),
                    3 => {
                        cx.http(HttpCall {
                            id: CallId(7),
                            stack: HttpStack::WinHttp,
                            method: "GET".into(),
                            url: "http://nowhere.contoso.com:8530/".into(),
                            headers: Vec::new(),
                            body: Vec::new(),
                            timeout: MINUTE,
                        });
                    }
                    _ => {
                        for number in 0..20 {
                            cx.info(Evidence::Inferred, "scribe.cpp:1", format!("line {number}"));
                        }
                    }
                }
                format!("trigger {}", id.0)
            }
            Input::Message(message) => format!("{message:?}"),
            Input::Http { call, outcome } => format!("call {} {outcome:?}", call.0),
        };
        cx.info(Evidence::Inferred, "scribe.cpp:2", line.clone());
        self.heard.push(line);
    }
}

fn start(machine: ClientMachine) -> ClientHandle {
    let agents: Vec<(AgentId, Box<dyn Resident>)> = [AgentId::Scheduler, AgentId::ScanAgent]
        .into_iter()
        .map(|id| (id, Box::new(Scribe::default()) as Box<dyn Resident>))
        .collect();
    machine.start(agents).unwrap()
}

async fn heard(handle: &ClientHandle, id: AgentId) -> Vec<String> {
    serde_json::from_value(handle.states().await[&id]["heard"].clone()).unwrap()
}

async fn pass(journal: &Journal, time: Duration) {
    journal.clock().wait("test", "time to pass", time).await;
}

#[tokio::test(start_paused = true)]
async fn effects_reach_logs_mailboxes_timers_and_the_network() {
    let journal = journal();
    let host = host_in(&journal);
    let handle = start(ClientMachine::new(&host, &network(&journal)));
    for schedule in [1, 2, 3] {
        handle.trigger(ScheduleId(schedule));
    }
    pass(&journal, 90 * Duration::from_secs(1)).await;
    let failed = HttpOutcome::Failed(TransportFailure::NameNotResolved);
    let first = ["start", "trigger 1", "trigger 2", "trigger 3", &format!("call 7 {failed:?}")];
    assert_eq!(heard(&handle, AgentId::Scheduler).await, first);
    assert_eq!(heard(&handle, AgentId::ScanAgent).await[1], "Scheduled(ScheduleId(113))");
    pass(&journal, 90 * Duration::from_secs(1)).await;
    assert_eq!(heard(&handle, AgentId::Scheduler).await[5..], ["timer late"]);
    let log = host.disk().read(r"C:\Windows\CCM\Logs\Scheduler.log").unwrap();
    assert_eq!(cmtrace::parse(&log).unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_follows_from_an_outcome_names_its_exchange_until_a_timer_runs_out() {
    /// Asks at its start, passes the outcome on to the other, asks again, and comes back to it a minute later.
    #[derive(Clone, Debug, Serialize)]
    struct Asker(bool);

    impl Agent for Asker {
        fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
            let call = |id| HttpCall {
                id: CallId(id),
                stack: HttpStack::WinHttp,
                method: "GET".into(),
                url: "http://nowhere.contoso.com:8530/".into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout: MINUTE,
            };
            let mut line = |text: String| cx.info(Evidence::Inferred, "asker.cpp:1", text);
            match input {
                Input::Start if self.0 => {
                    cx.http(call(1));
                }
                Input::Http { call: CallId(1), .. } => {
                    line("answer 1".to_owned());
                    cx.tell(AgentId::ScanAgent, Message::PolicyRefreshed);
                    cx.timer("later", MINUTE, "its second thought");
                    cx.http(call(2));
                    cx.info(Evidence::Inferred, "asker.cpp:2", "asked again");
                }
                Input::Start => line("start".to_owned()),
                Input::Http { call, .. } => line(format!("answer {}", call.0)),
                Input::Timer(_) => line("later".to_owned()),
                Input::Message(_) => line("told".to_owned()),
            }
        }
    }

    let journal = journal();
    let host = host_in(&journal);
    let agents = [(AgentId::Scheduler, true), (AgentId::ScanAgent, false)]
        .map(|(id, asks)| (id, Box::new(Asker(asks)) as Box<dyn Resident>));
    let _handle = ClientMachine::new(&host, &network(&journal)).start(agents.into()).unwrap();
    pass(&journal, 2 * MINUTE).await;
    let entries = journal.entries();
    let exchanges: Vec<_> = (0..entries.len()).filter(|n| matches!(entries[*n].event, Event::Exchange(_))).collect();
    let [first, second] = exchanges[..] else { panic!("{exchanges:?}") };
    let outcome = |number| Some(Cause::Outcome(number));
    assert_eq!((entries[first].cause, entries[second].cause), (None, outcome(first)), "an answer led to the second");
    let lines = entries.iter().filter_map(|entry| match &entry.event {
        Event::Log { text, .. } => Some((&**text, entry.cause)),
        _ => None,
    });
    let expected = [
        ("answer 1", outcome(first)),
        ("answer 2", outcome(second)),
        ("asked again", outcome(first)),
        ("later", None),
        ("start", None),
        ("told", outcome(first)),
    ];
    assert_eq!(lines.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
}

#[tokio::test(start_paused = true)]
async fn an_idle_machine_names_its_waits_and_running_timers() {
    let journal = journal();
    let handle = start(ClientMachine::new(&host_in(&journal), &network(&journal)));
    handle.trigger(ScheduleId(1));
    pass(&journal, MINUTE / 2).await;
    let waits: Vec<String> = journal.clock().waits().current().iter().map(ToString::to_string).collect();
    assert!(waits.iter().any(|wait| wait == "CLIENT1 ScanAgent waits for a message"), "{waits:?}");
    let timer = "CLIENT1 Scheduler waits for the second minute until";
    assert!(waits.iter().any(|wait| wait.starts_with(timer)), "{waits:?}");
    assert!(!waits.iter().any(|wait| wait.contains("the first minute")), "a replaced timer is gone: {waits:?}");
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_spread_over_some_milliseconds_on_one_thread() {
    let journal = journal();
    let host = host_in(&journal);
    let handle = start(ClientMachine::new(&host, &network(&journal)));
    handle.trigger(ScheduleId(9));
    pass(&journal, MINUTE).await;
    let log = host.disk().read(r"C:\Windows\CCM\Logs\Scheduler.log").unwrap();
    let records = cmtrace::parse(&log).unwrap();
    let burst = &records[1..];
    assert_eq!(burst.len(), 21);
    assert!(burst.iter().all(|record| record.thread == burst[0].thread));
    let took = burst[20].time.utc_millis() - burst[0].time.utc_millis();
    assert!((1..60).contains(&took), "{took}");
    assert_eq!(handle.stop().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_bytes() {
    let mut logs = Vec::new();
    for _ in 0..2 {
        let journal = journal();
        let host = host_in(&journal);
        let handle = start(ClientMachine::new(&host, &network(&journal)));
        for schedule in [9, 2, 1, 9, 3] {
            handle.trigger(ScheduleId(schedule));
        }
        pass(&journal, 5 * MINUTE).await;
        handle.stop().await;
        let read = |name: &str| host.disk().read(&format!(r"C:\Windows\CCM\Logs\{name}.log")).unwrap();
        logs.push((read("Scheduler"), read("ScanAgent")));
    }
    assert_eq!(logs[0], logs[1]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_process_hears_nothing_and_a_started_one_again() {
    let journal = journal();
    let host = host_in(&journal);
    let handle = start(ClientMachine::new(&host, &network(&journal)));
    handle.trigger(ScheduleId(1));
    pass(&journal, MINUTE).await;
    host.services().stop("CcmExec").unwrap();
    handle.trigger(ScheduleId(9));
    pass(&journal, 5 * MINUTE).await;
    let before = ["start", "trigger 1"];
    assert_eq!(heard(&handle, AgentId::Scheduler).await, before, "the timer is gone with its process");
    host.services().start("CcmExec").unwrap();
    handle.trigger(ScheduleId(9));
    pass(&journal, MINUTE).await;
    assert_eq!(heard(&handle, AgentId::Scheduler).await[2..], ["start", "trigger 9"]);
}

#[tokio::test(start_paused = true)]
async fn agents_can_be_stopped_and_started_with_what_they_know() {
    let journal = journal();
    let host = host_in(&journal);
    let network = network(&journal);
    let handle = start(ClientMachine::new(&host, &network));
    handle.trigger(ScheduleId(1));
    let agents = handle.stop().await;
    let handle = ClientMachine::new(&host, &network).start(agents).unwrap();
    pass(&journal, 10 * MINUTE).await;
    // The timer died with the process.
    assert_eq!(heard(&handle, AgentId::Scheduler).await, ["start", "trigger 1", "start"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_for_an_absent_agent_is_noted() {
    let journal = journal();
    let handle = start(ClientMachine::new(&host_in(&journal), &network(&journal)));
    handle.tell(AgentId::WuaHandler, Message::PolicyRefreshed);
    let last = serde_json::to_value(journal.entries().last().unwrap()).unwrap();
    assert_eq!((last["name"].as_str(), last["component"].as_str()), (Some("client.no_agent"), Some("WUAHandler")));
}

/// Stands for the Group Policy client: tells whether it could read the domain's policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct PolicyReader {
    read: Vec<Option<usize>>,
}

impl Agent for PolicyReader {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        if matches!(input, Input::Start) {
            cx.timer("again", 5 * MINUTE, "the next look");
        }
        self.read.push(cx.machine.domain_policies().ok().map(|settings| settings.len()));
    }
}

#[tokio::test(start_paused = true)]
async fn domain_policy_needs_a_controller_that_answers() {
    let journal = journal();
    let host = host_in(&journal);
    let network = network(&journal);
    let directory = Directory::new("CONTOSO.COM");
    let (name, netbios) = ("CONTOSO.COM".to_owned(), "CONTOSO".to_owned());
    directory.add_domain(Domain { name: name.clone(), netbios, controllers: vec!["DC1.CONTOSO.COM".into()] });
    directory.add_site("CM12-R2-PS1", &[Interface { address: "192.168.2.0".parse().unwrap(), prefix: 24 }]);
    directory.add_policy_object("Default Domain Policy", Uuid::nil());
    directory.set_policy("Default Domain Policy", r"SOFTWARE\Policies\X", "Y", Some(1.into())).unwrap();
    directory.link("Default Domain Policy", &Container::Domain(name), LinkState::default()).unwrap();
    let domain = DomainAccess { directory };
    let machine = ClientMachine::new(&host, &network).in_domain(domain.clone());
    let handle = machine.start(vec![(AgentId::GroupPolicy, Box::new(PolicyReader::default()))]).unwrap();
    assert_eq!(host.ad_site().as_deref(), Some("CM12-R2-PS1"));
    pass(&journal, MINUTE).await;
    network.set_record("DC1.contoso.com", &["192.168.2.1".parse().unwrap()]);
    domain.open_controllers(&network).unwrap();
    pass(&journal, 10 * MINUTE).await;
    let states = handle.states().await;
    let state: PolicyReader = serde_json::from_value(states[&AgentId::GroupPolicy].clone()).unwrap();
    assert_eq!(state.read, [None, Some(1)]);
    let events = host.event_log().events("System");
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [1129]);
}

#[tokio::test(start_paused = true)]
async fn the_machine_is_the_host() {
    use cmsim_agents::framework::Machine as _;

    let host = host();
    let mut machine = LocalMachine::new(&host, None).unwrap();
    assert_eq!(machine.fqdn(), "CLIENT1.CONTOSO.COM");
    assert_eq!(machine.place().interfaces[0].subnet, "192.168.2.0");
    let namespace = r"root\ccm\scanagent";
    let job = |state: &str| instance([("ScanJobID", "{A}".into()), ("ScanState", state.into())]);
    assert_eq!(machine.wmi(namespace, "CCM_ScanJobInstance").unwrap(), []);
    machine.put_wmi(namespace, "CCM_ScanJobInstance", &["ScanJobID"], job("Waiting")).unwrap();
    machine.put_wmi(namespace, "CCM_ScanJobInstance", &["ScanJobID"], job("Running")).unwrap();
    assert_eq!(machine.wmi(namespace, "CCM_ScanJobInstance").unwrap(), [job("Running")]);
    let wanted = instance([("ScanState", WmiValue::from("Running"))]);
    assert_eq!(machine.delete_wmi(namespace, "CCM_ScanJobInstance", &wanted).unwrap(), 1);
    assert_eq!(machine.read_file(r"C:\none").unwrap_err().0, 0x8007_0002);
    assert_eq!(machine.service("wuauserv"), ServiceState::Running);
    assert_eq!(machine.service("none"), ServiceState::Missing);
    let signature = machine.sign(b"data").unwrap();
    assert!(cmsim_net::pki::verify_sha256(&machine.certificate(), b"data", &signature));
    assert_eq!(machine.public_modulus().len(), 256);
    let again = LocalMachine::new(&host, None).unwrap();
    assert_eq!(again.certificate(), machine.certificate());
}

#[tokio::test(start_paused = true)]
async fn what_one_agent_draws_does_not_depend_on_the_others() {
    /// Keeps the ids it draws.
    #[derive(Clone, Debug, Default, Serialize)]
    struct Drawer(Vec<Uuid>);

    impl Agent for Drawer {
        fn handle(&mut self, _: Input, cx: &mut Context<'_>) {
            self.0.push(cx.new_guid());
        }
    }

    let (mut alone, mut other, mut between) = (Drawer::default(), Drawer::default(), Drawer::default());
    let now = host().now().timestamp();
    let mut machine = LocalMachine::new(&host(), None).unwrap();
    for _ in 0..2 {
        machine.turn(now, AgentId::ScanAgent, &mut alone, Input::Start);
    }
    let mut machine = LocalMachine::new(&host(), None).unwrap();
    for _ in 0..2 {
        machine.turn(now, AgentId::WuaHandler, &mut other, Input::Start);
        machine.turn(now, AgentId::ScanAgent, &mut between, Input::Start);
    }
    assert_eq!(alone.0, between.0);
    assert_ne!(alone.0, other.0);
}
