//! What a request passes on its way to an application.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use cmsim_net::server::Peer;
use cmsim_sim::Clock;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Limited;
use hyper::body::Incoming;
use tower::{Service, ServiceExt as _};

use crate::answer;
use crate::application::ClientCertificateRule;
use crate::authentication::{User, account};
use crate::body::Watched;
use crate::pool::{Place, Unavailable};
use crate::record::{HttpSys, OnSite};
use crate::service::Inner;

/// The path of the request as it was sent, in its own case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath(pub String);

/// The substatus that stands in the log behind the status, such as 13 of 404.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubStatus(pub u16);

/// The service behind one port: all sites with a binding on it.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) iis: Weak<Inner>,
    pub(crate) port: u16,
}

impl Service<Request<Incoming>> for Port {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let Self { iis, port } = self.clone();
        Box::pin(async move {
            let Some(iis) = iis.upgrade() else {
                return Ok(answer::kernel(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"));
            };
            Ok(pass(&iis, port, request).await)
        })
    }
}

/// Lets a request pass everything between its port and its application, and the answer back.
pub(crate) async fn pass<B>(iis: &Inner, port: u16, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let mut response = match admit(iis, port, &request) {
        Ok(admitted) => admitted.run(request, iis.host.clock()).await,
        Err(refused) => *refused,
    };
    finish(iis, &mut response);
    response
}

/// A request that may go to its application.
struct Admitted {
    router: axum::Router,
    rest: String,
    user: User,
    max_body: u64,
    pool: String,
    on_site: OnSite,
    /// Held until the application has answered.
    place: Place,
}

/// Finds site, application and pool of a request and applies the application's settings.
fn admit<B>(iis: &Inner, port: u16, request: &Request<B>) -> Result<Admitted, Box<Response<Body>>> {
    let state = iis.lock();
    let Some(site) = state.site_for(port, request.headers()) else {
        let mut refused = answer::kernel(StatusCode::BAD_REQUEST, "Bad Request - Invalid Hostname");
        refused.extensions_mut().insert(HttpSys { reason: "Hostname", site: None, queue: None });
        return Err(Box::new(refused));
    };
    let id = site.spec.id;
    let path = request.uri().path().to_ascii_lowercase();
    let Some((application, rest)) = site.application(&path) else {
        return Err(refuse(OnSite::anonymous(id), StatusCode::NOT_FOUND, 0));
    };
    let unavailable = |reason| {
        let mut refused = answer::kernel(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        let queue = Some(application.pool.clone());
        refused.extensions_mut().insert(HttpSys { reason, site: Some(id), queue });
        Box::new(refused)
    };
    let pool = state.pools.get(&application.pool.to_ascii_lowercase());
    let place = match pool.map(crate::pool::Pool::enter) {
        Some(Ok(place)) => place,
        Some(Err(Unavailable::Full)) => return Err(unavailable("QueueFull")),
        // An application in a pool that does not exist is as offline as one in a stopped pool.
        Some(Err(Unavailable::Stopped)) | None => return Err(unavailable("AppOffline")),
    };

    let max_body = *application.max_body.peek();
    if content_length(request.headers()).is_some_and(|length| length > max_body) {
        application.max_body.get();
        return Err(refuse(OnSite::anonymous(id), StatusCode::NOT_FOUND, 13));
    }
    let peer = request.extensions().get::<Arc<Peer>>();
    let tls = peer.and_then(|peer| peer.tls.as_ref());
    if tls.is_none() && *application.require_ssl.get() {
        return Err(refuse(OnSite::anonymous(id), StatusCode::FORBIDDEN, 4));
    }
    let certificate = tls.and_then(|tls| tls.client_certificate.as_ref());
    match (*application.client_certificates.get(), certificate) {
        (ClientCertificateRule::Require, None) => {
            return Err(refuse(OnSite::anonymous(id), StatusCode::FORBIDDEN, 7));
        }
        (ClientCertificateRule::Require | ClientCertificateRule::Accept, Some(shown)) if shown.trust.is_err() => {
            return Err(refuse(OnSite::anonymous(id), StatusCode::FORBIDDEN, 16));
        }
        _ => {}
    }
    let account = peer.and_then(|peer| account(request.headers(), peer));
    if account.is_none() && !*application.anonymous.get() {
        let mut refused = refuse(OnSite { site: id, user: None, win32: 5 }, StatusCode::UNAUTHORIZED, 2);
        for scheme in ["Negotiate", "NTLM"] {
            refused.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        return Err(refused);
    }
    // An application that takes anonymous requests does not look at credentials.
    let account = account.filter(|_| !*application.anonymous.peek());
    Ok(Admitted {
        router: application.router.clone(),
        rest: rest.to_owned(),
        user: User(account.clone()),
        max_body,
        pool: application.pool.clone(),
        on_site: OnSite { site: id, user: account, win32: 0 },
        place,
    })
}

impl Admitted {
    async fn run<B>(self, request: Request<B>, clock: &Clock) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let max_body = usize::try_from(self.max_body).unwrap_or(usize::MAX);
        let is_head = request.method() == Method::HEAD;
        let (head, body) = request.into_parts();
        let (body, late) = Watched::new(body, clock.clone());
        let mut request = Request::from_parts(head, Body::new(Limited::new(body, max_body)));
        let path = RequestPath(request.uri().path().to_owned());
        *request.uri_mut() = below(&self.rest, request.uri());
        request.extensions_mut().insert(path);
        request.extensions_mut().insert(self.user);
        let Ok(mut response) = self.router.oneshot(request).await;
        drop(self.place);
        if late.happened() {
            let mut refused = answer::kernel(StatusCode::REQUEST_TIMEOUT, "Request Timeout");
            let (site, queue) = (Some(self.on_site.site), Some(self.pool));
            refused.extensions_mut().insert(HttpSys { reason: "Timer_EntityBody", site, queue });
            return refused;
        }
        if response.status() == StatusCode::NOT_FOUND && !is_head && has_no_body(&response) {
            // Nothing in the application: what the static file handler says then.
            response = answer::page(StatusCode::NOT_FOUND, 0);
        }
        let win32 = if response.status() == StatusCode::NOT_FOUND { 2 } else { 0 };
        response.extensions_mut().insert(OnSite { win32, ..self.on_site });
        response
    }
}

fn refuse(on_site: OnSite, status: StatusCode, sub: u16) -> Box<Response<Body>> {
    let mut response = answer::page(status, sub);
    // ERROR_FILE_NOT_FOUND stands beside 404.0 and nothing beside filtered requests.
    let win32 = if (status, sub) == (StatusCode::NOT_FOUND, 0) { 2 } else { on_site.win32 };
    response.extensions_mut().insert(OnSite { win32, ..on_site });
    Box::new(response)
}

fn has_no_body(response: &Response<Body>) -> bool {
    http_body::Body::size_hint(response.body()).exact() == Some(0)
}

/// The URI that the router sees.
fn below(rest: &str, uri: &Uri) -> Uri {
    let rest = if rest.is_empty() { "/" } else { rest };
    let target = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    // A part of a valid path is a valid path; if it were not, the root answers.
    let target = PathAndQuery::try_from(target).unwrap_or_else(|_| PathAndQuery::from_static("/"));
    Uri::from(target)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Adds what IIS adds, in its order: the application's headers, Server, the ASP.NET version, X-Powered-By, Date, the
/// length (capture).
fn finish(iis: &Inner, response: &mut Response<Body>) {
    let from_kernel = response.extensions().get::<HttpSys>().is_some();
    let aspnet = HeaderName::from_static("x-aspnet-version");
    let old = std::mem::take(response.headers_mut());
    let headers = response.headers_mut();
    let last = [&aspnet, &header::CONTENT_LENGTH, &header::DATE];
    for (name, value) in &old {
        if !last.contains(&name) {
            headers.append(name, value.clone());
        }
    }
    let mut add = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    if !from_kernel {
        add(header::SERVER, iis.server_header.clone().into());
        add(aspnet.clone(), old.get(&aspnet).cloned());
        add(HeaderName::from_static("x-powered-by"), Some(HeaderValue::from_static("ASP.NET")));
    }
    let date = iis.host.now().timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    add(header::DATE, HeaderValue::try_from(date).ok());
    add(header::CONTENT_LENGTH, old.get(header::CONTENT_LENGTH).cloned());
}
