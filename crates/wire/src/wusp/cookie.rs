//! The two cookies that agents carry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::values::{self, put, put_bytes, put_display, required};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The session cookie of the Client service (MS-WUSP 2.2.3.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// When it expires, in clear: a hint for the client.
    pub expiration: Timestamp,
    /// The server's own data; absent in the `oldCookie` of a client that has none yet (capture).
    pub encrypted_data: Option<Vec<u8>>,
}

impl Cookie {
    pub(super) fn write(&self, writer: &mut Writer, name: &'static str) {
        writer.start(name);
        put_display(writer, "Expiration", self.expiration);
        if let Some(data) = &self.encrypted_data {
            put_bytes(writer, "EncryptedData", data);
        }
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut expiration = None;
        let mut encrypted_data = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "Expiration" => expiration = values::time(reader, &child)?,
                "EncryptedData" => encrypted_data = values::bytes(reader, &child)?,
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self { expiration: required(expiration, tag, "Expiration")?, encrypted_data }))
    }
}

/// What the SimpleAuth service hands out and GetCookie takes (MS-WUSP 2.2.3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCookie {
    /// Name of the plug-in, `SimpleTargeting`.
    pub plug_in_id: String,
    /// The server's own data.
    pub cookie_data: Vec<u8>,
}

impl AuthorizationCookie {
    pub(super) fn write(&self, writer: &mut Writer, name: &'static str) {
        writer.start(name);
        put(writer, "PlugInId", &self.plug_in_id);
        put_bytes(writer, "CookieData", &self.cookie_data);
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut plug_in_id = None;
        let mut cookie_data = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "PlugInId" => plug_in_id = values::string(reader, &child)?,
                "CookieData" => cookie_data = values::bytes(reader, &child)?,
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self { plug_in_id: plug_in_id.unwrap_or_default(), cookie_data: cookie_data.unwrap_or_default() }))
    }
}
