//! The HTTP stacks of the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cmsim_agents::framework::{AgentId, HttpCall, HttpOutcome, HttpStack};
use cmsim_net::Network;
use cmsim_net::client::{Options, ProxySetting, Request, Session};
use cmsim_sim::journal::{self, Cause};
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

    /// Makes a call of an agent and waits for its end. What its outcome leads to is caused by the exchange; a call
    /// that is none passes the cause on that led to it.
    pub async fn call(&self, agent: AgentId, call: HttpCall) -> (HttpOutcome, Option<Cause>) {
        // A URL or method that cannot be sent reaches nobody: to the caller that is a server which does not exist.
        let (Ok(url), Ok(method)) = (call.url.parse(), Method::from_bytes(call.method.as_bytes())) else {
            return (HttpOutcome::Failed(TransportFailure::NameNotResolved), journal::cause());
        };
        let mut request = Request::new(method, url).body(call.body);
        request.headers = call.headers;
        request.receive_time_out = Some(call.timeout);
        let (exchange, result) = self.session(agent, call.stack).send_recorded(request).await;
        let outcome = match result {
            Ok(response) => HttpOutcome::Response {
                status: response.status,
                reason: response.reason,
                headers: response.headers,
                body: response.body.to_vec(),
            },
            Err(failure) => {
                if failure == TransportFailure::Tls(TlsFailure::Untrusted) {
                    // The verifier looked through the roots and found none: a change that took one away was met.
                    let _ = journal::while_caused_by(Some(exchange), || self.host.certificates().store("Root"));
                }
                HttpOutcome::Failed(failure)
            }
        };
        (outcome, Some(exchange))
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use cmsim_agents::framework::CallId;
    use cmsim_net::pki::{Authority, CertificateRequest, CertifiedKey, TrustStore, Usage, Validity};
    use cmsim_net::server::{ClientCertificates, Exchange, Observer, Peer, Server, TlsSettings, serve};
    use cmsim_sim::Seed;
    use cmsim_world::Mark;
    use http_body_util::Full;

    use super::*;
    use crate::tests::{host_in, network};
    use crate::{WinHttpProxy, write_winhttp_proxy};

    /// Byte counts are IIS's business.
    struct Blind;

    impl Observer for Blind {
        fn exchange(&self, _: Exchange) {}
    }

    /// Answers with the method, the target and who the client says it is.
    fn server(network: &Network, tls: Option<TlsSettings>, port: u16) -> Server {
        let service = tower::service_fn(|request: http::Request<hyper::body::Incoming>| async move {
            let peer = request.extensions().get::<Arc<Peer>>().unwrap();
            let certificate = peer.tls.as_ref().and_then(|tls| tls.client_certificate.as_ref());
            let shown = if certificate.is_some() { "with a certificate" } else { "without a certificate" };
            let text = format!("{} {} {shown}", request.method(), request.uri());
            Ok::<_, Infallible>(http::Response::new(Full::new(bytes::Bytes::from(text))))
        });
        serve(network, network.listen("DC1", port).unwrap(), tls, service, Arc::new(Blind))
    }

    fn call(stack: HttpStack, method: &str, url: &str) -> HttpCall {
        HttpCall {
            id: CallId(1),
            stack,
            method: method.into(),
            url: url.into(),
            headers: vec![("User-Agent".into(), "ccmhttp".into())],
            body: Vec::new(),
            timeout: Duration::from_secs(60),
        }
    }

    fn text(outcome: &HttpOutcome) -> String {
        match outcome {
            HttpOutcome::Response { body, .. } => String::from_utf8(body.clone()).unwrap(),
            HttpOutcome::Failed(failure) => failure.to_string(),
        }
    }

    struct World {
        host: Host,
        stacks: Stacks,
        network: Network,
        validity: Validity,
        authority: Authority,
    }

    impl World {
        fn new() -> Self {
            let journal = crate::tests::journal();
            let (host, network) = (host_in(&journal), network(&journal));
            network.set_record("dc1.contoso.com", &["192.168.2.1".parse().unwrap()]);
            let validity = Validity { from: host.now(), until: host.now() + Duration::from_secs(86_400) };
            let authority = Authority::root("CONTOSO-CA", validity, &Seed::new(1)).unwrap();
            Self { stacks: Stacks::new(&host, &network), host, network, validity, authority }
        }

        fn certificate(&self, name: &str, usage: Usage) -> CertifiedKey {
            let (subject, dns_names) = (name.to_owned(), vec![name.to_owned()]);
            let request =
                CertificateRequest { subject, dns_names, addresses: Vec::new(), validity: self.validity, usage };
            self.authority.issue(&request).unwrap()
        }

        fn tls(&self) -> TlsSettings {
            TlsSettings {
                certificate: self.certificate("dc1.contoso.com", Usage::Server),
                client_certificates: ClientCertificates::Accept(TrustStore::new()),
            }
        }

        async fn call(&self, stack: HttpStack, method: &str, url: &str) -> String {
            text(&self.stacks.call(AgentId::CcmMessaging, call(stack, method, url)).await.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_reaches_its_server_and_the_journal_names_the_agent() {
        let world = World::new();
        let _server = server(&world.network, None, 80);
        let answer = world.call(HttpStack::Ccm, "CCM_POST", "http://dc1.contoso.com/ccm_system/request").await;
        assert_eq!(answer, "CCM_POST /ccm_system/request without a certificate");
        let entry = world.host.journal().entries().pop().unwrap();
        assert_eq!((&*entry.component, &*entry.host), ("CcmMessaging", "CLIENT1"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_sent_reaches_nobody() {
        let world = World::new();
        for (method, url) in [("GET", "not a url"), ("G T", "http://dc1.contoso.com/")] {
            let asked = world.stacks.call(AgentId::CcmMessaging, call(HttpStack::Ccm, method, url));
            let (outcome, cause) = journal::caused_by(Some(Cause::Outcome(3)), asked).await;
            assert_eq!(outcome, HttpOutcome::Failed(TransportFailure::NameNotResolved));
            assert_eq!(cause, Some(Cause::Outcome(3)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_proxy_of_the_machine_is_used_by_winhttp_alone_and_from_the_next_call() {
        let world = World::new();
        let _server = server(&world.network, None, 80);
        let url = "http://dc1.contoso.com/x";
        let direct = "GET /x without a certificate";
        assert_eq!(world.call(HttpStack::WinHttp, "GET", url).await, direct);
        let proxy = WinHttpProxy { proxy: "gone.contoso.com:8080".into(), bypass: String::new() };
        let (key, name, value) = write_winhttp_proxy(Some(&proxy));
        let mark = Mark::new("stale proxy");
        world.host.registry().set_marked(&mark, key, name, value).unwrap();
        let through_proxy = world.call(HttpStack::WinHttp, "GET", url).await;
        assert!(through_proxy.starts_with("proxy:"), "{through_proxy}");
        assert!(mark.hits() > 0);
        assert_eq!(world.call(HttpStack::Ccm, "GET", url).await, direct);
        world.host.revert(&mark).unwrap();
        assert_eq!(world.call(HttpStack::WinHttp, "GET", url).await, direct);
    }

    #[tokio::test(start_paused = true)]
    async fn servers_are_trusted_by_the_root_store_and_a_change_of_it_is_met() {
        let world = World::new();
        let _server = server(&world.network, Some(world.tls()), 8531);
        let url = "https://dc1.contoso.com:8531/";
        let root = world.authority.certificate().clone();
        world.host.certificates().trust("Root", &root);
        assert_eq!(world.call(HttpStack::WinHttp, "GET", url).await, "GET / without a certificate");
        let mark = Mark::new("root removed");
        world.host.certificates().remove_marked(&mark, "Root", &thumbprint(&root));
        world.stacks.close();
        let refused = world.call(HttpStack::WinHttp, "GET", url).await;
        assert!(refused.starts_with("TLS:"), "{refused}");
        assert!(mark.hits() > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_enrolled_certificate_is_shown_by_the_client_and_not_by_windows_update() {
        let world = World::new();
        world.host.certificates().trust("Root", world.authority.certificate());
        let _server = server(&world.network, Some(world.tls()), 443);
        let url = "https://dc1.contoso.com/";
        assert_eq!(world.call(HttpStack::Ccm, "GET", url).await, "GET / without a certificate");
        world.host.certificates().add("MY", world.certificate("client1.contoso.com", Usage::Client));
        assert_eq!(world.call(HttpStack::Ccm, "GET", url).await, "GET / with a certificate");
        assert_eq!(world.call(HttpStack::WinHttp, "GET", url).await, "GET / without a certificate");
    }
}
