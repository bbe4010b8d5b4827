//! Location rules of both generations.

use super::*;

fn query(version: u32) -> WsusLocationQuery {
    WsusLocationQuery {
        source: SOURCE,
        content_version: version,
        assigned_site: "PS1".into(),
        resident_site: "PS1".into(),
        on_internet: false,
        forest: "CONTOSO.COM".into(),
        boundary_groups: Vec::new(),
    }
}

async fn servers(db: &SiteDb, query: &WsusLocationQuery) -> Vec<String> {
    let found = db.mp_get_wsus_server_locations(query).await.unwrap();
    found.into_iter().map(|location| location.record.server_name).collect()
}

const BOTH: [&str; 2] = ["PS1SITE.CONTOSO.COM", "PS1SYS.CONTOSO.COM"];

async fn change(db: &SiteDb, sql: &'static str) {
    db.database().write("change", |c| Box::pin(sqlx::query(sql).execute(c))).await.unwrap();
}

#[test]
fn the_three_calls_are_traced_as_the_article_shows_them() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        synchronize_both(&db, 38).await;
        let before = traced(&db).len();
        let sites = db.mp_get_mp_sites_from_assigned_site("PS1").await.unwrap();
        assert_eq!(sites, [MpSite { site_code: "PS1".into(), site_type: 2 }]);
        assert_eq!(db.mp_get_site_info_unified(&at_home()).await.unwrap(), SiteInfo::default());
        let found = db.mp_get_wsus_server_locations(&query(38)).await.unwrap();
        assert_eq!(found[0].record.url, "http://PS1SITE.CONTOSO.COM:8530");
        assert_eq!(found[1].record.url, "https://PS1SYS.CONTOSO.COM:8531");
        assert!(found.iter().all(|location| location.site_code == "PS1" && location.record.version == 38));
        let client = concat!(
            r#"<ClientLocationInfo OnInternet="0"><ADSite Name="CM12-R2-PS1"/><Forest Name="CONTOSO.COM"/>"#,
            r#"<Domain Name="CONTOSO.COM"/><IPAddresses><IPAddress SubnetAddress="192.168.2.0" "#,
            r#"Address="192.168.2.62"/></IPAddresses></ClientLocationInfo>"#
        );
        assert_eq!(
            traced(&db)[before..],
            [
                "exec MP_GetMPSitesFromAssignedSite N'PS1'".to_owned(),
                format!("exec MP_GetSiteInfoUnified N'{client}'"),
                "exec MP_GetWSUSServerLocations N'{C2D17964-BBDD-4339-B9F3-12D7205B39CC}',N'38',N'PS1',N'PS1',N'0',\
                 N'CONTOSO.COM'"
                    .to_owned(),
            ]
        );
    });
}

#[test]
fn a_server_is_given_only_if_it_has_the_version() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        assert!(servers(&db, &query(1)).await.is_empty(), "nothing before the first synchronization");
        synchronize(&db, 38, BOTH[0]).await;
        assert_eq!(servers(&db, &query(38)).await, [BOTH[0]]);
        synchronize(&db, 38, BOTH[1]).await;
        assert_eq!(servers(&db, &query(38)).await, BOTH);
        assert_eq!(servers(&db, &query(37)).await, BOTH, "a higher version serves a lower wish");
        assert!(servers(&db, &query(39)).await.is_empty());
    });
}

#[test]
fn the_three_holders_of_the_version_must_agree() {
    for sql in [
        "UPDATE CI_UpdateSources SET UpdateSourceVersion = '37'",
        "UPDATE Update_SyncStatus SET ContentVersion = 37",
        "UPDATE WSUSServerLocations SET ContentVersion = 37",
        "UPDATE WSUSServerLocations SET UpdateSource_UniqueID = '{00000000-0000-0000-0000-000000000001}' || RecordID",
    ] {
        run(SiteGeneration::Cm2012R2, |db, _| async move {
            synchronize_both(&db, 38).await;
            change(&db, sql).await;
            assert!(servers(&db, &query(38)).await.is_empty(), "{sql}");
        });
    }
}

#[test]
fn forest_site_and_internet_flag_filter() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        synchronize_both(&db, 38).await;
        let other = |forest: &str| WsusLocationQuery { forest: forest.into(), ..query(38) };
        assert!(servers(&db, &other("FABRIKAM.COM")).await.is_empty());
        assert_eq!(servers(&db, &other("contoso.com")).await, BOTH, "names have no case");
        assert_eq!(servers(&db, &other("")).await, BOTH, "a workgroup has no forest");
        let roaming = WsusLocationQuery { on_internet: true, ..query(38) };
        assert!(servers(&db, &roaming).await.is_empty());
        change(&db, "UPDATE WSUSServerLocations SET ClientConnection = 2 WHERE ServerName LIKE 'PS1SYS%'").await;
        assert_eq!(servers(&db, &roaming).await, [BOTH[1]]);
        let elsewhere = WsusLocationQuery { assigned_site: "PS2".into(), resident_site: "PS2".into(), ..query(38) };
        assert!(servers(&db, &elsewhere).await.is_empty());
    });
}

fn group(name: &str, boundaries: Vec<i64>, systems: &[&str], site_default: bool) -> BoundaryGroupRecord {
    BoundaryGroupRecord {
        unique_id: Uuid::from_u128(name.len() as u128),
        name: name.into(),
        assigned_site: Some("PS1".into()),
        site_default,
        boundaries,
        systems: systems.iter().map(|system| (*system).to_owned()).collect(),
        systems_site: "PS1".into(),
    }
}

async fn groups_of(db: &SiteDb, client: &ClientLocation) -> Vec<i64> {
    let info = db.mp_get_site_info_unified(client).await.unwrap();
    assert_eq!(info.resident_site.is_some(), !info.groups.is_empty());
    info.groups.into_iter().map(|(id, _)| id).collect()
}

fn at(address: &str, subnet: &str, ad_site: &str) -> ClientLocation {
    ClientLocation {
        ad_site: Some(ad_site.into()),
        addresses: vec![SubnetAddress { subnet: subnet.parse().unwrap(), address: address.parse().unwrap() }],
        ..ClientLocation::default()
    }
}

#[test]
fn every_kind_of_boundary_is_recognised() {
    run(SiteGeneration::CurrentBranch, |db, _| async move {
        let boundaries = [
            BoundaryRecord::Subnet("192.168.2.0".parse().unwrap()),
            BoundaryRecord::AdSite("Budapest".into()),
            BoundaryRecord::Ipv6Prefix("2001:db8:1:2".into()),
            BoundaryRecord::Range("10.0.0.9".parse().unwrap(), "10.0.1.1".parse().unwrap()),
        ];
        let mut groups = Vec::new();
        for (boundary, name) in boundaries.iter().zip(["a", "bb", "ccc", "dddd"]) {
            let id = db.add_boundary(boundary, name).await.unwrap();
            groups.push(db.add_boundary_group(&group(name, vec![id], &[], false)).await.unwrap());
        }
        for (client, expected) in [
            (at("192.168.2.62", "192.168.2.0", ""), vec![groups[0]]),
            (at("192.168.3.62", "192.168.3.0", ""), vec![]),
            (at("172.16.0.1", "172.16.0.0", "BUDAPEST"), vec![groups[1]]),
            (at("2001:db8:1:2::5", "2001:db8:1:2::", ""), vec![groups[2]]),
            (at("2001:db8:1:20::5", "2001:db8:1:20::", ""), vec![]),
            (at("10.0.0.9", "10.0.0.0", ""), vec![groups[3]]),
            (at("10.0.1.1", "10.0.1.0", ""), vec![groups[3]]),
            (at("10.0.1.2", "10.0.1.0", ""), vec![]),
            (at("10.0.0.8", "10.0.0.0", ""), vec![]),
            (at("192.168.2.62", "192.168.2.0", "Budapest"), vec![groups[0], groups[1]]),
        ] {
            assert_eq!(groups_of(&db, &client).await, expected, "{client:?}");
        }
    });
}

#[test]
fn in_current_branch_boundary_groups_decide() {
    run(SiteGeneration::CurrentBranch, |db, _| async move {
        synchronize_both(&db, 38).await;
        let subnet = BoundaryRecord::Subnet("192.168.2.0".parse().unwrap());
        let subnet = db.add_boundary(&subnet, "Head office").await.unwrap();
        let office = db.add_boundary_group(&group("Office", vec![subnet], &[], false)).await.unwrap();
        let default_group = group("Default-Site-Boundary-Group<PS1>", vec![], &[BOTH[1]], true);
        let fallback = db.add_boundary_group(&default_group).await.unwrap();
        let ask = |groups: &[i64]| WsusLocationQuery { boundary_groups: groups.to_vec(), ..query(38) };

        assert_eq!(groups_of(&db, &at_home()).await, [office]);
        assert!(servers(&db, &ask(&[office])).await.is_empty(), "a group without server gives none");
        let nowhere = at("10.9.9.9", "10.9.9.0", "");
        assert_eq!(groups_of(&db, &nowhere).await, [fallback], "outside all boundaries");
        assert_eq!(servers(&db, &ask(&[fallback])).await, [BOTH[1]]);

        db.relate_boundary_groups(office, fallback, Some(120)).await.unwrap();
        assert!(servers(&db, &ask(&[office])).await.is_empty());
        db.relate_boundary_groups(office, fallback, Some(0)).await.unwrap();
        assert_eq!(servers(&db, &ask(&[office])).await, [BOTH[1]]);
        db.relate_boundary_groups(office, fallback, None).await.unwrap();
        assert!(servers(&db, &ask(&[office])).await.is_empty());
        assert!(traced(&db).last().unwrap().ends_with(&format!("N'CONTOSO.COM',N'[{office}]'")));
    });
}
