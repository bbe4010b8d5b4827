//! Fragments and files, read from the database for each call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::{Susdb, SusdbError};

/// Fragments that are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentRequest<'a> {
    pub(crate) revisions: &'a [i32],
    pub(crate) core: bool,
    pub(crate) extended: bool,
    /// Languages, best first; none asks for no texts.
    pub(crate) locales: &'a [String],
}

/// What the database has of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragments {
    /// Revisions that exist.
    pub(crate) known: BTreeSet<i32>,
    pub(crate) core: BTreeMap<i32, Arc<str>>,
    pub(crate) extended: BTreeMap<i32, Arc<str>>,
    /// The text in the best language there is.
    pub(crate) localized: BTreeMap<i32, Arc<str>>,
}

/// A file: hex digest and name.
pub(crate) type FileRow = (String, String);

impl Susdb {
    pub(crate) async fn fragments(&self, request: FragmentRequest<'_>) -> Result<Fragments, SusdbError> {
        let ids = json!(request.revisions).to_string();
        let rows: Vec<(i32, i64, String, String)> = self
            .db
            .read("read fragments", |c| {
                Box::pin(
                    sqlx::query_as(
                        "SELECT RevisionID, RootElementType, LanguageID, RootElementXml FROM tbXml
                         WHERE RevisionID IN (SELECT value FROM json_each(?))",
                    )
                    .bind(ids)
                    .fetch_all(c),
                )
            })
            .await?;
        let mut found = Fragments::default();
        // Rank of the language found so far; lower is better.
        let mut ranks: BTreeMap<i32, usize> = BTreeMap::new();
        for (id, kind, language, xml) in rows {
            found.known.insert(id);
            match kind {
                1 if request.core => drop(found.core.insert(id, xml.into())),
                2 if request.extended => drop(found.extended.insert(id, xml.into())),
                3 => {
                    let rank = request.locales.iter().position(|locale| locale.eq_ignore_ascii_case(&language));
                    if let Some(rank) = rank.filter(|rank| ranks.get(&id).is_none_or(|best| rank < best)) {
                        ranks.insert(id, rank);
                        found.localized.insert(id, xml.into());
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The files of revisions, each once, by digest.
    pub(crate) async fn files_of(&self, revisions: &[i32]) -> Result<Vec<FileRow>, SusdbError> {
        let ids = json!(revisions).to_string();
        let read = self.db.read("read files of revisions", |c| {
            Box::pin(
                sqlx::query_as(
                    "SELECT DISTINCT f.FileDigest, f.FileName FROM tbFileForRevision r
                     JOIN tbFile f ON f.FileDigest = r.FileDigest
                     WHERE r.RevisionID IN (SELECT value FROM json_each(?)) ORDER BY f.FileDigest",
                )
                .bind(ids)
                .fetch_all(c),
            )
        });
        Ok(read.await?)
    }

    /// The files with these digests, as far as they are known, in the order asked for.
    pub(crate) async fn files(&self, digests: &[String]) -> Result<Vec<FileRow>, SusdbError> {
        let digests = json!(digests).to_string();
        let read = self.db.read("read files", |c| {
            Box::pin(
                sqlx::query_as(
                    "SELECT f.FileDigest, f.FileName FROM json_each(?) d JOIN tbFile f ON f.FileDigest = d.value
                     ORDER BY d.key",
                )
                .bind(digests)
                .fetch_all(c),
            )
        });
        Ok(read.await?)
    }
}
