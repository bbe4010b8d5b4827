//! Import of updates and categories, as a synchronization writes them into the site.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::handle::{SiteDb, SiteDbError};
use crate::time::sql_timestamp;

/// Kind of category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CategoryKind {
    /// Who publishes.
    Company,
    /// Products that belong together.
    ProductFamily,
    /// A product.
    Product,
    /// What kind of update.
    UpdateClassification,
}

impl CategoryKind {
    /// The name that starts a category's unique id in the site.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Company => "Company",
            Self::ProductFamily => "ProductFamily",
            Self::Product => "Product",
            Self::UpdateClassification => "UpdateClassification",
        }
    }
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryRecord {
    /// Kind.
    pub kind: CategoryKind,
    /// Unique id.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Kind and id of the parent; parents come before their children.
    pub parent: Option<(CategoryKind, Uuid)>,
    /// Whether the site synchronizes updates of this category.
    pub subscribed: bool,
}

/// What an update is to the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// Installs by itself.
    Update,
    /// Has member updates.
    Bundle,
    /// Is a member of a bundle.
    Child,
}

/// An update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateRecord {
    /// Unique id.
    pub unique_id: Uuid,
    /// Revision number.
    pub revision: u32,
    /// Content version of the source with which the update appeared; only scans at this version or above know it.
    pub min_source_version: u32,
    /// Kind.
    pub kind: UpdateKind,
    /// Whether it is a driver.
    pub driver: bool,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Article number, digits only; empty if none.
    pub article_id: String,
    /// Security bulletin; empty if none.
    pub bulletin_id: String,
    /// Page about it.
    pub info_url: String,
    /// 0 none, 2 low, 6 moderate, 8 important, 10 critical (docs).
    pub severity: u32,
    /// When this revision was made.
    pub revised: Timestamp,
    /// Whether another update supersedes it.
    pub superseded: bool,
    /// Whether it was withdrawn.
    pub expired: bool,
    /// Whether it has licence terms.
    pub eula: bool,
    /// Updates it supersedes.
    pub supersedes: Vec<Uuid>,
    /// Its classification.
    pub classification: Uuid,
    /// Its products.
    pub products: Vec<Uuid>,
}

/// The scripts of an import in order. Each takes the updates as ?1, the site as ?2, the time as ?3.
const IMPORT: &[&str] = &[
    include_str!("procedures/import_updates.items.sql"),
    include_str!("procedures/import_updates.updates.sql"),
    include_str!("procedures/import_updates.texts.sql"),
    include_str!("procedures/import_updates.forget_categories.sql"),
    include_str!("procedures/import_updates.categories.sql"),
    include_str!("procedures/import_updates.supersedence.sql"),
    include_str!("procedures/import_updates.resolve.sql"),
    include_str!("procedures/import_updates.resolved.sql"),
];

impl SiteDb {
    /// Adds categories, or renews known ones.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn import_categories(&self, site_code: &str, categories: &[CategoryRecord]) -> Result<(), SiteDbError> {
        let key = |kind: CategoryKind, id: Uuid| format!("{}:{id}", kind.name());
        let rows: Vec<Value> = categories
            .iter()
            .map(|category| {
                json!({
                    "id": key(category.kind, category.id),
                    "kind": category.kind.name(),
                    "title": category.title,
                    "parent": category.parent.map(|(kind, id)| key(kind, id)),
                    "subscribed": u8::from(category.subscribed),
                })
            })
            .collect();
        let (rows, site_code, now) = (Value::from(rows).to_string(), site_code.to_owned(), self.now());
        self.write("import categories", |c| {
            Box::pin(async move {
                for sql in [
                    include_str!("procedures/import_categories.instances.sql"),
                    include_str!("procedures/import_categories.parents.sql"),
                    include_str!("procedures/import_categories.texts.sql"),
                    include_str!("procedures/import_categories.subscription.sql"),
                ] {
                    sqlx::query(sql).bind(&rows).bind(&site_code).bind(&now).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Adds updates of the site's update source, or renews known ones. Categories that were not imported are left
    /// out. States that clients reported before their update was known count from now on.
    ///
    /// # Errors
    /// [`SiteDbError::Missing`] if the site has no update source, [`SiteDbError::Database`].
    pub async fn import_updates(&self, site_code: &str, updates: &[UpdateRecord]) -> Result<(), SiteDbError> {
        if self.update_source_id(site_code).await?.is_none() {
            return Err(SiteDbError::Missing { what: "update source of site", name: site_code.to_owned() });
        }
        let rows = Value::from(updates.iter().map(row).collect::<Vec<_>>()).to_string();
        let (site_code, now) = (site_code.to_owned(), self.now());
        self.write("import updates", |c| {
            Box::pin(async move {
                for sql in IMPORT {
                    sqlx::query(*sql).bind(&rows).bind(&site_code).bind(&now).execute(&mut *c).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

fn row(update: &UpdateRecord) -> Value {
    let mut categories = vec![format!("{}:{}", CategoryKind::UpdateClassification.name(), update.classification)];
    categories.extend(update.products.iter().map(|id| format!("{}:{id}", CategoryKind::Product.name())));
    json!({
        "id": update.unique_id,
        "revision": update.revision,
        "since": update.min_source_version,
        "type": if update.kind == UpdateKind::Bundle { 8 } else { 1 },
        "bundle": u8::from(update.kind == UpdateKind::Bundle),
        "child": u8::from(update.kind == UpdateKind::Child),
        "kind": if update.driver { "Driver" } else { "Software" },
        "title": update.title,
        "description": update.description,
        "article": update.article_id,
        "bulletin": update.bulletin_id,
        "url": update.info_url,
        "severity": update.severity,
        "revised": sql_timestamp(update.revised),
        "superseded": u8::from(update.superseded),
        "expired": u8::from(update.expired),
        "eula": u8::from(update.eula),
        "supersedes": update.supersedes,
        "categories": categories,
    })
}
