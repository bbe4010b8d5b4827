-- SUSDB: computers and what they report. Marks as in 0001.

-- product
CREATE TABLE tbComputerTarget (
    TargetID               INTEGER PRIMARY KEY,
    ComputerID             TEXT NOT NULL UNIQUE COLLATE NOCASE,  -- the agent's client id
    FullDomainName         TEXT NOT NULL COLLATE NOCASE,
    IPAddress              TEXT,
    LastSyncTime           TEXT,
    LastReportedStatusTime TEXT,
    RegisteredTime         TEXT NOT NULL
) STRICT;

-- product
CREATE TABLE tbComputerTargetDetail (
    TargetID                 INTEGER PRIMARY KEY REFERENCES tbComputerTarget,
    OSMajorVersion           INTEGER NOT NULL,
    OSMinorVersion           INTEGER NOT NULL,
    OSBuildNumber            INTEGER NOT NULL,
    OSServicePackMajorNumber INTEGER NOT NULL,
    OSServicePackMinorNumber INTEGER NOT NULL,
    OSLocale                 TEXT,
    ComputerMake             TEXT,
    ComputerModel            TEXT,
    BiosVersion              TEXT,
    BiosName                 TEXT,
    BiosReleaseDate          TEXT NOT NULL,
    ProcessorArchitecture    TEXT,
    SuiteMask                INTEGER NOT NULL,
    OldProductType           INTEGER NOT NULL,
    NewProductType           INTEGER NOT NULL,
    SystemMetrics            INTEGER NOT NULL,
    ClientVersion            TEXT NOT NULL,
    OSDescription            TEXT,
    OEM                      TEXT,
    DeviceType               TEXT,
    FirmwareVersion          TEXT,
    MobileOperator           TEXT
) STRICT;

-- product
CREATE TABLE tbTargetInTargetGroup (
    TargetID      INTEGER NOT NULL REFERENCES tbComputerTarget,
    TargetGroupID TEXT NOT NULL REFERENCES tbTargetGroup,
    PRIMARY KEY (TargetID, TargetGroupID)
) STRICT, WITHOUT ROWID;

-- product
CREATE TABLE tbEventInstance (
    EventInstanceID  TEXT PRIMARY KEY,
    EventNamespaceID INTEGER NOT NULL,
    EventID          INTEGER NOT NULL,
    EventSourceID    INTEGER NOT NULL,
    ComputerID       TEXT,
    UpdateID         TEXT,              -- NULL for an event without an update
    RevisionNumber   INTEGER,
    TimeAtTarget     TEXT NOT NULL,
    TimeAtServer     TEXT NOT NULL,
    Win32HResult     INTEGER NOT NULL,
    AppName          TEXT,
    ReplacementStrings TEXT NOT NULL,   -- JSON array
    MiscData         TEXT NOT NULL      -- JSON array
) STRICT;
CREATE INDEX tbEventInstance_ComputerID ON tbEventInstance (ComputerID, TimeAtTarget);

-- product: SummarizationState 2 not installed, 3 downloaded, 4 installed, 5 failed, 6 installed and restart pending
CREATE TABLE tbUpdateStatusPerComputer (
    LocalUpdateID      INTEGER NOT NULL REFERENCES tbUpdate,
    TargetID           INTEGER NOT NULL REFERENCES tbComputerTarget,
    SummarizationState INTEGER NOT NULL,
    LastChangeTime     TEXT NOT NULL,
    PRIMARY KEY (LocalUpdateID, TargetID)
) STRICT, WITHOUT ROWID;
