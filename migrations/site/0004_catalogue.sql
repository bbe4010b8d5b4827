-- Software updates as configuration items, their categories and the source they come from.

-- name only; the columns are those of the console's view vSMS_CIUpdateSources and of v_SoftwareUpdateSource
CREATE TABLE CI_UpdateSources (
    UpdateSource_ID         INTEGER PRIMARY KEY,
    UpdateSource_UniqueID   TEXT NOT NULL UNIQUE COLLATE NOCASE,   -- {GUID}
    UpdateSourceName        TEXT NOT NULL,
    UpdateSourceDescription TEXT NOT NULL DEFAULT '',
    UpdateSourceVersion     TEXT NOT NULL,                         -- the content version
    SourceSite              TEXT NOT NULL COLLATE NOCASE,
    SourceContentType       INTEGER NOT NULL DEFAULT 2,            -- 2 WSUS
    ScanMethod              TEXT NOT NULL DEFAULT 'WUA',
    ScanMethodParameters    TEXT NOT NULL DEFAULT '',
    UpdateType              TEXT NOT NULL DEFAULT '',
    IsExpired               INTEGER NOT NULL DEFAULT 0,
    IsPublishingEnabled     INTEGER NOT NULL DEFAULT 0,
    IsTombstoned            INTEGER NOT NULL DEFAULT 0,
    DateCreated             TEXT NOT NULL,
    DateModified            TEXT NOT NULL
) STRICT;

-- name only; the columns are those of v_UpdateCIs
CREATE TABLE CI_ConfigurationItems (
    CI_ID            INTEGER PRIMARY KEY AUTOINCREMENT,
    CI_UniqueID      TEXT NOT NULL UNIQUE COLLATE NOCASE,          -- update id without braces
    ModelName        TEXT NOT NULL,
    CIType_ID        INTEGER NOT NULL CHECK (CIType_ID IN (1, 8, 9)), -- update, bundle, update group
    CIVersion        INTEGER NOT NULL,
    SourceSite       TEXT NOT NULL,
    IsBundle         INTEGER NOT NULL DEFAULT 0,
    IsChild          INTEGER NOT NULL DEFAULT 0,
    IsDeployed       INTEGER NOT NULL DEFAULT 0,
    IsEnabled        INTEGER NOT NULL DEFAULT 1,
    IsExpired        INTEGER NOT NULL DEFAULT 0,
    IsHidden         INTEGER NOT NULL DEFAULT 0,
    IsSuperseded     INTEGER NOT NULL DEFAULT 0,
    IsTombstoned     INTEGER NOT NULL DEFAULT 0,
    IsUserDefined    INTEGER NOT NULL DEFAULT 0,
    EULAExists       INTEGER NOT NULL DEFAULT 0,
    EULAAccepted     INTEGER NOT NULL DEFAULT 2,
    EffectiveDate    TEXT,
    DateCreated      TEXT NOT NULL,
    DateLastModified TEXT NOT NULL
) STRICT;

INSERT INTO sqlite_sequence (name, seq) VALUES ('CI_ConfigurationItems', 16777216);

-- ours: what only updates have
CREATE TABLE CI_UpdateCIs (
    CI_ID            INTEGER PRIMARY KEY REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    UpdateSource_ID  INTEGER NOT NULL REFERENCES CI_UpdateSources (UpdateSource_ID),
    MinSourceVersion INTEGER NOT NULL,           -- content version with which the update appeared
    RevisionNumber   INTEGER NOT NULL,
    ArticleID        TEXT NOT NULL DEFAULT '',
    BulletinID       TEXT NOT NULL DEFAULT '',
    Severity         INTEGER NOT NULL DEFAULT 0, -- 0 none, 2 low, 6 moderate, 8 important, 10 critical
    UpdateType       TEXT NOT NULL DEFAULT 'Software',
    DatePosted       TEXT,
    DateRevised      TEXT,
    MaxExecutionTime INTEGER NOT NULL DEFAULT 600
) STRICT;

-- ours: texts, one language
CREATE TABLE CI_LocalizedProperties (
    CI_ID       INTEGER NOT NULL REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    LocaleID    INTEGER NOT NULL DEFAULT 1033,
    DisplayName TEXT NOT NULL,
    Description TEXT NOT NULL DEFAULT '',
    InfoURL     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (CI_ID, LocaleID)
) STRICT;

-- ours: which item supersedes which
CREATE TABLE CI_Supersedence (
    FromCI_ID          INTEGER NOT NULL REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    SupersededUniqueID TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (FromCI_ID, SupersededUniqueID)
) STRICT;

-- name only
CREATE TABLE CI_CategoryInstances (
    CategoryInstanceID       INTEGER PRIMARY KEY AUTOINCREMENT,
    CategoryInstance_UniqueID TEXT NOT NULL UNIQUE COLLATE NOCASE, -- Product:GUID, UpdateClassification:GUID …
    CategoryTypeName         TEXT NOT NULL,
    ParentCategoryInstanceID INTEGER REFERENCES CI_CategoryInstances (CategoryInstanceID),
    SourceSite               TEXT NOT NULL,
    DateLastModified         TEXT NOT NULL,
    IsDeleted                INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO sqlite_sequence (name, seq) VALUES ('CI_CategoryInstances', 16777216);

-- name only
CREATE TABLE CI_LocalizedCategoryInstances (
    CategoryInstanceID   INTEGER NOT NULL REFERENCES CI_CategoryInstances (CategoryInstanceID) ON DELETE CASCADE,
    LocaleID             INTEGER NOT NULL DEFAULT 1033,
    CategoryInstanceName TEXT NOT NULL,
    PRIMARY KEY (CategoryInstanceID, LocaleID)
) STRICT;

-- name only
CREATE TABLE CI_UpdateCategorySubscription (
    CategoryInstanceID INTEGER PRIMARY KEY REFERENCES CI_CategoryInstances (CategoryInstanceID) ON DELETE CASCADE,
    IsSubscribed       INTEGER NOT NULL
) STRICT;

-- ours
CREATE TABLE CI_ConfigurationItemCategories (
    CI_ID              INTEGER NOT NULL REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    CategoryInstanceID INTEGER NOT NULL REFERENCES CI_CategoryInstances (CategoryInstanceID),
    PRIMARY KEY (CI_ID, CategoryInstanceID)
) STRICT;

-- product (main columns)
CREATE VIEW v_SoftwareUpdateSource AS
SELECT UpdateSource_ID, UpdateSource_UniqueID, UpdateSourceName, UpdateSourceDescription, UpdateSourceVersion,
       UpdateType, SourceSite, SourceContentType, ScanMethod, ScanMethodParameters, NULL AS ScanTool_PkgID,
       NULL AS ScanType, IsExpired, IsPublishingEnabled, IsTombstoned, DateCreated, DateModified
FROM CI_UpdateSources;

-- product
CREATE VIEW vSMS_CIUpdateSources AS
SELECT u.CI_ID, u.UpdateSource_ID, u.MinSourceVersion, i.ModelName, i.DateCreated,
       i.DateLastModified AS DateModified
FROM CI_UpdateCIs u JOIN CI_ConfigurationItems i ON i.CI_ID = u.CI_ID;

-- product (main columns)
CREATE VIEW v_UpdateCIs AS
SELECT i.CI_ID, i.CI_UniqueID, u.ArticleID, u.BulletinID, u.Severity, u.Severity AS CustomSeverity,
       u.DatePosted, u.DateRevised, i.DateCreated, i.DateLastModified, i.EffectiveDate,
       i.DateLastModified AS ModifiedTime, u.RevisionNumber, i.CIType_ID, i.CIVersion, i.CI_ID AS ModelId,
       i.ModelName, u.UpdateSource_ID, u.MinSourceVersion, u.MaxExecutionTime, i.SourceSite, i.EULAExists,
       i.EULAAccepted, i.IsChild, i.IsDeployed, i.IsSuperseded, i.IsBundle, i.IsEnabled, i.IsExpired, i.IsHidden,
       1 AS IsLatest, i.IsTombstoned, i.IsUserDefined
FROM CI_ConfigurationItems i JOIN CI_UpdateCIs u ON u.CI_ID = i.CI_ID;

-- product (main columns)
CREATE VIEW v_UpdateInfo AS
SELECT c.*, t.DisplayName AS Title, t.Description, t.InfoURL, t.LocaleID, u.UpdateType
FROM v_UpdateCIs c
JOIN CI_UpdateCIs u ON u.CI_ID = c.CI_ID
JOIN CI_LocalizedProperties t ON t.CI_ID = c.CI_ID AND t.LocaleID = 1033;

-- product
CREATE VIEW v_CICategories_All AS
SELECT m.CI_ID, k.CategoryInstanceID, k.CategoryInstance_UniqueID, k.CategoryTypeName,
       k.ParentCategoryInstanceID, NULL AS ObjectTypeID, i.CI_UniqueID, i.ModelName, k.SourceSite,
       k.DateLastModified, k.IsDeleted
FROM CI_ConfigurationItemCategories m
JOIN CI_CategoryInstances k ON k.CategoryInstanceID = m.CategoryInstanceID
JOIN CI_ConfigurationItems i ON i.CI_ID = m.CI_ID;
