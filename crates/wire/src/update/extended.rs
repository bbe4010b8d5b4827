//! The extended fragment: what installing an update needs.

use super::FragmentError;
use super::fragment::{attribute, attributes, boolean, fragment_writer, read_fragment};
use crate::xml::{Reader, Tag, Writer, XmlError, XmlErrorKind};

/// How installing or removing behaves: attributes in document order (`RebootBehavior`, `Impact`,
/// `CanRequestUserInput`, `RequiresNetworkConnectivity`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Behavior(pub Vec<(String, String)>);

impl Behavior {
    /// `NeverReboots`, `AlwaysRequiresReboot` or `CanRequestReboot`.
    #[must_use]
    pub fn reboot(&self) -> Option<&str> {
        attribute(&self.0, "RebootBehavior")
    }
}

/// A child of `ExtendedProperties`; their order is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyItem {
    /// How installing behaves.
    InstallationBehavior(Behavior),
    /// How removing behaves.
    UninstallationBehavior(Behavior),
    /// Where to get support.
    SupportUrl(String),
    /// Bulletin such as `MS13-060`.
    SecurityBulletinId(String),
    /// Knowledge base article number without `KB`.
    KbArticleId(String),
    /// Vulnerability number.
    CveId(String),
    /// Language of the files, `all` for every one.
    Language(String),
    /// Not modelled, as literal text.
    Other(String),
}

/// `ExtendedProperties`: the name that `Properties` has in this fragment (capture). Attributes keep their order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExtendedProperties {
    /// All attributes in document order.
    pub attributes: Vec<(String, String)>,
    /// All children in document order.
    pub items: Vec<PropertyItem>,
}

impl ExtendedProperties {
    /// Value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// URI of the handler that installs it.
    #[must_use]
    pub fn handler(&self) -> Option<&str> {
        self.attribute("Handler")
    }

    /// Most bytes to download.
    #[must_use]
    pub fn max_download_size(&self) -> Option<u64> {
        self.attribute("MaxDownloadSize").and_then(|text| text.parse().ok())
    }

    /// `Critical`, `Important`, `Moderate` or `Low`.
    #[must_use]
    pub fn severity(&self) -> Option<&str> {
        self.attribute("MsrcSeverity")
    }

    /// Knowledge base article numbers.
    pub fn kb_articles(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            PropertyItem::KbArticleId(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// Security bulletins.
    pub fn bulletins(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            PropertyItem::SecurityBulletinId(id) => Some(id.as_str()),
            _ => None,
        })
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut items = Vec::new();
        while let Some(child) = reader.next_child(tag)? {
            let item = match child.local() {
                "InstallationBehavior" => PropertyItem::InstallationBehavior(Behavior(attributes(&child))),
                "UninstallationBehavior" => PropertyItem::UninstallationBehavior(Behavior(attributes(&child))),
                "SupportUrl" => PropertyItem::SupportUrl(reader.text(&child)?.into_owned()),
                "SecurityBulletinID" => PropertyItem::SecurityBulletinId(reader.text(&child)?.into_owned()),
                "KBArticleID" => PropertyItem::KbArticleId(reader.text(&child)?.into_owned()),
                "CveID" => PropertyItem::CveId(reader.text(&child)?.into_owned()),
                "Language" => PropertyItem::Language(reader.text(&child)?.into_owned()),
                _ => PropertyItem::Other(reader.raw_outer(&child)?.to_owned()),
            };
            items.push(item);
        }
        let attributes = attributes(tag);
        Ok(Self { attributes, items })
    }

    fn write(&self, writer: &mut Writer) {
        open(writer, "ExtendedProperties", &self.attributes);
        for item in &self.items {
            match item {
                PropertyItem::InstallationBehavior(behavior) => {
                    open(writer, "InstallationBehavior", &behavior.0).end();
                }
                PropertyItem::UninstallationBehavior(behavior) => {
                    open(writer, "UninstallationBehavior", &behavior.0).end();
                }
                PropertyItem::SupportUrl(text) => {
                    writer.leaf("SupportUrl", text);
                }
                PropertyItem::SecurityBulletinId(text) => {
                    writer.leaf("SecurityBulletinID", text);
                }
                PropertyItem::KbArticleId(text) => {
                    writer.leaf("KBArticleID", text);
                }
                PropertyItem::CveId(text) => {
                    writer.leaf("CveID", text);
                }
                PropertyItem::Language(text) => {
                    writer.leaf("Language", text);
                }
                PropertyItem::Other(raw) => {
                    writer.raw(raw);
                }
            }
        }
        writer.end();
    }
}

/// One file of an update. Publishers order the attributes differently (capture), so they are kept as found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct File {
    /// All attributes in document order.
    pub attributes: Vec<(String, String)>,
    /// `AdditionalDigest`: algorithm and base64 digest.
    pub additional_digests: Vec<(String, String)>,
    /// Children that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl File {
    /// Value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// Base64 of the SHA-1.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.attribute("Digest")
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.attribute("FileName")
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.attribute("Size").and_then(|text| text.parse().ok())
    }

    /// Base64 of the SHA-256, which Windows 8 and later demand (MS-WUSP).
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        attribute(&self.additional_digests, "SHA256")
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut file = Self { attributes: attributes(tag), ..Self::default() };
        while let Some(child) = reader.next_child(tag)? {
            let algorithm = child.attr("Algorithm").filter(|_| child.local() == "AdditionalDigest");
            if let Some(algorithm) = algorithm {
                let algorithm = algorithm.to_owned();
                let digest = reader.text(&child)?.into_owned();
                file.additional_digests.push((algorithm, digest));
            } else {
                file.other.push(reader.raw_outer(&child)?.to_owned());
            }
        }
        Ok(file)
    }

    fn write(&self, writer: &mut Writer) {
        open(writer, "File", &self.attributes);
        for (algorithm, digest) in &self.additional_digests {
            writer.start("AdditionalDigest").attr("Algorithm", algorithm).text(digest).end();
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.end();
    }
}

/// What a category is (`cat:Category`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CategoryInformation {
    /// `Company`, `ProductFamily`, `Product` or `UpdateClassification`; absent on many real categories.
    pub category_type: Option<String>,
    /// May not have children.
    pub prohibits_subcategories: Option<bool>,
    /// May not have updates.
    pub prohibits_updates: Option<bool>,
    /// Place in lists.
    pub display_order: Option<u32>,
    /// Not chosen by default.
    pub excluded_by_default: Option<bool>,
}

impl CategoryInformation {
    fn read(tag: &Tag<'_>) -> Result<Self, XmlError> {
        let flag = |name: &str| match tag.attr(name) {
            None => Ok(None),
            Some(text) => {
                let bad = || tag.error(XmlErrorKind::value(format!("attribute '{name}'"), text));
                boolean(text).ok_or_else(bad).map(Some)
            }
        };
        Ok(Self {
            category_type: tag.attr("CategoryType").map(str::to_owned),
            prohibits_subcategories: flag("ProhibitsSubcategories")?,
            prohibits_updates: flag("ProhibitsUpdates")?,
            display_order: tag.parse_attr("DisplayOrder")?,
            excluded_by_default: flag("ExcludedByDefault")?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let flag = |value: Option<bool>| value.map(|set| if set { "true" } else { "false" });
        let order = self.display_order.map(|order| order.to_string());
        writer
            .start("CategoryInformation")
            .attr_opt("CategoryType", self.category_type.as_deref())
            .attr_opt("ProhibitsSubcategories", flag(self.prohibits_subcategories))
            .attr_opt("ProhibitsUpdates", flag(self.prohibits_updates))
            .attr_opt("DisplayOrder", order)
            .attr_opt("ExcludedByDefault", flag(self.excluded_by_default))
            .end();
    }
}

/// What an exit code of an installer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnCode {
    /// Exit code.
    pub code: i32,
    /// `Succeeded`, `Failed` or `Cancelled`.
    pub result: String,
    /// Whether it asks for a restart.
    pub reboot: bool,
}

/// A program to run (`cmd:CommandLineInstallation`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallCommand {
    /// File name of the program.
    pub program: String,
    /// Its arguments.
    pub arguments: String,
    /// Whether an exit code that is not listed asks for a restart.
    pub reboot_by_default: bool,
    /// What an exit code that is not listed means.
    pub default_result: String,
    /// The listed exit codes.
    pub return_codes: Vec<ReturnCode>,
}

impl InstallCommand {
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let truth = |tag: &Tag<'_>, name: &str| tag.attr(name).and_then(boolean).unwrap_or(false);
        let mut return_codes = Vec::new();
        while let Some(child) = reader.next_child(tag)? {
            return_codes.push(ReturnCode {
                code: child.require_parsed("Code")?,
                result: child.require("Result")?.to_owned(),
                reboot: truth(&child, "Reboot"),
            });
        }
        Ok(Self {
            program: tag.require("Program")?.to_owned(),
            arguments: tag.attr("Arguments").unwrap_or_default().to_owned(),
            reboot_by_default: truth(tag, "RebootByDefault"),
            default_result: tag.attr("DefaultResult").unwrap_or("Failed").to_owned(),
            return_codes,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let truth = |set: bool| if set { "true" } else { "false" };
        writer
            .start("InstallCommand")
            .attr("Program", &self.program)
            .attr("Arguments", &self.arguments)
            .attr("RebootByDefault", truth(self.reboot_by_default))
            .attr("DefaultResult", &self.default_result);
        for code in &self.return_codes {
            writer
                .start("ReturnCode")
                .attr("Code", code.code.to_string())
                .attr("Result", &code.result)
                .attr("Reboot", truth(code.reboot))
                .end();
        }
        writer.end();
    }
}

/// What is inside `HandlerSpecificData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandlerBody {
    /// `CategoryInformation`.
    Category(CategoryInformation),
    /// `CbsData`; the identity is empty on every servicing update seen (capture).
    Cbs {
        /// Name of the package, usually empty.
        package_identity: String,
    },
    /// `InstallCommand`.
    Command(InstallCommand),
    /// Anything else, as literal text.
    Other(String),
}

/// `HandlerSpecificData`: the data of the handler that installs the update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerSpecificData {
    /// The `type` attribute with its prefix, such as `cbs:Cbs`.
    pub kind: String,
    /// Its content.
    pub body: HandlerBody,
}

impl HandlerSpecificData {
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let kind = tag.attr("type").unwrap_or_default().to_owned();
        let raw = reader.raw_inner(tag)?.to_owned();
        let typed = Self { body: read_body(&raw)?.unwrap_or(HandlerBody::Other(raw.clone())), kind };
        // Data that says more than the types hold stays literal, so that nothing is lost.
        let mut writer = fragment_writer();
        typed.write_body(&mut writer);
        if writer.as_str() == raw {
            return Ok(typed);
        }
        let body = HandlerBody::Other(raw);
        Ok(Self { body, ..typed })
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("HandlerSpecificData").attr("type", &self.kind);
        self.write_body(writer);
        writer.end();
    }

    fn write_body(&self, writer: &mut Writer) {
        match &self.body {
            HandlerBody::Category(information) => information.write(writer),
            HandlerBody::Cbs { package_identity } => {
                writer.start("CbsData").attr("PackageIdentity", package_identity).end();
            }
            HandlerBody::Command(command) => command.write(writer),
            HandlerBody::Other(raw) if raw.is_empty() => {}
            HandlerBody::Other(raw) => {
                writer.raw(raw);
            }
        }
    }
}

/// The one element inside handler data of a known type.
fn read_body(raw: &str) -> Result<Option<HandlerBody>, XmlError> {
    let mut reader = Reader::new(raw, crate::limits::UPDATE_XML)?;
    let Ok(root) = reader.root() else {
        return Ok(None);
    };
    Ok(match root.local() {
        "CategoryInformation" => Some(HandlerBody::Category(CategoryInformation::read(&root)?)),
        "CbsData" => {
            Some(HandlerBody::Cbs { package_identity: root.attr("PackageIdentity").unwrap_or_default().to_owned() })
        }
        "InstallCommand" => Some(HandlerBody::Command(InstallCommand::read(&mut reader, &root)?)),
        _ => None,
    })
}

/// The extended fragment of one revision: ExtendedProperties, Files, HandlerSpecificData (capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedFragment {
    /// Properties.
    pub properties: ExtendedProperties,
    /// Files, none for categories and detectoids.
    pub files: Vec<File>,
    /// Data of the handler.
    pub handler: Option<HandlerSpecificData>,
    /// Top-level elements that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl ExtendedFragment {
    /// Reads a fragment as GetExtendedUpdateInfo delivers it (already unescaped).
    ///
    /// # Errors
    /// Not well-formed, beyond [`crate::limits::UPDATE_XML`], without `ExtendedProperties`, or with values of the
    /// wrong form.
    pub fn decode(fragment: &str) -> Result<Self, FragmentError> {
        let mut properties = None;
        let mut files = Vec::new();
        let mut handler = None;
        let mut other = Vec::new();
        read_fragment(fragment, |reader, tag| {
            match tag.local() {
                "ExtendedProperties" => properties = Some(ExtendedProperties::read(reader, tag)?),
                "Files" => {
                    while let Some(file) = reader.next_child(tag)? {
                        files.push(File::read(reader, &file)?);
                    }
                }
                "HandlerSpecificData" => handler = Some(HandlerSpecificData::read(reader, tag)?),
                _ => other.push(reader.raw_outer(tag)?.to_owned()),
            }
            Ok(())
        })?;
        let missing = || XmlError::new(0, XmlErrorKind::MissingElement("ExtendedProperties".to_owned()));
        Ok(Self { properties: properties.ok_or_else(missing)?, files, handler, other })
    }

    /// The fragment as a server stores and sends it (not escaped).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut writer = fragment_writer();
        self.properties.write(&mut writer);
        if !self.files.is_empty() {
            writer.start("Files");
            for file in &self.files {
                file.write(&mut writer);
            }
            writer.end();
        }
        if let Some(handler) = &self.handler {
            handler.write(&mut writer);
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.finish()
    }
}

/// Opens an element with all its attributes.
fn open<'w>(writer: &'w mut Writer, name: &'static str, attributes: &[(String, String)]) -> &'w mut Writer {
    writer.start(name);
    for (name, value) in attributes {
        writer.attr(name, value);
    }
    writer
}
