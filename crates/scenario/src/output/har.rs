//! `exchanges.har`: every HTTP exchange as HAR 1.2, as its client saw it, above TLS.

use std::collections::BTreeMap;

use cmsim_sim::journal::{Entry, Event, Exchange, PayloadId};
use cmsim_sim::{Journal, SimTime};
use serde::Serialize;

/// Bodies above this many bytes are written once; later exchanges point to the first.
const LARGE_BODY: usize = 4 * 1024;

/// A HAR file.
#[derive(Serialize)]
pub(super) struct Har {
    log: Log,
}

#[derive(Serialize)]
struct Log {
    version: &'static str,
    creator: Creator,
    entries: Vec<HarEntry>,
}

#[derive(Serialize)]
struct Creator {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HarEntry {
    started_date_time: String,
    time: u64,
    request: Request,
    response: Response,
    cache: Nothing,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(rename = "_host")]
    host: String,
    #[serde(rename = "_component")]
    component: String,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct NameValue {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    http_version: &'static str,
    cookies: [Nothing; 0],
    headers: Vec<NameValue>,
    query_string: Vec<NameValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<Body>,
    headers_size: i32,
    body_size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    status_text: String,
    http_version: &'static str,
    cookies: [Nothing; 0],
    headers: Vec<NameValue>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: &'static str,
    headers_size: i32,
    body_size: usize,
    #[serde(rename = "_error", skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Content {
    size: usize,
    #[serde(flatten)]
    body: Body,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body {
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

#[derive(Serialize)]
struct Timings {
    connect: i64,
    send: i64,
    wait: i64,
    receive: i64,
}

/// The HAR file of everything in `journal`.
pub(super) fn har(journal: &Journal) -> Har {
    let mut seen = BTreeMap::new();
    let exchanges = journal.with_entries(|entries| entries.iter().filter_map(exchange).collect::<Vec<_>>());
    let entries = exchanges
        .into_iter()
        .enumerate()
        .map(|(number, (entry, exchange))| entry_of(number, &entry, &exchange, journal, &mut seen))
        .collect();
    let creator = Creator { name: "cmsim", version: env!("CARGO_PKG_VERSION") };
    Har { log: Log { version: "1.2", creator, entries } }
}

fn exchange(entry: &Entry) -> Option<(Entry, Exchange)> {
    match &entry.event {
        Event::Exchange(exchange) => Some((entry.clone(), (**exchange).clone())),
        _ => None,
    }
}

type Seen = BTreeMap<PayloadId, usize>;

fn entry_of(number: usize, entry: &Entry, exchange: &Exchange, journal: &Journal, seen: &mut Seen) -> HarEntry {
    let begun = exchange.connecting.unwrap_or(exchange.started);
    let request_size = body_size(exchange.request_body, journal);
    HarEntry {
        started_date_time: begun.timestamp().to_string(),
        time: millis(begun, exchange.ended),
        request: Request {
            method: exchange.method.clone(),
            url: exchange.url.clone(),
            http_version: "HTTP/1.1",
            cookies: [],
            headers: name_values(&exchange.request_headers),
            query_string: query(&exchange.url),
            post_data: exchange.request_body.map(|id| body(id, number, &exchange.request_headers, journal, seen)),
            headers_size: -1,
            body_size: request_size,
        },
        response: response(number, exchange, journal, seen),
        cache: Nothing {},
        timings: timings(exchange),
        server_ip_address: exchange.server.as_ref().map(|server| server.split(':').next().unwrap_or(server).to_owned()),
        connection: exchange.connection.map(|number| number.to_string()),
        host: entry.host.to_string(),
        component: entry.component.to_string(),
    }
}

fn response(number: usize, exchange: &Exchange, journal: &Journal, seen: &mut Seen) -> Response {
    let (status, status_text) = exchange.status.clone().unwrap_or((0, String::new()));
    let size = body_size(exchange.response_body, journal);
    let body = exchange.response_body.map(|id| body(id, number, &exchange.response_headers, journal, seen));
    Response {
        status,
        status_text,
        http_version: "HTTP/1.1",
        cookies: [],
        headers: name_values(&exchange.response_headers),
        content: Content { size, body: body.unwrap_or_default() },
        redirect_url: "",
        headers_size: -1,
        body_size: size,
        error: exchange.failure.clone(),
    }
}

fn timings(exchange: &Exchange) -> Timings {
    let signed = |from, to| i64::try_from(millis(from, to)).unwrap_or(i64::MAX);
    let answered = exchange.answered.unwrap_or(exchange.ended);
    Timings {
        connect: exchange.connecting.map_or(-1, |connecting| signed(connecting, exchange.started)),
        send: 0,
        wait: signed(exchange.started, answered),
        receive: signed(answered, exchange.ended),
    }
}

fn millis(from: SimTime, to: SimTime) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

fn name_values(headers: &[(String, String)]) -> Vec<NameValue> {
    headers.iter().map(|(name, value)| NameValue { name: name.clone(), value: value.clone() }).collect()
}

fn query(url: &str) -> Vec<NameValue> {
    let Some((_, query)) = url.split_once('?') else { return Vec::new() };
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        NameValue { name: name.to_owned(), value: value.to_owned() }
    };
    query.split('&').map(pair).collect()
}

fn body_size(id: Option<PayloadId>, journal: &Journal) -> usize {
    id.and_then(|id| journal.payload(id)).map_or(0, |bytes| bytes.len())
}

fn body(id: PayloadId, number: usize, headers: &[(String, String)], journal: &Journal, seen: &mut Seen) -> Body {
    let mime_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map_or_else(String::new, |(_, value)| value.clone());
    let bytes = journal.payload(id).unwrap_or_default();
    if bytes.len() > LARGE_BODY {
        if let Some(first) = seen.get(&id) {
            let comment = Some(format!("same body as entry {first}, sha256 {id}"));
            return Body { mime_type, comment, ..Body::default() };
        }
        seen.insert(id, number);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Body { mime_type, text: Some(text.to_owned()), ..Body::default() },
        Err(_) => Body { mime_type, text: Some(base64(&bytes)), encoding: Some("base64"), ..Body::default() },
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
