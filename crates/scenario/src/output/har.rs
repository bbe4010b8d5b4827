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
    /// The number of the exchange's event, as `truth.json` names it.
    #[serde(rename = "_event")]
    event: usize,
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
    redirect_url: String,
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

/// The HAR file of everything in `journal`, by the time at which the exchanges began.
pub(super) fn har(journal: &Journal) -> Har {
    let mut exchanges =
        journal.with_entries(|entries| entries.iter().enumerate().filter_map(exchange).collect::<Vec<_>>());
    exchanges.sort_by_key(|(event, _, exchange)| (begun(exchange), *event));
    let mut seen = BTreeMap::new();
    let numbered = exchanges.iter().enumerate();
    let entries = numbered.map(|(number, exchange)| entry_of(number, exchange, journal, &mut seen)).collect();
    let creator = Creator { name: "cmsim", version: env!("CARGO_PKG_VERSION") };
    Har { log: Log { version: "1.2", creator, entries } }
}

/// An exchange with its entry and the entry's number.
type Found = (usize, Entry, Exchange);

fn exchange((number, entry): (usize, &Entry)) -> Option<Found> {
    match &entry.event {
        Event::Exchange(exchange) => Some((number, entry.clone(), (**exchange).clone())),
        _ => None,
    }
}

fn begun(exchange: &Exchange) -> SimTime {
    exchange.connecting.unwrap_or(exchange.started)
}

type Seen = BTreeMap<PayloadId, usize>;

fn entry_of(number: usize, (event, entry, exchange): &Found, journal: &Journal, seen: &mut Seen) -> HarEntry {
    let begun = begun(exchange);
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
        event: *event,
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
        redirect_url: header(&exchange.response_headers, "Location").unwrap_or_default(),
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

fn header(headers: &[(String, String)], wanted: &str) -> Option<String> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
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
    let mime_type = header(headers, "Content-Type").unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use cmsim_sim::{Clock, TimeZone};
    use serde_json::Value;

    use super::*;

    fn at(millis: i64) -> SimTime {
        SimTime::from_millis(millis)
    }

    fn journal() -> Journal {
        Journal::new(Clock::virtual_time(at(0), TimeZone::utc()))
    }

    fn answered(url: &str, started: i64, ended: i64) -> Exchange {
        Exchange {
            started: at(started),
            connecting: None,
            answered: Some(at(ended - 1)),
            ended: at(ended),
            url: url.to_owned(),
            method: "POST".to_owned(),
            request_headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
            request_body: None,
            status: Some((200, "OK".to_owned())),
            response_headers: Vec::new(),
            response_body: None,
            failure: None,
            server: Some("192.168.2.11:80".to_owned()),
            connection: Some(4),
            request: Some(1),
        }
    }

    /// The entries of the file about exchanges that ended in this order.
    fn entries(journal: &Journal, exchanges: Vec<Exchange>) -> Vec<Value> {
        for exchange in exchanges {
            journal.record(&"CLIENT1".into(), &"Test".into(), Event::Exchange(Box::new(exchange)));
        }
        let har = serde_json::to_value(har(journal)).unwrap();
        har["log"]["entries"].as_array().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn the_order_is_that_of_the_beginnings() {
        let connecting = Exchange { connecting: Some(at(5)), ..answered("http://a/second", 30, 40) };
        let exchanges = vec![answered("http://a/third?x=1&y", 10, 20), connecting, answered("http://a/first", 1, 50)];
        let entries = entries(&journal(), exchanges);
        let told: Vec<_> = entries.iter().map(|entry| (entry["_event"].as_u64(), entry["time"].as_u64())).collect();
        assert_eq!(told, [(Some(2), Some(49)), (Some(1), Some(35)), (Some(0), Some(10))]);
        assert_eq!(entries[1]["timings"], serde_json::json!({ "connect": 25, "send": 0, "wait": 9, "receive": 1 }));
        assert_eq!(entries[0]["timings"]["connect"], -1);
        let query = serde_json::json!([{ "name": "x", "value": "1" }, { "name": "y", "value": "" }]);
        assert_eq!(entries[2]["request"]["queryString"], query);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_stands_there_once_and_a_small_one_wherever_it_was() {
        let journal = journal();
        let (large, small) = (journal.store(&vec![b'x'; LARGE_BODY + 1]), journal.store(&vec![b'x'; LARGE_BODY]));
        let first = Exchange { response_body: Some(large), request_body: Some(small), ..answered("http://a/", 1, 9) };
        // Ended before the first, began after it.
        let second =
            Exchange { started: at(2), request_body: Some(large), response_body: Some(small), ..first.clone() };
        let entries = entries(&journal, vec![second, first]);
        let (posted, content) = (&entries[1]["request"]["postData"], &entries[0]["response"]["content"]);
        assert_eq!(content["text"].as_str().unwrap().len(), LARGE_BODY + 1);
        assert_eq!(posted["comment"], format!("same body as entry 0, sha256 {large}"));
        assert_eq!((posted.get("text"), &entries[1]["request"]["bodySize"]), (None, &(LARGE_BODY + 1).into()));
        assert_eq!(entries[0]["request"]["postData"]["text"], entries[1]["response"]["content"]["text"]);
        assert_eq!(posted["mimeType"], "text/xml");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_exchange_has_all_fields_and_says_why() {
        let (status, answered_at, failure) = (None, None, Some("connection refused".to_owned()));
        let failed =
            Exchange { status, answered: answered_at, failure, connection: None, ..answered("http://a/", 3, 7) };
        let entries = entries(&journal(), vec![Exchange { server: None, ..failed }]);
        let response = &entries[0]["response"];
        assert_eq!((&response["status"], &response["statusText"]), (&0.into(), &"".into()));
        assert_eq!(response["content"], serde_json::json!({ "size": 0, "mimeType": "" }));
        assert_eq!(response["_error"], "connection refused");
        assert_eq!(entries[0]["timings"], serde_json::json!({ "connect": -1, "send": 0, "wait": 4, "receive": 0 }));
        assert_eq!((entries[0].get("serverIPAddress"), entries[0].get("connection")), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirection_names_its_target() {
        let to = "http://b/".to_owned();
        let moved = Exchange { response_headers: vec![("Location".to_owned(), to)], ..answered("http://a/", 1, 2) };
        assert_eq!(entries(&journal(), vec![moved])[0]["response"]["redirectURL"], "http://b/");
    }
}
