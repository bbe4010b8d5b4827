//! The management point: where clients ask the site for locations and policy and leave their state messages.
//!
//! [`ManagementPoint`] gives IIS its applications. What comes in is bytes; each component takes a decoded message,
//! asks the site database, answers with text and writes its own log on the host. A component knows nothing of HTTP;
//! the web layer knows nothing of messages.
//!
//! One simplification: a registration enters the site database as soon as the management point takes it. The real
//! one sends a file through MPFDM to the discovery data manager; what a client sees is the same, first *pending*,
//! then *registered* when it asks again.

mod keys;
mod location;
mod messaging;
mod point;
mod policy;
mod query;
mod registration;
mod relay;
mod scribe;
mod settings;
mod web;

#[cfg(test)]
mod tests;

pub use keys::SiteKeys;
pub use point::ManagementPoint;
pub use settings::{Approval, Outbox, Settings};
