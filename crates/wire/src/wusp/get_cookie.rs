//! GetCookie: an authorisation cookie becomes a session cookie.

use jiff::Timestamp;

use super::values::{self, put_display, put_list, put_some, required};
use super::{AuthorizationCookie, Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetCookie {
    /// Exactly one in a valid call.
    pub auth_cookies: Vec<AuthorizationCookie>,
    /// The last cookie; on the very first call only its expiration, equal to `current_time` (capture).
    pub old_cookie: Option<Cookie>,
    /// `LastChange` of GetConfig, digit for digit.
    pub last_change: Timestamp,
    /// The client's clock.
    pub current_time: Timestamp,
    /// The client's protocol version.
    pub protocol_version: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetCookieResponse {
    /// The new cookie, good for one hour (capture).
    pub cookie: Cookie,
}

impl Call for GetCookie {
    type Answer = GetCookieResponse;
}

impl Message for GetCookie {
    const ELEMENT: &'static str = "GetCookie";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        put_list(writer, "authCookies", &self.auth_cookies, |writer, cookie| {
            cookie.write(writer, "AuthorizationCookie");
        });
        if let Some(cookie) = &self.old_cookie {
            cookie.write(writer, "oldCookie");
        }
        put_display(writer, "lastChange", self.last_change);
        put_display(writer, "currentTime", self.current_time);
        put_some(writer, "protocolVersion", self.protocol_version.as_deref());
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut auth_cookies = Vec::new();
        let mut old_cookie = None;
        let mut last_change = None;
        let mut current_time = None;
        let mut protocol_version = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "authCookies" => {
                    auth_cookies = values::list(reader, &child, "AuthorizationCookie", AuthorizationCookie::read)?;
                }
                "oldCookie" => old_cookie = Cookie::read(reader, &child)?,
                "lastChange" => last_change = values::time(reader, &child)?,
                "currentTime" => current_time = values::time(reader, &child)?,
                "protocolVersion" => protocol_version = values::string(reader, &child)?,
                _ => {}
            }
        }
        Ok(Self {
            auth_cookies,
            old_cookie,
            last_change: required(last_change, tag, "lastChange")?,
            current_time: required(current_time, tag, "currentTime")?,
            protocol_version,
        })
    }
}

impl Message for GetCookieResponse {
    const ELEMENT: &'static str = "GetCookieResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        self.cookie.write(writer, "GetCookieResult");
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut cookie = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "GetCookieResult" {
                cookie = Cookie::read(reader, &child)?;
            }
        }
        Ok(Self { cookie: required(cookie, tag, "GetCookieResult")? })
    }
}
