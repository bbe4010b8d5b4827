//! MPLIST and MPLIST1: the management points of a site. Evidence: capture (site version 2303), element for element.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Capabilities of a site system: names and values (`SSLState` 0 over HTTP, 63 over HTTPS; bits undocumented).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Name and value, in document order.
    pub properties: Vec<(String, String)>,
}

impl Capabilities {
    /// Name of the element.
    pub const ROOT: &'static str = "Capabilities";

    /// Only the SSL state.
    #[must_use]
    pub fn ssl_state(state: u32) -> Self {
        Self { properties: vec![("SSLState".to_owned(), state.to_string())] }
    }

    /// Value of a property.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.properties.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The element alone, as client logs print it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads the element alone.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this element or a property has no name.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let capabilities = Self::read(&mut reader, &root)?;
        reader.finish()?;
        Ok(capabilities)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start(Self::ROOT).attr("SchemaVersion", "1.0");
        for (name, value) in &self.properties {
            writer.start("Property").attr("Name", name).attr("Value", value).end();
        }
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut capabilities = Self::default();
        while let Some(property) = reader.next_child(tag)? {
            if capabilities.properties.len() == limits::CONTROL_XML.attributes {
                return Err(
                    property.error(XmlErrorKind::Limit { what: "capabilities", limit: limits::CONTROL_XML.attributes })
                );
            }
            let value = property.attr("Value").unwrap_or_default().to_owned();
            capabilities.properties.push((property.require("Name")?.to_owned(), value));
        }
        Ok(capabilities)
    }
}

/// One management point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MpEntry {
    /// Name on the intranet.
    pub name: String,
    /// Full name.
    pub fqdn: String,
    /// Site code; only in the answer to MPLIST1.
    pub site_code: Option<String>,
    /// Build number of the management point (7958 is 2012 R2, 9106 is 2303, 9132 is 2409).
    pub version: u32,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// The list.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MpList {
    /// The management points, in the order clients should try them.
    pub entries: Vec<MpEntry>,
}

impl MpList {
    /// Name of the root element.
    pub const ROOT: &'static str = "MPList";

    /// The document, without declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT);
        for entry in &self.entries {
            writer.start("MP").attr("Name", &entry.name).attr("FQDN", &entry.fqdn);
            writer.attr_opt("SiteCode", entry.site_code.as_ref());
            writer.leaf("Version", entry.version.to_string());
            entry.capabilities.write(&mut writer);
            writer.end();
        }
        writer.finish()
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`XmlError`] when it is not a list, or a name or version is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let mut list = Self::default();
        while let Some(mp) = reader.next_child(&root)? {
            if list.entries.len() == limits::LIST_ITEMS {
                return Err(mp.error(XmlErrorKind::Limit { what: "management points", limit: limits::LIST_ITEMS }));
            }
            let mut entry = MpEntry {
                name: mp.require("Name")?.to_owned(),
                fqdn: mp.attr("FQDN").unwrap_or_default().to_owned(),
                site_code: mp.attr("SiteCode").map(str::to_owned),
                version: 0,
                capabilities: Capabilities::default(),
            };
            while let Some(child) = reader.next_child(&mp)? {
                match child.local() {
                    "Version" => entry.version = reader.parse_text(&child)?,
                    Capabilities::ROOT => entry.capabilities = Capabilities::read(&mut reader, &child)?,
                    _ => {}
                }
            }
            list.entries.push(entry);
        }
        reader.finish()?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The form a collector recorded from a site of version 2303, other names.
    const LIST: &str = r#"<MPList><MP Name="MP1.CONTOSO.COM" FQDN="mp1.contoso.com"><Version>9106</Version><Capabilities SchemaVersion="1.0"><Property Name="SSLState" Value="0"/></Capabilities></MP></MPList>"#;

    #[test]
    fn the_recorded_form_is_byte_exact() {
        let mut list = MpList {
            entries: vec![MpEntry {
                name: "MP1.CONTOSO.COM".to_owned(),
                fqdn: "mp1.contoso.com".to_owned(),
                site_code: None,
                version: 9106,
                capabilities: Capabilities::ssl_state(0),
            }],
        };
        assert_eq!(list.to_xml(), LIST);
        assert_eq!(MpList::parse(LIST).unwrap(), list);
        let capabilities = &list.entries[0].capabilities;
        assert_eq!(capabilities.get("SSLState"), Some("0"));
        assert_eq!(&Capabilities::parse(&capabilities.to_xml()).unwrap(), capabilities);
        list.entries[0].site_code = Some("PS1".to_owned());
        assert!(list.to_xml().contains(r#"FQDN="mp1.contoso.com" SiteCode="PS1"><Version>"#));
    }

    #[test]
    fn the_list_limit_holds_at_the_limit_and_fails_one_past_it() {
        let list = |count: usize| format!("<MPList>{}</MPList>", "<MP Name='m'/>".repeat(count));
        assert_eq!(MpList::parse(&list(limits::LIST_ITEMS)).unwrap().entries.len(), limits::LIST_ITEMS);
        assert!(MpList::parse(&list(limits::LIST_ITEMS + 1)).is_err());
    }

    fn entries() -> impl Strategy<Value = MpEntry> {
        let text = || "[ -~é]{0,10}";
        let properties = proptest::collection::vec((text(), text()), 0..3);
        (text(), text(), proptest::option::of(text()), any::<u32>(), properties).prop_map(
            |(name, fqdn, site_code, version, properties)| MpEntry {
                name,
                fqdn,
                site_code,
                version,
                capabilities: Capabilities { properties },
            },
        )
    }

    proptest! {
        #[test]
        fn lists_read_back(entries in proptest::collection::vec(entries(), 0..4)) {
            let list = MpList { entries };
            prop_assert_eq!(MpList::parse(&list.to_xml()).unwrap(), list);
        }

        #[test]
        fn damaged_lists_never_panic(at in 0usize..200, junk in "[<>/\"a-z ]{0,6}") {
            let _ = MpList::parse(&format!("{}{junk}", LIST.get(..at).unwrap_or(LIST)));
        }
    }
}
