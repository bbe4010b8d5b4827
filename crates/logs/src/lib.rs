//! Line formats, strict parsers and disk locations of the product's logs.

mod error;
mod log;
mod scan;
mod severity;
mod stamp;

pub mod cmtrace;

pub use error::{MAX_BYTES, ParseError};
pub use log::{Folder, Format, Log, LogPlace};
pub use severity::{Evidence, Severity};
pub use stamp::{LocalStamp, MAX_BIAS_MINUTES};
