-- Boundaries, boundary groups, the servers in them and the ways from group to group.

-- name only; BoundaryType 0 IP subnet, 1 AD site, 2 IPv6 prefix, 3 IP range
CREATE TABLE BoundaryEx (
    BoundaryID       INTEGER PRIMARY KEY AUTOINCREMENT,
    BoundaryType     INTEGER NOT NULL CHECK (BoundaryType BETWEEN 0 AND 3),
    BoundaryFlags    INTEGER NOT NULL DEFAULT 0,
    Value            TEXT NOT NULL COLLATE NOCASE,
    DisplayName      TEXT NOT NULL,
    NumericValueLow  INTEGER,                    -- of a range, the addresses as numbers
    NumericValueHigh INTEGER,
    CreatedBy        TEXT NOT NULL DEFAULT '',
    CreatedOn        TEXT NOT NULL,
    ModifiedBy       TEXT NOT NULL DEFAULT '',
    ModifiedOn       TEXT NOT NULL,
    UNIQUE (BoundaryType, Value)
) STRICT;

-- name only; bit 1 of Flags marks the site's default group (ours)
CREATE TABLE BoundaryGroup (
    GroupID         INTEGER PRIMARY KEY AUTOINCREMENT,
    GroupGUID       TEXT NOT NULL UNIQUE,
    Name            TEXT NOT NULL UNIQUE,
    Description     TEXT NOT NULL DEFAULT '',
    DefaultSiteCode TEXT COLLATE NOCASE,         -- assigns clients to this site; NULL assigns none
    Flags           INTEGER NOT NULL DEFAULT 0,
    CreatedBy       TEXT NOT NULL DEFAULT '',
    CreatedOn       TEXT NOT NULL,
    ModifiedBy      TEXT NOT NULL DEFAULT '',
    ModifiedOn      TEXT NOT NULL
) STRICT;

-- name only
CREATE TABLE BoundaryGroupMembers (
    GroupID    INTEGER NOT NULL REFERENCES BoundaryGroup (GroupID) ON DELETE CASCADE,
    BoundaryID INTEGER NOT NULL REFERENCES BoundaryEx (BoundaryID) ON DELETE CASCADE,
    PRIMARY KEY (GroupID, BoundaryID)
) STRICT;

-- name only
CREATE TABLE BoundaryGroupSiteSystems (
    GroupID       INTEGER NOT NULL REFERENCES BoundaryGroup (GroupID) ON DELETE CASCADE,
    ServerNALPath TEXT NOT NULL COLLATE NOCASE,
    SiteCode      TEXT NOT NULL COLLATE NOCASE,
    ServerName    TEXT NOT NULL COLLATE NOCASE,  -- ours, saves cutting the NAL path apart
    Flags         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (GroupID, ServerNALPath)
) STRICT;

-- name only; minutes until a client may use the destination, -1 for never (the value is ours)
CREATE TABLE BoundaryGroupRelationships (
    SourceGroupID      INTEGER NOT NULL REFERENCES BoundaryGroup (GroupID) ON DELETE CASCADE,
    DestinationGroupID INTEGER NOT NULL REFERENCES BoundaryGroup (GroupID) ON DELETE CASCADE,
    FallbackDP         INTEGER NOT NULL DEFAULT 120,
    FallbackMP         INTEGER NOT NULL DEFAULT 120,
    FallbackSMP        INTEGER NOT NULL DEFAULT 120,
    FallbackSUP        INTEGER NOT NULL DEFAULT 120,
    PRIMARY KEY (SourceGroupID, DestinationGroupID)
) STRICT;

-- product
CREATE VIEW vSMS_Boundary AS
SELECT b.BoundaryID, b.BoundaryType, b.BoundaryFlags, b.Value, b.DisplayName,
       (SELECT COUNT(*) FROM BoundaryGroupMembers m WHERE m.BoundaryID = b.BoundaryID) AS GroupCount,
       b.CreatedBy, b.CreatedOn, b.ModifiedBy, b.ModifiedOn
FROM BoundaryEx b;

-- product
CREATE VIEW vSMS_BoundaryGroup AS
SELECT g.GroupID, g.GroupGUID, g.Name, g.Description, g.DefaultSiteCode, g.Flags, 1 AS Shared,
       (SELECT COUNT(*) FROM BoundaryGroupMembers m WHERE m.GroupID = g.GroupID) AS MemberCount,
       (SELECT COUNT(*) FROM BoundaryGroupSiteSystems s WHERE s.GroupID = g.GroupID) AS SiteSystemCount,
       g.CreatedBy, g.CreatedOn, g.ModifiedBy, g.ModifiedOn
FROM BoundaryGroup g;

-- product
CREATE VIEW vSMS_BoundaryGroupMembers AS SELECT GroupID, BoundaryID FROM BoundaryGroupMembers;

-- product
CREATE VIEW vSMS_BoundaryGroupSiteSystems AS
SELECT GroupID, ServerNALPath, SiteCode, Flags FROM BoundaryGroupSiteSystems;

-- product
CREATE VIEW vSMS_BoundaryGroupRelationships AS
SELECT r.SourceGroupID, s.Name AS SourceGroupName, r.DestinationGroupID, d.Name AS DestinationGroupName,
       r.FallbackDP, r.FallbackMP, r.FallbackSMP, r.FallbackSUP
FROM BoundaryGroupRelationships r
JOIN BoundaryGroup s ON s.GroupID = r.SourceGroupID
JOIN BoundaryGroup d ON d.GroupID = r.DestinationGroupID;
