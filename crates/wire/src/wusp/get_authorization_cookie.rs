//! GetAuthorizationCookie of the SimpleAuth service.

use super::values::{self, put_some, required};
use super::{AuthorizationCookie, Call, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call (MS-WUSP 2.2.2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetAuthorizationCookie {
    /// The agent's `SusClientId`: a lower-case GUID without braces (capture).
    pub client_id: Option<String>,
    /// The target group of the policy; left out when there is none (capture).
    pub target_group_name: Option<String>,
    /// The computer's DNS name.
    pub dns_name: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetAuthorizationCookieResponse {
    /// The cookie for GetCookie.
    pub cookie: AuthorizationCookie,
}

impl Call for GetAuthorizationCookie {
    type Answer = GetAuthorizationCookieResponse;
}

impl Message for GetAuthorizationCookie {
    const ELEMENT: &'static str = "GetAuthorizationCookie";
    const SERVICE: Service = Service::SimpleAuth;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        put_some(writer, "clientId", self.client_id.as_deref());
        put_some(writer, "targetGroupName", self.target_group_name.as_deref());
        put_some(writer, "dnsName", self.dns_name.as_deref());
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self { client_id: None, target_group_name: None, dns_name: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "clientId" => call.client_id = values::string(reader, &child)?,
                "targetGroupName" => call.target_group_name = values::string(reader, &child)?,
                "dnsName" => call.dns_name = values::string(reader, &child)?,
                _ => {}
            }
        }
        Ok(call)
    }
}

impl Message for GetAuthorizationCookieResponse {
    const ELEMENT: &'static str = "GetAuthorizationCookieResponse";
    const SERVICE: Service = Service::SimpleAuth;
    const STYLE: Style = Style::Asmx;

    fn write(&self, writer: &mut Writer) {
        self.cookie.write(writer, "GetAuthorizationCookieResult");
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut cookie = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "GetAuthorizationCookieResult" {
                cookie = AuthorizationCookie::read(reader, &child)?;
            }
        }
        Ok(Self { cookie: required(cookie, tag, "GetAuthorizationCookieResult")? })
    }
}
