//! Topologies, the world builder and the running site.
//!
//! [`Stage::build`] makes the machines, the network, the databases and the roles from [`Settings`];
//! the handle then starts them, changes them, and looks at what they left.

mod network;
mod settings;
pub mod site;
pub mod topology;

pub use settings::{Action, NetworkKind, Settings, StageError};
