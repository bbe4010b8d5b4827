//! A model of IIS in front of the server roles.
//!
//! [`Iis`] has sites with bindings, application pools, and applications with a router each. A request
//! passes, in this order: the raw head check of the listener, the site by port and host name, the
//! application by the longest path that matches (case does not matter), the application pool, request
//! filtering, the demands on TLS, authentication, and then the application's router. What HTTP.sys
//! answers by itself stands in HTTPERR, everything else in the site's W3C log, with true byte counts.
//!
//! **What a router sees.** The path below the application, in lower case: a request for
//! `/ClientWebService/Client.asmx` reaches the application `/ClientWebService` as `/client.asmx`, and
//! the bare application as `/`. The query stays as it was sent. The request's extensions hold
//! `Arc<`[`cmsim_net::server::Peer`]`>`, [`RequestPath`] (the path as sent) and [`User`]. A response may
//! carry [`SubStatus`] for the log.

mod answer;
mod application;
mod authentication;
mod body;
mod change;
mod pipeline;
mod pool;
mod record;
mod service;
mod site;

pub use application::{Application, ClientCertificateRule, Settings};
pub use authentication::{User, windows_authorization};
pub use change::{Change, UnknownTarget};
pub use pipeline::{RequestPath, SubStatus};
pub use pool::{PoolSpec, QUEUE_LENGTH};
pub use service::{Iis, IisError};
pub use site::{Binding, SiteSpec};

#[cfg(test)]
mod tests;
