-- Machines as discovered and as registered.

-- name only: the discovery record behind v_R_System
CREATE TABLE System_DISC (
    ItemKey             INTEGER PRIMARY KEY AUTOINCREMENT,   -- the ResourceID
    Name0               TEXT NOT NULL COLLATE NOCASE,
    Full_Domain_Name0   TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    Resource_Domain_OR_Workgr0 TEXT NOT NULL DEFAULT '',
    AD_Site_Name0       TEXT NOT NULL DEFAULT '',
    SMS_Unique_Identifier0 TEXT UNIQUE COLLATE NOCASE,       -- GUID:…, NULL before registration
    Client0             INTEGER,
    Client_Type0        INTEGER,
    Client_Version0     TEXT,
    Operating_System_Name_and0 TEXT NOT NULL DEFAULT '',
    Build01             TEXT NOT NULL DEFAULT '',
    Active0             INTEGER,
    Obsolete0           INTEGER NOT NULL DEFAULT 0,
    Decommissioned0     INTEGER NOT NULL DEFAULT 0,
    InternetEnabled0    INTEGER NOT NULL DEFAULT 0,
    Assigned_Site       TEXT NOT NULL DEFAULT '' COLLATE NOCASE,  -- ours
    Creation_Date0      TEXT NOT NULL,
    UNIQUE (Name0, Full_Domain_Name0)
) STRICT;

-- Resource ids of machines are numbered from 0x1000000 on.
INSERT INTO sqlite_sequence (name, seq) VALUES ('System_DISC', 16777216);

-- ours: addresses and subnets of a machine
CREATE TABLE System_IP_ARR (
    ItemKey    INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    Address    TEXT NOT NULL,
    Subnet     TEXT NOT NULL,
    PRIMARY KEY (ItemKey, Address)
) STRICT;

-- name only: what a registered client proves its messages with
CREATE TABLE ClientKeyData (
    SMSID            TEXT PRIMARY KEY COLLATE NOCASE,
    ItemKey          INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    SigningKey       TEXT NOT NULL,              -- certificate, hex
    EncryptionKey    TEXT NOT NULL,              -- certificate, hex
    KeyType          INTEGER NOT NULL DEFAULT 1,
    ApprovalStatus   INTEGER NOT NULL DEFAULT 0, -- 0 not approved, 1 approved
    IsBlocked        INTEGER NOT NULL DEFAULT 0,
    RegistrationTime TEXT NOT NULL
) STRICT;

-- product (the columns that tools read)
CREATE TABLE BGB_ResStatus (
    ResourceID      INTEGER PRIMARY KEY REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    OnlineStatus    INTEGER NOT NULL DEFAULT 0,
    LastOnlineTime  TEXT,
    LastOfflineTime TEXT,
    IPAddress       TEXT,
    AccessMP        TEXT
) STRICT;

-- product (main columns)
CREATE VIEW v_R_System AS
SELECT ItemKey AS ResourceID, 5 AS ResourceType, Name0, Name0 AS Netbios_Name0, Full_Domain_Name0,
       Resource_Domain_OR_Workgr0, AD_Site_Name0, SMS_Unique_Identifier0, NULL AS Previous_SMS_UUID0,
       NULL AS SMBIOS_GUID0, NULL AS Hardware_ID0, NULL AS SID0, NULL AS Distinguished_Name0, Client_Version0,
       Operating_System_Name_and0, NULL AS User_Name0, NULL AS User_Domain0, Build01, NULL AS BuildExt,
       Client0, Client_Type0, Active0, Obsolete0, Decommissioned0, 0 AS Unknown0, InternetEnabled0,
       0 AS AlwaysInternet0, Creation_Date0
FROM System_DISC;

-- product
CREATE VIEW v_RA_System_IPAddresses AS SELECT ItemKey AS ResourceID, Address AS IP_Addresses0 FROM System_IP_ARR;
CREATE VIEW v_RA_System_IPSubnets AS
SELECT DISTINCT ItemKey AS ResourceID, Subnet AS IP_Subnets0 FROM System_IP_ARR;
CREATE VIEW v_RA_System_SMSAssignedSites AS
SELECT ItemKey AS ResourceID, Assigned_Site AS SMS_Assigned_Sites0 FROM System_DISC WHERE Assigned_Site <> '';

-- product (main columns); the one collection is All Systems
CREATE VIEW v_FullCollectionMembership AS
SELECT 'SMS00001' AS CollectionID, d.ItemKey AS ResourceID, 5 AS ResourceType, d.Name0 AS Name,
       d.Resource_Domain_OR_Workgr0 AS Domain, d.Assigned_Site AS SiteCode, d.SMS_Unique_Identifier0 AS SMSID,
       COALESCE(d.Client0, 0) AS IsClient, COALESCE(d.Active0, 0) AS IsActive, d.Obsolete0 AS IsObsolete,
       d.Decommissioned0 AS IsDecommissioned, COALESCE(k.ApprovalStatus, 0) AS IsApproved,
       COALESCE(k.IsBlocked, 0) AS IsBlocked, d.Assigned_Site <> '' AS IsAssigned, 0 AS IsDirect
FROM System_DISC d
LEFT JOIN ClientKeyData k ON k.SMSID = d.SMS_Unique_Identifier0;

CREATE VIEW v_ClientCollectionMembers AS
SELECT CollectionID, Domain, Name, SiteCode, IsClient, ResourceID FROM v_FullCollectionMembership;
