//! Keys and certificates that a management point hands out. Evidence: capture of a collector against site version
//! 2303 for SITESIGNCERT, SMSTRC and the first element of MPKEYINFORMATION; the certificate element inside
//! MPKEYINFORMATION and the root of MPCERT are inferred from the same forms.

use thiserror::Error;

use super::signature::{CALG_SHA_256, HASH_ALGORITHM_SHA256_RSA};
use crate::limits;
use crate::xml::{Element, Writer, XmlError, XmlErrorKind};

/// Fixed head of a PUBLICKEYBLOB with a 2048-bit key: blob type 6, version 2, CALG_RSA_KEYX, "RSA1".
const BLOB_HEAD: [u8; 12] = [0x06, 0x02, 0, 0, 0x00, 0xA4, 0, 0, b'R', b'S', b'A', b'1'];

/// Largest accepted modulus in bytes: 16,384 bits.
const MODULUS_BYTES: usize = 2048;

/// A public key in CryptoAPI's PUBLICKEYBLOB form: head, bit length, exponent, modulus, numbers little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyBlob {
    /// Modulus, most significant byte first.
    pub modulus: Vec<u8>,
    /// Public exponent.
    pub exponent: u32,
}

/// Bytes or digits that are no PUBLICKEYBLOB of an RSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a PUBLICKEYBLOB of an RSA key")]
pub struct BlobError;

impl PublicKeyBlob {
    /// The blob's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bits = u32::try_from(self.modulus.len() * 8).unwrap_or(u32::MAX);
        let mut bytes = BLOB_HEAD.to_vec();
        bytes.extend(bits.to_le_bytes());
        bytes.extend(self.exponent.to_le_bytes());
        bytes.extend(self.modulus.iter().rev());
        bytes
    }

    /// The blob in upper-case hex, as messages carry it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode_upper(self.to_bytes())
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`BlobError`] for another head or a length that does not fit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlobError> {
        let rest = bytes.strip_prefix(&BLOB_HEAD).ok_or(BlobError)?;
        let (bits, rest) = rest.split_first_chunk::<4>().ok_or(BlobError)?;
        let (exponent, modulus) = rest.split_first_chunk::<4>().ok_or(BlobError)?;
        let length = usize::try_from(u32::from_le_bytes(*bits) / 8).map_err(|_| BlobError)?;
        if length == 0 || length > MODULUS_BYTES || modulus.len() != length {
            return Err(BlobError);
        }
        Ok(Self { modulus: modulus.iter().rev().copied().collect(), exponent: u32::from_le_bytes(*exponent) })
    }

    /// Reads a blob in hex.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn from_hex(digits: &str) -> Result<Self, BlobError> {
        let digits = digits.trim();
        if digits.len() > 2 * (MODULUS_BYTES + 20) {
            return Err(BlobError);
        }
        Self::from_bytes(&hex::decode(digits).map_err(|_| BlobError)?)
    }
}

/// One certificate with a signature over it: SITESIGNCERT, MPCERT and MPCERT2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCertificate {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The signature as it is spelled, hex digits; see [`super::signature::to_hex`].
    pub signature: String,
}

impl SignedCertificate {
    /// The document, without declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start("X509Data").start("X509Certificate");
        writer.attr("EncodingType", "hexBinary").attr("Signature", &self.signature);
        writer.text(hex::encode_upper(&self.certificate));
        writer.finish()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`XmlError`] when the certificate is missing or not hexadecimal.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let root = parse(text, "X509Data")?;
        let certificate = root.require("X509Certificate")?;
        Ok(Self { certificate: bytes(certificate)?, signature: certificate.require_attr("Signature")?.to_owned() })
    }
}

/// MPKEYINFORMATION: what a client needs to trust the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MpKeyInformation {
    /// The trusted root key.
    pub trusted_root_key: PublicKeyBlob,
    /// Signature of that key: a CMS blob in hex.
    pub signature: String,
    /// The management point's certificate, DER.
    pub certificate: Vec<u8>,
    /// Full name of the management point.
    pub fqdn: String,
    /// Site code.
    pub site_code: String,
}

impl MpKeyInformation {
    /// The document, without declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start("MPKEYINFORMATION");
        writer.start("TRUSTEDROOTKEY").attr("Signature", &self.signature);
        writer.text(self.trusted_root_key.to_hex()).end();
        writer.leaf("MPCERTIFICATE", hex::encode_upper(&self.certificate));
        writer.leaf("FQDN", &self.fqdn).leaf("SITECODE", &self.site_code);
        writer.finish()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`XmlError`] when a part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let root = parse(text, "MPKEYINFORMATION")?;
        let key = root.require("TRUSTEDROOTKEY")?;
        let invalid = |_| XmlError::new(key.offset, XmlErrorKind::value("public key", &key.text));
        Ok(Self {
            trusted_root_key: PublicKeyBlob::from_hex(&key.text).map_err(invalid)?,
            signature: key.require_attr("Signature")?.to_owned(),
            certificate: bytes(root.require("MPCERTIFICATE")?)?,
            fqdn: root.require("FQDN")?.text.clone(),
            site_code: root.require("SITECODE")?.text.clone(),
        })
    }
}

/// SMSTRC: the self-signed certificates that issue the site's other certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuingCertificates {
    /// The certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Signature over them, as spelled.
    pub signature: String,
}

impl IssuingCertificates {
    /// The document, without declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new();
        writer.start("SMSIssuingCerts").attr("version", "1.0");
        writer.start("Signature").start("SignatureAlgorithm");
        writer.attr("AlgID", CALG_SHA_256.to_string()).text(HASH_ALGORITHM_SHA256_RSA).end();
        writer.leaf("SignatureValue", &self.signature).end();
        writer.start("Certs");
        for certificate in &self.certificates {
            writer.leaf("Cert", hex::encode_upper(certificate));
        }
        writer.finish()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`XmlError`] when a part is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let root = parse(text, "SMSIssuingCerts")?;
        let value = root.require("Signature")?.require("SignatureValue")?;
        let certificates = root.require("Certs")?.children.iter().map(bytes);
        Ok(Self { certificates: certificates.collect::<Result<_, _>>()?, signature: value.text.clone() })
    }
}

fn parse(text: &str, name: &str) -> Result<Element, XmlError> {
    let root = Element::parse(text, limits::CONTROL_XML)?;
    if root.name == name && root.namespace.is_empty() {
        return Ok(root);
    }
    Err(XmlError::new(
        root.offset,
        XmlErrorKind::Unexpected { expected: name.to_owned(), found: format!("'{}'", root.name) },
    ))
}

fn bytes(element: &Element) -> Result<Vec<u8>, XmlError> {
    let invalid = |_| XmlError::new(element.offset, XmlErrorKind::value("hexadecimal certificate", &element.text));
    hex::decode(element.text.trim()).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(bytes: usize) -> PublicKeyBlob {
        PublicKeyBlob { modulus: (0..bytes).map(|index| (index % 251) as u8 + 1).collect(), exponent: 65537 }
    }

    #[test]
    fn a_2048_bit_key_begins_as_in_the_capture() {
        let digits = key(256).to_hex();
        assert!(digits.starts_with("0602000000A4000052534131000800000100010005"));
        assert_eq!(PublicKeyBlob::from_hex(&digits).unwrap(), key(256));
        assert_eq!(PublicKeyBlob::from_hex(&digits[..digits.len() - 2]), Err(BlobError));
        assert_eq!(PublicKeyBlob::from_hex(&digits.replace("0602", "0702")), Err(BlobError));
        assert!(PublicKeyBlob::from_bytes(&key(MODULUS_BYTES).to_bytes()).is_ok());
        assert_eq!(PublicKeyBlob::from_bytes(&key(MODULUS_BYTES + 1).to_bytes()), Err(BlobError));
    }

    #[test]
    fn documents_have_the_captured_form() {
        let signed = SignedCertificate { certificate: vec![0x30, 0x82], signature: "7AB7".to_owned() };
        assert_eq!(
            signed.to_xml(),
            r#"<X509Data><X509Certificate EncodingType="hexBinary" Signature="7AB7">3082</X509Certificate></X509Data>"#
        );
        assert_eq!(SignedCertificate::parse(&signed.to_xml()).unwrap(), signed);

        let issuing = IssuingCertificates { certificates: vec![vec![0x30, 0x82]], signature: "AA".to_owned() };
        assert_eq!(
            issuing.to_xml(),
            r#"<SMSIssuingCerts version="1.0"><Signature><SignatureAlgorithm AlgID="32780">1.2.840.113549.1.1.11</SignatureAlgorithm><SignatureValue>AA</SignatureValue></Signature><Certs><Cert>3082</Cert></Certs></SMSIssuingCerts>"#
        );
        assert_eq!(IssuingCertificates::parse(&issuing.to_xml()).unwrap(), issuing);

        let information = MpKeyInformation {
            trusted_root_key: key(256),
            signature: "3082".to_owned(),
            certificate: vec![1],
            fqdn: "PS1SYS.CONTOSO.COM".to_owned(),
            site_code: "PS1".to_owned(),
        };
        let text = information.to_xml();
        assert!(text.starts_with(r#"<MPKEYINFORMATION><TRUSTEDROOTKEY Signature="3082">0602000000A40000"#));
        assert_eq!(MpKeyInformation::parse(&text).unwrap(), information);
    }

    #[test]
    fn damage_is_named() {
        let error = |text: &str| MpKeyInformation::parse(text).unwrap_err().to_string();
        assert!(error("<X/>").contains("expected element 'MPKEYINFORMATION'"));
        assert!(error("<MPKEYINFORMATION/>").contains("'TRUSTEDROOTKEY' is missing"));
        assert!(
            error("<MPKEYINFORMATION><TRUSTEDROOTKEY>12</TRUSTEDROOTKEY></MPKEYINFORMATION>").contains("public key")
        );
        let text = r#"<X509Data><X509Certificate Signature="">zz</X509Certificate></X509Data>"#;
        assert!(SignedCertificate::parse(text).unwrap_err().to_string().contains("certificate"));
    }

    proptest! {
        #[test]
        fn documents_read_back(
            modulus in proptest::collection::vec(any::<u8>(), 1..40),
            exponent: u32,
            certificates in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..4),
            texts in ("[0-9A-F]{0,9}", "[ -~]{0,9}", "[ -~]{0,9}"),
        ) {
            let key = PublicKeyBlob { modulus, exponent };
            prop_assert_eq!(&PublicKeyBlob::from_bytes(&key.to_bytes()).unwrap(), &key);
            let information = MpKeyInformation {
                trusted_root_key: key,
                signature: texts.0.clone(),
                certificate: certificates[0].clone(),
                fqdn: texts.1,
                site_code: texts.2,
            };
            prop_assert_eq!(&MpKeyInformation::parse(&information.to_xml()).unwrap(), &information);
            let issuing = IssuingCertificates { certificates, signature: texts.0 };
            prop_assert_eq!(&IssuingCertificates::parse(&issuing.to_xml()).unwrap(), &issuing);
        }

        #[test]
        fn arbitrary_input_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[<>/=\"A-Za-z0-9 ]{0,60}") {
            let _ = PublicKeyBlob::from_bytes(&bytes);
            let _ = PublicKeyBlob::from_bytes(&[BLOB_HEAD.as_slice(), &bytes].concat());
            let _ = MpKeyInformation::parse(&text);
            let _ = IssuingCertificates::parse(&text);
            let _ = SignedCertificate::parse(&text);
        }
    }
}
