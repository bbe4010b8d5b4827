//! The two logs of a web server: the site's own and that of HTTP.sys.

use std::sync::{Arc, PoisonError, Weak};

use cmsim_logs::{Evidence, LocalStamp, Log, Severity, httperr, w3c};
use cmsim_net::server::{Ending, Exchange, HeadRefusal, Observer, Outcome, Peer};
use cmsim_world::FormattedRecord;
use http::{HeaderMap, HeaderName, Version, header};

use crate::pipeline::SubStatus;
use crate::service::Inner;

/// `ERROR_NETNAME_DELETED`: the client went away before it had the whole answer.
const CLIENT_GONE: u32 = 64;

/// An answer that HTTP.sys gave by itself, with its reason.
#[derive(Clone, Debug)]
pub(crate) struct HttpSys {
    pub(crate) reason: &'static str,
    pub(crate) site: Option<u32>,
    pub(crate) queue: Option<String>,
}

/// An answer of a site.
#[derive(Clone, Debug)]
pub(crate) struct OnSite {
    pub(crate) site: u32,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) win32: u32,
}

impl OnSite {
    pub(crate) fn anonymous(site: u32) -> Self {
        Self { site, user: None, win32: 0 }
    }
}

/// Writes what the listener of a port reports.
pub(crate) struct Recorder {
    pub(crate) iis: Weak<Inner>,
    pub(crate) port: u16,
}

impl Observer for Recorder {
    fn exchange(&self, exchange: Exchange) {
        let Some(iis) = self.iis.upgrade() else { return };
        if let Some(kernel) = exchange.extensions.get::<HttpSys>() {
            return iis.write_httperr(&kernel_record(&iis, &exchange, kernel));
        }
        if exchange.extensions.get::<HeadRefusal>().is_some() {
            let kernel = HttpSys { reason: "BadRequest", site: None, queue: None };
            return iis.write_httperr(&kernel_record(&iis, &exchange, &kernel));
        }
        match exchange.extensions.get::<OnSite>() {
            Some(on_site) => iis.write_w3c(on_site, &exchange),
            // The client went away before there was an answer: the site is the one its request was for.
            None => {
                let site = iis.lock().site_for(self.port, &exchange.headers).map(|site| site.spec.id);
                if let Some(site) = site {
                    iis.write_w3c(&OnSite::anonymous(site), &exchange);
                }
            }
        }
    }

    fn ending(&self, peer: &Peer, ending: Ending) {
        let Some(iis) = self.iis.upgrade() else { return };
        let (status, reason) = match ending {
            Ending::BadRequest => (Some(400), "BadRequest"),
            Ending::HeadTooLong => (Some(400), "RequestLength"),
            Ending::HeaderTimeout => (None, "Timer_HeaderWait"),
            Ending::Idle => (None, "Timer_ConnectionIdle"),
            // Schannel writes to the event log, not HTTP.sys to HTTPERR.
            Ending::Handshake => return,
        };
        iis.write_httperr(&httperr::Record { status, reason: reason.to_owned(), ..connection(&iis, peer) });
    }
}

/// The columns that every row has.
fn connection(iis: &Inner, peer: &Peer) -> httperr::Record {
    httperr::Record {
        time: iis.host.log(Log::HttpErr).time(),
        client_ip: peer.client.ip().to_string(),
        client_port: Some(peer.client.port()),
        server_ip: peer.server.ip().to_string(),
        server_port: Some(peer.server.port()),
        version: String::new(),
        method: String::new(),
        uri: String::new(),
        status: None,
        site: None,
        reason: String::new(),
        queue: String::new(),
    }
}

fn kernel_record(iis: &Inner, exchange: &Exchange, kernel: &HttpSys) -> httperr::Record {
    httperr::Record {
        version: match exchange.version {
            Version::HTTP_10 => "HTTP/1.0".to_owned(),
            _ => "HTTP/1.1".to_owned(),
        },
        method: exchange.method.to_string(),
        uri: exchange.target.to_string(),
        status: exchange.status.map(|status| status.as_u16()),
        site: kernel.site,
        reason: kernel.reason.to_owned(),
        queue: kernel.queue.clone().unwrap_or_default(),
        ..connection(iis, &exchange.peer)
    }
}

impl Inner {
    /// HTTPERR: columns and reasons from the HTTP.sys error-logging article (docs), `AppOffline` rows from field logs.
    fn write_httperr(&self, record: &httperr::Record) {
        let (mut header, mut row) = (String::new(), String::new());
        httperr::format_header(&record.time, &mut header);
        record.format(&mut row);
        self.host.log(Log::HttpErr).write_formatted(&FormattedRecord {
            header: &header,
            record: &row,
            severity: Severity::Warning,
            evidence: Evidence::Docs,
            text: row.trim_end(),
        });
    }

    /// The site's log, with the sizes that the guide's own logs show (article; columns from field logs).
    fn write_w3c(&self, on_site: &OnSite, exchange: &Exchange) {
        let log = self.host.iis_log(on_site.site);
        let layout = w3c::Layout::with_bytes();
        let record = self.w3c_record(on_site, exchange, log.time());
        let (mut header, mut row) = (String::new(), String::new());
        layout.format_header(self.version, &record.time, &mut header);
        record.format(&layout, &mut row);
        let severity = match record.status {
            Some(500..) => Severity::Error,
            Some(400..) => Severity::Warning,
            _ => Severity::Info,
        };
        log.write_formatted(&FormattedRecord {
            header: &header,
            record: &row,
            severity,
            evidence: Evidence::Article,
            text: row.trim_end(),
        });
    }

    /// The clock of `time-taken` runs from a request's first byte to the client's acknowledgement of the answer's last one
    /// (docs: IIS logging includes network time). What this server knows ends when the last byte leaves, so a seeded way
    /// home of a near client is added here; nobody waits for it. Each row draws once, in the order of the rows.
    fn way_home(&self) -> u64 {
        let mut acknowledgements = self.acknowledgements.lock().unwrap_or_else(PoisonError::into_inner);
        acknowledgements.below(2, 32)
    }

    fn w3c_record(&self, on_site: &OnSite, exchange: &Exchange, time: LocalStamp) -> w3c::Record {
        let sub = exchange.extensions.get::<SubStatus>().map_or(0, |sub| sub.0);
        let complete = exchange.outcome == Outcome::Complete;
        let took = exchange.ended.since(exchange.began).as_millis() + u128::from(self.way_home());
        w3c::Record {
            time,
            server_ip: exchange.peer.server.ip().to_string(),
            method: exchange.method.to_string(),
            uri_stem: exchange.target.path().to_owned(),
            uri_query: exchange.target.query().unwrap_or_default().to_owned(),
            port: Some(exchange.peer.server.port()),
            username: on_site.user.as_deref().unwrap_or_default().to_owned(),
            client_ip: exchange.peer.client.ip().to_string(),
            user_agent: text(&exchange.headers, &header::USER_AGENT),
            referer: text(&exchange.headers, &header::REFERER),
            status: Some(exchange.status.map_or(200, |status| status.as_u16())),
            substatus: Some(sub),
            win32_status: Some(if complete { on_site.win32 } else { CLIENT_GONE }),
            bytes_sent: Some(exchange.sent),
            bytes_received: Some(exchange.received),
            time_taken_ms: Some(u32::try_from(took).unwrap_or(u32::MAX)),
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().into_owned()
}
