-- Policies, their assignments and whom they are for.

-- product (known columns)
CREATE TABLE Policy (
    PolicyID       TEXT PRIMARY KEY COLLATE NOCASE,
    Version        TEXT NOT NULL,                -- 40.00
    Body           BLOB NOT NULL,                -- FF FE and UTF-16LE
    PolicyFlags    INTEGER NOT NULL DEFAULT 0,
    PolicyCategory TEXT NOT NULL DEFAULT '',     -- ours
    PolicyHash     TEXT NOT NULL DEFAULT ''      -- ours; SHA-256 of the body, hex
) STRICT;

-- product, except LastUpdateTime and IsTombstoned, which the procedure returns
CREATE TABLE PolicyAssignment (
    PADBID                 INTEGER PRIMARY KEY AUTOINCREMENT,
    PolicyAssignmentID     TEXT NOT NULL UNIQUE COLLATE NOCASE,
    Version                TEXT NOT NULL,
    PolicyID               TEXT NOT NULL COLLATE NOCASE REFERENCES Policy (PolicyID),
    InProcess              INTEGER NOT NULL DEFAULT 0,  -- 1 while it is rebuilt
    Body                   BLOB NOT NULL,
    BodyHash               TEXT NOT NULL DEFAULT '',
    BodySignature          TEXT NOT NULL DEFAULT '',
    TombstoneBodyHash      TEXT NOT NULL DEFAULT '',
    TombstoneBodySignature TEXT NOT NULL DEFAULT '',
    HashAlgOID             TEXT NOT NULL DEFAULT '1.2.840.113549.1.1.11',
    HashAlgId              INTEGER NOT NULL DEFAULT 32780,
    LastUpdateTime         TEXT NOT NULL,
    IsTombstoned           INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO sqlite_sequence (name, seq) VALUES ('PolicyAssignment', 16777216);

-- product
CREATE TABLE SettingsPolicy (
    SourceID           TEXT NOT NULL COLLATE NOCASE,
    SourceType         TEXT NOT NULL,
    PolicyID           TEXT NOT NULL COLLATE NOCASE REFERENCES Policy (PolicyID),
    PolicyAssignmentID TEXT NOT NULL COLLATE NOCASE,
    SourceCRC          TEXT NOT NULL DEFAULT '',
    PADBID             INTEGER NOT NULL REFERENCES PolicyAssignment (PADBID),
    PRIMARY KEY (SourceID, SourceType)
) STRICT;

-- name only; MachineID 0 stands for every machine of the site
CREATE TABLE ResPolicyMap (
    MachineID      INTEGER NOT NULL,
    PADBID         INTEGER NOT NULL REFERENCES PolicyAssignment (PADBID) ON DELETE CASCADE,
    IsTombstoned   INTEGER NOT NULL DEFAULT 0,
    LastUpdateTime TEXT NOT NULL,
    PRIMARY KEY (MachineID, PADBID)
) STRICT;
