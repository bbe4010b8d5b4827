//! What a catalogue is made of.

use cmsim_wire::update::{Clause, UpdateIdentity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Machine;

/// What a category is. Many real ones carry no type (docs: counts of a public catalogue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CategoryType {
    /// The publisher.
    Company,
    /// A family of products.
    ProductFamily,
    /// A product.
    Product,
    /// A classification.
    UpdateClassification,
    /// A component of a product; no type in the metadata.
    Component,
}

impl CategoryType {
    /// As written in the metadata.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Company => Some("Company"),
            Self::ProductFamily => Some("ProductFamily"),
            Self::Product => Some("Product"),
            Self::UpdateClassification => Some("UpdateClassification"),
            Self::Component => None,
        }
    }
}

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A category.
    Category(CategoryType),
    /// A condition of machines.
    Detectoid,
    /// An update with files of its own.
    Software,
    /// An update made of others.
    Bundle,
    /// A part of a bundle.
    BundleChild,
    /// A device driver.
    Driver,
}

/// What the server does with an entity for all computers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Approval {
    /// Action `Evaluate`: categories and detectoids.
    Evaluate,
    /// Action `Bundle`: parts of bundles.
    Bundle,
    /// Action `PreDeploymentCheck`: updates in a ConfigMgr site, which approves nothing in WSUS.
    DetectOnly,
    /// Action `Install`.
    Install,
    /// In the database and deployed to nobody.
    Declined,
}

/// A file of an update. The digests are those of [`FileEntry::stand_in`], a short text in place of the real content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name.
    pub name: String,
    /// Size in bytes that the metadata tells.
    pub size: u64,
    /// Time of last change.
    pub modified: Timestamp,
    /// SHA-1.
    pub sha1: [u8; 20],
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl FileEntry {
    /// The text that stands for the content of a file.
    #[must_use]
    pub fn stand_in(update: UpdateIdentity, name: &str) -> String {
        format!("content of {name} of {update}\r\n")
    }
}

/// One revision of one update, category or detectoid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Which revision.
    pub identity: UpdateIdentity,
    /// A number for the server's own use: unique, positive, in no order.
    pub local_id: i32,
    /// What it is.
    pub kind: Kind,
    /// Core fragment.
    pub core: String,
    /// Extended fragment.
    pub extended: String,
    /// Localized properties: language and fragment, English first.
    pub localized: Vec<(String, String)>,
    /// English title.
    pub title: String,
    /// English description.
    pub description: String,
    /// Article number without `KB`.
    pub kb: Option<u32>,
    /// Bulletin such as `MS13-060`.
    pub bulletin: Option<String>,
    /// `Critical`, `Important`, `Moderate` or `Low`.
    pub severity: Option<&'static str>,
    /// Its classification; updates only.
    pub classification: Option<Uuid>,
    /// Its product first, then components; updates only.
    pub products: Vec<Uuid>,
    /// What must be installed before.
    pub prerequisites: Vec<Clause>,
    /// What it replaces.
    pub supersedes: Vec<Uuid>,
    /// What replaces it.
    pub superseded_by: Vec<Uuid>,
    /// Parts of a bundle.
    pub bundles: Vec<UpdateIdentity>,
    /// Files.
    pub files: Vec<FileEntry>,
    /// What the server does with it.
    pub approval: Approval,
    /// When it was published.
    pub created: Timestamp,
    /// Whether nothing names it as prerequisite.
    pub is_leaf: bool,
}

/// A catalogue with an example machine.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// All entities; what is named as prerequisite or part stands before what names it.
    pub entities: Vec<Entity>,
    /// The example client.
    pub machine: Machine,
}

impl Catalogue {
    /// The entities that are deployed: all but the declined ones.
    pub fn deployed(&self) -> impl Iterator<Item = &Entity> {
        self.entities.iter().filter(|entity| entity.approval != Approval::Declined)
    }

    /// The entity of that id.
    #[must_use]
    pub fn find(&self, id: Uuid) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.identity.id == id)
    }
}
