//! How long runs take, with everything they write: `cargo bench -p cmsim`.
//!
//! Compare within one run of this program, not across machines: the healthy run against the building of its world, and
//! one client against two hundred.

use std::path::Path;

use cmsim_scenario::file::{self, Scenario};
use cmsim_scenario::{Settings, Transport, Verdict, run_all};
use cmsim_sim::{Clock, SimTime, TimeZone};
use cmsim_stage::{NetworkKind, Stage};
use cmsim_wire::profile::Profile;
use divan::Bencher;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn run(bencher: Bencher<'_, '_>, scenario: &Scenario) {
    let out = tempfile::tempdir().expect("a folder for the output");
    let settings =
        Settings { out: out.path().to_owned(), seed: None, jobs: 1, transport: Transport::Memory, twice: false };
    bencher.bench_local(|| {
        let ends = run_all(std::slice::from_ref(scenario), &settings, &mut |_| {});
        assert!(ends.iter().all(|end| end.verdict == Verdict::Passed), "{ends:?}");
    });
}

fn load(path: &str) -> Scenario {
    file::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a scenario of the repository")
}

/// Machines, databases, roles and catalogue of the default topology, without anything happening in it.
#[divan::bench(sample_count = 30)]
fn world_alone(bencher: Bencher<'_, '_>) {
    let settings = cmsim_stage::Settings {
        seed: 1,
        profile: Profile::windows_7(),
        clients: 1,
        workgroup: false,
        network: NetworkKind::Memory,
        folder: None,
    };
    let start = SimTime::from_millis(1_390_238_220_000);
    bencher.bench_local(|| {
        let building = |clock: Clock| async { Stage::build(&settings, clock).await.expect("the default world") };
        cmsim_sim::run(start, TimeZone::utc(), std::time::Duration::from_secs(1), building).expect("no time passes")
    });
}

/// The main job.
#[divan::bench(sample_count = 30)]
fn healthy_scan(bencher: Bencher<'_, '_>) {
    run(bencher, &load("../../scenarios/guide/healthy-scan.toml"));
}

/// One scan of a single client and of two hundred, with all artefacts.
#[divan::bench(args = ["one-client", "two-hundred-clients"], sample_count = 3, sample_size = 1)]
fn clients(bencher: Bencher<'_, '_>, scenario: &str) {
    run(bencher, &load(&format!("benches/{scenario}.toml")));
}
