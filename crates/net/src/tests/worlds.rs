//! A small world for tests: a client, a server, a proxy's address, an authority.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cmsim_sim::{Clock, Journal, Seed, SimTime, TimeZone};
use cmsim_wire::hresult::TransportFailure;
use http_body_util::Full;
use hyper::body::Incoming;

use crate::client::{Options, Request, Session, Url};
use crate::pki::{Authority, CertificateRequest, CertifiedKey, TrustStore, Usage, Validity};
use crate::server::{ClientCertificates, Ending, Exchange, Observer, Peer, Server, TlsSettings, serve};
use crate::{Network, Stream};

/// 2014-01-20T17:17:00Z.
pub(super) const EPOCH: i64 = 1_390_238_220_000;
const DAY: i64 = 86_400_000;

pub(super) const SERVER: &str = "PS1SYS";
pub(super) const CLIENT: &str = "CLIENT1";
pub(super) const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 11);

pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) network: Network,
    pub(super) authority: Authority,
    pub(super) trust: TrustStore,
}

/// Runs `test` in virtual time.
pub(super) fn in_memory<F: Future>(test: impl FnOnce(World) -> F) -> F::Output {
    in_memory_with_seed(1, test)
}

pub(super) fn in_memory_with_seed<F: Future>(seed: u64, test: impl FnOnce(World) -> F) -> F::Output {
    let limit = Duration::from_secs(86_400);
    let epoch = SimTime::from_millis(EPOCH);
    let ended = cmsim_sim::run(epoch, TimeZone::utc(), limit, |clock| {
        let journal = Journal::new(clock);
        let network = Network::memory(journal.clone(), &Seed::new(seed));
        test(World::new(network, journal))
    });
    ended.unwrap()
}

/// Runs `test` over sockets, with waits a hundred times as fast.
pub(super) fn over_sockets<F: Future>(test: impl FnOnce(World) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::real_time(SimTime::from_millis(EPOCH), TimeZone::utc(), 100.0);
        let journal = Journal::new(clock);
        let network = Network::loopback(journal.clone(), &Seed::new(1));
        test(World::new(network, journal)).await
    })
}

pub(super) fn days(from: i64, until: i64) -> Validity {
    Validity { from: SimTime::from_millis(EPOCH + from * DAY), until: SimTime::from_millis(EPOCH + until * DAY) }
}

impl World {
    fn new(network: Network, journal: Journal) -> Self {
        let suffix = Some("contoso.com");
        network.add_host(SERVER, &[SERVER_ADDRESS], suffix).unwrap();
        network.add_host(CLIENT, &[Ipv4Addr::new(192, 168, 2, 62)], suffix).unwrap();
        network.set_record("ps1sys.contoso.com", &[SERVER_ADDRESS]);
        let authority = Authority::root("CONTOSO-DC1-CA", days(-1000, 3000), &Seed::new(1)).unwrap();
        let trust = TrustStore::new();
        trust.add(authority.certificate());
        Self { clock: journal.clock().clone(), journal, network, authority, trust }
    }

    pub(super) fn session(&self) -> Session {
        self.session_with(|_| {})
    }

    pub(super) fn session_with(&self, change: impl FnOnce(&mut Options)) -> Session {
        let mut options = Options::new("Test", self.trust.clone()).user_agent("cmsim-test");
        change(&mut options);
        Session::new(&self.network, CLIENT, options)
    }

    pub(super) async fn get(&self, url: &str) -> Result<u16, TransportFailure> {
        let session = self.session();
        let sent = session.send(Request::new(http::Method::GET, url.parse().unwrap()));
        sent.await.map(|response| response.status)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().since(self.clock.epoch())
    }

    /// A server that echoes what it gets.
    pub(super) fn echo(&self, port: u16, tls: Option<TlsSettings>, observer: Arc<dyn Observer>) -> Server {
        let listener = self.network.listen(SERVER, port).unwrap();
        serve(&self.network, listener, tls, tower::service_fn(answer), observer)
    }

    pub(super) fn certificate(&self, name: &str, validity: Validity, usage: Usage) -> CertifiedKey {
        let request = CertificateRequest {
            subject: name.to_owned(),
            dns_names: vec![name.to_owned()],
            addresses: vec![],
            validity,
            usage,
        };
        self.authority.issue(&request).unwrap()
    }

    pub(super) fn tls(&self, name: &str, validity: Validity) -> Option<TlsSettings> {
        Some(TlsSettings {
            certificate: self.certificate(name, validity, Usage::Server),
            client_certificates: ClientCertificates::Ignore,
        })
    }

    /// Opens a port behind which `behave` does what it likes with each connection.
    pub(super) fn raw<F>(&self, port: u16, behave: impl Fn(Stream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut listener = self.network.listen(SERVER, port).unwrap();
        tokio::spawn(async move {
            while let Some(stream) = listener.accept().await {
                tokio::spawn(behave(stream));
            }
        });
    }
}

async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    use http_body_util::BodyExt as _;
    let body = request.into_body().collect().await?.to_bytes();
    Ok(http::Response::new(Full::new(body)))
}

pub(super) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// Keeps what a server reports.
pub(super) struct Seen {
    clock: Clock,
    pub(super) exchanges: Mutex<Vec<Exchange>>,
    pub(super) endings: Mutex<Vec<(SimTime, Ending)>>,
}

impl Seen {
    pub(super) fn new(clock: &Clock) -> Arc<Self> {
        Arc::new(Self { clock: clock.clone(), exchanges: Mutex::default(), endings: Mutex::default() })
    }
}

impl Observer for Seen {
    fn exchange(&self, exchange: Exchange) {
        self.exchanges.lock().unwrap().push(exchange);
    }

    fn ending(&self, _peer: &Peer, ending: Ending) {
        self.endings.lock().unwrap().push((self.clock.now(), ending));
    }
}
