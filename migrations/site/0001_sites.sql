-- Sites, their servers and their component properties.
--
-- Names in these scripts: a table or view is "product" where its name and columns are known from public
-- documents or tools, "name only" where the columns are ours, "ours" where both are.
-- Points in time are UTC texts `YYYY-MM-DD HH:MM:SS.mmm`; bits are 0 or 1; nothing has a default that
-- reads a clock or draws a number, because equal runs must give equal files.

-- product
CREATE TABLE Sites (
    SiteKey        INTEGER PRIMARY KEY,
    SiteCode       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    SiteName       TEXT NOT NULL,
    ReportToSite   TEXT NOT NULL DEFAULT '',
    Status         INTEGER NOT NULL DEFAULT 1,   -- 1 active
    DetailedStatus INTEGER NOT NULL DEFAULT 1,
    SiteType       INTEGER NOT NULL DEFAULT 2,   -- 1 secondary, 2 primary, 4 central administration
    BuildNumber    INTEGER NOT NULL,
    Version        TEXT NOT NULL,
    SiteServer     TEXT NOT NULL,
    InstallDir     TEXT NOT NULL,
    Settings       TEXT NOT NULL DEFAULT '',     -- the client operational settings, XML
    DefaultMP      TEXT NOT NULL DEFAULT '',
    Capabilities   TEXT NOT NULL DEFAULT ''
) STRICT;

-- product; RoleName holds texts such as 'SMS Software Update Point'
CREATE TABLE SysResList (
    RecordID          INTEGER PRIMARY KEY,       -- ours
    SiteCode          TEXT NOT NULL COLLATE NOCASE,
    RoleName          TEXT NOT NULL,
    ServerName        TEXT NOT NULL COLLATE NOCASE,
    ServerRemoteName  TEXT NOT NULL COLLATE NOCASE,
    PublicDNSName     TEXT NOT NULL DEFAULT '',
    InternetEnabled   INTEGER NOT NULL DEFAULT 0,
    Shared            INTEGER NOT NULL DEFAULT 0,
    SslState          INTEGER NOT NULL DEFAULT 0,
    DomainFQDN        TEXT NOT NULL DEFAULT '',
    ForestFQDN        TEXT NOT NULL DEFAULT '',
    IISPreferredPort  INTEGER NOT NULL DEFAULT 80,
    IISSslPreferredPort INTEGER NOT NULL DEFAULT 443,
    IsAvailable       INTEGER NOT NULL DEFAULT 1,
    NALPath           TEXT NOT NULL,
    UNIQUE (SiteCode, RoleName, ServerName)
) STRICT;

-- name only
CREATE TABLE SC_Component (
    ID            INTEGER PRIMARY KEY,
    SiteCode      TEXT NOT NULL COLLATE NOCASE,
    ComponentName TEXT NOT NULL COLLATE NOCASE,
    UNIQUE (SiteCode, ComponentName)
) STRICT;

-- name only; the three values are how the site control file writes a property
CREATE TABLE SC_Component_Property (
    ID          INTEGER PRIMARY KEY,
    ComponentID INTEGER NOT NULL REFERENCES SC_Component (ID),
    Name        TEXT NOT NULL COLLATE NOCASE,
    Value1      TEXT NOT NULL DEFAULT '',
    Value2      TEXT NOT NULL DEFAULT '',
    Value3      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (ComponentID, Name)
) STRICT;

-- product
CREATE VIEW v_Site AS
SELECT SiteCode, SiteName, ReportToSite AS ReportingSiteCode, SiteServer AS ServerName, InstallDir, Version,
       BuildNumber, SiteType AS Type, Status, Status AS RequestedStatus, '' AS TimeZoneInfo
FROM Sites;

-- product
CREATE VIEW v_SystemResourceList AS
SELECT SiteCode, RoleName, ServerName, 'Windows NT Server' AS ResourceType, NALPath FROM SysResList;

-- Changes that the Database Notification Monitor turns into trigger files. Ours; the log line
-- `RCV: UPDATE on T for NAME [key][number]` gives the fields.
CREATE TABLE TableChangeNotifications (
    RecordID INTEGER PRIMARY KEY AUTOINCREMENT,
    Action   TEXT NOT NULL,                      -- INSERT, UPDATE or DELETE
    "Table"  TEXT NOT NULL,
    Name     TEXT NOT NULL,                      -- of the notification
    "Key"    TEXT NOT NULL
) STRICT;
