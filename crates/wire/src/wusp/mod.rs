//! MS-WUSP: what a Windows Update Agent and a WSUS server say to each other.
//!
//! One module per operation, each with the call and its answer; [`Message`] gives both `encode` and
//! `decode`. [`soap`] knows the two envelope styles and faults, [`xpress`] the content coding.
//! Lists without members are left out, nil counts as absent, unknown elements are ignored (capture).

pub mod cookie;
pub mod fault;
pub mod get_authorization_cookie;
pub mod get_config;
pub mod get_cookie;
pub mod get_extended_update_info;
pub mod get_file_locations;
pub mod refresh_cache;
pub mod register_computer;
pub mod report_event_batch;
pub mod self_update;
pub mod soap;
pub mod start_category_scan;
pub mod sync_updates;
mod values;
mod version;
pub mod xpress;

use crate::xml::{Reader, Tag, Writer, XmlError};

pub use cookie::{AuthorizationCookie, Cookie};
pub use fault::{ErrorCode, Fault};
pub use soap::{Reply, Style};
pub use version::ProtocolVersion;

/// Most members of any list in a message: four times the largest documented id list (22,000, raised to 88,000 by
/// support articles), so that only nonsense is refused here and the server's own limits decide.
pub const LIST_ITEMS: usize = 88_000;

/// A web service of a WSUS server that agents call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Catalogue synchronisation.
    Client,
    /// Authorisation cookies.
    SimpleAuth,
    /// Events.
    Reporting,
}

impl Service {
    /// Target namespace (MS-WUSP 6.1 to 6.3).
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Client => "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService",
            Self::SimpleAuth => "http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService",
            Self::Reporting => "http://www.microsoft.com/SoftwareDistribution",
        }
    }

    /// Path below the server's root, as the agent spells it (capture; Reporting from the published inventory of one).
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Client => "/ClientWebService/client.asmx",
            Self::SimpleAuth => "/SimpleAuthWebService/SimpleAuth.asmx",
            Self::Reporting => "/ReportingWebService/ReportingWebService.asmx",
        }
    }

    /// `SOAPAction` of an operation, without the quotes that surround it in the header.
    #[must_use]
    pub fn soap_action(self, operation: &str) -> String {
        format!("{}/{operation}", self.namespace())
    }
}

/// The single element inside a SOAP body: a call or an answer.
pub trait Message: Sized {
    /// Local name of the element.
    const ELEMENT: &'static str;
    /// The service whose namespace the element is in.
    const SERVICE: Service;
    /// How the sender of this message writes its envelope.
    const STYLE: Style;

    /// Writes what is inside the element, in schema order.
    fn write(&self, writer: &mut Writer);

    /// Reads what is inside the element `tag`.
    ///
    /// # Errors
    /// [`XmlError`] for a missing mandatory element, a value of the wrong form, or a list beyond [`LIST_ITEMS`].
    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError>;

    /// The message in its envelope, byte for byte as the real sender lays it out.
    fn encode(&self) -> String {
        soap::encode(self)
    }

    /// Reads the message out of an envelope of either style.
    ///
    /// # Errors
    /// [`XmlError`] if the body is not well-formed, exceeds `limits::SOAP_XML` or holds something else.
    fn decode(body: &[u8]) -> Result<Self, XmlError> {
        soap::decode(body)
    }
}

/// A message that a client sends and a server answers.
pub trait Call: Message {
    /// What the server answers.
    type Answer: Message;

    /// Value of the `SOAPAction` header, quotes included (capture).
    #[must_use]
    fn soap_action() -> String {
        format!("\"{}\"", Self::SERVICE.soap_action(Self::ELEMENT))
    }
}
