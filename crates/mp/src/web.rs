//! The HTTP side: routes, methods, statuses and headers. IIS hands over paths below the application, in lower case.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use cmsim_logs::{Evidence, Log};
use cmsim_wire::ccm::{envelope, multipart, text};
use cmsim_wire::limits;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::messaging::{self, Exchange};
use crate::point::ManagementPoint;
use crate::policy::{self, ClientToken, Download};
use crate::query::{AuthQuery, Part, range};
use crate::scribe::Scribe;

/// Routes of the messaging applications.
pub(crate) fn messaging(mp: &ManagementPoint) -> Router {
    Router::new().route("/request", any(post)).fallback(not_found).with_state(mp.clone())
}

/// Routes of the applications that answer plain GETs.
pub(crate) fn documents(mp: &ManagementPoint) -> Router {
    Router::new()
        .route("/.sms_aut", any(authentication))
        .route("/.sms_pol", any(policy_body))
        .fallback(not_found)
        .with_state(mp.clone())
}

/// Routes of the client's installation files.
pub(crate) fn client_files(mp: &ManagementPoint) -> Router {
    Router::new().route("/ccmsetup.exe", any(client_setup)).fallback(not_found).with_state(mp.clone())
}

async fn post(State(mp): State<ManagementPoint>, request: Request) -> Response {
    let method = request.method();
    if method.as_str() != envelope::METHOD && method != Method::POST {
        return page(StatusCode::METHOD_NOT_ALLOWED);
    }
    let content_type = header(request.headers(), CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
    let Ok(body) = to_bytes(request.into_body(), limits::CCM_POST_BYTES).await else {
        return page(StatusCode::PAYLOAD_TOO_LARGE);
    };
    match messaging::exchange(&mp, &content_type, &body).await {
        Exchange::Reply(bytes) => with_type(Response::new(Body::from(bytes)), multipart::CONTENT_TYPE),
        Exchange::Empty => Response::new(Body::empty()),
        // No source tells what a real management point answers to a body that is no message (inferred).
        Exchange::Malformed => page(StatusCode::BAD_REQUEST),
        Exchange::Failed => page(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn authentication(State(mp): State<ManagementPoint>, request: Request) -> Response {
    if let Some(refusal) = refuse_other_methods(&request) {
        return refusal;
    }
    let query = request.uri().query().unwrap_or_default();
    let keys = &mp.settings().keys;
    let document = match AuthQuery::parse(query) {
        Some(AuthQuery::MpList) => mp.list(false).to_xml(),
        Some(AuthQuery::MpListOfSite(site)) if site.eq_ignore_ascii_case(&mp.settings().site_code) => {
            mp.list(true).to_xml()
        }
        // A site that is not this one's: an error page (capture, asking for the central site).
        Some(AuthQuery::MpListOfSite(_)) => return page(StatusCode::INTERNAL_SERVER_ERROR),
        Some(AuthQuery::MpCertificate) => keys.management_point_document(),
        Some(AuthQuery::SiteSigningCertificate) => keys.site_signing_document(),
        Some(AuthQuery::IssuingCertificates) => keys.issuing_document(),
        Some(AuthQuery::MpKeyInformation) => keys.key_information_document(&mp.host().fqdn(), &mp.settings().site_code),
        None => return page(StatusCode::NOT_FOUND),
    };
    let scribe = Scribe::new(mp.host(), Log::MpGetAuth);
    scribe.info(
        "getauth.cpp:512",
        Evidence::Inferred,
        format!("MP GA: Answering {query} with {} bytes", document.len()),
    );
    serve(&request, document.into_bytes(), "text/xml")
}

async fn policy_body(State(mp): State<ManagementPoint>, request: Request) -> Response {
    if let Some(refusal) = refuse_other_methods(&request) {
        return refusal;
    }
    let headers = request.headers();
    let token =
        ClientToken { token: header(headers, "ClientToken"), signature: header(headers, "ClientTokenSignature") };
    match policy::download(&mp, request.uri().query().unwrap_or_default(), token).await {
        Ok(Download::Body(body)) => serve(&request, body, "text/xml"),
        Ok(Download::NotFound) => page(StatusCode::NOT_FOUND),
        Ok(Download::Denied) => page(StatusCode::UNAUTHORIZED),
        Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Not the program: only the version string inside it, which is what version scanners read (capture).
async fn client_setup(State(mp): State<ManagementPoint>, request: Request) -> Response {
    if let Some(refusal) = refuse_other_methods(&request) {
        return refusal;
    }
    let version = text::utf16le_terminated(&mp.host().profile().site_version);
    serve(&request, [b"MZ\0\0".as_slice(), &version].concat(), "application/octet-stream")
}

async fn not_found() -> Response {
    page(StatusCode::NOT_FOUND)
}

fn refuse_other_methods(request: &Request) -> Option<Response> {
    let fine = matches!(*request.method(), Method::GET | Method::HEAD);
    (!fine).then(|| page(StatusCode::METHOD_NOT_ALLOWED))
}

/// A document, or the part of it that was asked for; BITS asks for the length first and for ranges then (capture of the
/// download method; ranges inferred from BITS).
fn serve(request: &Request, document: Vec<u8>, content_type: &'static str) -> Response {
    let length = document.len();
    let (status, body, content_range) = match range(header(request.headers(), RANGE.as_str()), length) {
        Part::Whole => (StatusCode::OK, document, None),
        Part::Range(from, to) => {
            let content_range = format!("bytes {from}-{}/{length}", to.saturating_sub(1));
            (StatusCode::PARTIAL_CONTENT, document.get(from..to).unwrap_or_default().to_vec(), Some(content_range))
        }
        Part::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, Vec::new(), Some(format!("bytes */{length}"))),
    };
    let own_length = body.len();
    let body = if request.method() == Method::HEAD { Body::empty() } else { Body::from(body) };
    let mut response = with_type(Response::new(body), content_type);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(own_length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(value) = content_range.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(CONTENT_RANGE, value);
    }
    response
}

/// A page as IIS shows it: clients only look whether the body begins like HTML.
fn page(status: StatusCode) -> Response {
    let title = format!("{} - {}", status.as_str(), status.canonical_reason().unwrap_or_default());
    let html = format!("<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY><H2>{title}</H2></BODY></HTML>");
    let mut response = with_type(Response::new(Body::from(html)), "text/html");
    *response.status_mut() = status;
    response
}

fn with_type(mut response: Response, content_type: &'static str) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
