//! The core fragment: identity, relationships and rules of one revision.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fragment::{attributes, boolean, fragment_writer, guid_attribute, read_fragment};
use super::rules::Expression;
use super::{FragmentError, Metadata, Relationships};
use crate::xml::{Reader, Tag, Writer, XmlError, XmlErrorKind};

/// One revision of one update. Displays as `id.revision` in the way the agent's log does, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UpdateIdentity {
    /// The update, the same in all its revisions.
    pub id: Uuid,
    /// Which revision; higher replaces lower.
    pub revision: u32,
}

impl fmt::Display for UpdateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.revision)
    }
}

impl UpdateIdentity {
    pub(super) fn read(tag: &Tag<'_>) -> Result<Self, XmlError> {
        Ok(Self { id: guid_attribute(tag, "UpdateID")?, revision: tag.require_parsed("RevisionNumber")? })
    }

    pub(super) fn write(self, writer: &mut Writer) {
        writer
            .start("UpdateIdentity")
            .attr("UpdateID", self.id.as_hyphenated().to_string())
            .attr("RevisionNumber", self.revision.to_string())
            .end();
    }
}

/// What an entity is (MS-WUSP 3.1.1, `UpdateType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UpdateType {
    /// Company, product family, product or classification.
    Category,
    /// A condition of the machine that updates name as prerequisite.
    Detectoid,
    /// Something that can be installed.
    Software,
    /// A device driver.
    Driver,
}

impl UpdateType {
    /// As written in the attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Category => "Category",
            Self::Detectoid => "Detectoid",
            Self::Software => "Software",
            Self::Driver => "Driver",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Category, Self::Detectoid, Self::Software, Self::Driver];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The attributes of `Properties` that stay in the core fragment. Absent ones have their default, false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// What the entity is.
    pub update_type: UpdateType,
    /// An administrator may approve it; children of bundles are not deployable by themselves.
    pub explicitly_deployable: bool,
    /// Chosen without asking on the public site.
    pub auto_select_on_web_sites: bool,
    /// Replaces the operating system.
    pub os_upgrade: bool,
    /// License text that must be accepted.
    pub eula_id: Option<String>,
    /// Attributes that are not modelled, in document order.
    pub other: Vec<(String, String)>,
}

impl Properties {
    /// Only a type, everything else default.
    #[must_use]
    pub fn of(update_type: UpdateType) -> Self {
        Self {
            update_type,
            explicitly_deployable: false,
            auto_select_on_web_sites: false,
            os_upgrade: false,
            eula_id: None,
            other: Vec::new(),
        }
    }

    fn read(tag: &Tag<'_>) -> Result<Self, XmlError> {
        let name = tag.require("UpdateType")?;
        let bad = || tag.error(XmlErrorKind::value("attribute 'UpdateType'", name));
        let mut properties = Self::of(UpdateType::named(name).ok_or_else(bad)?);
        for (key, value) in attributes(tag) {
            let flag =
                || boolean(&value).ok_or_else(|| tag.error(XmlErrorKind::value(format!("attribute '{key}'"), &value)));
            match key.as_str() {
                "UpdateType" => {}
                "ExplicitlyDeployable" => properties.explicitly_deployable = flag()?,
                "AutoSelectOnWebSites" => properties.auto_select_on_web_sites = flag()?,
                "OSUpgrade" => properties.os_upgrade = flag()?,
                "EulaID" => properties.eula_id = Some(value),
                _ => properties.other.push((key, value)),
            }
        }
        Ok(properties)
    }

    fn write(&self, writer: &mut Writer) {
        let flag = |set: bool| set.then_some("true");
        writer
            .start("Properties")
            .attr("UpdateType", self.update_type.as_str())
            .attr_opt("ExplicitlyDeployable", flag(self.explicitly_deployable))
            .attr_opt("AutoSelectOnWebSites", flag(self.auto_select_on_web_sites))
            .attr_opt("OSUpgrade", flag(self.os_upgrade))
            .attr_opt("EulaID", self.eula_id.as_deref());
        for (name, value) in &self.other {
            writer.attr(name, value);
        }
        writer.end();
    }
}

/// The `ApplicabilityRules` element.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ApplicabilityRules {
    /// True when the update is on the machine.
    pub is_installed: Option<Expression>,
    /// True when something newer makes it needless.
    pub is_superseded: Option<Expression>,
    /// True when it could be installed.
    pub is_installable: Option<Expression>,
    /// What some rules need to be evaluated; empty if the element is absent.
    pub metadata: Vec<Metadata>,
    /// Elements that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl ApplicabilityRules {
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut rules = Self::default();
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "IsInstalled" => rules.is_installed = Some(read_condition(reader, &child)?),
                "IsSuperseded" => rules.is_superseded = Some(read_condition(reader, &child)?),
                "IsInstallable" => rules.is_installable = Some(read_condition(reader, &child)?),
                "Metadata" => {
                    while let Some(item) = reader.next_child(&child)? {
                        rules.metadata.push(Metadata::read(reader, &item)?);
                    }
                }
                _ => rules.other.push(reader.raw_outer(&child)?.to_owned()),
            }
        }
        Ok(rules)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("ApplicabilityRules");
        let conditions = [
            ("IsInstalled", &self.is_installed),
            ("IsSuperseded", &self.is_superseded),
            ("IsInstallable", &self.is_installable),
        ];
        for (name, condition) in conditions {
            if let Some(expression) = condition {
                writer.start(name);
                expression.write(writer);
                writer.end();
            }
        }
        if !self.metadata.is_empty() {
            writer.start("Metadata");
            for item in &self.metadata {
                writer.raw(item.raw());
            }
            writer.end();
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.end();
    }
}

/// A condition holds one expression; an empty one is `False`.
fn read_condition<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Expression, XmlError> {
    let mut expression = None;
    while let Some(child) = reader.next_child(tag)? {
        if expression.is_some() {
            return Err(child.error(XmlErrorKind::Unexpected {
                expected: format!("end of {}", tag.local()),
                found: format!("'{}'", child.local()),
            }));
        }
        expression = Some(Expression::read(reader, &child)?);
    }
    Ok(expression.unwrap_or(Expression::False))
}

/// The core fragment of one revision: UpdateIdentity, Properties, Relationships, ApplicabilityRules (capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreFragment {
    /// Which revision.
    pub identity: UpdateIdentity,
    /// What it is.
    pub properties: Properties,
    /// Absent on a root category.
    pub relationships: Option<Relationships>,
    /// Absent on bundles whose state comes from their children.
    pub rules: Option<ApplicabilityRules>,
    /// Top-level elements that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl CoreFragment {
    /// Reads a fragment as SyncUpdates delivers it (already unescaped).
    ///
    /// # Errors
    /// Not well-formed, beyond [`crate::limits::UPDATE_XML`], or without identity or type.
    pub fn decode(fragment: &str) -> Result<Self, FragmentError> {
        let mut identity = None;
        let mut properties = None;
        let mut relationships = None;
        let mut rules = None;
        let mut other = Vec::new();
        read_fragment(fragment, |reader, tag| {
            match tag.local() {
                "UpdateIdentity" => identity = Some(UpdateIdentity::read(tag)?),
                "Properties" => properties = Some(Properties::read(tag)?),
                "Relationships" => relationships = Some(Relationships::read(reader, tag)?),
                "ApplicabilityRules" => rules = Some(ApplicabilityRules::read(reader, tag)?),
                _ => other.push(reader.raw_outer(tag)?.to_owned()),
            }
            Ok(())
        })?;
        let missing = |name: &str| FragmentError(XmlError::new(0, XmlErrorKind::MissingElement(name.to_owned())));
        Ok(Self {
            identity: identity.ok_or_else(|| missing("UpdateIdentity"))?,
            properties: properties.ok_or_else(|| missing("Properties"))?,
            relationships,
            rules,
            other,
        })
    }

    /// The fragment as a server stores and sends it (not escaped).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut writer = fragment_writer();
        self.identity.write(&mut writer);
        self.properties.write(&mut writer);
        if let Some(relationships) = &self.relationships {
            relationships.write(&mut writer);
        }
        if let Some(rules) = &self.rules {
            rules.write(&mut writer);
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.finish()
    }

    /// The prerequisite clauses, none if there are no relationships.
    #[must_use]
    pub fn prerequisites(&self) -> &[super::Clause] {
        self.relationships.as_ref().map_or(&[], |all| &all.prerequisites)
    }

    /// The parts of a bundle, none for anything else.
    #[must_use]
    pub fn bundled(&self) -> &[super::BundleClause] {
        self.relationships.as_ref().map_or(&[], |all| &all.bundled)
    }

    /// The updates that this one replaces.
    #[must_use]
    pub fn superseded(&self) -> &[Uuid] {
        self.relationships.as_ref().map_or(&[], |all| &all.superseded)
    }
}
