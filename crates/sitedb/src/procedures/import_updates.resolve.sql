-- States that came before their update.
INSERT OR IGNORE INTO Update_ComplianceStatus (CI_ID, ResourceID, Status, LastStatusChangeTime, LastStatusCheckTime,
                                               LastLocalChangeTime, RevisionNumber)
SELECT i.CI_ID, r.ResourceID, r.Status, r.MessageTime, r.MessageTime, ?3, r.RevisionNumber
FROM Update_UnresolvedStatus r
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = r.CI_UniqueID
ORDER BY i.CI_ID, r.ResourceID
