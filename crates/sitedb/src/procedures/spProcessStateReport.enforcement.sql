-- Topic 402. Parameters as for topic 500.
INSERT INTO Update_ComplianceStatus (CI_ID, ResourceID, LastEnforcementMessageID, LastEnforcementMessageTime,
                                     LastLocalChangeTime)
SELECT i.CI_ID, ?2, m.value ->> '$.state', m.value ->> '$.at', ?3
FROM json_each(?1) m
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
WHERE true
ORDER BY m.key
ON CONFLICT (ResourceID, CI_ID) DO UPDATE SET
    LastEnforcementMessageID = excluded.LastEnforcementMessageID,
    LastEnforcementMessageTime = excluded.LastEnforcementMessageTime,
    LastLocalChangeTime = excluded.LastLocalChangeTime
WHERE LastEnforcementMessageTime IS NULL OR excluded.LastEnforcementMessageTime >= LastEnforcementMessageTime
