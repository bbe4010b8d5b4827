//! `cmsim wmi`: queries on the WMI repository that a machine left.

use std::fs;
use std::path::{Path, PathBuf};

use cmsim_world::wmi::{Query, WmiExport};

use crate::cli::WmiOptions;
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(options: &WmiOptions) -> Outcome {
    let host = match &options.host {
        Some(host) => host.clone(),
        None => first_client(&options.out)?,
    };
    let path = options.out.join("hosts").join(&host).join("wmi.json");
    let repository = read(&path)?;
    let refused = || Failure::new(Exit::CouldNotRun, "the query failed");
    let query = Query::parse(&options.query).map_err(|error| refused().because(error))?;
    let found = repository.query(&options.namespace, &query).map_err(|error| {
        let namespaces: Vec<&str> = repository.0.keys().map(String::as_str).collect();
        refused().because(error).help(format!("--namespace names one of {}", namespaces.join(", ")))
    })?;
    for instance in &found {
        let line = serde_json::to_string(&instance.properties)
            .map_err(|error| Failure::new(Exit::CouldNotRun, "an instance cannot be printed").because(error))?;
        anstream::println!("{line}");
    }
    eprintln!("{} instances on {host}", found.len());
    Ok(Exit::Passed)
}

fn read(path: &Path) -> Result<WmiExport, Failure> {
    let failed = || Failure::new(Exit::CouldNotRun, format!("cannot read {}", path.display()));
    let bytes = fs::read(path).map_err(|error| {
        failed()
            .because(error)
            .help("name the folder of one scenario, such as out/healthy-scan, and a machine of it with --host")
    })?;
    serde_json::from_slice(&bytes).map_err(|error| failed().because(error))
}

/// The first machine whose name begins with CLIENT, by name.
fn first_client(out: &Path) -> Result<String, Failure> {
    let hosts = out.join("hosts");
    let failed = || Failure::new(Exit::CouldNotRun, format!("cannot look into {}", hosts.display()));
    let entries = fs::read_dir(&hosts)
        .map_err(|error| failed().because(error).help("name the folder of one scenario, such as out/healthy-scan"))?;
    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    names.sort();
    names
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .find(|name| name.starts_with("CLIENT"))
        .map(str::to_owned)
        .ok_or_else(|| failed().help("no machine there is called CLIENT…: name one with --host"))
}
