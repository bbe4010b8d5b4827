-- Topic 500. ?1 states as JSON [{"id","state","revision","at"}], ?2 resource, ?3 now.
-- A message that is older than what is stored changes nothing.
INSERT INTO Update_ComplianceStatus (CI_ID, ResourceID, Status, LastStatusChangeTime, LastStatusCheckTime,
                                     LastLocalChangeTime, RevisionNumber)
SELECT i.CI_ID, ?2, m.value ->> '$.state', m.value ->> '$.at', m.value ->> '$.at', ?3, m.value ->> '$.revision'
FROM json_each(?1) m
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
WHERE true
ORDER BY m.key
ON CONFLICT (ResourceID, CI_ID) DO UPDATE SET
    Status = excluded.Status,
    LastStatusChangeTime = IIF(Status = excluded.Status, LastStatusChangeTime, excluded.LastStatusChangeTime),
    LastStatusCheckTime = excluded.LastStatusCheckTime,
    LastLocalChangeTime = excluded.LastLocalChangeTime,
    RevisionNumber = excluded.RevisionNumber
WHERE LastStatusCheckTime IS NULL OR excluded.LastStatusCheckTime >= LastStatusCheckTime
