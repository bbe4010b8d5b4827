-- ?1 updates as JSON.
INSERT INTO CI_LocalizedProperties (CI_ID, DisplayName, Description, InfoURL)
SELECT i.CI_ID, m.value ->> '$.title', m.value ->> '$.description', m.value ->> '$.url'
FROM json_each(?1) m
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
WHERE true
ORDER BY m.key
ON CONFLICT (CI_ID, LocaleID) DO UPDATE SET
    DisplayName = excluded.DisplayName, Description = excluded.Description, InfoURL = excluded.InfoURL
