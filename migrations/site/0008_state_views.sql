-- Views over what clients reported.

-- product
CREATE VIEW v_StateNames AS SELECT TopicType, StateID, StateName, StateDescription FROM SR_StateNames;

-- product
CREATE VIEW v_UpdateScanStatus AS
SELECT ResourceID, UpdateSource_ID, ScanTime, LastScanTime, LastScanState, LastStatusMessageID, LastErrorCode,
       LastLocalChangeTime, LastScanPackageLocation, LastScanPackageVersion, ScanPackageVersion, LastWUAVersion
FROM Update_ScanStatus;

-- product: only what was reported
CREATE VIEW v_Update_ComplianceStatusReported AS
SELECT CI_ID, ResourceID, Status, LastStatusChangeTime, LastStatusCheckTime, LastLocalChangeTime,
       LastEnforcementMessageTime, LastEnforcementMessageID, LastEnforcementStatusMsgID, LastErrorCode,
       EnforcementSource
FROM Update_ComplianceStatus;

-- ours: an update that a completed scan knew and did not report is not required on that machine
CREATE VIEW Update_NotRequired AS
SELECT u.CI_ID, s.ResourceID, s.ScanTime
FROM Update_ScanStatus s
JOIN CI_UpdateCIs u ON u.UpdateSource_ID = s.UpdateSource_ID AND u.MinSourceVersion <= s.ScanPackageVersion
JOIN CI_ConfigurationItems i ON i.CI_ID = u.CI_ID AND i.IsTombstoned = 0
LEFT JOIN Update_ComplianceStatus r ON r.ResourceID = s.ResourceID AND r.CI_ID = u.CI_ID
WHERE r.CI_ID IS NULL OR r.Status = 0;

-- product: reported states and those that follow from a completed scan
CREATE VIEW v_Update_ComplianceStatus AS
SELECT * FROM v_Update_ComplianceStatusReported WHERE Status <> 0
UNION ALL
SELECT n.CI_ID, n.ResourceID, 1, n.ScanTime, n.ScanTime, NULL,
       r.LastEnforcementMessageTime, r.LastEnforcementMessageID, r.LastEnforcementStatusMsgID, r.LastErrorCode,
       COALESCE(r.EnforcementSource, 0)
FROM Update_NotRequired n
LEFT JOIN Update_ComplianceStatus r ON r.ResourceID = n.ResourceID AND r.CI_ID = n.CI_ID;

-- product: the same by its older name
CREATE VIEW v_UpdateComplianceStatus AS SELECT * FROM v_Update_ComplianceStatus;

-- product: the above and "unknown" for every client and update without either
CREATE VIEW v_Update_ComplianceStatusAll AS
SELECT * FROM v_Update_ComplianceStatus
UNION ALL
SELECT u.CI_ID, d.ItemKey, 0, NULL, NULL, NULL, r.LastEnforcementMessageTime, r.LastEnforcementMessageID,
       r.LastEnforcementStatusMsgID, r.LastErrorCode, COALESCE(r.EnforcementSource, 0)
FROM System_DISC d
CROSS JOIN CI_UpdateCIs u
JOIN CI_ConfigurationItems i ON i.CI_ID = u.CI_ID AND i.IsTombstoned = 0
LEFT JOIN Update_ComplianceStatus r ON r.ResourceID = d.ItemKey AND r.CI_ID = u.CI_ID
LEFT JOIN Update_ScanStatus s ON s.ResourceID = d.ItemKey AND s.UpdateSource_ID = u.UpdateSource_ID
                             AND s.ScanPackageVersion >= u.MinSourceVersion
WHERE d.Client0 = 1 AND d.Obsolete0 = 0 AND COALESCE(r.Status, 0) = 0 AND s.ResourceID IS NULL;

-- product: the enforcement state where there is one, else the detection state
CREATE VIEW v_UpdateState_Combined AS
SELECT CI_ID, ResourceID,
       CASE WHEN LastEnforcementMessageID > 0 AND Status = 2 THEN 402 ELSE 500 END AS StateType,
       CASE WHEN LastEnforcementMessageID > 0 AND Status = 2 THEN LastEnforcementMessageID ELSE Status END AS StateID,
       CASE WHEN LastEnforcementMessageID > 0 AND Status = 2 THEN LastEnforcementMessageTime
            ELSE LastStatusChangeTime END AS StateTime,
       LastErrorCode, LastEnforcementStatusMsgID, EnforcementSource
FROM v_Update_ComplianceStatusAll;

-- product
CREATE VIEW v_ScannedUpdates AS
SELECT c.CI_ID, c.ResourceID, i.IsExpired, s.ScanTime, c.LastLocalChangeTime
FROM Update_ComplianceStatus c
JOIN CI_ConfigurationItems i ON i.CI_ID = c.CI_ID
JOIN CI_UpdateCIs u ON u.CI_ID = c.CI_ID
JOIN Update_ScanStatus s ON s.ResourceID = c.ResourceID AND s.UpdateSource_ID = u.UpdateSource_ID;

-- product
CREATE VIEW v_ClientMessageStatistics AS
SELECT ResourceID, LastMessageSentTime, LastMessageProcessedTime, LastResyncIssuedTime,
       LastResyncClientCompletedTime
FROM SR_ClientSerialNumbers;

-- product; no statement takes virtual time
CREATE VIEW v_StateMessageStatistics AS
SELECT TopicType, StateID, TotalMsgs, 0 AS TotalTime, StatDate FROM SR_StateMessageStatistics;

-- product
CREATE VIEW v_Update_ComplianceSummary AS
SELECT CI_ID, LastSummaryTime, NumTotal, NumMissing, NumInstalled, NumNotApplicable, NumPresent, NumFailed,
       NumUnknown
FROM Update_ComplianceSummary;

-- product
CREATE VIEW v_Update_ComplianceSummary_Live AS
SELECT CI_ID, COUNT(*) AS NumTotal, COUNT(*) FILTER (WHERE Status = 2) AS NumMissing, COUNT(*) FILTER (WHERE Status = 3) AS NumInstalled,
       COUNT(*) FILTER (WHERE Status = 1) AS NumNotApplicable, COUNT(*) FILTER (WHERE Status IN (1, 3)) AS NumPresent,
       COUNT(*) FILTER (WHERE LastEnforcementMessageID = 11) AS NumFailed, COUNT(*) FILTER (WHERE Status = 0) AS NumUnknown,
       COUNT(*) FILTER (WHERE LastEnforcementMessageID IN (5, 7, 9)) AS NumPending
FROM v_Update_ComplianceStatusAll GROUP BY CI_ID;

-- product
CREATE VIEW v_SummaryTasks AS
SELECT TaskName, TaskCommand, TaskParameter, Enabled, RunNow, RunInterval, LastRunDuration, LastRunResult,
       SiteTypes, LastStartTime, LastSuccessfulCompletionTime, NextStartTime
FROM SR_SummaryTasks;
CREATE VIEW vSR_SummaryTasks AS SELECT * FROM v_SummaryTasks;
