//! Update metadata: fragments and applicability rules.
//!
//! A client never sees a whole metadata document. The server hands it *fragments*: elements without a common root
//! and without namespace declarations (MS-WUSP 3.1.1.1). [`CoreFragment`] carries what decides applicability,
//! [`ExtendedFragment`] what installing needs, [`LocalizedProperties`] the text of one language.
//!
//! Everything a fragment holds beyond the modelled elements is kept as literal text and written back unchanged.
//! Empty elements inside fragments are written with a blank before the slash (capture).
//!
//! [`rules`] evaluates applicability rules over [`MachineFacts`]; [`search`] does what an agent's search does with
//! all entities it has been handed.

mod core_fragment;
mod extended;
mod facts;
mod fragment;
mod localized;
mod metadata;
mod relationships;
pub mod rules;
pub mod search;
#[cfg(test)]
mod tests;

pub use core_fragment::{ApplicabilityRules, CoreFragment, Properties, UpdateIdentity, UpdateType};
pub use extended::{
    Behavior, CategoryInformation, ExtendedFragment, ExtendedProperties, File, HandlerBody, HandlerSpecificData,
    InstallCommand, PropertyItem, ReturnCode,
};
pub use facts::{
    Device, FileFacts, MachineFacts, MsiPatchState, MsiProduct, OsFacts, RegistryData, RegistryView, packed_guid,
};
pub use fragment::FragmentError;
pub use localized::LocalizedProperties;
pub use metadata::{CbsPackage, DriverMetadata, Metadata, MsiApplication, MsiPatch, PackageIdentity};
pub use relationships::{BundleClause, Clause, Relationships};
