//! What the agent remembers of scans that worked, in WMI.

use std::time::Duration;

use cmsim_logs::Evidence::Inferred;
use cmsim_wire::ccm::cim_time;
use jiff::Timestamp;
use uuid::Uuid;

use super::job::{NAMESPACE, ScanJob};
use crate::framework::{Context, SourceKey, braced, instance, wmi_datetime};
use crate::settings::{self, UpdateSourcePolicy};

/// Class with one instance per scanned source (docs).
const HISTORY: &str = "CCM_ScanUpdateSourceHistory";

/// How long results satisfy a request that does not force a scan (inferred from the default scan cycle).
const RESULTS_FRESH_FOR: Duration = Duration::from_secs(24 * 3600);
pub(super) fn forget_deleted_sources(cx: &mut Context<'_>) {
    let known: Vec<Uuid> = UpdateSourcePolicy::all(cx.machine).iter().map(|policy| policy.id).collect();
    if known.is_empty() {
        return;
    }
    for old in cx.machine.wmi(NAMESPACE, HISTORY).unwrap_or_default() {
        let id = settings::guid(&old, "UpdateSourceID");
        if id.is_some_and(|id| !known.contains(&id)) {
            // A failure here leaves an old row behind, nothing else.
            let _ = cx.machine.delete_wmi(NAMESPACE, HISTORY, &old);
        }
    }
}

/// Time of the last successful scan of a source and its content version.
pub(super) fn last_scan(id: Uuid, cx: &Context<'_>) -> Option<(Timestamp, u32)> {
    let history = cx.machine.wmi(NAMESPACE, HISTORY).ok()?;
    let found = history.iter().find(|row| settings::guid(row, "UpdateSourceID") == Some(id))?;
    let at = settings::text(found, "LastCompletionTime")?;
    Some((cim_time::parse(at)?, settings::number(found, "UpdateSourceVersion")?))
}

/// Whether the last results satisfy a request that does not force a scan.
pub(super) fn is_fresh(source: &SourceKey, cx: &Context<'_>) -> bool {
    last_scan(source.id, cx).is_some_and(|(at, version)| {
        let age = Duration::try_from(cx.now.duration_since(at)).unwrap_or_default();
        version >= source.version && age < RESULTS_FRESH_FOR
    })
}

/// History and server list as scripts read them. Class names and the properties marked there are public (docs, field).
pub(super) fn remember_success(job: &ScanJob, cx: &mut Context<'_>) {
    let history = instance([
        ("UpdateSourceID", braced(job.source.id).into()),
        ("LastCompletionTime", wmi_datetime(cx.now).into()),
        ("UpdateSourceVersion", job.source.version.into()),
    ]);
    let path = job.location.clone().unwrap_or_default();
    let places = instance([
        ("ScanMethod", "WUA".into()),
        ("CurrentScanPath", path.clone().into()),
        ("LastSuccessScanPath", path.into()),
    ]);
    for (class, key, row) in [(HISTORY, "UpdateSourceID", history), ("CCM_SUPLocationList", "ScanMethod", places)] {
        if let Err(code) = cx.machine.put_wmi(NAMESPACE, class, &[key], row) {
            cx.error(Inferred, "scanagentcache.cpp:140", format!("Failed to persist {class}, Error = {code:#010x}"));
        }
    }
}
