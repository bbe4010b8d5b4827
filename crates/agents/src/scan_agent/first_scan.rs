//! The first scan of a source: at a random moment after its policy, unless somebody asks earlier.

use std::time::Duration;

use cmsim_logs::Evidence::{Docs, Field};
use uuid::Uuid;

use super::{ScanAgent, history};
use crate::framework::Context;
use crate::settings::UpdateSourcePolicy;

/// The first scan comes at a random moment within two hours after the policy (docs).
const WINDOW_S: u64 = 7200;
/// The timer of that moment.
pub(super) const FIRST_SCAN: &str = "first scan";

impl ScanAgent {
    /// Policy for a source arrived or changed. A source never scanned gets its first scan at a random moment.
    pub(super) fn policy_changed(class: &str, key: &str, cx: &mut Context<'_>) {
        cx.info(Docs, "cscanagent.cpp:1204", "Inside CScanAgent::Notify()");
        if class != "CCM_UpdateSource" {
            return;
        }
        cx.info(
            Docs,
            "cscanagent.cpp:1236",
            "CScanAgent::OnPolicyChange- Policy InstanceModificationEvent notification received",
        );
        cx.info(
            Field,
            "cscanagent.cpp:1178",
            format!("*****Policy Change notification received for ToolUniqueID={key}"),
        );
        let id: Option<Uuid> = key.parse().ok();
        if id.is_some_and(|id| history::last_scan(id, cx).is_none()) {
            Self::plan_first_scan(cx);
        }
    }

    pub(super) fn plan_first_scan(cx: &mut Context<'_>) {
        let after = Duration::from_secs(1 + cx.machine.random(WINDOW_S - 1));
        cx.timer(FIRST_SCAN, after, "the random moment of the first scan");
    }

    /// The random moment is for sources nobody asked to scan: once every source has a job or was scanned, whatever the
    /// reason, there is nothing left for it to do (inferred; the documents only say when it comes if nothing else does).
    pub(super) fn forget_first_scan_if_moot(&self, cx: &mut Context<'_>) {
        let policies = UpdateSourcePolicy::all(cx.machine);
        let served = |id: Uuid| self.jobs.values().any(|job| job.source.id == id);
        if policies.iter().all(|policy| served(policy.id) || history::last_scan(policy.id, cx).is_some()) {
            cx.cancel(FIRST_SCAN);
        }
    }
}
