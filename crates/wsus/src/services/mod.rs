//! The web services: what each call answers, and how that travels over HTTP.

mod client;
mod content;
mod handshake;
mod http;
mod metadata;
mod reporting;

use std::net::IpAddr;

use cmsim_wire::wusp::{Cookie, ErrorCode};
use uuid::Uuid;

use crate::cookie::Session;
use crate::server::Inner;
use crate::susdb::{ALL_COMPUTERS, Configuration, SusdbError, UNASSIGNED_COMPUTERS};

pub(crate) use http::{client_web_service, content, reporting_web_service, self_update, simple_auth_web_service};

/// A fault that a service throws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thrown {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// The client, when its cookie could be read.
    pub(crate) client: Option<String>,
}

impl Thrown {
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        Self { code, message: message.to_owned(), client: None }
    }

    /// InvalidParameters, which names the parameter.
    pub(crate) fn parameter(name: &str) -> Self {
        Self::new(ErrorCode::InvalidParameters, name)
    }

    pub(crate) fn of(self, client: &str) -> Self {
        Self { client: Some(client.to_owned()), ..self }
    }
}

impl From<SusdbError> for Thrown {
    fn from(error: SusdbError) -> Self {
        tracing::debug!(%error, "SUSDB failed a call");
        Self::new(ErrorCode::InternalServerError, "")
    }
}

/// What a call brings besides its message.
#[derive(Clone, Debug)]
pub(crate) struct CallFacts {
    /// Host name or address of the `Host` header, without port.
    pub(crate) host: String,
    /// The client's address.
    pub(crate) address: Option<IpAddr>,
}

/// A call whose cookie was good.
pub(crate) struct Authorized {
    pub(crate) session: Session,
    pub(crate) configuration: Configuration,
}

impl Authorized {
    /// The cookie that follows the one of this call, with the same end (capture).
    pub(crate) fn next_cookie(&self, anchor: i64) -> Cookie {
        let next = self.session.next(anchor);
        Cookie { expiration: next.expires, encrypted_data: Some(next.seal(&self.configuration.key)) }
    }
}

impl Inner {
    /// Checks the cookie of a call.
    async fn authorize(&self, cookie: Option<&Cookie>) -> Result<Authorized, Thrown> {
        let configuration = self.susdb.configuration().await?;
        let data = cookie.and_then(|cookie| cookie.encrypted_data.as_deref());
        let data = data.ok_or_else(|| Thrown::new(ErrorCode::InvalidCookie, "cookie"))?;
        let session = Session::open(&configuration.key, configuration.server_id, data)?;
        if self.susdb.now() >= session.expires {
            return Err(Thrown::new(ErrorCode::CookieExpired, "").of(&session.client_id));
        }
        Ok(Authorized { session, configuration })
    }

    /// The groups of the calling computer, the most special first. A computer that never registered is unassigned.
    async fn groups(&self, session: &Session) -> Result<(bool, Vec<Uuid>), Thrown> {
        let target = self.susdb.target(&session.client_id).await?;
        let is_registered = target.is_some();
        let groups = target.map_or_else(|| vec![UNASSIGNED_COMPUTERS, ALL_COMPUTERS], |target| target.groups);
        Ok((is_registered, groups))
    }
}
