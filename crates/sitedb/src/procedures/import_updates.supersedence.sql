-- ?1 updates as JSON.
INSERT OR IGNORE INTO CI_Supersedence (FromCI_ID, SupersededUniqueID)
SELECT i.CI_ID, g.value
FROM json_each(?1) m
JOIN json_each(m.value, '$.supersedes') g
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
ORDER BY i.CI_ID, g.key
