//! GetFileLocations: where the content of files lies.

use serde::{Deserialize, Serialize};

use super::values::{self, put_bytes, put_list, put_some, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// Where a file's content lies (digest and URL only, capture).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLocation {
    /// SHA-1 of the content, 20 bytes.
    pub file_digest: Vec<u8>,
    /// Absolute URL on the plain HTTP port.
    pub url: String,
}

/// The call (MS-WUSP 2.2.2.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFileLocations {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// SHA-1 of each file; a missing list is an error of the call.
    pub file_digests: Option<Vec<Vec<u8>>>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFileLocationsResponse {
    /// One entry per known file.
    pub file_locations: Vec<FileLocation>,
    /// The next cookie.
    pub new_cookie: Option<Cookie>,
}

impl FileLocation {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start("FileLocation");
        put_bytes(writer, "FileDigest", &self.file_digest);
        put_some(writer, "Url", Some(&self.url));
        writer.end();
    }

    pub(super) fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut file_digest = None;
        let mut url = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "FileDigest" => file_digest = values::bytes(reader, &child)?,
                "Url" => url = values::string(reader, &child)?,
                _ => {}
            }
        }
        if values::is_nil(tag) {
            return Ok(None);
        }
        Ok(Some(Self { file_digest: required(file_digest, tag, "FileDigest")?, url: url.unwrap_or_default() }))
    }
}

impl Call for GetFileLocations {
    type Answer = GetFileLocationsResponse;
}

impl Message for GetFileLocations {
    const ELEMENT: &'static str = "GetFileLocations";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        if let Some(digests) = &self.file_digests {
            writer.start("fileDigests");
            for digest in digests {
                put_bytes(writer, "base64Binary", digest);
            }
            writer.end();
        }
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self { cookie: None, file_digests: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => call.cookie = Cookie::read(reader, &child)?,
                "fileDigests" => {
                    let digests = values::list(reader, &child, "base64Binary", values::bytes)?;
                    call.file_digests = (!values::is_nil(&child)).then_some(digests);
                }
                _ => {}
            }
        }
        Ok(call)
    }
}

impl Message for GetFileLocationsResponse {
    const ELEMENT: &'static str = "GetFileLocationsResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        writer.start("GetFileLocationsResult");
        put_list(writer, "FileLocations", &self.file_locations, |writer, location| location.write(writer));
        if let Some(cookie) = &self.new_cookie {
            cookie.write(writer, "NewCookie");
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut answer = Self { file_locations: Vec::new(), new_cookie: None };
        while let Some(result) = reader.next_child(tag)? {
            if result.local() != "GetFileLocationsResult" {
                continue;
            }
            while let Some(child) = reader.next_child(&result)? {
                match child.local() {
                    "FileLocations" => {
                        answer.file_locations = values::list(reader, &child, "FileLocation", FileLocation::read)?;
                    }
                    "NewCookie" => answer.new_cookie = Cookie::read(reader, &child)?,
                    _ => {}
                }
            }
        }
        Ok(answer)
    }
}
