//! From the errors of the HTTP and TLS libraries to the classes that products tell apart.

use std::error::Error;
use std::io;

use cmsim_wire::hresult::TransportFailure;

use crate::tls::{classify, find_tls_error};

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No complete response head yet.
    Head,
    /// Inside the response body.
    Body,
}

/// The class of an error of the HTTP library.
pub(super) fn of_http(error: &hyper::Error, phase: Phase, asked: bool) -> TransportFailure {
    if let Some(io) = find_io(error) {
        return of_io(io, phase, asked);
    }
    if error.is_parse() {
        return TransportFailure::NotHttp;
    }
    cut_short(phase)
}

/// The class of an I/O error on a connection that had come up.
pub(super) fn of_io(error: &io::Error, phase: Phase, asked: bool) -> TransportFailure {
    if let Some(tls) = find_tls_error(error) {
        return TransportFailure::Tls(classify(tls, asked));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(phase),
        // A chunk size that is no number, or the like.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => TransportFailure::NotHttp,
        _ => TransportFailure::Reset,
    }
}

/// The connection closed in an orderly way where it should not have.
fn cut_short(phase: Phase) -> TransportFailure {
    match phase {
        Phase::Head => TransportFailure::ClosedEarly,
        Phase::Body => TransportFailure::BodyTruncated,
    }
}

fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

/// Which of two classes of the same failure says more: what the exchange saw or what its connection saw.
pub(super) fn better(seen: TransportFailure, connection: Option<TransportFailure>) -> TransportFailure {
    match (seen, connection) {
        (_, Some(tls @ TransportFailure::Tls(_))) => tls,
        (TransportFailure::ClosedEarly, Some(known)) => known,
        (seen, _) => seen,
    }
}
