-- Topic 500 for updates that the site does not have. Parameters as for the known ones.
INSERT INTO Update_UnresolvedStatus (CI_UniqueID, ResourceID, Status, RevisionNumber, MessageTime, ReceivedTime)
SELECT m.value ->> '$.id', ?2, m.value ->> '$.state', m.value ->> '$.revision', m.value ->> '$.at', ?3
FROM json_each(?1) m
WHERE NOT EXISTS (SELECT 1 FROM CI_ConfigurationItems i WHERE i.CI_UniqueID = m.value ->> '$.id')
ORDER BY m.key
ON CONFLICT (CI_UniqueID, ResourceID) DO UPDATE SET
    Status = excluded.Status, RevisionNumber = excluded.RevisionNumber,
    MessageTime = excluded.MessageTime, ReceivedTime = excluded.ReceivedTime
WHERE excluded.MessageTime >= MessageTime
