-- Which WSUS servers serve which content version, and the state of synchronization.

-- name only: one row per software update point and update source
CREATE TABLE WSUSServerLocations (
    RecordID              INTEGER PRIMARY KEY AUTOINCREMENT,
    SiteCode              TEXT NOT NULL COLLATE NOCASE,
    UpdateSource_UniqueID TEXT NOT NULL COLLATE NOCASE,
    ServerName            TEXT NOT NULL COLLATE NOCASE,
    WSUSURL               TEXT NOT NULL,
    ContentVersion        INTEGER NOT NULL,
    ForestFQDN            TEXT NOT NULL DEFAULT '' COLLATE NOCASE, -- empty serves every forest
    ClientConnection      INTEGER NOT NULL DEFAULT 0,  -- 0 intranet, 1 Internet, 2 both
    LastSyncTime          TEXT,
    UNIQUE (UpdateSource_UniqueID, ServerName)
) STRICT;

-- name only, but SiteCode and SyncNow are the product's: one row per site
CREATE TABLE Update_SyncStatus (
    SiteCode              TEXT PRIMARY KEY COLLATE NOCASE,
    UpdateSource_UniqueID TEXT NOT NULL COLLATE NOCASE,
    ContentVersion        INTEGER NOT NULL DEFAULT 0,
    WSUSServerName        TEXT NOT NULL DEFAULT '',
    WSUSSourceServer      TEXT NOT NULL DEFAULT '',
    LastSyncTime          TEXT,
    LastSyncState         INTEGER NOT NULL DEFAULT 0,  -- id of the status message: 6702 done, 6703 failed …
    LastSyncErrorCode     INTEGER NOT NULL DEFAULT 0,
    LastSuccessfulSyncTime TEXT,
    SyncNow               TEXT                         -- SELF or FULL asks for a synchronization
) STRICT;

-- The names of the notifications are the product's. A trigger of SQLite serves one kind of statement.
CREATE TRIGGER UpdSyncStatus_i AFTER INSERT ON Update_SyncStatus WHEN NEW.ContentVersion > 0
BEGIN
    INSERT INTO TableChangeNotifications (Action, "Table", Name, "Key")
    VALUES ('INSERT', 'Update_SyncStatus', 'UpdSyncStatus_iu', NEW.UpdateSource_UniqueID);
END;
CREATE TRIGGER UpdSyncStatus_iu AFTER UPDATE OF UpdateSource_UniqueID, ContentVersion ON Update_SyncStatus
WHEN NEW.ContentVersion <> OLD.ContentVersion OR NEW.UpdateSource_UniqueID <> OLD.UpdateSource_UniqueID
BEGIN
    INSERT INTO TableChangeNotifications (Action, "Table", Name, "Key")
    VALUES ('UPDATE', 'Update_SyncStatus', 'UpdSyncStatus_iu', NEW.UpdateSource_UniqueID);
END;
CREATE TRIGGER SyncNotif_WSyncMgr AFTER UPDATE OF SyncNow ON Update_SyncStatus WHEN NEW.SyncNow IS NOT NULL
BEGIN
    INSERT INTO TableChangeNotifications (Action, "Table", Name, "Key")
    VALUES ('UPDATE', 'Update_SyncStatus', 'SyncNotif_WSyncMgr', NEW.SyncNow);
END;

-- product
CREATE VIEW vSMS_SUPSyncStatus AS
SELECT l.SiteCode, l.ServerName AS WSUSServerName, s.WSUSSourceServer, l.ContentVersion AS SyncCatalogVersion,
       s.LastSyncState, s.LastSyncTime AS LastSyncStateTime, s.LastSyncErrorCode,
       l.LastSyncTime AS LastSuccessfulSyncTime, NULL AS LastReplicationLinkCheckTime, 0 AS ReplicationLinkStatus
FROM WSUSServerLocations l
LEFT JOIN Update_SyncStatus s ON s.SiteCode = l.SiteCode;
