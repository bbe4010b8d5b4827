//! SOAP faults of the update services.

use std::fmt;

use uuid::Uuid;

use super::Style;
use super::values::{self, put, put_display, put_some};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// `ErrorCode` of a fault's detail (MS-WUSP 2.2.2.4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The cookie cannot be read.
    InvalidCookie,
    /// The cookie is of another server, or the server's state was replaced.
    ServerChanged,
    /// `lastChange` is not the server's.
    ConfigChanged,
    /// The cookie is too old.
    CookieExpired,
    /// The computer must register first.
    RegistrationRequired,
    /// The computer registered although the configuration asks for none.
    RegistrationNotRequired,
    /// Not exactly one usable authorisation cookie.
    InvalidAuthorizationCookie,
    /// A parameter is missing, malformed or beyond its limit; the message names it.
    InvalidParameters,
    /// The server failed.
    InternalServerError,
    /// The server is overloaded.
    ServerBusy,
    /// A file's place changed; the prose of the specification also spells it with an s.
    FileLocationChanged,
    /// A code that is not in the specification.
    Other(String),
}

impl ErrorCode {
    /// The code as it stands in the message.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidCookie => "InvalidCookie",
            Self::ServerChanged => "ServerChanged",
            Self::ConfigChanged => "ConfigChanged",
            Self::CookieExpired => "CookieExpired",
            Self::RegistrationRequired => "RegistrationRequired",
            Self::RegistrationNotRequired => "RegistrationNotRequired",
            Self::InvalidAuthorizationCookie => "InvalidAuthorizationCookie",
            Self::InvalidParameters => "InvalidParameters",
            Self::InternalServerError => "InternalServerError",
            Self::ServerBusy => "ServerBusy",
            Self::FileLocationChanged => "FileLocationChanged",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        match text {
            "InvalidCookie" => Self::InvalidCookie,
            "ServerChanged" => Self::ServerChanged,
            "ConfigChanged" => Self::ConfigChanged,
            "CookieExpired" => Self::CookieExpired,
            "RegistrationRequired" => Self::RegistrationRequired,
            "RegistrationNotRequired" => Self::RegistrationNotRequired,
            "InvalidAuthorizationCookie" => Self::InvalidAuthorizationCookie,
            "InvalidParameters" => Self::InvalidParameters,
            "InternalServerError" => Self::InternalServerError,
            "ServerBusy" => Self::ServerBusy,
            "FileLocationChanged" | "FileLocationsChanged" => Self::FileLocationChanged,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The four unqualified members of a fault's detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What went wrong.
    pub error_code: ErrorCode,
    /// More words: for InvalidParameters the parameter's name. May be empty.
    pub message: String,
    /// This very fault, also in the server's log.
    pub id: Uuid,
    /// `SOAPAction` of the failed call with its quotes; may be absent.
    pub method: Option<String>,
}

/// A SOAP fault (MS-WUSP 2.2.2.4; shape from a published capture for current servers, MS-WUSP 4 for older ones).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `faultcode` without its prefix: `Client`, `Server`, `InternalServiceFault` …
    pub code: String,
    /// `faultstring`.
    pub reason: String,
    /// `faultactor`: the service's URL, sent by the older style only.
    pub actor: Option<String>,
    /// The details; absent when the service failed before its own code ran.
    pub detail: Option<Detail>,
}

impl Fault {
    /// The fault a service of `style` throws for `detail`. `url` is the service's own address.
    #[must_use]
    pub fn thrown(detail: Detail, style: Style, url: &str) -> Self {
        let server_side = detail.error_code == ErrorCode::InternalServerError;
        let (reason, actor) = match style {
            Style::Asmx => {
                let reason = "System.Web.Services.Protocols.SoapException: Fault occurred";
                (reason, Some(url.to_owned()))
            }
            Style::Agent | Style::Wcf => ("Fault occurred", None),
        };
        Self {
            code: if server_side { "Server" } else { "Client" }.to_owned(),
            reason: reason.to_owned(),
            actor,
            detail: Some(detail),
        }
    }

    /// The error code, if the fault carries one.
    #[must_use]
    pub fn error_code(&self) -> Option<&ErrorCode> {
        self.detail.as_ref().map(|detail| &detail.error_code)
    }

    pub(super) fn write(&self, writer: &mut Writer, style: Style) {
        let prefix = style.prefix();
        writer.start(format!("{prefix}:Fault"));
        put(writer, "faultcode", format!("{prefix}:{}", self.code));
        writer.start("faultstring");
        if style != Style::Asmx {
            writer.attr("xml:lang", "en-US");
        }
        writer.text(&self.reason).end();
        put_some(writer, "faultactor", self.actor.as_deref());
        if let Some(detail) = &self.detail {
            writer.start("detail");
            put(writer, "ErrorCode", detail.error_code.as_str());
            put(writer, "Message", &detail.message);
            put_display(writer, "ID", detail.id);
            put_some(writer, "Method", detail.method.as_deref());
            writer.end();
        }
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut fault = Self { code: String::new(), reason: String::new(), actor: None, detail: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "faultcode" => {
                    let code = reader.text(&child)?;
                    let code = code.trim();
                    fault.code = code.split_once(':').map_or(code, |(_, local)| local).to_owned();
                }
                "faultstring" => fault.reason = reader.text(&child)?.into_owned(),
                "faultactor" => fault.actor = values::string(reader, &child)?,
                "detail" => fault.detail = read_detail(reader, &child)?,
                _ => {}
            }
        }
        Ok(fault)
    }
}

/// `None` for a detail without error code, such as the exception dump of a service that broke early.
fn read_detail<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Detail>, XmlError> {
    let mut error_code = None;
    let mut message = String::new();
    let mut id = Uuid::nil();
    let mut method = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "ErrorCode" => error_code = Some(ErrorCode::from(reader.text(&child)?.trim())),
            "Message" => message = values::string(reader, &child)?.unwrap_or_default(),
            "ID" => id = values::guid(reader, &child)?.unwrap_or_default(),
            "Method" => method = values::string(reader, &child)?,
            _ => {}
        }
    }
    Ok(error_code.map(|error_code| Detail { error_code, message, id, method }))
}
