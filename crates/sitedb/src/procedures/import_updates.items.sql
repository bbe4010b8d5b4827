-- ?1 updates as JSON, ?2 site, ?3 now.
INSERT INTO CI_ConfigurationItems (CI_UniqueID, ModelName, CIType_ID, CIVersion, SourceSite, IsBundle, IsChild,
                                   IsExpired, IsSuperseded, EULAExists, EffectiveDate, DateCreated, DateLastModified)
SELECT value ->> '$.id', 'Site_' || ?2 || '/SUM_' || (value ->> '$.id'), value ->> '$.type', value ->> '$.revision', ?2,
       value ->> '$.bundle', value ->> '$.child', value ->> '$.expired', value ->> '$.superseded', value ->> '$.eula',
       value ->> '$.revised', ?3, ?3
FROM json_each(?1)
WHERE true
ORDER BY key
ON CONFLICT (CI_UniqueID) DO UPDATE SET
    CIVersion = excluded.CIVersion, IsExpired = excluded.IsExpired, IsSuperseded = excluded.IsSuperseded,
    EffectiveDate = excluded.EffectiveDate, DateLastModified = excluded.DateLastModified
