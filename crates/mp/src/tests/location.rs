use cmsim_logs::Log;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::site_information::{SiteInformationReply, SiteInformationRequest};
use cmsim_wire::location::{ClientLocation, SubnetAddress, WsusLocationRequest};

use super::*;

fn request(version: u32) -> WsusLocationRequest {
    WsusLocationRequest {
        content_id: SOURCE,
        content_version: version,
        assigned_site: "PS1".into(),
        client: ClientLocation {
            on_internet: false,
            ad_site: Some("CM12-R2-PS1".into()),
            forest: Some("CONTOSO.COM".into()),
            domain: Some("CONTOSO.COM".into()),
            addresses: vec![SubnetAddress {
                subnet: "192.168.2.0".parse().unwrap(),
                address: "192.168.2.62".parse().unwrap(),
            }],
            boundary_groups: None,
        },
    }
}

fn to_location_manager() -> Msg {
    header(endpoint::MP_LOCATION_MANAGER, endpoint::LS_REPLY_LOCATIONS)
}

#[test]
fn the_guides_request_gets_the_guides_reply_and_log() {
    run(|site| async move {
        let body = request(38).to_xml();
        let reply = site.post(to_location_manager(), &body).await.message();
        let expected = r#"<WSUSLocationReply SchemaVersion="1.00"><Sites><Site><MPSite SiteCode="PS1"/><LocationRecords><LocationRecord WSUSURL="http://PS1SITE.CONTOSO.COM:8530" ServerName="PS1SITE.CONTOSO.COM" Version="38"/><LocationRecord WSUSURL="https://PS1SYS.CONTOSO.COM:8531" ServerName="PS1SYS.CONTOSO.COM" Version="38"/></LocationRecords></Site></Sites></WSUSLocationReply>"#;
        assert_eq!(reply.body, expected);
        assert_eq!(reply.header.correlation_id, to_location_manager().id.unwrap());
        assert_eq!(reply.header.target_endpoint.as_deref(), Some("LS_ReplyLocations"));
        assert_eq!(
            site.log(Log::MpLocation),
            [
                format!("MP LM: Message Body : {body}"),
                "MP LM: calling MP_GetWSUSServerLocations".to_owned(),
                format!("MP LM: Reply message body:\n{expected}"),
            ]
        );
        let calls: Vec<_> = site.db.trace().rows().iter().map(|row| row.text.to_string()).collect();
        let calls = &calls[calls.len() - 3..];
        assert_eq!(calls[0], "exec MP_GetMPSitesFromAssignedSite N'PS1'");
        assert_eq!(calls[1], format!("exec MP_GetSiteInfoUnified N'{}'", request(38).client.to_xml()));
        assert_eq!(
            calls[2],
            "exec MP_GetWSUSServerLocations N'{C2D17964-BBDD-4339-B9F3-12D7205B39CC}',N'38',N'PS1',N'PS1',N'0',N'CONTOSO.COM'"
        );
    });
}

#[test]
fn a_version_that_no_server_has_gives_an_empty_list() {
    run(|site| async move {
        let reply = site.post(to_location_manager(), &request(39).to_xml()).await.message();
        assert!(reply.body.contains(r#"<MPSite SiteCode="PS1"/><LocationRecords/>"#), "{}", reply.body);
    });
}

#[test]
fn a_request_that_cannot_be_read_has_no_reply() {
    run(|site| async move {
        let broken = request(38).to_xml().replace("Version=", "Vrsn=");
        site.post(to_location_manager(), &broken).await.assert_empty();
        site.post(to_location_manager(), "<OtherRequest/>").await.assert_empty();
        let log = site.log(Log::MpLocation);
        assert!(log[1].contains("attribute 'Version' of 'Content' is missing"), "{}", log[1]);
        assert_eq!(log[3], "MP LM: Unknown location request");
    });
}

#[test]
fn site_information_comes_from_the_site_and_the_management_point() {
    run(|site| async move {
        let ask = |code: &str| SiteInformationRequest { site_code: code.to_owned() }.to_xml();
        let reply = site.post(to_location_manager(), &ask("PS1")).await.message();
        let reply = SiteInformationReply::parse(&reply.body).unwrap();
        assert_eq!((reply.build_number, reply.default_mp.as_str()), (7958, "PS1SYS.CONTOSO.COM"));
        let signing = site.mp.settings().keys.site_signing.certificate().to_vec();
        assert_eq!(reply.settings.site_signing_certificate, signing);
        site.post(to_location_manager(), &ask("XX1")).await.assert_empty();
    });
}

#[test]
fn a_database_that_fails_is_an_internal_error_with_the_products_lines() {
    run(|site| async move {
        let database = site.db.database();
        let lost = database.write("lose a table", |c| {
            Box::pin(async move { sqlx::query("DROP TABLE WSUSServerLocations").execute(c).await })
        });
        lost.await.unwrap();
        let answer = site.post(to_location_manager(), &request(38).to_xml()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        let log = site.log(Log::MpLocation);
        assert_eq!(log[3], "MPDB ERROR - CONNECTION PARAMETERS");
        assert!(log[4].contains("MP_GetWSUSServerLocations"), "{}", log[4]);
    });
}

#[test]
fn lines_of_one_request_share_a_thread_and_the_next_has_another() {
    run(|site| async move {
        site.post(to_location_manager(), &request(38).to_xml()).await;
        site.post(to_location_manager(), &request(38).to_xml()).await;
        let path = format!("C/{}", Log::MpLocation.path(&site.host.log_place()));
        let bytes = site.host.disk().read(&path).unwrap();
        let threads: Vec<_> = cmsim_logs::cmtrace::parse(&bytes).unwrap().iter().map(|record| record.thread).collect();
        assert_eq!(threads[..3], [threads[0]; 3]);
        assert_eq!(threads[3..], [threads[3]; 3]);
        assert_ne!(threads[0], threads[3]);
    });
}
