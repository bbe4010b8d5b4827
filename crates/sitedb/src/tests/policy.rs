//! Policies, registration and the notifications that lead to policies.

use super::*;

fn policy(version: &str) -> NewPolicy {
    NewPolicy {
        source_id: "PS1".into(),
        source_type: "UpdateSource".into(),
        source_crc: format!("crc of {version}"),
        policy_id: "{d0855677-0000-4000-8000-000000000001}".into(),
        version: version.into(),
        category: "UpdateSource".into(),
        flags: 16,
        body: vec![0xFF, 0xFE, b'<', 0],
        body_hash: "AB".into(),
        policy_assignment_id: "{375c8020-0000-4000-8000-000000000001}".into(),
        assignment: vec![0xFF, 0xFE],
        assignment_hash: "CD".into(),
        assignment_signature: String::new(),
    }
}

#[test]
fn a_client_gets_a_policy_once_and_again_when_it_changes() {
    run(SiteGeneration::Cm2012R2, |db, clock| async move {
        let padbid = db.publish_policy(&policy("1.00")).await.unwrap();
        assert_eq!(padbid, 16_777_217);
        let all = |cookie: Option<String>| {
            let db = db.clone();
            async move { db.mp_get_machine_policy_assignments(CLIENT, cookie.as_deref()).await.unwrap() }
        };
        assert!(all(None).await.is_empty(), "not registered");
        register(&db, "CLIENT1", CLIENT).await;
        let first = all(None).await;
        assert_eq!((first.len(), first[0].version.as_str(), first[0].client_status), (1, "1.00", 1));
        assert_eq!(first[0].hash_alg_oid, "1.2.840.113549.1.1.11");
        let cookie = Some(first[0].last_update_time.clone());
        assert!(all(cookie.clone()).await.is_empty());

        clock.wait("test", "a later moment", Duration::from_secs(1)).await;
        assert_eq!(db.publish_policy(&policy("2.00")).await.unwrap(), padbid);
        assert_eq!(all(cookie).await[0].version, "2.00");

        let body = db.mp_get_policy_body(&policy("").policy_id, "2.00").await.unwrap().unwrap();
        assert_eq!((body.body_len, body.policy_flags), (4, 16));
        assert!(db.mp_get_policy_body(&policy("").policy_id, "1.00").await.unwrap().is_none(), "old versions are gone");
        let row = db.settings_policy("PS1", "UpdateSource").await.unwrap().unwrap();
        assert_eq!((row.padbid, row.source_crc.as_str()), (padbid, "crc of 2.00"));
        assert_eq!(db.policy_version(&row.policy_id).await.unwrap().as_deref(), Some("2.00"));
    });
}

#[test]
fn a_machine_that_registers_again_keeps_its_resource_and_loses_its_old_id() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        let discovered = db
            .discover(&DiscoveredSystem {
                name: "CLIENT1".into(),
                full_domain: "CONTOSO.COM".into(),
                addresses: at_home().addresses,
                ..DiscoveredSystem::default()
            })
            .await
            .unwrap();
        assert!(db.mp_is_client_registered(CLIENT).await.unwrap().is_none());
        assert_eq!(register(&db, "client1", CLIENT).await, discovered, "names have no case");
        let state = db.mp_is_client_registered(&CLIENT.to_lowercase()).await.unwrap().unwrap();
        assert_eq!((state.resource_id, state.approval, state.blocked), (discovered, 1, false));

        let new = "GUID:00000000-0000-4000-8000-000000000001";
        assert_eq!(register(&db, "CLIENT1", new).await, discovered);
        assert!(db.mp_is_client_registered(CLIENT).await.unwrap().is_none());
        assert!(matches!(db.resource_id(CLIENT).await, Err(SiteDbError::Missing { .. })));
        assert_eq!(db.resource_id(new).await.unwrap(), discovered);
        let row = "SELECT json_array(Name0, Client0, IP_Addresses0) FROM v_R_System JOIN v_RA_System_IPAddresses USING (ResourceID)";
        assert_eq!(rows(&db, row).await, [r#"["CLIENT1",1,"192.168.2.62"]"#]);
    });
}

#[test]
fn a_synchronization_wakes_the_monitor_only_when_the_version_rises() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        synchronize_both(&db, 36).await;
        assert_eq!(
            traced(&db)[0],
            "declare @Error int; exec spProcessSUMSyncStateMessage N'2014-01-20 16:17:00', N'PS1', \
             N'{C2D17964-BBDD-4339-B9F3-12D7205B39CC}', 1, 0, '36', @Error output, N'PS1SITE.CONTOSO.COM'"
        );
        synchronize(&db, 38, "PS1SITE.CONTOSO.COM").await;
        let failed = SynchronizationState {
            time: SimTime::from_millis(START),
            site_code: "PS1".into(),
            source: SOURCE,
            state: 2,
            error_code: -2_146_233_088,
            content_version: 40,
            server: "PS1SITE.CONTOSO.COM".into(),
        };
        db.sp_process_sum_sync_state_message(&failed).await.unwrap();
        let seen: Vec<_> = db.change_notifications().await.unwrap();
        let seen: Vec<_> = seen.iter().map(|n| (n.action.as_str(), n.name.as_str(), n.key.as_str())).collect();
        let key = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";
        assert_eq!(seen, [("INSERT", "UpdSyncStatus_iu", key), ("UPDATE", "UpdSyncStatus_iu", key)]);
        db.forget_notification(1).await.unwrap();
        let left: Vec<_> = db.change_notifications().await.unwrap().iter().map(|n| n.number).collect();
        assert_eq!(left, [2]);

        let state = db.update_source_state("PS1").await.unwrap().unwrap();
        assert_eq!((state.source, state.content_version), (SOURCE, 38));
        assert!(state.retry_codes.starts_with("{2147747475, "), "{}", state.retry_codes);
        let status = "SELECT json_array(WSUSServerName, SyncCatalogVersion, LastSyncState) FROM vSMS_SUPSyncStatus";
        assert_eq!(
            rows(&db, status).await,
            [r#"["PS1SITE.CONTOSO.COM",38,6703]"#, r#"["PS1SYS.CONTOSO.COM",36,6703]"#]
        );
    });
}

#[test]
fn asking_for_a_synchronization_wakes_the_synchronization_manager() {
    run(SiteGeneration::Cm2012R2, |db, _| async move {
        synchronize_both(&db, 36).await;
        for sql in ["UPDATE Update_SyncStatus SET SyncNow = 'SELF'", "UPDATE Update_SyncStatus SET SyncNow = NULL"] {
            db.database().write("sync now", |c| Box::pin(sqlx::query(sql).execute(c))).await.unwrap();
        }
        let all = db.change_notifications().await.unwrap();
        assert_eq!((all.len(), all[1].name.as_str(), all[1].key.as_str()), (2, "SyncNotif_WSyncMgr", "SELF"));
    });
}
