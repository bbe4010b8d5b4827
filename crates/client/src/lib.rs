//! The machine that hosts the client agents.
//!
//! [`LocalMachine`] is a [`cmsim_world::Host`] in the eyes of the agents of `cmsim-agents`. [`ClientMachine`] runs each
//! agent as a task with a mailbox and carries out its effects in order: lines into logs, messages into mailboxes,
//! timers on the world's clock, HTTP calls through the machine's own stacks.

mod convert;
mod driver;
pub mod heap;
mod http;
mod identity;
mod machine;
mod policy;
mod proxy;
mod residents;
mod run;
mod trust;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_machine;

pub use http::Stacks;
pub use identity::{IdentityError, ensure_certificate};
pub use machine::{LocalMachine, Turn};
pub use policy::{DomainAccess, EffectiveDomainPolicy};
pub use proxy::{WinHttpProxy, write_winhttp_proxy};
pub use residents::fresh_agents;
pub use run::{ClientHandle, ClientMachine, Resident};
