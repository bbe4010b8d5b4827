use jiff::Timestamp;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::*;
use crate::ccm::msg::{ClientAuth, Compression, ReplyMode};

const MIXED: &str = multipart::CONTENT_TYPE;

/// Assembled from the measured framing rules of public clients: 378 characters, and the numbers below.
const BODY: &str = include_str!("../../../tests/golden/ccm/worked-example-body.xml");
const HEADER: &str = include_str!("../../../tests/golden/ccm/worked-example-header.xml");

fn header() -> Msg {
    Msg {
        reply_compression: Some(Compression::Zlib),
        id: Some("7d4e1c52-8a57-4f0b-9c1e-0b5a1f2d3c4b".parse().unwrap()),
        protocol: Some("http".to_owned()),
        reply_mode: Some(ReplyMode::Sync),
        reply_to: Some("direct:SIM-CL-01:LS_ReplyLocations".to_owned()),
        sent_time: Some("2026-03-01T09:15:00Z".parse().unwrap()),
        source_id: Some("GUID:0E6F4C1A-7B2D-4E5F-8A9B-1C2D3E4F5A6B".parse().unwrap()),
        source_host: Some("SIM-CL-01".to_owned()),
        target_address: Some("mp:[http]MP_LocationManager".to_owned()),
        target_endpoint: Some("MP_LocationManager".to_owned()),
        target_host: Some("mp.contoso.com".to_owned()),
        timeout: Some(60000),
        body: ByteRange { length: 758, offset: 0 },
        zlib: true,
        ..Msg::empty()
    }
}

fn part(content_type: &str, bytes: &[u8]) -> Vec<u8> {
    [format!("--b\r\nContent-Type: {content_type}\r\n\r\n").as_bytes(), bytes, b"\r\n"].concat()
}

fn message(header: &str, body: &[u8]) -> Vec<u8> {
    let first = part("text/plain; charset=UTF-16", &text::utf16le_with_mark(header));
    [first, part("application/octet-stream", body), b"--b--".to_vec()].concat()
}

#[test]
fn the_worked_example_has_the_measured_numbers() {
    let body = BODY.trim_end();
    assert_eq!(body.chars().count(), 378);
    let payload = Payload::new(body, Direction::Request, true);
    assert_eq!(payload.length, 758);
    assert_eq!(&payload.bytes[..2], [0x78, 0x9C]);

    let raw = inflate(&payload.bytes).unwrap();
    assert_eq!(raw.len(), 760);
    let digest = hex::encode(Sha256::digest(&raw));
    assert_eq!(digest, "4a7a987d4d3856bf9bcd0b77861df7bfca2510daad76a85af8153044b51a561a");

    assert_eq!(header().to_xml(), HEADER.trim_end());
    assert_eq!(text::utf16le_with_mark(HEADER.trim_end()).len(), 1448);

    let wire = encode(&header(), &payload);
    assert!(wire.ends_with(b"\r\n--aAbBcCdDv1234567890VxXyYzZ--"));
    let received = decode(MIXED, &wire).unwrap();
    assert_eq!(received.header, header());
    assert_eq!(received.body, body);
    assert_eq!(received.payload, payload.bytes);
}

#[test]
fn a_reply_has_no_line_end_in_its_stream_and_answers_the_request() {
    let reply = header().reply(Uuid::from_u128(7));
    assert_eq!(reply.correlation_id, header().id.unwrap());
    assert_eq!(reply.target_endpoint.as_deref(), Some("LS_ReplyLocations"));
    let payload = Payload::new("<R/>", Direction::Reply, reply.zlib);
    assert_eq!(inflate(&payload.bytes).unwrap(), b"<\0R\0/\0>\0\0\0");
    let wire = encode(&reply, &payload);
    assert!(wire.ends_with(b"--aAbBcCdDv1234567890VxXyYzZ--\r\n"));
    let text = b"\r\ncontent-type: application/octet-stream\r\n\r\n\x78\x9C";
    assert!(wire.windows(text.len()).any(|window| window == text));
}

#[test]
fn a_client_that_wants_no_compression_gets_none() {
    let request = Msg { reply_compression: Some(Compression::None), ..header() };
    let reply = request.reply(Uuid::from_u128(7));
    assert!(!reply.zlib);
    let payload = Payload::new("<R/>", Direction::Reply, reply.zlib);
    let received = decode(MIXED, &encode(&reply, &payload)).unwrap();
    assert_eq!(received.body, "<R/>");
    assert!(!received.header.zlib);
}

#[test]
fn every_variant_public_clients_send_is_read() {
    let mixed = "multipart/mixed; boundary=b";
    let body = "<SiteInformationRequest/>";
    let zlib_without_hook = Payload::new(body, Direction::Request, true).bytes;
    let mut three_nuls = text::utf16le(body);
    three_nuls.extend([0; 6]);
    for bytes in [zlib_without_hook, three_nuls, text::utf16le_with_mark(body), body.as_bytes().to_vec()] {
        let received = decode(mixed, &message("<Msg><Body Length='728'/><Hooks/><ID/></Msg>", &bytes)).unwrap();
        assert_eq!(received.body, body);
        assert_eq!(received.header.id, None);
        assert_eq!(received.header.body.length, 728);
    }

    let form = b"--x\r\nContent-Disposition: form-data; name=\"Msg\"\r\n\r\n<Msg><SourceID></SourceID>\
                 <TargetHost>http://mp/</TargetHost><Unknown><Deep/></Unknown></Msg>\r\n--x--";
    let received = decode("multipart/form-data; boundary=x", form).unwrap();
    assert_eq!(received.body, "");
    assert_eq!(received.header.source_id, None);
    assert_eq!(received.header.target_host.as_deref(), Some("http://mp/"));
}

#[test]
fn attachments_come_before_the_body() {
    let header = "<Msg><Attachment Length='3' Offset='0'/><Attachment Length='2' Offset='3'/>\
                  <Body Length='1' Offset='6'/><Hooks/></Msg>";
    let bytes = [b"abcde\0".as_slice(), &text::utf16le_terminated("<B/>")].concat();
    let received = decode("multipart/mixed; boundary=b", &message(header, &bytes)).unwrap();
    assert_eq!(received.attachments, [b"abc".to_vec(), b"de".to_vec()]);
    assert_eq!(received.body, "<B/>");
    let outside = header.replace("Offset='3'", "Offset='18446744073709551615'");
    let error = decode("multipart/mixed; boundary=b", &message(&outside, &bytes)).unwrap_err();
    assert_eq!(error, EnvelopeError::Attachment(1));
}

#[test]
fn damage_is_named() {
    let mixed = "multipart/mixed; boundary=b";
    let zlib = "<Msg><Hooks><Hook3 Name='zlib-compress'/></Hooks></Msg>";
    let error = |header: &str, body: &[u8]| decode(mixed, &message(header, body)).unwrap_err();
    assert!(matches!(error(zlib, b"not zlib"), EnvelopeError::Zlib(_)));
    assert!(matches!(error("<Other/>", b""), EnvelopeError::Header(_)));
    assert!(matches!(error("<Msg/>", b"a\xFF\xFF"), EnvelopeError::Text { part: "message body", .. }));
}

#[test]
fn decompression_stops_at_the_limit() {
    let bomb = |size: usize| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Level::fast());
        encoder.write_all(&vec![0; size]).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(inflate(&bomb(limits::CCM_PART_BYTES)).unwrap().len(), limits::CCM_PART_BYTES);
    assert_eq!(inflate(&bomb(limits::CCM_PART_BYTES + 1)), Err(EnvelopeError::TooLarge));
}

fn text_value() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[!-~é][ -~é]{0,10}[!-~]")
}

fn auth() -> impl Strategy<Value = ClientAuth> {
    ("[ -~]{0,9}", "[0-9A-F]{0,9}", "[0-9A-F]{0,9}").prop_map(|(name, key, signature)| ClientAuth {
        sender_machine: name,
        public_key: key,
        client_id_signature: signature.clone(),
        payload_signature: signature,
        client_capabilities: "NonSSL".to_owned(),
        hash_algorithm: "1.2".to_owned(),
    })
}

prop_compose! {
    fn headers()(
        ids in (any::<u128>(), proptest::option::of(any::<u128>()), proptest::option::of(any::<u128>())),
        compression in proptest::option::of(any::<bool>()),
        mode in proptest::option::of(any::<bool>()),
        client_auth in proptest::option::of(auth()),
        texts in (text_value(), text_value(), text_value(), text_value(), text_value(), text_value()),
        numbers in (any::<i32>(), proptest::option::of(any::<u32>()), proptest::option::of(0i64..4_000_000_000)),
        properties in proptest::collection::vec(("[a-z]{1,4}", "[ -~]{0,6}"), 0..3),
    ) -> Msg {
        let (protocol, reply_to, source_host, target_address, target_endpoint, target_host) = texts;
        Msg {
            reply_compression: compression.map(|zlib| if zlib { Compression::Zlib } else { Compression::None }),
            correlation_id: Uuid::from_u128(ids.0),
            id: ids.1.map(Uuid::from_u128),
            source_id: ids.2.map(|id| crate::ccm::client_id::SmsId(Uuid::from_u128(id))),
            reply_mode: mode.map(|sync| if sync { ReplyMode::Sync } else { ReplyMode::Async }),
            client_auth,
            protocol,
            reply_to,
            source_host,
            target_address,
            target_endpoint,
            target_host,
            priority: numbers.0,
            timeout: numbers.1,
            sent_time: numbers.2.map(|seconds| Timestamp::from_second(seconds).unwrap()),
            properties,
            ..Msg::empty()
        }
    }
}

proptest! {
    #[test]
    fn messages_read_back(header in headers(), body in "[ -~é\u{1F600}]{0,40}<", zlib: bool, request: bool) {
        let direction = if request { Direction::Request } else { Direction::Reply };
        let payload = Payload::new(&body, direction, zlib);
        let received = decode(MIXED, &encode(&header, &payload)).unwrap();
        let expected = Msg { zlib, body: ByteRange { length: payload.length, offset: 0 }, ..header };
        prop_assert_eq!(received.header, expected);
        prop_assert_eq!(received.body, body);
        prop_assert_eq!(received.payload, payload.bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), header in "[<>/MsgBody='0-9 ]{0,40}") {
        let _ = decode("multipart/mixed; boundary=b", &message(&header, &bytes));
        let _ = decode("multipart/mixed; boundary=b", &message("<Msg/>", &bytes));
        let _ = inflate(&bytes);
    }
}
