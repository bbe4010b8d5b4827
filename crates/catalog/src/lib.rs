//! Seeded, coherent update catalogues.
//!
//! A catalogue is what a WSUS server holds after it has synchronised: categories, detectoids, updates and their
//! metadata fragments. Which of them a client is handed, and which it finds, comes out of prerequisites and rules, never
//! out of a list. Each catalogue brings an example [`Machine`]: the registry values and file versions of a client.
//!
//! Randomness comes from the caller, one 64-bit number at a time. Another seed changes numbers, dates, sizes and ids of
//! everything but the well-known entities; it changes no count and no state.
//!
//! ```
//! let mut state = 1_u64;
//! let mut draw = || {
//!     state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
//!     state ^ (state >> 29)
//! };
//! let catalogue = cmsim_catalog::windows_7(&mut draw);
//! assert_eq!(catalogue.deployed().count(), 1150);
//! ```

mod builder;
mod draw;
mod entity;
mod fit;
mod known;
pub mod machine;
#[cfg(test)]
mod tests;
mod windows_11;
mod windows_7;

pub use entity::{Approval, Catalogue, CategoryType, Entity, FileEntry, Kind};
pub use known::{classification, product};
pub use machine::Machine;
pub use windows_7::windows_7;
pub use windows_11::windows_11;
