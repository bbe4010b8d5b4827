//! Named limits of every input, each with its reason.
//!
//! A limit is the largest accepted value: exactly at the limit passes, one more fails.

use crate::xml::XmlLimits;

/// Largest body of one `CCM_POST`, compressed, in bytes. A full state report of 1,150 updates is about 100 KiB
/// compressed; inventory is the largest thing clients send and stays below 8 MiB.
pub const CCM_POST_BYTES: usize = 16 * 1024 * 1024;

/// Largest decompressed part of a `CCM_POST`, in bytes: 4 MiB of XML as UTF-16 and room to spare, far below what a
/// zlib bomb reaches.
pub const CCM_PART_BYTES: usize = 32 * 1024 * 1024;

/// Most parts in one `CCM_POST`: header, body, and attachments (inventory sends two).
pub const CCM_PARTS: usize = 8;

/// Most bytes of the header lines of one multipart part: real ones have one line of about 50 bytes.
pub const CCM_PART_HEADER_BYTES: usize = 4096;

/// Longest multipart boundary: RFC 2046 allows 70 characters.
pub const MULTIPART_BOUNDARY: usize = 70;

/// Most elements of one kind in a list of a control message (sites, records, properties, assignments).
pub const LIST_ITEMS: usize = 20_000;

/// Small control messages of client and management point: location, registration, `Msg` headers, MP lists.
pub const CONTROL_XML: XmlLimits = XmlLimits { bytes: 1024 * 1024, depth: 32, attributes: 64, text: 256 * 1024 };

/// State reports, policy assignments and policy bodies: thousands of elements, flat.
pub const REPORT_XML: XmlLimits = XmlLimits { bytes: 16 * 1024 * 1024, depth: 32, attributes: 64, text: 1024 * 1024 };

/// SOAP messages of the update protocols: a SyncUpdates answer carries hundreds of escaped fragments.
pub const SOAP_XML: XmlLimits = XmlLimits { bytes: 32 * 1024 * 1024, depth: 64, attributes: 64, text: 8 * 1024 * 1024 };

/// One metadata fragment of an update: applicability rules nest, real ones stay below 40 levels and 1 MiB.
pub const UPDATE_XML: XmlLimits = XmlLimits { bytes: 4 * 1024 * 1024, depth: 96, attributes: 128, text: 1024 * 1024 };
