//! Bytes to types and back for every protocol of the software-updates stack.
//!
//! This crate knows nothing of the simulation: log parsers, dashboards and protocol clients can use
//! it alone. Every codec rejects what breaks its [`limits`] with an error that says where.

pub mod ccm;
pub mod guid;
pub mod hresult;
pub mod limits;
pub mod location;
pub mod profile;
pub mod update;
pub mod wusp;
pub mod xml;
