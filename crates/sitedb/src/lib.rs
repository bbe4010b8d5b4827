//! The site database of one primary site: schema, stored procedures and views under the product's names.
//!
//! [`SiteDb`] has one method per stored procedure; each call is traced as SQL Server Profiler prints it. The
//! statements lie beside the code as `.sql` files, the schema under `migrations/site`. What is not a
//! procedure of the product is set-up: the rows that an administrator, discovery or another component made
//! before or beside what is simulated.

mod catalogue;
mod client;
mod handle;
mod location;
mod policy;
mod serial;
mod setup;
mod state_report;
mod summary;
mod synchronization;
mod time;

#[cfg(test)]
mod tests;

pub use catalogue::{CategoryKind, CategoryRecord, UpdateKind, UpdateRecord};
pub use client::{DiscoveredSystem, Registration, RegistrationState};
pub use handle::{SiteDb, SiteDbError};
pub use location::{MpSite, SiteInfo, WsusLocationQuery, WsusServerLocation};
pub use policy::{AssignmentRow, NewPolicy, PolicyBody, SettingsPolicyRow};
pub use setup::{
    BoundaryGroupRecord, BoundaryRecord, ClientConnection, SiteInformation, SiteRecord, SiteRole, SiteSystemRecord,
    SiteType, SoftwareUpdatePointRecord, UpdateSourceRecord,
};
pub use state_report::{ReportOutcome, ReportRefused};
pub use summary::SummaryTask;
pub use synchronization::{ChangeNotification, SynchronizationState, UpdateSourceState};
pub use time::sql_time;
