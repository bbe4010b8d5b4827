//! Topologies, the world builder and the running site.
//!
//! [`Stage::build`] makes the machines, the network, the databases and the roles from [`Settings`];
//! the handle then starts them, changes them, and looks at what they left.

mod catalogue;
mod clients;
mod hardware;
mod in_process;
mod network;
mod observe;
mod policy;
mod roles;
mod settings;
pub mod site;
mod stage;
pub mod topology;

pub use in_process::InProcess;
pub use settings::{Action, NetworkKind, Settings, StageError};
pub use stage::Stage;
