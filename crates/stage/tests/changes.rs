//! The same state set directly and by changes leaves the same machines behind, byte for byte: components do not see who
//! set what.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cmsim_iis::{Change, ClientCertificateRule};
use cmsim_sim::{Clock, SimTime, TimeZone};
use cmsim_stage::{Action, NetworkKind, Settings, Stage};
use cmsim_wire::profile::Profile;
use cmsim_world::{FileVersion, Mark};

const MINUTES: Duration = Duration::from_secs(60);
const KEY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU";
const FILE: &str = r"C:\Windows\System32\drivers\example.sys";
const VERSION: FileVersion = FileVersion([6, 1, 7601, 17_514]);
const PACKAGE: &str = "Package_for_KB976902~31bf3856ad364e35~amd64~~6.1.1.17514";
const WSUS_SITE: u32 = 2;
const CLIENT_SERVICE: &str = "/ClientWebService";
const POINT: &str = "PS1SITE";

/// Sets the state as an administrator does.
fn directly(stage: &Stage) {
    let client = stage.host("CLIENT1").unwrap();
    client.registry().set(KEY, "DetectionFrequency", 20_u32).unwrap();
    client.disk().install(FILE, VERSION, 20_000).unwrap();
    client.packages().install(PACKAGE).unwrap();
    client.set_device_attribute("IsRetailOS", "1");
    client.set_clock_offset(90_000);
    client.services().stop("BITS").unwrap();
    let web = stage.web_server(POINT).unwrap();
    web.configure(WSUS_SITE, CLIENT_SERVICE, |settings| {
        settings.require_ssl = true;
        settings.client_certificates = ClientCertificateRule::Accept;
    })
    .unwrap();
}

/// Sets it on behalf of changes.
fn by_changes(stage: &Stage) {
    let mark = |id: &str| Mark::new(id);
    let client = stage.host("CLIENT1").unwrap();
    client.registry().set_marked(&mark("registry"), KEY, "DetectionFrequency", 20_u32).unwrap();
    client.disk().install_marked(&mark("file"), FILE, VERSION, 20_000).unwrap();
    client.packages().install_marked(&mark("package"), PACKAGE).unwrap();
    client.set_device_attribute_marked(&mark("attribute"), "IsRetailOS", "1");
    client.set_clock_offset_marked(&mark("clock"), 90_000);
    client.services().stop_marked(&mark("service"), "BITS").unwrap();
    let web = stage.web_server(POINT).unwrap();
    let (site, path) = (WSUS_SITE, CLIENT_SERVICE.to_owned());
    web.apply(&Change::SetRequireSsl { site, path: path.clone(), required: true }, &mark("ssl")).unwrap();
    let rule = ClientCertificateRule::Accept;
    web.apply(&Change::SetClientCertificates { site, path, rule }, &mark("certificates")).unwrap();
}

/// What the machines of a world leave, by path: set up by `set`, then an hour with a scan in it.
fn machines(set: fn(&Stage)) -> BTreeMap<String, Vec<u8>> {
    let settings = Settings {
        seed: 7,
        profile: Profile::windows_7(),
        clients: 1,
        workgroup: false,
        network: NetworkKind::Memory,
        folder: None,
    };
    let out = tempfile::tempdir().unwrap();
    let place = out.path().to_owned();
    let zone = TimeZone::named("America/New_York").unwrap();
    let work = |clock: Clock| async move {
        let stage = Stage::build(&settings, clock.clone()).await.unwrap();
        set(&stage);
        stage.start().await.unwrap();
        clock.wait("test", "the policies", 15 * MINUTES).await;
        stage.trigger("CLIENT1", Action::ScanCycle).await.unwrap();
        clock.wait("test", "the scan", 45 * MINUTES).await;
        stage.stop().await;
        stage.export(&place).await.unwrap();
    };
    cmsim_sim::run(SimTime::from_millis(1_390_238_220_000), zone, 120 * MINUTES, work).unwrap();
    let mut files = BTreeMap::new();
    collect(&out.path().join("hosts"), "", &mut files);
    files
}

fn collect(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{name}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => collect(&entry.path(), &name, files),
            false => drop(files.insert(name, fs::read(entry.path()).unwrap())),
        }
    }
}

#[test]
fn state_set_directly_and_by_changes_gives_the_same_bytes() {
    let (direct, changed, healthy) = (machines(directly), machines(by_changes), machines(|_| {}));
    assert_eq!(direct.keys().collect::<Vec<_>>(), changed.keys().collect::<Vec<_>>());
    for (name, bytes) in &direct {
        assert!(changed[name] == *bytes, "{name} differs");
    }
    // The state matters: with it the scan fails, and the registry tells the difference.
    for name in ["/CLIENT1/registry.json", "/CLIENT1/C/Windows/WindowsUpdate.log"] {
        assert_ne!(direct[name], healthy[name], "{name}");
    }
}
