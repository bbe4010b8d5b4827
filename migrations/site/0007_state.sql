-- State messages: what clients reported about updates and scans.

-- product: the source of v_StateNames. Topic types and states from the documents on state messaging.
CREATE TABLE SR_StateNames (
    TopicType        INTEGER NOT NULL,
    StateID          INTEGER NOT NULL,
    StateName        TEXT NOT NULL,
    StateDescription TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (TopicType, StateID)
) STRICT;

INSERT INTO SR_StateNames (TopicType, StateID, StateName) VALUES
    (300, 0, 'Compliance state unknown'),
    (300, 1, 'Compliant'),
    (300, 2, 'Non-compliant'),
    (300, 3, 'Conflict detected'),
    (301, 0, 'Enforcement state unknown'),
    (301, 1, 'Installing update(s)'),
    (301, 2, 'Waiting for restart'),
    (301, 3, 'Waiting for another installation to complete'),
    (301, 4, 'Successfully installed update(s)'),
    (301, 5, 'Pending system restart'),
    (301, 6, 'Failed to install update(s)'),
    (301, 7, 'Downloading update(s)'),
    (301, 8, 'Downloaded update(s)'),
    (301, 9, 'Failed to download update(s)'),
    (301, 10, 'Waiting for maintenance window before installing'),
    (301, 11, 'Waiting for third-party orchestrator to initiate installation'),
    (302, 0, 'Evaluation state unknown'),
    (302, 1, 'Evaluation activated'),
    (302, 2, 'Evaluation succeeded'),
    (302, 3, 'Evaluation failed'),
    (400, 0, 'Detection state unknown'),
    (400, 1, 'Not required'),
    (400, 2, 'Not detected'),
    (400, 3, 'Detected'),
    (401, 0, 'Compliance state unknown'),
    (401, 1, 'Compliant'),
    (401, 2, 'Non-compliant'),
    (401, 3, 'Conflict detected'),
    (401, 4, 'Error'),
    (401, 5, 'Not applicable'),
    (401, 6, 'Not detected'),
    (401, 7, 'Enforced'),
    (402, 0, 'Enforcement state unknown'),
    (402, 1, 'Enforcement started'),
    (402, 2, 'Enforcement waiting for content'),
    (402, 3, 'Waiting for another installation to complete'),
    (402, 4, 'Waiting for maintenance window before installing'),
    (402, 5, 'Restart required before installing'),
    (402, 6, 'General failure'),
    (402, 7, 'Pending installation'),
    (402, 8, 'Installing update'),
    (402, 9, 'Pending system restart'),
    (402, 10, 'Successfully installed update'),
    (402, 11, 'Failed to install update'),
    (402, 12, 'Downloading update'),
    (402, 13, 'Downloaded update'),
    (402, 14, 'Failed to download update'),
    (500, 0, 'Detection state unknown'),
    (500, 1, 'Update is not required'),
    (500, 2, 'Update is required'),
    (500, 3, 'Update is installed'),
    (501, 0, 'Scan state unknown'),
    (501, 1, 'Scan is waiting for catalog location'),
    (501, 2, 'Scan is running'),
    (501, 3, 'Scan completed'),
    (501, 4, 'Scan is pending retry'),
    (501, 5, 'Scan failed'),
    (501, 6, 'Scan completed with errors');

-- name only: one row per update and machine that reported it; the columns are those of the compliance views
CREATE TABLE Update_ComplianceStatus (
    CI_ID                      INTEGER NOT NULL REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    ResourceID                 INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    Status                     INTEGER NOT NULL DEFAULT 0,   -- states of topic 500
    LastStatusChangeTime       TEXT,
    LastStatusCheckTime        TEXT,
    LastLocalChangeTime        TEXT,
    LastEnforcementMessageID   INTEGER,                      -- states of topic 402
    LastEnforcementMessageTime TEXT,
    LastEnforcementStatusMsgID INTEGER,
    LastErrorCode              INTEGER,
    EnforcementSource          INTEGER NOT NULL DEFAULT 0,
    RevisionNumber             INTEGER,                      -- ours; as reported
    PRIMARY KEY (ResourceID, CI_ID)
) STRICT;
CREATE INDEX Update_ComplianceStatus_CI ON Update_ComplianceStatus (CI_ID, Status);

-- ours: states of updates that the site has not synchronized; they count once it has
CREATE TABLE Update_UnresolvedStatus (
    CI_UniqueID    TEXT NOT NULL COLLATE NOCASE,
    ResourceID     INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    Status         INTEGER NOT NULL,
    RevisionNumber INTEGER,
    MessageTime    TEXT NOT NULL,
    ReceivedTime   TEXT NOT NULL,
    PRIMARY KEY (CI_UniqueID, ResourceID)
) STRICT;

-- name only: the columns are those of v_UpdateScanStatus. ScanTime and ScanPackageVersion are those of the
-- last scan that completed, the columns with Last those of the last message.
CREATE TABLE Update_ScanStatus (
    ResourceID              INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    UpdateSource_ID         INTEGER NOT NULL REFERENCES CI_UpdateSources (UpdateSource_ID),
    ScanTime                TEXT,
    ScanPackageVersion      INTEGER,
    LastScanTime            TEXT,
    LastScanState           INTEGER NOT NULL DEFAULT 0,
    LastStatusMessageID     INTEGER NOT NULL DEFAULT 0,
    LastErrorCode           INTEGER NOT NULL DEFAULT 0,
    LastLocalChangeTime     TEXT,
    LastScanPackageLocation TEXT,
    LastScanPackageVersion  INTEGER,
    LastWUAVersion          TEXT,
    PRIMARY KEY (ResourceID, UpdateSource_ID)
) STRICT;

-- ours: how far each machine's numbered messages have come
CREATE TABLE SR_ClientSerialNumbers (
    ResourceID                    INTEGER PRIMARY KEY REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    LastSerialNumber              INTEGER NOT NULL,
    LastMessageSentTime           TEXT,
    LastMessageProcessedTime      TEXT,
    LastResyncIssuedTime          TEXT,
    LastResyncClientCompletedTime TEXT
) STRICT;

-- name only: serial numbers that have not arrived
CREATE TABLE SR_MissingMessageRanges (
    ResourceID   INTEGER NOT NULL REFERENCES System_DISC (ItemKey) ON DELETE CASCADE,
    RangeStart   INTEGER NOT NULL,
    RangeEnd     INTEGER NOT NULL CHECK (RangeEnd >= RangeStart),
    DetectedTime TEXT NOT NULL,
    PRIMARY KEY (ResourceID, RangeStart)
) STRICT;

-- ours
CREATE TABLE SR_StateMessageStatistics (
    StatDate  TEXT NOT NULL,
    TopicType INTEGER NOT NULL,
    StateID   INTEGER NOT NULL,
    TotalMsgs INTEGER NOT NULL,
    PRIMARY KEY (StatDate, TopicType, StateID)
) STRICT;

-- ours: results of the summarizer
CREATE TABLE Update_ComplianceSummary (
    CI_ID           INTEGER PRIMARY KEY REFERENCES CI_ConfigurationItems (CI_ID) ON DELETE CASCADE,
    LastSummaryTime TEXT NOT NULL,
    NumTotal        INTEGER NOT NULL,
    NumMissing      INTEGER NOT NULL,
    NumInstalled    INTEGER NOT NULL,
    NumNotApplicable INTEGER NOT NULL,
    NumPresent      INTEGER NOT NULL,
    NumFailed       INTEGER NOT NULL,
    NumUnknown      INTEGER NOT NULL
) STRICT;

-- ours: the columns are those of v_SummaryTasks
CREATE TABLE SR_SummaryTasks (
    TaskName        TEXT PRIMARY KEY,
    TaskCommand     TEXT NOT NULL,
    TaskParameter   TEXT NOT NULL DEFAULT '',
    Enabled         INTEGER NOT NULL DEFAULT 1,
    RunNow          INTEGER NOT NULL DEFAULT 0,
    RunInterval     INTEGER NOT NULL,            -- seconds
    SiteTypes       INTEGER NOT NULL DEFAULT 2,
    LastRunDuration INTEGER,
    LastRunResult   INTEGER,
    LastStartTime   TEXT,
    LastSuccessfulCompletionTime TEXT,
    NextStartTime   TEXT
) STRICT;
