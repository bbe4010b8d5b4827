-- ?1 updates as JSON, ?2 site. A new revision does not make an update newer than it is.
INSERT INTO CI_UpdateCIs (CI_ID, UpdateSource_ID, MinSourceVersion, RevisionNumber, ArticleID, BulletinID, Severity,
                          UpdateType, DatePosted, DateRevised)
SELECT i.CI_ID, s.UpdateSource_ID, m.value ->> '$.since', m.value ->> '$.revision', m.value ->> '$.article',
       m.value ->> '$.bulletin', m.value ->> '$.severity', m.value ->> '$.kind', m.value ->> '$.revised',
       m.value ->> '$.revised'
FROM json_each(?1) m
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
JOIN CI_UpdateSources s ON s.SourceSite = ?2
WHERE true
ORDER BY m.key
ON CONFLICT (CI_ID) DO UPDATE SET
    RevisionNumber = excluded.RevisionNumber, ArticleID = excluded.ArticleID, BulletinID = excluded.BulletinID,
    Severity = excluded.Severity, DateRevised = excluded.DateRevised
