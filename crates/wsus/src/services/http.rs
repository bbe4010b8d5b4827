//! Calls as HTTP requests and back.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use cmsim_net::server::Peer;
use cmsim_wire::limits;
use cmsim_wire::wusp::fault::Detail;
use cmsim_wire::wusp::{Call, ErrorCode, Fault, Message as _, Service, Style, soap, xpress};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{CallFacts, Thrown};
use crate::server::Inner;

const ASP_NET: HeaderName = HeaderName::from_static("x-aspnet-version");

/// Says what agents test the connection with; the real file's content is not published (inferred).
const SERVER_VERSION: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n",
    "<WsusServerVersion><ProtocolVersion>3.2</ProtocolVersion></WsusServerVersion>\r\n",
);

/// `/ClientWebService`.
pub(crate) fn client_web_service(server: Arc<Inner>) -> Router {
    Router::new().fallback(client).with_state(server)
}

/// `/SimpleAuthWebService`.
pub(crate) fn simple_auth_web_service(server: Arc<Inner>) -> Router {
    Router::new().fallback(simple_auth).with_state(server)
}

/// `/ReportingWebService`.
pub(crate) fn reporting_web_service(server: Arc<Inner>) -> Router {
    Router::new().fallback(reporting).with_state(server)
}

/// `/SelfUpdate`.
pub(crate) fn self_update(server: Arc<Inner>) -> Router {
    Router::new().fallback(wuident).with_state(server)
}

/// `/Content`.
pub(crate) fn content(server: Arc<Inner>) -> Router {
    Router::new().fallback(payload).with_state(server)
}

async fn client(State(server): State<Arc<Inner>>, request: Request) -> Response {
    match &file_name(&request)[..] {
        "client.asmx" => {}
        "wusserverversion.xml" => return static_file("text/xml", Bytes::from_static(SERVER_VERSION.as_bytes())),
        _ => return status(StatusCode::NOT_FOUND),
    }
    let call = match SoapCall::receive(server, Service::Client, request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    let (server, facts) = (Arc::clone(&call.server), call.facts.clone());
    if !server.admit() {
        return call.fault(Thrown::new(ErrorCode::ServerBusy, ""));
    }
    match call.operation.as_str() {
        "GetConfig" => call.run(|message| server.get_config(message)).await,
        "GetCookie" => call.run(|message| server.get_cookie(message)).await,
        "RegisterComputer" => call.run(|message| server.register_computer(message, &facts)).await,
        "StartCategoryScan" => call.run(|message| server.start_category_scan(message)).await,
        "SyncUpdates" => call.run(|message| server.sync_updates(message)).await,
        "RefreshCache" => call.run(|message| server.refresh_cache(message)).await,
        "GetExtendedUpdateInfo" => call.run(|message| server.get_extended_update_info(message, &facts)).await,
        "GetFileLocations" => call.run(|message| server.get_file_locations(message, &facts)).await,
        _ => call.not_understood(),
    }
}

async fn simple_auth(State(server): State<Arc<Inner>>, request: Request) -> Response {
    if file_name(&request) != "simpleauth.asmx" {
        return status(StatusCode::NOT_FOUND);
    }
    match SoapCall::receive(server, Service::SimpleAuth, request).await {
        Ok(call) if call.operation == "GetAuthorizationCookie" => {
            let server = Arc::clone(&call.server);
            call.run(|message| server.get_authorization_cookie(message)).await
        }
        Ok(call) => call.not_understood(),
        Err(response) => response,
    }
}

async fn reporting(State(server): State<Arc<Inner>>, request: Request) -> Response {
    // The WSDL has the shorter name, agents use the longer one.
    if !matches!(&file_name(&request)[..], "reportingwebservice.asmx" | "webservice.asmx") {
        return status(StatusCode::NOT_FOUND);
    }
    match SoapCall::receive(server, Service::Reporting, request).await {
        Ok(call) if call.operation == "ReportEventBatch" => {
            let server = Arc::clone(&call.server);
            call.run(|message| server.report_event_batch(message)).await
        }
        Ok(call) => call.not_understood(),
        Err(response) => response,
    }
}

async fn wuident(State(server): State<Arc<Inner>>, request: Request) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match &server.wuident {
        Some(cabinet) if is_read && file_name(&request) == "wuident.cab" => {
            static_file("application/octet-stream", cabinet.clone())
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}

async fn payload(State(server): State<Arc<Inner>>, request: Request) -> Response {
    let rest = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD => {
            super::content::file(&server.host, rest, request.method() == Method::HEAD, request.headers())
        }
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Last part of the path, in lower case wherever the request comes from.
fn file_name(request: &Request) -> String {
    request.uri().path().rsplit('/').next().unwrap_or_default().to_lowercase()
}

/// One received call.
struct SoapCall {
    server: Arc<Inner>,
    service: Service,
    operation: String,
    body: Bytes,
    facts: CallFacts,
    takes_xpress: bool,
    /// The service's own URL as the client wrote it.
    url: String,
}

impl SoapCall {
    /// Takes the body of a request, or answers what is no call: a browser's GET gets the service's page.
    async fn receive(server: Arc<Inner>, service: Service, request: Request) -> Result<Self, Response> {
        match *request.method() {
            Method::POST => {}
            Method::GET | Method::HEAD => return Err(service_page(service)),
            _ => return Err(status(StatusCode::METHOD_NOT_ALLOWED)),
        }
        let (parts, body) = request.into_parts();
        if !is_text_xml(&parts.headers) {
            return Err(status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let Ok(body) = axum::body::to_bytes(body, limits::SOAP_XML.bytes).await else {
            return Err(status(StatusCode::PAYLOAD_TOO_LARGE));
        };
        let Ok(operation) = soap::operation(&body) else {
            return Err(status(StatusCode::BAD_REQUEST));
        };
        let peer = parts.extensions.get::<Arc<Peer>>();
        let host = text(&parts.headers, header::HOST).unwrap_or("localhost");
        let scheme = if peer.is_some_and(|peer| peer.tls.is_some()) { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://{host}{}", service.path()),
            facts: CallFacts { host: without_port(host).to_owned(), address: peer.map(|peer| peer.client.ip()) },
            takes_xpress: server.settings().xpress && accepts(&parts.headers, "xpress"),
            server,
            service,
            operation,
            body,
        })
    }

    /// Decodes the call, lets `answer` work, and encodes what comes out.
    async fn run<C, A, F>(&self, answer: A) -> Response
    where
        C: Call,
        A: FnOnce(C) -> F,
        F: Future<Output = Result<C::Answer, Thrown>>,
    {
        let outcome = match C::decode(&self.body) {
            Ok(message) => answer(message).await,
            Err(error) => {
                tracing::debug!(%error, operation = C::ELEMENT, "a call could not be read");
                Err(Thrown::parameter("parameters"))
            }
        };
        match outcome {
            Ok(message) => self.answer(StatusCode::OK, message.encode()),
            Err(thrown) => self.fault(thrown),
        }
    }

    /// A fault: status 500, and the connection is closed (published capture). The server's log has its id.
    fn fault(&self, thrown: Thrown) -> Response {
        let detail = Detail {
            error_code: thrown.code,
            message: thrown.message,
            id: self.server.fault_id(),
            method: Some(format!("\"{}\"", self.service.soap_action(&self.operation))),
        };
        self.server.log.threw(&self.url, &detail, thrown.client.as_deref());
        let fault = Fault::thrown(detail, self.style(), &self.url);
        self.failure(&fault)
    }

    /// An operation that the service does not have: a fault without detail.
    fn not_understood(&self) -> Response {
        let reason = format!("Server did not recognize the value of HTTP Header SOAPAction: {}", self.operation);
        self.failure(&Fault { code: "Client".to_owned(), reason, actor: None, detail: None })
    }

    fn failure(&self, fault: &Fault) -> Response {
        let mut response = self.answer(StatusCode::INTERNAL_SERVER_ERROR, soap::encode_fault(fault, self.style()));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn style(&self) -> Style {
        match self.service {
            Service::Client => Style::Wcf,
            Service::SimpleAuth | Service::Reporting => Style::Asmx,
        }
    }

    /// Headers and their order from a capture; the web server adds its own.
    fn answer(&self, code: StatusCode, body: String) -> Response {
        let cache = match self.service {
            Service::Client => "private",
            Service::SimpleAuth | Service::Reporting => "private, max-age=0",
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = code;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
        let body = if self.takes_xpress {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("xpress"));
            xpress::encode(body.as_bytes())
        } else {
            body.into_bytes()
        };
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(ASP_NET, HeaderValue::from_static("4.0.30319"));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        *response.body_mut() = Body::from(body);
        response
    }
}

/// What a browser sees at a service's address: a page with its name (the guide's URL check; text ours).
fn service_page(service: Service) -> Response {
    let name = match service {
        Service::Client => "Client",
        Service::SimpleAuth => "SimpleAuth",
        Service::Reporting => "ReportingWebService",
    };
    let page = format!("<html><head><title>{name} Web Service</title></head><body><h1>{name}</h1></body></html>\r\n");
    let mut response = static_file("text/html; charset=utf-8", Bytes::from(page));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=0"));
    response.headers_mut().insert(ASP_NET, HeaderValue::from_static("4.0.30319"));
    response
}

fn static_file(content_type: &'static str, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
    *response.body_mut() = Body::from(bytes);
    response
}

fn status(code: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_text_xml(headers: &HeaderMap) -> bool {
    let media = text(headers, header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    media.is_some_and(|media| media.trim().eq_ignore_ascii_case("text/xml"))
}

fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let listed = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = listed.flat_map(|value| value.split(','));
    codings.filter_map(|item| item.split(';').next()).any(|item| item.trim().eq_ignore_ascii_case(coding))
}

/// Host name or address; the brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
