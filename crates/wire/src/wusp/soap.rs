//! Envelopes in both styles, and the choice between answer and fault.

use super::{Fault, Message};
use crate::limits;
use crate::xml::{Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Namespace of SOAP 1.1 envelopes.
pub const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";

/// How a sender lays out its envelope (capture, all three).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The agent: prefix `s`, no declarations on the body, no XML declaration.
    Agent,
    /// The Client service: prefix `s`, `xsi` and `xsd` declared on the body.
    Wcf,
    /// SimpleAuth and Reporting: XML declaration, prefix `soap`, `xsi` and `xsd` declared on the envelope.
    Asmx,
}

impl Style {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Agent | Self::Wcf => "s",
            Self::Asmx => "soap",
        }
    }

    /// Writes the envelope around `body`. `schemas` says whether the schema namespaces are declared: faults of the
    /// Client service leave them out.
    fn envelope(self, schemas: bool, body: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new();
        if self == Self::Asmx {
            writer.raw(r#"<?xml version="1.0" encoding="utf-8"?>"#);
        }
        let prefix = self.prefix();
        writer.start(format!("{prefix}:Envelope")).attr(&format!("xmlns:{prefix}"), ENVELOPE);
        if self == Self::Asmx {
            writer.attr("xmlns:xsi", XSI).attr("xmlns:xsd", XSD);
        }
        writer.start(format!("{prefix}:Body"));
        if self == Self::Wcf && schemas {
            writer.attr("xmlns:xsi", XSI).attr("xmlns:xsd", XSD);
        }
        body(&mut writer);
        writer.finish()
    }
}

/// Puts a message into the envelope of its sender.
#[must_use]
pub fn encode<M: Message>(message: &M) -> String {
    M::STYLE.envelope(true, |writer| {
        writer.start(M::ELEMENT).attr("xmlns", M::SERVICE.namespace());
        message.write(writer);
        writer.end();
    })
}

/// Puts a fault into an envelope.
#[must_use]
pub fn encode_fault(fault: &Fault, style: Style) -> String {
    style.envelope(false, |writer| fault.write(writer, style))
}

/// Reads a message out of an envelope of either style.
///
/// # Errors
/// [`XmlError`] if the body is not a SOAP 1.1 envelope with this message in it.
pub fn decode<M: Message>(body: &[u8]) -> Result<M, XmlError> {
    match decode_reply(body)? {
        Reply::Answer(message) => Ok(message),
        Reply::Fault(_) => Err(XmlError::new(
            0,
            XmlErrorKind::Unexpected { expected: M::ELEMENT.to_owned(), found: "a SOAP fault".to_owned() },
        )),
    }
}

/// What came back for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<M> {
    /// The answer.
    Answer(M),
    /// A SOAP fault instead.
    Fault(Fault),
}

/// Reads an answer or a fault.
///
/// # Errors
/// [`XmlError`] if the body is neither.
pub fn decode_reply<M: Message>(body: &[u8]) -> Result<Reply<M>, XmlError> {
    let mut reader = Reader::from_bytes(body, limits::SOAP_XML)?;
    let (envelope, soap_body, first) = open(&mut reader)?;
    let reply = if first.is(ENVELOPE, "Fault") {
        Reply::Fault(Fault::read(&mut reader, &first)?)
    } else if first.is(M::SERVICE.namespace(), M::ELEMENT) {
        Reply::Answer(M::read(&mut reader, &first)?)
    } else {
        return Err(first.error(XmlErrorKind::Unexpected {
            expected: M::ELEMENT.to_owned(),
            found: format!("'{}' of namespace '{}'", first.local(), first.namespace()),
        }));
    };
    while reader.next_child(&soap_body)?.is_some() {}
    while reader.next_child(&envelope)?.is_some() {}
    reader.finish()?;
    Ok(reply)
}

/// Local name of the element in the body: which operation a call asks for. The body decides, not the `SOAPAction`
/// header (MS-WSUSSS 3.1.4 says so for its services).
///
/// # Errors
/// [`XmlError`] if this is no SOAP 1.1 envelope with an element in its body.
pub fn operation(body: &[u8]) -> Result<String, XmlError> {
    let mut reader = Reader::from_bytes(body, limits::SOAP_XML)?;
    let (_, _, first) = open(&mut reader)?;
    Ok(first.local().to_owned())
}

/// Moves to the first element of the body; a header is passed over.
fn open<'a>(reader: &mut Reader<'a>) -> Result<(Tag<'a>, Tag<'a>, Tag<'a>), XmlError> {
    let envelope = reader.expect_root(ENVELOPE, "Envelope")?;
    while let Some(child) = reader.next_child(&envelope)? {
        if child.is(ENVELOPE, "Body") {
            let first = reader.next_child(&child)?;
            let first = first.ok_or_else(|| child.error(XmlErrorKind::MissingElement("operation".to_owned())))?;
            return Ok((envelope, child, first));
        }
    }
    Err(envelope.error(XmlErrorKind::MissingElement("Body".to_owned())))
}
