-- SUSDB: the catalogue. Marks as in 0001.

-- product; UpdateType instead of the product's UpdateTypeID
CREATE TABLE tbUpdate (
    LocalUpdateID INTEGER PRIMARY KEY,
    UpdateID      TEXT NOT NULL UNIQUE,
    UpdateType    TEXT NOT NULL CHECK (UpdateType IN ('Category', 'Detectoid', 'Software', 'Driver')),
    IsHidden      INTEGER NOT NULL DEFAULT 0,   -- declined
    ImportedTime  TEXT NOT NULL
) STRICT;

-- product
CREATE TABLE tbRevision (
    RevisionID       INTEGER PRIMARY KEY,
    LocalUpdateID    INTEGER NOT NULL REFERENCES tbUpdate,
    RevisionNumber   INTEGER NOT NULL,
    IsLatestRevision INTEGER NOT NULL DEFAULT 1,
    IsLeaf           INTEGER NOT NULL DEFAULT 1,  -- no revision names the update as a prerequisite
    UNIQUE (LocalUpdateID, RevisionNumber)
) STRICT;

-- product: the properties an administrator sees
CREATE TABLE tbProperty (
    RevisionID             INTEGER PRIMARY KEY REFERENCES tbRevision,
    ExplicitlyDeployable   INTEGER NOT NULL,
    DefaultPropertiesLanguage TEXT,
    MsrcSeverity           TEXT
) STRICT;

-- product: CategoryType is Company, ProductFamily, Product or UpdateClassification
CREATE TABLE tbCategory (
    CategoryID   INTEGER PRIMARY KEY REFERENCES tbUpdate,
    CategoryType TEXT NOT NULL
) STRICT;

-- product: the fragments; RootElementType 1 core, 2 extended, 3 localized (numbers ours)
CREATE TABLE tbXml (
    RevisionID      INTEGER NOT NULL REFERENCES tbRevision,
    RootElementType INTEGER NOT NULL,
    LanguageID      TEXT NOT NULL DEFAULT '',   -- language tag of a localized fragment
    RootElementXml  TEXT NOT NULL,
    PRIMARY KEY (RevisionID, RootElementType, LanguageID)
) STRICT, WITHOUT ROWID;

-- product: one row per clause; IsCategory ours
CREATE TABLE tbPrerequisite (
    PrerequisiteID INTEGER PRIMARY KEY,
    RevisionID     INTEGER NOT NULL REFERENCES tbRevision,
    IsCategory     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tbPrerequisite_RevisionID ON tbPrerequisite (RevisionID);

-- product: the alternatives of a clause
CREATE TABLE tbInstalledUpdateSufficientForPrerequisite (
    PrerequisiteID INTEGER NOT NULL REFERENCES tbPrerequisite,
    LocalUpdateID  INTEGER NOT NULL REFERENCES tbUpdate,
    PRIMARY KEY (PrerequisiteID, LocalUpdateID)
) STRICT, WITHOUT ROWID;
CREATE INDEX tbInstalledUpdateSufficientForPrerequisite_LocalUpdateID
    ON tbInstalledUpdateSufficientForPrerequisite (LocalUpdateID);

-- ours: the parts of a bundle, alternatives included
CREATE TABLE tbBundleDependency (
    RevisionID        INTEGER NOT NULL REFERENCES tbRevision,
    BundledUpdateID   TEXT NOT NULL,
    BundledRevisionNumber INTEGER NOT NULL,
    PRIMARY KEY (RevisionID, BundledUpdateID, BundledRevisionNumber)
) STRICT, WITHOUT ROWID;

-- product
CREATE TABLE tbRevisionSupersedesUpdate (
    RevisionID         INTEGER NOT NULL REFERENCES tbRevision,
    SupersededUpdateID TEXT NOT NULL,
    PRIMARY KEY (RevisionID, SupersededUpdateID)
) STRICT, WITHOUT ROWID;

-- product: FileDigest is the SHA-1 in lower-case hex
CREATE TABLE tbFile (
    FileDigest TEXT PRIMARY KEY,
    FileName   TEXT NOT NULL,
    Size       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- product
CREATE TABLE tbFileForRevision (
    RevisionID INTEGER NOT NULL REFERENCES tbRevision,
    FileDigest TEXT NOT NULL REFERENCES tbFile,
    PRIMARY KEY (RevisionID, FileDigest)
) STRICT, WITHOUT ROWID;

-- product: what a driver fits
CREATE TABLE tbDriver (
    RevisionID       INTEGER NOT NULL REFERENCES tbRevision,
    HardwareID       TEXT NOT NULL COLLATE NOCASE,
    DriverVerDate    TEXT NOT NULL,
    DriverVerVersion INTEGER NOT NULL,
    PRIMARY KEY (RevisionID, HardwareID)
) STRICT, WITHOUT ROWID;

-- product: ActionID by name; the numbers the product uses are not known
CREATE TABLE tbDeployment (
    DeploymentID     INTEGER PRIMARY KEY,
    RevisionID       INTEGER NOT NULL REFERENCES tbRevision,
    TargetGroupID    TEXT NOT NULL REFERENCES tbTargetGroup,
    ActionID         TEXT NOT NULL,
    Deadline         TEXT,
    IsAssigned       INTEGER NOT NULL DEFAULT 1,
    IsLeaf           INTEGER NOT NULL DEFAULT 1,
    LastChangeTime   TEXT NOT NULL,
    LastChangeNumber INTEGER NOT NULL,
    UNIQUE (RevisionID, TargetGroupID)
) STRICT;

-- product: the newest revision of each update. The title is not in it, as in the product.
CREATE VIEW vwMinimalUpdate AS
SELECT u.UpdateID, u.LocalUpdateID, u.UpdateType, r.RevisionID, r.RevisionNumber, r.IsLatestRevision,
       u.IsHidden AS Declined,
       EXISTS (SELECT 1 FROM tbRevisionSupersedesUpdate s JOIN tbRevision sr ON sr.RevisionID = s.RevisionID
               JOIN tbUpdate su ON su.LocalUpdateID = sr.LocalUpdateID
               WHERE s.SupersededUpdateID = u.UpdateID AND sr.IsLatestRevision AND NOT su.IsHidden) AS IsSuperseded
FROM tbUpdate u JOIN tbRevision r ON r.LocalUpdateID = u.LocalUpdateID
WHERE r.IsLatestRevision;
