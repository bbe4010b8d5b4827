//! One strict check for files of every format.

use crate::error::ParseError;
use crate::log::Format;
use crate::{
    cbs, cmtrace, httperr, msi, profiler, reporting_events, server, software_distribution, sup_setup, w3c,
    windows_update,
};

/// Reads a whole file with the strict parser of its format and counts its records.
///
/// # Errors
/// The first place at which the file is not what the product writes.
pub fn check(format: Format, bytes: &[u8]) -> Result<usize, ParseError> {
    Ok(match format {
        Format::CmTrace => cmtrace::parse(bytes)?.len(),
        Format::Server => server::parse(bytes)?.len(),
        Format::SupSetup => sup_setup::parse(bytes, 0)?.len(),
        Format::WindowsUpdateTabbed => windows_update::tabbed::parse(bytes, 0)?.len(),
        Format::WindowsUpdateDecoded => windows_update::decoded::parse(bytes, 0)?.len(),
        Format::SoftwareDistribution => software_distribution::parse(bytes)?.len(),
        Format::W3c => w3c::parse(bytes)?.len(),
        Format::HttpErr => httperr::parse(bytes)?.len(),
        Format::ReportingEvents => reporting_events::parse(bytes)?.len(),
        Format::Cbs => cbs::parse(bytes, 0)?.len(),
        Format::Msi => msi::parse(bytes, 0)?.len(),
        Format::ProfilerTrace => profiler::parse(bytes)?.events.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_checked_by_its_own_parser() {
        let tabbed = b"2014-01-20\t12:18:11:520\t 968\t9d0\tAgent\thello\r\n";
        assert_eq!(check(Format::WindowsUpdateTabbed, tabbed), Ok(1));
        for format in
            [Format::CmTrace, Format::Server, Format::WindowsUpdateDecoded, Format::Cbs, Format::Msi, Format::W3c]
        {
            assert!(check(format, tabbed).is_err(), "{format:?}");
        }
    }
}
