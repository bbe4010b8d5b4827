//! One database type over SQLite for virtual and real time.
//!
//! A [`Database`] runs closures over a connection. In virtual time their statements are driven to the end
//! on the scenario's thread, so no other thread ever wakes a task and time stands still meanwhile; in real
//! time they are awaited. Callers are the same for both:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! use cmsim_db::{Database, Timing};
//!
//! let db = Database::open_memory(Timing::Virtual).await?;
//! db.write("create", |c| Box::pin(async move {
//!     sqlx::query("CREATE TABLE t (n INTEGER)").execute(&mut *c).await?;
//!     sqlx::query("INSERT INTO t VALUES (?)").bind(7).execute(c).await
//! })).await?;
//! let n: i64 = db.read("look", |c| Box::pin(sqlx::query_scalar("SELECT n FROM t").fetch_one(c))).await?;
//! assert_eq!(n, 7);
//! # Ok(()) })
//! # }
//! ```
//!
//! A closure owns what it needs (`move`, clones) and does nothing but statements: waiting for time, the
//! network or another task inside it would stop the whole scenario.

mod database;
mod migrate;
mod trace;

#[cfg(test)]
mod tests;

pub use database::{BoxFuture, Database, DbError, Timing, side_by_side};
pub use migrate::Migration;
pub use sqlx;
pub use trace::{Caller, Exec, Trace, TraceRow};
