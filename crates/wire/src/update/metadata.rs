//! What sits in `Metadata` of the applicability rules: package manifests, patch and product descriptions, drivers.

use uuid::Uuid;

use super::rules::Version;
use crate::xml::{Reader, Tag, XmlError};

/// The name of a servicing package: `name~token~architecture~language~version` (capture: servicing state text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageIdentity {
    /// Name without version.
    pub name: String,
    /// Public key token of the publisher.
    pub token: String,
    /// `amd64`, `x86`, `arm64`.
    pub architecture: String,
    /// Language tag; empty for `neutral`.
    pub language: String,
    /// Four-part version.
    pub version: Version,
}

impl PackageIdentity {
    /// All of the name but the version, with the tilde before it: what versions of one package have in common.
    #[must_use]
    pub fn family(&self) -> String {
        format!("{}~{}~{}~{}~", self.name, self.token, self.architecture, self.language)
    }

    /// Reads `name~token~architecture~language~version`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('~');
        let mut next = || parts.next().map(str::to_owned);
        let (name, token, architecture, language) = (next()?, next()?, next()?, next()?);
        let version = parts.next()?.parse().ok()?;
        let complete = parts.next().is_none() && !name.is_empty();
        complete.then_some(Self { name, token, architecture, language, version })
    }

    fn read(tag: &Tag<'_>) -> Option<Self> {
        let text = |name: &str| tag.attr(name).unwrap_or_default().to_owned();
        let language = text("language");
        Some(Self {
            name: tag.attr("name")?.to_owned(),
            token: text("publicKeyToken"),
            architecture: text("processorArchitecture"),
            language: if language == "neutral" { String::new() } else { language },
            version: tag.attr("version")?.parse().ok()?,
        })
    }
}

impl std::fmt::Display for PackageIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.family(), self.version)
    }
}

/// What a servicing manifest says about applicability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CbsPackage {
    /// The package itself.
    pub identity: PackageIdentity,
    /// Packages of which one must be installed; none means it fits everywhere.
    pub parents: Vec<PackageIdentity>,
}

/// What a Windows Installer patch description says (`patch_applicability.xsd`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsiPatch {
    /// Code of the patch.
    pub patch: Uuid,
    /// Products it can be applied to.
    pub targets: Vec<Uuid>,
}

/// What `MsiApplicationMetadata` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsiApplication {
    /// Code of the product.
    pub product: Uuid,
    /// Version that it brings.
    pub version: Option<Version>,
}

/// What `d.WindowsDriverMetaData` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverMetadata {
    /// Hardware id in PnP spelling.
    pub hardware_id: String,
    /// `DriverVerDate`, a date as text; dates of one form compare as text.
    pub date: String,
    /// `DriverVerVersion`.
    pub version: Version,
}

/// One item of `Metadata`. Each keeps its literal text, which is what is written back: manifests are long, and only
/// what rules need is read out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// `CbsPackageApplicabilityMetadata`.
    Cbs {
        /// What the rules use.
        package: CbsPackage,
        /// Literal text.
        raw: String,
    },
    /// `m.MsiPatchMetadata`.
    MsiPatch {
        /// What the rules use.
        patch: MsiPatch,
        /// Literal text.
        raw: String,
    },
    /// `m.MsiApplicationMetadata`.
    MsiApplication {
        /// What the rules use.
        application: MsiApplication,
        /// Literal text.
        raw: String,
    },
    /// `d.WindowsDriverMetaData`.
    Driver {
        /// What the rules use.
        driver: DriverMetadata,
        /// Literal text.
        raw: String,
    },
    /// Anything else, and anything of the above without what the rules need.
    Other {
        /// Literal text.
        raw: String,
    },
}

impl Metadata {
    /// The literal text.
    #[must_use]
    pub fn raw(&self) -> &str {
        match self {
            Self::Cbs { raw, .. }
            | Self::MsiPatch { raw, .. }
            | Self::MsiApplication { raw, .. }
            | Self::Driver { raw, .. }
            | Self::Other { raw } => raw,
        }
    }

    /// Reads one item: its literal text, then from that text what rules need.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let raw = reader.raw_outer(tag)?.to_owned();
        let limits = crate::limits::UPDATE_XML;
        let mut inner = Reader::new(&raw, limits)?;
        let Ok(root) = inner.root() else {
            return Ok(Self::Other { raw });
        };
        let item = match root.local() {
            "CbsPackageApplicabilityMetadata" => {
                read_cbs(&mut inner, &root)?.map(|package| Self::Cbs { package, raw: raw.clone() })
            }
            "m.MsiPatchMetadata" => {
                read_patch(&mut inner, &root)?.map(|patch| Self::MsiPatch { patch, raw: raw.clone() })
            }
            "m.MsiApplicationMetadata" => {
                let found = read_application(&mut inner, &root)?;
                found.map(|application| Self::MsiApplication { application, raw: raw.clone() })
            }
            "d.WindowsDriverMetaData" => read_driver(&root).map(|driver| Self::Driver { driver, raw: raw.clone() }),
            _ => None,
        };
        Ok(item.unwrap_or(Self::Other { raw }))
    }
}

/// `assembly/assemblyIdentity` is the package; `assembly/package/parent/assemblyIdentity` are its parents.
fn read_cbs<'a>(reader: &mut Reader<'a>, root: &Tag<'a>) -> Result<Option<CbsPackage>, XmlError> {
    let mut identity = None;
    let mut parents = Vec::new();
    while let Some(assembly) = reader.next_child(root)? {
        while let Some(child) = reader.next_child(&assembly)? {
            match child.local() {
                "assemblyIdentity" => identity = PackageIdentity::read(&child),
                "package" => {
                    while let Some(part) = reader.next_child(&child)? {
                        if part.local() != "parent" {
                            continue;
                        }
                        while let Some(parent) = reader.next_child(&part)? {
                            parents.extend(PackageIdentity::read(&parent));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(identity.map(|identity| CbsPackage { identity, parents }))
}

fn read_patch<'a>(reader: &mut Reader<'a>, root: &Tag<'a>) -> Result<Option<MsiPatch>, XmlError> {
    let mut patch = None;
    let mut targets = Vec::new();
    while let Some(description) = reader.next_child(root)? {
        if description.local() != "MsiPatch" {
            continue;
        }
        patch = description.attr("PatchGUID").and_then(braced);
        while let Some(target) = reader.next_child(&description)? {
            while let Some(part) = reader.next_child(&target)? {
                if part.local() == "TargetProductCode" {
                    targets.extend(braced(&reader.text(&part)?));
                }
            }
        }
    }
    Ok(patch.map(|patch| MsiPatch { patch, targets }))
}

fn read_application<'a>(reader: &mut Reader<'a>, root: &Tag<'a>) -> Result<Option<MsiApplication>, XmlError> {
    while let Some(part) = reader.next_child(root)? {
        if part.local() == "ProductCode" {
            let version = part.attr("Version").and_then(|text| text.parse().ok());
            let product = braced(&reader.text(&part)?);
            return Ok(product.map(|product| MsiApplication { product, version }));
        }
    }
    Ok(None)
}

fn read_driver(root: &Tag<'_>) -> Option<DriverMetadata> {
    Some(DriverMetadata {
        hardware_id: root.attr("HardwareID")?.to_owned(),
        date: root.attr("DriverVerDate")?.to_owned(),
        version: root.attr("DriverVerVersion")?.parse().ok()?,
    })
}

/// A GUID with or without braces.
pub(super) fn braced(text: &str) -> Option<Uuid> {
    text.trim().trim_start_matches('{').trim_end_matches('}').parse().ok()
}
