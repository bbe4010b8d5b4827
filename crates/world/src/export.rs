//! A host as files: what a run leaves under `hosts/<HOST>/`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::disk::DiskError;
use crate::host::Host;
use crate::registry::RegistryExport;
use crate::wmi::WmiExport;

pub(crate) fn host(host: &Host, folder: &Path) -> Result<(), DiskError> {
    host.disk().write_to(folder)?;
    write(&folder.join("registry.json"), registry(&host.registry().export()).as_bytes())?;
    write(&folder.join("wmi.json"), wmi(&host.wmi().export()).as_bytes())?;
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

/// A key per block and a value per line.
fn registry(export: &RegistryExport) -> String {
    let blocks = export.0.iter().map(|(path, values)| {
        let lines = values.iter().map(|(name, value)| format!("    {}: {}", json(name), json(value)));
        block(&json(path), "  ", ('{', '}'), lines)
    });
    block_file(blocks)
}

/// An instance per line, below its class and namespace; then what happened, an event per line.
fn wmi(export: &WmiExport) -> String {
    let namespaces = export.0.iter().map(|(namespace, classes)| {
        let classes = classes.iter().map(|(name, class)| {
            let instances = class.instances.iter().map(|instance| format!("        {}", json(instance)));
            let history = class.history.iter().map(|entry| format!("        {}", json(entry)));
            let parts = [
                block("\"instances\"", "      ", ('[', ']'), instances),
                block("\"history\"", "      ", ('[', ']'), history),
            ];
            block(&json(name), "    ", ('{', '}'), parts.into_iter())
        });
        block(&json(namespace), "  ", ('{', '}'), classes)
    });
    block_file(namespaces)
}

fn block_file(blocks: impl Iterator<Item = String>) -> String {
    format!("{{\n{}\n}}\n", blocks.collect::<Vec<_>>().join(",\n"))
}

/// `"name": { lines }`, or `"name": {}` without lines.
fn block(name: &str, indent: &str, (open, close): (char, char), lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return format!("{indent}{name}: {open}{close}");
    }
    format!("{indent}{name}: {open}\n{}\n{indent}{close}", lines.join(",\n"))
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("exports are plain data with text keys")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    fs::write(path, bytes).map_err(|source| DiskError::Io { what: "write", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use cmsim_logs::{Evidence, Log, Severity};

    use super::*;
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
        let read = |file: &str| fs::read_to_string(out.path().join(file)).unwrap();
        assert_eq!(serde_json::from_str::<RegistryExport>(&read("registry.json")).unwrap(), host.registry().export());
        assert_eq!(serde_json::from_str::<WmiExport>(&read("wmi.json")).unwrap(), host.wmi().export());
    }

    #[tokio::test(start_paused = true)]
    async fn exports_are_readable_line_by_line() {
        let policy = r"HKLM\SOFTWARE\Policies\X";
        let settings = crate::Registry::new(true);
        settings.set(policy, "UseWUServer", 1).unwrap();
        settings.create_key(r"HKLM\SYSTEM\Empty").unwrap();
        let expected = r#"{
  "HKLM\\SOFTWARE\\Policies\\X": {
    "UseWUServer": {"type":"REG_DWORD","data":1}
  },
  "HKLM\\SOFTWARE\\Wow6432Node\\Policies\\X": {
    "UseWUServer": {"type":"REG_DWORD","data":1}
  },
  "HKLM\\SYSTEM\\Empty": {}
}
"#;
        assert_eq!(registry(&settings.export()), expected);

        let host = testing::host("CLIENT1");
        host.wmi().define("root\\ccm", wmi::Class::new("Job", &["Id"]));
        host.wmi().put("root\\ccm", wmi::Instance::new("Job").with("Id", 7)).unwrap();
        host.wmi().delete("root\\ccm", "Job", &[7.into()]).unwrap();
        let at = host.clock().now().millis();
        let expected = format!(
            r#"{{
  "root\\ccm": {{
    "Job": {{
      "instances": [],
      "history": [
        {{"at":{at},"operation":"put","path":"Job.Id=7","properties":{{"Id":7}}}},
        {{"at":{at},"operation":"delete","path":"Job.Id=7"}}
      ]
    }}
  }}
}}
"#
        );
        assert_eq!(wmi(&host.wmi().export()), expected);
    }
}
