//! The product's logs: line formats with writers and strict parsers, where each file lies on a Windows disk, rollover,
//! and reading of whole log trees. Knows nothing of the simulation; a tool that reads or writes such logs can use it alone.
//!
//! * Write: make a `Record` of the format's module, `format` it into a `String`, turn that into bytes with
//!   [`Format::encode`], and start new files with [`Format::prologue`]. Whatever a record holds, it reads back as one.
//! * Check: the module's `parse` accepts only what the product writes and names line, column and reason otherwise;
//!   [`check()`] does so for a file of any format.
//! * Read: [`read()`] recognizes the format and takes what viewers take; [`merge::by_time`] lines several logs up.
//! * [`Log`] lists every log by name, component, format and folder; [`Log::path`] is where it lies.
//!
//! ```
//! use cmsim_logs::{Format, LocalStamp, Log, LogPlace, Severity, cmtrace};
//!
//! let record = cmtrace::Record {
//!     text: "Successfully completed scan.".to_owned(),
//!     time: LocalStamp::from_utc_millis(1_390_238_333_137, 300),
//!     component: Log::WuaHandler.component().to_owned(),
//!     context: String::new(),
//!     severity: Severity::Info,
//!     thread: 2784,
//!     file: "cwuahandler.cpp:3556".to_owned(),
//! };
//! let mut text = String::new();
//! record.format(&mut text);
//! let mut file = Format::CmTrace.prologue().to_vec();
//! file.extend(Format::CmTrace.encode(&text));
//!
//! assert_eq!(cmtrace::parse(&file)?, [record]);
//! assert_eq!(cmsim_logs::read(&file, 0).entries[0].component, "WUAHandler");
//! assert_eq!(Log::WuaHandler.path(&LogPlace::default()), "Windows/CCM/Logs/WUAHandler.log");
//! # Ok::<(), cmsim_logs::ParseError>(())
//! ```

mod check;
mod directives;
mod encoding;
mod error;
mod lines;
mod log;
mod scan;
mod severity;
mod stamp;

pub mod cbs;
pub mod cmtrace;
pub mod httperr;
pub mod merge;
pub mod msi;
pub mod profiler;
pub mod read;
pub mod reporting_events;
pub mod rollover;
pub mod server;
pub mod software_distribution;
pub mod sup_setup;
pub mod w3c;
pub mod windows_update;

pub use check::check;
pub use error::{MAX_BYTES, ParseError};
pub use log::{Folder, Format, Log, LogPlace};
pub use read::{Entry, Reading, read};
pub use severity::{Evidence, Severity};
pub use stamp::{LocalStamp, MAX_BIAS_MINUTES};
