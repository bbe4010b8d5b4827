//! A WSUS server: the web services that agents call, and SUSDB behind them.
//!
//! [`Susdb`] is the database and the only truth; [`import`](Susdb::import) fills it. [`WsusServer`] mounts the
//! services as IIS applications. What a call answers is decided by functions over a copy of the database's
//! metadata in memory, as a real server keeps one.

mod cookie;
mod log;
mod seal;
mod self_update;
mod server;
mod services;
mod settings;
mod susdb;
mod sync;

#[cfg(test)]
mod tests;

pub use server::{ServerSpec, WsusServer};
pub use settings::WebSettings;
pub use susdb::{Approval, CatalogueEntry, Imported, Prepared, Susdb, SusdbError, SusdbSpec};
