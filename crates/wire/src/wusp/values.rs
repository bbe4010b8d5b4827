//! Lexical forms of the simple types, and the rules for lists and nil.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::LIST_ITEMS;
use crate::xml::{Reader, Tag, Writer, XmlError, XmlErrorKind};

/// Namespace of the `nil` attribute.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Whether an element says that it has no value. Such elements count as absent.
pub(super) fn is_nil(tag: &Tag<'_>) -> bool {
    matches!(tag.attr_ns(XSI, "nil").map(str::trim), Some("true" | "1"))
}

pub(super) fn string<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<String>, XmlError> {
    let text = reader.text(tag)?;
    Ok((!is_nil(tag)).then(|| text.into_owned()))
}

pub(super) fn number<'a, T: FromStr>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<T>, XmlError> {
    optional(reader, tag, "number", |text| text.parse().ok())
}

pub(super) fn boolean<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<bool>, XmlError> {
    optional(reader, tag, "boolean", |text| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    })
}

pub(super) fn guid<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Uuid>, XmlError> {
    // 36 characters: neither braces nor the short form are in the schema's pattern.
    optional(reader, tag, "GUID", |text| (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten())
}

pub(super) fn time<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Timestamp>, XmlError> {
    optional(reader, tag, "date and time", parse_time)
}

/// A time with or without zone; without one it is UTC. Times after the calendar's end become the end: server
/// cookies use the last second of the year 9999.
fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let without_zone: DateTime = text.strip_suffix('Z').unwrap_or(text).parse().ok()?;
    let zoned = without_zone.to_zoned(TimeZone::UTC);
    Some(zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp()))
}

pub(super) fn date<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Date>, XmlError> {
    optional(reader, tag, "date", |text| text.parse().ok())
}

pub(super) fn bytes<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Vec<u8>>, XmlError> {
    optional(reader, tag, "base64 text", |text| {
        let joined: String = text.split_ascii_whitespace().collect();
        STANDARD.decode(joined).ok()
    })
}

/// The value of `tag` unless it is nil.
fn optional<'a, T>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, XmlError> {
    let text = reader.text(tag)?;
    if is_nil(tag) {
        return Ok(None);
    }
    match parse(text.trim()) {
        Some(value) => Ok(Some(value)),
        None => Err(tag.error(XmlErrorKind::value(format!("{what} in '{}'", tag.local()), &text))),
    }
}

/// The members of a list element; members with another name or nil are passed over.
pub(super) fn list<'a, T>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    item: &str,
    mut read: impl FnMut(&mut Reader<'a>, &Tag<'a>) -> Result<Option<T>, XmlError>,
) -> Result<Vec<T>, XmlError> {
    let mut items = Vec::new();
    while let Some(child) = reader.next_child(tag)? {
        if child.local() != item {
            continue;
        }
        if items.len() == LIST_ITEMS {
            return Err(child.error(XmlErrorKind::Limit { what: "list members", limit: LIST_ITEMS }));
        }
        items.extend(read(reader, &child)?);
    }
    Ok(items)
}

pub(super) fn ints<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Vec<i32>, XmlError> {
    list(reader, tag, "int", number)
}

pub(super) fn strings<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Vec<String>, XmlError> {
    list(reader, tag, "string", string)
}

pub(super) fn guids<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Vec<Uuid>, XmlError> {
    list(reader, tag, "guid", guid)
}

/// The value of a mandatory member of `parent`.
pub(super) fn required<T>(value: Option<T>, parent: &Tag<'_>, name: &str) -> Result<T, XmlError> {
    value.ok_or_else(|| parent.error(XmlErrorKind::MissingElement(name.to_owned())))
}

/// Writes `<name>text</name>`, or `<name/>` for no text (capture: `Parameter`, `PrivateData`).
pub(super) fn put(writer: &mut Writer, name: &'static str, text: impl AsRef<str>) {
    writer.start(name);
    if !text.as_ref().is_empty() {
        writer.text(text);
    }
    writer.end();
}

pub(super) fn put_display(writer: &mut Writer, name: &'static str, value: impl std::fmt::Display) {
    put(writer, name, value.to_string());
}

pub(super) fn put_some(writer: &mut Writer, name: &'static str, value: Option<&str>) {
    if let Some(text) = value {
        put(writer, name, text);
    }
}

pub(super) fn put_bytes(writer: &mut Writer, name: &'static str, value: &[u8]) {
    put(writer, name, STANDARD.encode(value));
}

/// Writes a list element with its members, or nothing if there is none.
pub(super) fn put_list<T>(writer: &mut Writer, name: &'static str, items: &[T], mut each: impl FnMut(&mut Writer, &T)) {
    if items.is_empty() {
        return;
    }
    writer.start(name);
    for item in items {
        each(writer, item);
    }
    writer.end();
}

pub(super) fn put_ints(writer: &mut Writer, name: &'static str, items: &[i32]) {
    put_list(writer, name, items, |writer, id| put_display(writer, "int", id));
}

pub(super) fn put_strings(writer: &mut Writer, name: &'static str, items: &[String]) {
    put_list(writer, name, items, |writer, text| put(writer, "string", text));
}

pub(super) fn put_guids(writer: &mut Writer, name: &'static str, items: &[Uuid]) {
    put_list(writer, name, items, |writer, guid| put_display(writer, "guid", guid));
}

/// Writes a nil element the way the agent does: prefix `a`, declared on the element itself (capture).
pub(super) fn put_nil(writer: &mut Writer, name: &'static str) {
    writer.start(name).attr("a:nil", "true").attr("xmlns:a", XSI).end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_with_zone_with_offset_and_without() {
        let at = |text: &str| parse_time(text).map(|time| time.to_string());
        assert_eq!(at("2026-10-04T13:17:07.59Z").as_deref(), Some("2026-10-04T13:17:07.59Z"));
        assert_eq!(at("2026-10-04T15:17:07+02:00").as_deref(), Some("2026-10-04T13:17:07Z"));
        assert_eq!(at("2006-06-21T00:00:00").as_deref(), Some("2006-06-21T00:00:00Z"));
        assert_eq!(at("0001-01-01T00:00:00Z").as_deref(), Some("0001-01-01T00:00:00Z"));
        assert_eq!(parse_time("9999-12-31T23:59:59.9999999"), Some(Timestamp::MAX));
        assert_eq!(at("yesterday"), None);
    }
}
