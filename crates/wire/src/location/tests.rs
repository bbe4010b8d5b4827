use proptest::prelude::*;

use super::*;

/// The request and the reply of the seed article's healthy scan, damaged line ends mended, AD site as the SQL trace
/// of the same run spells it.
const REQUEST: &str = include_str!("../../tests/golden/location/request-2012r2.xml");
const REPLY: &str = include_str!("../../tests/golden/location/reply-2012r2.xml");
/// The same request with the boundary-group block of current-branch clients; its place is inferred.
const REQUEST_CURRENT_BRANCH: &str = include_str!("../../tests/golden/location/request-current-branch.xml");

fn example() -> WsusLocationRequest {
    WsusLocationRequest {
        content_id: "c2d17964-bbdd-4339-b9f3-12d7205b39cc".parse().unwrap(),
        content_version: 38,
        assigned_site: "PS1".to_owned(),
        client: ClientLocation {
            on_internet: false,
            ad_site: Some("CM12-R2-PS1".to_owned()),
            forest: Some("CONTOSO.COM".to_owned()),
            domain: Some("CONTOSO.COM".to_owned()),
            addresses: vec![SubnetAddress {
                subnet: "192.168.2.0".parse().unwrap(),
                address: "192.168.2.62".parse().unwrap(),
            }],
            boundary_groups: None,
        },
    }
}

fn example_reply() -> WsusLocationReply {
    let record = |url: &str, server_name: &str| LocationRecord {
        url: url.to_owned(),
        server_name: server_name.to_owned(),
        version: 38,
    };
    WsusLocationReply::for_site(
        "PS1",
        vec![
            record("http://PS1SITE.CONTOSO.COM:8530", "PS1SITE.CONTOSO.COM"),
            record("https://PS1SYS.CONTOSO.COM:8531", "PS1SYS.CONTOSO.COM"),
        ],
    )
}

#[test]
fn the_articles_request_and_reply_are_byte_exact() {
    assert_eq!(example().to_xml(), REQUEST.trim_end());
    assert_eq!(WsusLocationRequest::parse(REQUEST).unwrap(), example());
    assert_eq!(example_reply().to_xml(), REPLY.trim_end());
    assert_eq!(WsusLocationReply::parse(REPLY).unwrap(), example_reply());
    assert_eq!(example_reply().records().count(), 2);
}

#[test]
fn current_branch_clients_add_their_boundary_groups() {
    let mut request = example();
    request.client.boundary_groups = Some(BoundaryGroups {
        retrieved: "2026-03-01T08:03:16.603".parse().unwrap(),
        on_vpn: false,
        groups: vec![BoundaryGroup { id: 5, guid: "8f1d2c3b-4a59-4687-9081-a2b3c4d5e6f7".parse().unwrap(), flag: 0 }],
    });
    assert_eq!(request.to_xml(), REQUEST_CURRENT_BRANCH.trim_end());
    assert_eq!(WsusLocationRequest::parse(REQUEST_CURRENT_BRANCH).unwrap(), request);
}

#[test]
fn the_location_alone_is_the_stored_procedures_argument() {
    let alone = example().client.to_xml();
    assert!(REQUEST.contains(&alone));
    assert_eq!(ClientLocation::parse(&alone).unwrap(), example().client);
}

#[test]
fn an_empty_reply_has_three_possible_shapes() {
    let site = r#"<Site><MPSite SiteCode="PS1"/>"#;
    for (shape, inside) in [
        (EmptyReply::NoRecords, format!("<Sites>{site}<LocationRecords/></Site></Sites>")),
        (EmptyReply::NoRecordList, format!("<Sites>{site}</Site></Sites>")),
        (EmptyReply::NoSite, "<Sites/>".to_owned()),
    ] {
        let reply = shape.reply("PS1");
        let text = format!(r#"<WSUSLocationReply SchemaVersion="1.00">{inside}</WSUSLocationReply>"#);
        assert_eq!(reply.to_xml(), text);
        assert_eq!(WsusLocationReply::parse(&text).unwrap(), reply);
        assert_eq!(reply.records().count(), 0);
    }
    assert_eq!(EmptyReply::default(), EmptyReply::NoRecords);
}

#[test]
fn errors_say_what_and_where() {
    let error = |text: &str| WsusLocationRequest::parse(text).unwrap_err().to_string();
    assert_eq!(
        error("<WSUSLocationReply/>"),
        "byte 0: expected element 'WSUSLocationRequest', found 'WSUSLocationReply'"
    );
    assert_eq!(error(&REQUEST.replace(r#" Version="38""#, "")), "byte 42: attribute 'Version' of 'Content' is missing");
    assert_eq!(
        error(&REQUEST.replace("192.168.2.62", "192.168.2")),
        format!(
            "byte {}: '192.168.2' is not a valid value of attribute 'Address'",
            REQUEST.find("<IPAddress ").unwrap()
        )
    );
    assert_eq!(
        error("<WSUSLocationRequest><Content ID='{1}' Version='1'/></WSUSLocationRequest>"),
        "byte 21: '{1}' is not a valid value of attribute 'ID'"
    );
}

#[test]
fn the_list_limit_holds_at_the_limit_and_fails_one_past_it() {
    let reply =
        |count: usize| format!("<WSUSLocationReply><Sites>{}</Sites></WSUSLocationReply>", "<Site/>".repeat(count));
    assert!(WsusLocationReply::parse(&reply(limits::LIST_ITEMS)).is_ok());
    assert!(WsusLocationReply::parse(&reply(limits::LIST_ITEMS + 1)).is_err());
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é]{0,20}"
}

fn addresses() -> impl Strategy<Value = Vec<SubnetAddress>> {
    let address = any::<(IpAddr, IpAddr)>().prop_map(|(subnet, address)| SubnetAddress { subnet, address });
    proptest::collection::vec(address, 0..4)
}

fn boundary_groups() -> impl Strategy<Value = BoundaryGroups> {
    let group = (any::<u32>(), any::<u128>(), any::<u32>()).prop_map(|(id, guid, flag)| BoundaryGroup {
        id,
        guid: Uuid::from_u128(guid),
        flag,
    });
    let time = (1i16..9999, 1i8..=12, 1i8..=28, 0i8..24, 0i32..1000);
    (time, any::<bool>(), proptest::collection::vec(group, 0..4)).prop_map(|(time, on_vpn, groups)| {
        let (year, month, day, hour, milliseconds) = time;
        BoundaryGroups {
            retrieved: jiff::civil::date(year, month, day).at(hour, 1, 59, milliseconds * 1_000_000),
            on_vpn,
            groups,
        }
    })
}

prop_compose! {
    fn requests()(
        id in any::<u128>(),
        content_version in any::<u32>(),
        assigned_site in text(),
        on_internet in any::<bool>(),
        names in (proptest::option::of(text()), proptest::option::of(text()), proptest::option::of(text())),
        addresses in addresses(),
        boundary_groups in proptest::option::of(boundary_groups()),
    ) -> WsusLocationRequest {
        let (ad_site, forest, domain) = names;
        WsusLocationRequest {
            content_id: Uuid::from_u128(id),
            content_version,
            assigned_site,
            client: ClientLocation { on_internet, ad_site, forest, domain, addresses, boundary_groups },
        }
    }
}

fn replies() -> impl Strategy<Value = WsusLocationReply> {
    let record = (text(), text(), any::<u32>()).prop_map(|(url, server_name, version)| LocationRecord {
        url,
        server_name,
        version,
    });
    let records = proptest::option::of(proptest::collection::vec(record, 0..4));
    let site = (text(), records).prop_map(|(site_code, records)| SiteLocations { site_code, records });
    proptest::collection::vec(site, 0..3).prop_map(|sites| WsusLocationReply { sites })
}

proptest! {
    #[test]
    fn requests_read_back(request in requests()) {
        prop_assert_eq!(WsusLocationRequest::parse(&request.to_xml()).unwrap(), request);
    }

    #[test]
    fn replies_read_back(reply in replies()) {
        prop_assert_eq!(WsusLocationReply::parse(&reply.to_xml()).unwrap(), reply);
    }

    #[test]
    fn damaged_messages_never_panic(cut in 0usize..700, junk in "[<>/\"=a-z ]{0,8}") {
        let mut text = REQUEST.to_owned();
        let at = cut.min(text.len());
        text.truncate(at);
        text.push_str(&junk);
        let _ = WsusLocationRequest::parse(&text);
        let _ = WsusLocationReply::parse(&text);
    }
}
