use cmsim_logs::Log;
use cmsim_wire::ccm::certificates::MpKeyInformation;
use cmsim_wire::ccm::mp_list::MpList;

use super::*;

#[test]
fn the_list_names_this_management_point() {
    run(|site| async move {
        let list = site.get("/.sms_aut?mplist", &[]).await;
        assert_eq!(list.status, StatusCode::OK);
        let entry = &MpList::parse(list.text()).unwrap().entries[0];
        assert_eq!((entry.fqdn.as_str(), entry.version), ("PS1SYS.CONTOSO.COM", 7958));
        assert_eq!((entry.capabilities.get("SSLState"), &entry.site_code), (Some("0"), &None));

        let own = site.get("/.sms_aut?MPLIST1&PS1", &[]).await;
        assert_eq!(MpList::parse(own.text()).unwrap().entries[0].site_code.as_deref(), Some("PS1"));
        let other = site.get("/.sms_aut?MPLIST1&CAS", &[]).await;
        assert_eq!(other.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(other.text().starts_with("<HTML>"));
    });
}

#[test]
fn every_document_is_well_formed_for_another_parser() {
    run(|site| async move {
        for query in ["MPLIST", "MPCERT", "MPCERT2", "MPKEYINFORMATION", "SITESIGNCERT", "SMSTRC"] {
            let answer = site.get(&format!("/.sms_aut?{query}"), &[]).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}");
            roxmltree::Document::parse(answer.text()).unwrap();
        }
        let information = site.get("/.sms_aut?MPKEYINFORMATION", &[]).await;
        assert_eq!(MpKeyInformation::parse(information.text()).unwrap().site_code, "PS1");
        assert_eq!(site.log(Log::MpGetAuth).len(), 7);
    });
}

#[test]
fn other_queries_paths_and_methods_are_refused() {
    run(|site| async move {
        assert_eq!(site.get("/.sms_aut", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(site.get("/.sms_aut?nothing", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(site.get("/.sms_dcm", &[]).await.status, StatusCode::NOT_FOUND);
        let post = site.request("POST", "/.sms_aut?MPLIST", &[]).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
        let get = Request::builder().uri("/request").body(Body::empty()).unwrap();
        assert_eq!(site.send("/CCM_System", get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    });
}

#[test]
fn what_is_no_message_is_a_bad_request_and_an_unknown_endpoint_has_no_reply() {
    run(|site| async move {
        let answer = site.post_bytes("text/xml", b"<Msg/>".to_vec()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        site.post(header("MP_Nobody", "x"), "<x/>").await.assert_empty();
        assert!(site.log(Log::MpFramework)[1].contains("MP_Nobody"));
    });
}

#[test]
fn the_client_package_shows_the_sites_version() {
    run(|site| async move {
        let request = Request::builder().uri("/ccmsetup.exe").body(Body::empty()).unwrap();
        let answer = site.send("/CCM_Client", request).await;
        let version: Vec<u8> = "5.00.7958.1000".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(answer.body.windows(version.len()).any(|window| window == version));
    });
}

#[test]
fn the_applications_are_those_of_a_real_management_point() {
    run(|site| async move {
        let applications = site.mp.applications();
        let shape: Vec<_> = applications.iter().map(|one| (one.path.as_str(), one.anonymous)).collect();
        assert_eq!(
            shape,
            [
                ("/CCM_System", true),
                ("/CCM_System_WindowsAuth", false),
                ("/SMS_MP", true),
                ("/SMS_MP_WindowsAuth", false),
                ("/CCM_Client", true),
            ]
        );
    });
}
