-- SUSDB: what the server is. "product": name and listed columns are the product's as far as known; "name only": columns are ours.
-- GUIDs are lower-case text, times are UTC text of fixed width.

-- name only: one row
CREATE TABLE tbConfiguration (
    ConfigurationID              INTEGER PRIMARY KEY CHECK (ConfigurationID = 1),
    ServerID                     TEXT NOT NULL,           -- part of every cookie: another id is another server
    CookieKey                    TEXT NOT NULL,           -- hex; without it no cookie can be read
    LastConfigChange             TEXT NOT NULL,           -- LastChange of GetConfig
    IsRegistrationRequired       INTEGER NOT NULL DEFAULT 1,
    MaxExtendedUpdatesPerRequest INTEGER NOT NULL DEFAULT 50,
    ProtocolVersion              TEXT NOT NULL DEFAULT '3.2',
    PackageServerShare           TEXT NOT NULL,
    ClientReportingLevel         INTEGER NOT NULL DEFAULT 2,
    ContentPort                  INTEGER NOT NULL,        -- plain HTTP: content never travels over TLS
    FirstRevisionID              INTEGER NOT NULL,        -- ids are this server's own
    FirstDeploymentID            INTEGER NOT NULL,
    LastChangeNumber             INTEGER NOT NULL DEFAULT 0  -- of deployments; rises with every change
) STRICT;

-- product: groups of computers
CREATE TABLE tbTargetGroup (
    TargetGroupID   TEXT PRIMARY KEY,
    TargetGroupName TEXT NOT NULL UNIQUE COLLATE NOCASE
) STRICT;

INSERT INTO tbTargetGroup (TargetGroupID, TargetGroupName) VALUES
    ('a0a08746-4dbe-4a37-9adf-9e7652c0b421', 'All Computers'),
    ('b73ca6ed-5727-47f3-84de-015e03f6a88a', 'Unassigned Computers');
