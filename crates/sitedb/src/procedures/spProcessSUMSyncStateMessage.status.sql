-- ?1 time, ?2 site, ?3 update source, ?4 status message id, ?5 error code, ?6 content version, ?7 server,
-- ?8 whether the synchronization succeeded. Versions never go back: replicas report after the first server.
INSERT INTO Update_SyncStatus (SiteCode, UpdateSource_UniqueID, ContentVersion, WSUSServerName, LastSyncTime,
                               LastSyncState, LastSyncErrorCode, LastSuccessfulSyncTime)
VALUES (?2, ?3, IIF(?8, ?6, 0), ?7, ?1, ?4, ?5, IIF(?8, ?1, NULL))
ON CONFLICT (SiteCode) DO UPDATE SET
    UpdateSource_UniqueID = excluded.UpdateSource_UniqueID,
    ContentVersion = MAX(ContentVersion, excluded.ContentVersion),
    WSUSServerName = excluded.WSUSServerName,
    LastSyncTime = excluded.LastSyncTime,
    LastSyncState = excluded.LastSyncState,
    LastSyncErrorCode = excluded.LastSyncErrorCode,
    LastSuccessfulSyncTime = COALESCE(excluded.LastSuccessfulSyncTime, LastSuccessfulSyncTime)
