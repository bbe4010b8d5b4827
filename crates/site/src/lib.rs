//! Site server components: what happens between the files that roles drop and the site database.
//!
//! Each component is an actor with `async fn run(self)` that never returns; whoever builds the world spawns
//! it. Components meet through inboxes on disks and through the database, never directly, so any of them can be
//! stopped, and what it left behind is taken up by the next one.
//!
//! ```text
//! MP host  SMS\mp\outboxes\StateMsg.box ──FileDispatch──► inboxes\auth\statesys.box\incoming ──StateSystem──► database
//! database Update_SyncStatus ──NotificationMonitor──► inboxes\policypv.box ──PolicyProvider──► Policy, PolicyAssignment
//! ```

mod component;
mod file_dispatch;
mod notification_monitor;
mod policy_provider;
mod profiler;
mod site_server;
mod state_system;

#[cfg(test)]
mod tests;

pub use file_dispatch::{FileDispatch, STATE_OUTBOX};
pub use notification_monitor::NotificationMonitor;
pub use policy_provider::{PolicyProvider, SettingsPolicy, Signer};
pub use profiler::profiler_trace;
pub use site_server::{INSTALL_DIR, SiteServer};
pub use state_system::{StateSystem, VERBOSE_KEY, VERBOSE_VALUE};
