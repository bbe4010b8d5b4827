//! Update payload by its SHA-1, from the content folder of the server's disk.

use axum::body::Body;
use axum::response::Response;
use cmsim_world::Host;
use http::{HeaderMap, StatusCode, header};

/// Where the content lies (default of the product's set-up).
const FOLDER: &str = r"C:\WSUS\WsusContent";

/// Answers GET and HEAD of `<XX>/<SHA-1>.<ext>`, with one closed or open range. A name without extension is 403, one in
/// the wrong folder 404, HEAD with a range 416 (all published observations).
pub(super) fn file(host: &Host, path: &str, is_head: bool, headers: &HeaderMap) -> Response {
    let Some((folder, name)) = path.trim_start_matches('/').split_once('/') else {
        return status(StatusCode::NOT_FOUND);
    };
    let Some((digest, extension)) = name.split_once('.') else {
        return status(StatusCode::FORBIDDEN);
    };
    let is_digest = digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_plain = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_digest || !is_plain || !digest[38..].eq_ignore_ascii_case(folder) {
        return status(StatusCode::NOT_FOUND);
    }
    let (folder, digest) = (folder.to_uppercase(), digest.to_uppercase());
    let Ok(bytes) = host.disk().read(&format!(r"{FOLDER}\{folder}\{digest}.{extension}")) else {
        return status(StatusCode::NOT_FOUND);
    };
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    out.insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    let total = bytes.len();
    let part = match headers.get(header::RANGE).map(|range| range.to_str().unwrap_or_default()) {
        None => 0..total,
        Some(_) if is_head => return status(StatusCode::RANGE_NOT_SATISFIABLE),
        Some(range) => match closed_range(range, total) {
            Some(part) => part,
            None => return status(StatusCode::RANGE_NOT_SATISFIABLE),
        },
    };
    if headers.contains_key(header::RANGE) {
        let range = format!("bytes {}-{}/{total}", part.start, part.end - 1);
        if let Ok(range) = range.parse() {
            out.insert(header::CONTENT_RANGE, range);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, part.len().into());
    if !is_head {
        *response.body_mut() = Body::from(bytes.get(part).map(<[u8]>::to_vec).unwrap_or_default());
    }
    response
}

/// `bytes=a-b` or `bytes=a-` within `total` bytes.
fn closed_range(text: &str, total: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let last =
        if last.is_empty() { total.checked_sub(1)? } else { last.parse::<usize>().ok()?.min(total.checked_sub(1)?) };
    (first <= last).then_some(first..last + 1)
}

fn status(code: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
