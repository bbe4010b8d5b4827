//! The error pages of IIS and HTTP.sys, shortened, in our own words.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::pipeline::SubStatus;

/// A page of IIS for `status` with its substatus.
pub(crate) fn page(status: StatusCode, sub: u16) -> Response<Body> {
    let title = match status {
        StatusCode::UNAUTHORIZED => "Unauthorized: these credentials give no access.",
        StatusCode::FORBIDDEN => "Forbidden: access is denied.",
        StatusCode::NOT_FOUND => "Not found: no file or directory of that name.",
        StatusCode::SERVICE_UNAVAILABLE => "Service unavailable.",
        _ => "Server error.",
    };
    let number = status.as_u16();
    let html = format!(
        "<!DOCTYPE html>\r\n<html><head><title>{number} - {title}</title></head>\r\n<body><h1>Server Error</h1>\r\n<h2>{number} - {title}</h2>\r\n</body></html>\r\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response.extensions_mut().insert(SubStatus(sub));
    response
}

/// An answer of HTTP.sys itself, which closes the connection.
pub(crate) fn kernel(status: StatusCode, title: &str) -> Response<Body> {
    let number = status.as_u16();
    let html = format!(
        "<html><head><title>{title}</title></head>\r\n<body><h2>{title}</h2>\r\n<p>HTTP Error {number}.</p></body></html>\r\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=us-ascii"));
    headers.insert(header::SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
