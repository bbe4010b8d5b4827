//! The HTTP stacks of the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cmsim_agents::framework::{AgentId, HttpCall, HttpOutcome, HttpStack};
use cmsim_net::Network;
use cmsim_net::client::{Options, ProxySetting, Request, Session};
use cmsim_wire::hresult::{TlsFailure, TransportFailure};
use cmsim_world::{Host, thumbprint};
use http::Method;

use crate::{identity, proxy};

/// The sessions of one machine: every agent has one of its own for each stack it uses. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stacks {
    host: Host,
    network: Network,
    sessions: Arc<Mutex<BTreeMap<(AgentId, HttpStack), Open>>>,
}

#[derive(Clone, Debug)]
struct Open {
    session: Session,
    settings: Settings,
}

/// What can change under a session's feet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    proxy: ProxySetting,
    /// Thumbprint of the certificate shown to servers.
    certificate: Option<String>,
}

impl Stacks {
    /// The stacks of a host, without connections.
    #[must_use]
    pub fn new(host: &Host, network: &Network) -> Self {
        Self { host: host.clone(), network: network.clone(), sessions: Arc::default() }
    }

    /// Makes a call of an agent and waits for its end.
    pub async fn call(&self, agent: AgentId, call: HttpCall) -> HttpOutcome {
        // A URL or method that cannot be sent reaches nobody: to the caller that is a server which does not exist.
        let (Ok(url), Ok(method)) = (call.url.parse(), Method::from_bytes(call.method.as_bytes())) else {
            return HttpOutcome::Failed(TransportFailure::NameNotResolved);
        };
        let mut request = Request::new(method, url).body(call.body);
        request.headers = call.headers;
        request.receive_time_out = Some(call.timeout);
        match self.session(agent, call.stack).send(request).await {
            Ok(response) => HttpOutcome::Response {
                status: response.status,
                reason: response.reason,
                headers: response.headers,
                body: response.body.to_vec(),
            },
            Err(failure) => {
                if failure == TransportFailure::Tls(TlsFailure::Untrusted) {
                    // The verifier looked through the roots and found none: a change that took one away was met.
                    let _ = self.host.certificates().store("Root");
                }
                HttpOutcome::Failed(failure)
            }
        }
    }

    /// Forgets all sessions and closes their idle connections, as the end of a process does.
    pub fn close(&self) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn session(&self, agent: AgentId, stack: HttpStack) -> Session {
        let certificate = match stack {
            HttpStack::Ccm | HttpStack::Bits => identity::enrolled(&self.host),
            HttpStack::WinHttp => None,
        };
        let settings = Settings {
            proxy: match stack {
                HttpStack::Ccm => ProxySetting::Direct,
                HttpStack::WinHttp | HttpStack::Bits => proxy::read(&self.host),
            },
            certificate: certificate.as_ref().map(|found| thumbprint(found.certificate())),
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sessions.get_mut(&(agent, stack)) {
            if open.settings != settings {
                open.session.configure(|options| {
                    options.proxy = settings.proxy.clone();
                    options.set_client_certificate(certificate.as_ref());
                });
                open.settings = settings;
            }
            return open.session.clone();
        }
        let mut options = Options::new(&agent.to_string(), self.host.certificates().trusted());
        options.proxy = settings.proxy.clone();
        options.set_client_certificate(certificate.as_ref());
        let session = Session::new(&self.network, self.host.name(), options);
        sessions.insert((agent, stack), Open { session: session.clone(), settings });
        session
    }
}
