//! Sans-I/O decisions of every client agent of the software-updates stack.
//!
//! One module per agent, which is one per log. Agents take [`framework::Input`]s and leave
//! [`framework::Effect`]s; whoever drives them supplies time, network and disk.

pub mod agent_set;
pub mod ccm_exec;
pub mod ccm_messaging;
pub mod client_id_manager;
mod event;
pub mod framework;
pub mod group_policy;
pub mod location_services;
pub mod policy_agent;
pub mod policy_evaluator;
pub mod registry_pol;
pub mod scan_agent;
pub mod scheduler;
pub mod settings;
pub mod site;
pub mod state_message;
pub mod updates_deployment;
pub mod updates_store;
pub mod windows_update_agent;
pub mod wua_handler;

#[cfg(test)]
mod testing;
