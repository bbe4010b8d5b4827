//! A host as files: what a run leaves under `hosts/<HOST>/`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::disk::DiskError;
use crate::host::Host;

pub(crate) fn host(host: &Host, folder: &Path) -> Result<(), DiskError> {
    host.disk().write_to(folder)?;
    write(&folder.join("registry.json"), &json(&host.registry().export()))?;
    write(&folder.join("wmi.json"), &json(&host.wmi().export()))?;
    let channels = host.event_log().export();
    if !channels.is_empty() {
        let events = folder.join("eventlog");
        fs::create_dir_all(&events).map_err(|source| DiskError::Io { what: "create", path: events.clone(), source })?;
        for (name, lines) in channels {
            write(&events.join(name), lines.as_bytes())?;
        }
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("exports are plain data with text keys");
    bytes.push(b'\n');
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    fs::write(path, bytes).map_err(|source| DiskError::Io { what: "write", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use cmsim_logs::{Evidence, Log, Severity};

    use crate::{LogLine, NewEvent, event_log::Level, testing, wmi};

    #[tokio::test(start_paused = true)]
    async fn a_host_leaves_its_registry_wmi_events_and_files() {
        let host = testing::host("CLIENT1");
        host.wmi().define("root\\ccm", wmi::Class::new("SMS_Client", &[]));
        host.wmi().put("root\\ccm", wmi::Instance::new("SMS_Client").with("ClientVersion", "5.00")).unwrap();
        host.event_log().report(
            "System",
            NewEvent {
                provider: "Service Control Manager".into(),
                id: 7036,
                level: Level::Information,
                message: "The Windows Update service entered the running state.".into(),
                data: [].into(),
            },
        );
        host.log(Log::ScanAgent).write(&LogLine {
            severity: Severity::Info,
            source: "x.cpp:1",
            thread: 4,
            evidence: Evidence::Inferred,
            text: "hello".into(),
        });
        let out = tempfile::tempdir().unwrap();
        host.export(out.path()).unwrap();
        for file in ["registry.json", "wmi.json", "eventlog/System.jsonl", "C/Windows/CCM/Logs/ScanAgent.log"] {
            assert!(out.path().join(file).metadata().unwrap().len() > 10, "{file}");
        }
    }
}
