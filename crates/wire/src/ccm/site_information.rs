//! SiteInformationRequest and its answer. Evidence: the request is field; the operational settings are a capture of
//! a client log (2012 SP1); the reply's element names are those of the procedure's columns, their nesting inferred.

use serde::{Deserialize, Serialize};

use super::mp_list::Capabilities;
use crate::limits;
use crate::xml::{NO_NAMESPACE, Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Asks about one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInformationRequest {
    /// Site code.
    pub site_code: String,
}

impl SiteInformationRequest {
    /// Name of the root element.
    pub const ROOT: &'static str = "SiteInformationRequest";

    /// The message on one line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", "1.00");
        writer.start("SiteCode").attr("Name", &self.site_code);
        writer.finish()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message or names no site.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let site = reader.expect_start(&root, NO_NAMESPACE, "SiteCode")?;
        let request = Self { site_code: site.require("Name")?.to_owned() };
        reader.finish()?;
        Ok(request)
    }
}

/// What clients of a site should do, printed whole by LocationServices.log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationalSettings {
    /// Version of the settings.
    pub version: String,
    /// Security mode; 0 is mixed.
    pub security_mode: u32,
    /// Extended security mode, 480 on an HTTP site; CCMHTTP prints it as `Options`.
    pub security_mode_ex: u32,
    /// Port of HTTP management points.
    pub http_port: u16,
    /// Port of HTTPS management points.
    pub https_port: u16,
    /// Site signing certificate, DER.
    pub site_signing_certificate: Vec<u8>,
}

impl OperationalSettings {
    /// Name of the element.
    pub const ROOT: &'static str = "ClientOperationalSettings";

    /// The element alone.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads the element alone.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this element or a value is malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let settings = Self::read(&mut reader, &root)?;
        reader.finish()?;
        Ok(settings)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start(Self::ROOT).leaf("Version", &self.version);
        writer.start("SecurityConfiguration");
        writer.leaf("SecurityModeMask", self.security_mode.to_string());
        writer.leaf("SecurityModeMaskEx", self.security_mode_ex.to_string());
        writer.leaf("HTTPPort", self.http_port.to_string());
        writer.leaf("HTTPSPort", self.https_port.to_string());
        writer.leaf("CertificateStoreName", "").leaf("CertificateIssuers", "");
        writer.leaf("CertificateSelectionCriteria", "");
        writer.leaf("CertificateSelectFirstFlag", "1");
        writer.leaf("SiteSigningCert", hex::encode_upper(&self.site_signing_certificate));
        writer.end().end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut settings = Self {
            version: String::new(),
            security_mode: 0,
            security_mode_ex: 0,
            http_port: 80,
            https_port: 443,
            site_signing_certificate: Vec::new(),
        };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "Version" => settings.version = reader.text(&child)?.into_owned(),
                "SecurityConfiguration" => settings.read_security(reader, &child)?,
                _ => {}
            }
        }
        Ok(settings)
    }

    fn read_security<'a>(&mut self, reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<(), XmlError> {
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "SecurityModeMask" => self.security_mode = reader.parse_text(&child)?,
                "SecurityModeMaskEx" => self.security_mode_ex = reader.parse_text(&child)?,
                "HTTPPort" => self.http_port = reader.parse_text(&child)?,
                "HTTPSPort" => self.https_port = reader.parse_text(&child)?,
                "SiteSigningCert" => {
                    let digits = reader.text(&child)?;
                    let invalid = |_| child.error(XmlErrorKind::value("hexadecimal certificate", &digits));
                    self.site_signing_certificate = hex::decode(digits.trim()).map_err(invalid)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the management point tells about a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInformationReply {
    /// Site code.
    pub site_code: String,
    /// Version of the site.
    pub version: String,
    /// Build number.
    pub build_number: u32,
    /// Settings for the site's clients.
    pub settings: OperationalSettings,
    /// Full name of the default management point.
    pub default_mp: String,
    /// What the site can do.
    pub capabilities: Capabilities,
}

impl SiteInformationReply {
    /// Name of the root element.
    pub const ROOT: &'static str = "SiteInformationReply";

    /// The message on one line.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start(Self::ROOT).attr("SchemaVersion", "1.00");
        writer.start("SiteInformation");
        writer.leaf("SiteCode", &self.site_code).leaf("Version", &self.version);
        writer.leaf("BuildNumber", self.build_number.to_string());
        writer.start("Settings");
        self.settings.write(&mut writer);
        writer.end();
        writer.leaf("DefaultMP", &self.default_mp);
        self.capabilities.write(&mut writer);
        writer.finish()
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// [`XmlError`] when it is not this message, or a part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let mut reader = Reader::new(text, limits::CONTROL_XML)?;
        let root = reader.expect_root(NO_NAMESPACE, Self::ROOT)?;
        let site = reader.expect_start(&root, NO_NAMESPACE, "SiteInformation")?;
        let (mut site_code, mut version, mut default_mp) = (None, None, None);
        let (mut build_number, mut settings, mut capabilities) = (None, None, Capabilities::default());
        while let Some(child) = reader.next_child(&site)? {
            match child.local() {
                "SiteCode" => site_code = Some(reader.text(&child)?.into_owned()),
                "Version" => version = Some(reader.text(&child)?.into_owned()),
                "DefaultMP" => default_mp = Some(reader.text(&child)?.into_owned()),
                "BuildNumber" => build_number = Some(reader.parse_text(&child)?),
                "Settings" => {
                    let element = reader.expect_start(&child, NO_NAMESPACE, OperationalSettings::ROOT)?;
                    settings = Some(OperationalSettings::read(&mut reader, &element)?);
                }
                Capabilities::ROOT => capabilities = Capabilities::read(&mut reader, &child)?,
                _ => {}
            }
        }
        let missing = |name: &str| site.error(XmlErrorKind::MissingElement(name.to_owned()));
        let reply = Self {
            site_code: site_code.ok_or_else(|| missing("SiteCode"))?,
            version: version.ok_or_else(|| missing("Version"))?,
            build_number: build_number.ok_or_else(|| missing("BuildNumber"))?,
            settings: settings.ok_or_else(|| missing("Settings"))?,
            default_mp: default_mp.ok_or_else(|| missing("DefaultMP"))?,
            capabilities,
        };
        reader.finish()?;
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a 2012 SP1 client printed the settings of an HTTP site; the certificate is shortened.
    const SETTINGS: &str = "<ClientOperationalSettings><Version>5.00.7804.1400</Version><SecurityConfiguration>\
        <SecurityModeMask>0</SecurityModeMask><SecurityModeMaskEx>480</SecurityModeMaskEx><HTTPPort>80</HTTPPort>\
        <HTTPSPort>443</HTTPSPort><CertificateStoreName></CertificateStoreName><CertificateIssuers>\
        </CertificateIssuers><CertificateSelectionCriteria></CertificateSelectionCriteria>\
        <CertificateSelectFirstFlag>1</CertificateSelectFirstFlag><SiteSigningCert>3082</SiteSigningCert>\
        </SecurityConfiguration></ClientOperationalSettings>";

    fn settings() -> OperationalSettings {
        OperationalSettings {
            version: "5.00.7804.1400".to_owned(),
            security_mode: 0,
            security_mode_ex: 480,
            http_port: 80,
            https_port: 443,
            site_signing_certificate: vec![0x30, 0x82],
        }
    }

    #[test]
    fn the_settings_are_printed_as_in_client_logs() {
        assert_eq!(settings().to_xml(), SETTINGS);
        assert_eq!(OperationalSettings::parse(SETTINGS).unwrap(), settings());
    }

    #[test]
    fn the_request_is_the_public_clients_one() {
        let text = r#"<SiteInformationRequest SchemaVersion="1.00"><SiteCode Name="PS1"/></SiteInformationRequest>"#;
        let request = SiteInformationRequest { site_code: "PS1".to_owned() };
        assert_eq!(request.to_xml(), text);
        assert_eq!(SiteInformationRequest::parse(text).unwrap(), request);
        assert!(SiteInformationRequest::parse("<SiteInformationRequest/>").is_err());
    }

    #[test]
    fn every_part_of_a_reply_must_be_there() {
        let reply = SiteInformationReply {
            site_code: "PS1".to_owned(),
            version: "5.00.7958.1000".to_owned(),
            build_number: 7958,
            settings: settings(),
            default_mp: "PS1SYS.CONTOSO.COM".to_owned(),
            capabilities: Capabilities::ssl_state(0),
        };
        let text = reply.to_xml();
        for part in ["<SiteCode>PS1</SiteCode>", "<BuildNumber>7958</BuildNumber>"] {
            assert!(SiteInformationReply::parse(&text.replace(part, "")).is_err(), "{part}");
        }
        assert!(SiteInformationReply::parse(&text.replace("3082", "3")).is_err());
    }

    proptest! {
        #[test]
        fn messages_read_back(
            texts in ("[ -~é]{0,9}", "[ -~]{0,9}", "[ -~]{0,9}", "[ -~]{0,9}"),
            numbers in (any::<u32>(), any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>()),
            certificate in proptest::collection::vec(any::<u8>(), 0..9),
            state: u32,
        ) {
            let request = SiteInformationRequest { site_code: texts.0.clone() };
            prop_assert_eq!(&SiteInformationRequest::parse(&request.to_xml()).unwrap(), &request);
            let reply = SiteInformationReply {
                site_code: texts.0,
                version: texts.1,
                build_number: numbers.0,
                settings: OperationalSettings {
                    version: texts.2,
                    security_mode: numbers.1,
                    security_mode_ex: numbers.2,
                    http_port: numbers.3,
                    https_port: numbers.4,
                    site_signing_certificate: certificate,
                },
                default_mp: texts.3,
                capabilities: Capabilities::ssl_state(state),
            };
            prop_assert_eq!(SiteInformationReply::parse(&reply.to_xml()).unwrap(), reply);
        }

        #[test]
        fn damaged_messages_never_panic(at in 0usize..600, junk in "[<>/\"a-z ]{0,6}") {
            let inside = SETTINGS.get(..at).unwrap_or(SETTINGS);
            let _ = SiteInformationReply::parse(&format!(
                "<SiteInformationReply><SiteInformation><Settings>{inside}{junk}"
            ));
            let _ = SiteInformationRequest::parse(&junk);
        }
    }
}
