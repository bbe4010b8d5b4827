//! The text of an update in one language.

use super::FragmentError;
use super::fragment::{fragment_writer, read_fragment};
use crate::xml::{XmlError, XmlErrorKind};

/// One `LocalizedProperties` fragment; order of the elements as observed (capture, and public WSUS tools for the
/// last three).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalizedProperties {
    /// Language tag, such as `en`.
    pub language: String,
    /// Title.
    pub title: String,
    /// Description; may be absent.
    pub description: Option<String>,
    /// How to remove it.
    pub uninstall_notes: Option<String>,
    /// Where to read more.
    pub more_info_urls: Vec<String>,
    /// Where to get support.
    pub support_url: Option<String>,
    /// Elements that are not modelled, as literal text.
    pub other: Vec<String>,
}

impl LocalizedProperties {
    /// Reads a fragment as GetExtendedUpdateInfo delivers it (already unescaped).
    ///
    /// # Errors
    /// Not well-formed, beyond [`crate::limits::UPDATE_XML`], or without language or title.
    pub fn decode(fragment: &str) -> Result<Self, FragmentError> {
        let mut all = Self::default();
        let mut language = None;
        let mut title = None;
        read_fragment(fragment, |reader, tag| {
            if tag.local() != "LocalizedProperties" {
                let found = format!("'{}'", tag.local());
                let expected = "LocalizedProperties".to_owned();
                return Err(tag.error(XmlErrorKind::Unexpected { expected, found }));
            }
            while let Some(child) = reader.next_child(tag)? {
                let name = child.local();
                if !matches!(
                    name,
                    "Language" | "Title" | "Description" | "UninstallNotes" | "MoreInfoUrl" | "SupportUrl"
                ) {
                    all.other.push(reader.raw_outer(&child)?.to_owned());
                    continue;
                }
                let text = reader.text(&child)?.into_owned();
                match name {
                    "Language" => language = Some(text),
                    "Title" => title = Some(text),
                    "Description" => all.description = Some(text),
                    "UninstallNotes" => all.uninstall_notes = Some(text),
                    "MoreInfoUrl" => all.more_info_urls.push(text),
                    _ => all.support_url = Some(text),
                }
            }
            Ok(())
        })?;
        let missing = |name: &str| FragmentError(XmlError::new(0, XmlErrorKind::MissingElement(name.to_owned())));
        all.language = language.ok_or_else(|| missing("Language"))?;
        all.title = title.ok_or_else(|| missing("Title"))?;
        Ok(all)
    }

    /// The fragment as a server stores and sends it (not escaped).
    #[must_use]
    pub fn encode(&self) -> String {
        let mut writer = fragment_writer();
        writer.start("LocalizedProperties");
        writer.leaf("Language", &self.language);
        writer.leaf("Title", &self.title);
        if let Some(text) = &self.description {
            writer.leaf("Description", text);
        }
        if let Some(text) = &self.uninstall_notes {
            writer.leaf("UninstallNotes", text);
        }
        for url in &self.more_info_urls {
            writer.leaf("MoreInfoUrl", url);
        }
        if let Some(url) = &self.support_url {
            writer.leaf("SupportUrl", url);
        }
        for raw in &self.other {
            writer.raw(raw);
        }
        writer.finish()
    }
}
