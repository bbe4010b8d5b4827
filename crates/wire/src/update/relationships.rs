//! What an update needs, contains and replaces.

use uuid::Uuid;

use super::UpdateIdentity;
use super::fragment::{boolean, guid_attribute};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// One condition of the prerequisites: at least one of the named updates is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The alternatives. They name an update and mean its highest revision.
    pub any_of: Vec<Uuid>,
    /// Whether the clause puts the update into a category (`IsCategory="true"`).
    pub is_category: bool,
    /// Whether the clause is written as an `AtLeastOne` group; a bare `UpdateIdentity` is a clause of one.
    pub grouped: bool,
}

impl Clause {
    /// A bare `UpdateIdentity`.
    #[must_use]
    pub fn needs(update: Uuid) -> Self {
        Self { any_of: vec![update], is_category: false, grouped: false }
    }

    /// An `AtLeastOne` group.
    #[must_use]
    pub fn one_of(updates: Vec<Uuid>) -> Self {
        Self { any_of: updates, is_category: false, grouped: true }
    }

    /// Membership in a category: `AtLeastOne IsCategory="true"` with one member.
    #[must_use]
    pub fn category(category: Uuid) -> Self {
        Self { any_of: vec![category], is_category: true, grouped: true }
    }
}

/// One part of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleClause {
    /// The alternatives, each an exact revision.
    pub any_of: Vec<UpdateIdentity>,
    /// Whether it is written as an `AtLeastOne` group.
    pub grouped: bool,
}

/// The `Relationships` element (MS-WUSP 3.1.1.1): superseded updates, prerequisites, bundled updates, in that order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Relationships {
    /// Updates that this one replaces.
    pub superseded: Vec<Uuid>,
    /// All clauses must hold.
    pub prerequisites: Vec<Clause>,
    /// The parts of a bundle.
    pub bundled: Vec<BundleClause>,
    /// Elements that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl Relationships {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut all = Self::default();
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "SupersededUpdates" => {
                    while let Some(update) = reader.next_child(&child)? {
                        all.superseded.push(guid_attribute(&update, "UpdateID")?);
                    }
                }
                "Prerequisites" => {
                    while let Some(clause) = reader.next_child(&child)? {
                        all.prerequisites.push(read_clause(reader, &clause)?);
                    }
                }
                "BundledUpdates" => {
                    while let Some(clause) = reader.next_child(&child)? {
                        all.bundled.push(read_bundle_clause(reader, &clause)?);
                    }
                }
                _ => all.other.push(reader.raw_outer(&child)?.to_owned()),
            }
        }
        Ok(all)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start("Relationships");
        if !self.superseded.is_empty() {
            writer.start("SupersededUpdates");
            for update in &self.superseded {
                write_update(writer, *update);
            }
            writer.end();
        }
        if !self.prerequisites.is_empty() {
            writer.start("Prerequisites");
            for clause in &self.prerequisites {
                write_clause(writer, clause);
            }
            writer.end();
        }
        if !self.bundled.is_empty() {
            writer.start("BundledUpdates");
            for clause in &self.bundled {
                if clause.grouped {
                    writer.start("AtLeastOne");
                }
                for identity in &clause.any_of {
                    identity.write(writer);
                }
                if clause.grouped {
                    writer.end();
                }
            }
            writer.end();
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.end();
    }
}

fn read_clause<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Clause, XmlError> {
    if tag.local() != "AtLeastOne" {
        return Ok(Clause::needs(guid_attribute(tag, "UpdateID")?));
    }
    let mut clause = Clause::one_of(Vec::new());
    clause.is_category = tag.attr("IsCategory").and_then(boolean).unwrap_or(false);
    while let Some(member) = reader.next_child(tag)? {
        clause.any_of.push(guid_attribute(&member, "UpdateID")?);
    }
    Ok(clause)
}

fn read_bundle_clause<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<BundleClause, XmlError> {
    if tag.local() != "AtLeastOne" {
        let any_of = vec![UpdateIdentity::read(tag)?];
        return Ok(BundleClause { any_of, grouped: false });
    }
    let mut any_of = Vec::new();
    while let Some(member) = reader.next_child(tag)? {
        any_of.push(UpdateIdentity::read(&member)?);
    }
    Ok(BundleClause { any_of, grouped: true })
}

fn write_clause(writer: &mut Writer, clause: &Clause) {
    if clause.grouped {
        writer.start("AtLeastOne");
        if clause.is_category {
            writer.attr("IsCategory", "true");
        }
    }
    for update in &clause.any_of {
        write_update(writer, *update);
    }
    if clause.grouped {
        writer.end();
    }
}

fn write_update(writer: &mut Writer, update: Uuid) {
    let id = update.as_hyphenated().to_string();
    writer.start("UpdateIdentity").attr("UpdateID", id).end();
}
