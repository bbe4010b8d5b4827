//! The world's servers without connections, and its clients on a timer heap: the same roles and agents, no runtime.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use cmsim_agents::framework::HttpOutcome;
use cmsim_client::DomainAccess;
use cmsim_client::heap::{Answer, Arrived, Heap, Servers};
use cmsim_iis::Iis;
use cmsim_net::client::{MAX_BODY, Url};
use cmsim_net::server::Peer;
use cmsim_wire::hresult::TransportFailure;
use cmsim_world::directory::DIRECTORY_PORT;
use http::{HeaderValue, Request, Response, header};
use indexmap::IndexMap;

use crate::settings::StageError;
use crate::stage::Stage;
use crate::topology;

/// The web servers of a world, called in place. Requests pass sites, applications, pools and settings of IIS on their
/// way to the roles; IIS's own logs stay empty, as there are no bytes to count.
#[derive(Debug)]
pub struct InProcess {
    iis: IndexMap<String, Iis>,
}

impl Stage {
    /// The world's servers for a driver without connections. They need not be started, and site components that work
    /// beside them (MPFDM, the State System) do not run.
    #[must_use]
    pub fn in_process(&self) -> InProcess {
        InProcess { iis: self.roles().iis.clone() }
    }

    /// Starts every client of the world on a heap, in their order. The world must have been built with a clock from
    /// [`cmsim_sim::Clock::stepped`].
    ///
    /// # Errors
    /// [`StageError`] if an agent cannot be started.
    pub fn heap<S: Servers>(&self, servers: S) -> Result<Heap<S>, StageError> {
        let mut heap = Heap::new(self.network(), servers);
        for name in self.client_names() {
            let domain = DomainAccess { directory: self.directory().clone() };
            let failed = format!("cannot start the agents of {name}");
            heap.add(self.host(&name)?, Some(domain)).map_err(StageError::part(failed))?;
        }
        Ok(heap)
    }
}

impl Servers for InProcess {
    fn listens(&mut self, host: &str, port: u16) -> bool {
        (host == topology::DOMAIN_CONTROLLER && port == DIRECTORY_PORT)
            || self.iis.get(host).is_some_and(|web| web.has_port(port))
    }

    fn answer(&mut self, arrived: Arrived<'_>) -> Answer {
        let reset = || Answer { outcome: HttpOutcome::Failed(TransportFailure::Reset), bytes: 0 };
        let Some(web) = self.iis.get(&*arrived.endpoints.server_host) else { return reset() };
        let Some(request) = request(&arrived) else { return reset() };
        // Statements are driven in place in virtual time and nothing else is waited for, so this never blocks for long.
        pollster::block_on(async {
            let response = web.answer(arrived.endpoints.server.port(), request).await;
            received(response).await.unwrap_or_else(reset)
        })
    }
}

/// The request as it comes out of the connection; `None` for one that no HTTP stack sends.
fn request(arrived: &Arrived<'_>) -> Option<Request<Body>> {
    let call = arrived.call;
    let url: Url = call.url.parse().ok()?;
    let mut request = Request::builder().method(call.method.as_str()).uri(url.target());
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let request = request.header(header::CONTENT_LENGTH, call.body.len()).header(header::HOST, url.authority());
    let endpoints = arrived.endpoints;
    let peer = Peer {
        host: endpoints.client_host.clone(),
        client: endpoints.client,
        server_host: Arc::clone(&endpoints.server_host),
        server: endpoints.server,
        connection: endpoints.connection,
        tls: None,
    };
    request.extension(Arc::new(peer)).body(Body::from(call.body.clone())).ok()
}

/// The answer as the client's HTTP stack hands it over, with its length on the wire.
async fn received(response: Response<Body>) -> Option<Answer> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, MAX_BODY).await.ok()?.to_vec();
    let reason = head.status.canonical_reason().unwrap_or_default().to_owned();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let lines: usize = headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum();
    let bytes = "HTTP/1.1 200 \r\n\r\n".len() + reason.len() + lines + body.len();
    Some(Answer { outcome: HttpOutcome::Response { status: head.status.as_u16(), reason, headers, body }, bytes })
}
