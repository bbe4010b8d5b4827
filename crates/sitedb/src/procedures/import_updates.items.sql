-- ?1 updates as JSON, ?2 site, ?3 now. A model is named after the update source (field: CI names in UpdatesDeployment.log).
INSERT INTO CI_ConfigurationItems (CI_UniqueID, ModelName, CIType_ID, CIVersion, SourceSite, IsBundle, IsChild,
                                   IsExpired, IsSuperseded, EULAExists, EffectiveDate, DateCreated, DateLastModified)
SELECT value ->> '$.id',
       'Site_' || trim((SELECT UpdateSource_UniqueID FROM CI_UpdateSources WHERE SourceSite = ?2), '{}')
               || '/SUM_' || (value ->> '$.id'),
       value ->> '$.type', value ->> '$.revision', ?2,
       value ->> '$.bundle', value ->> '$.child', value ->> '$.expired', value ->> '$.superseded', value ->> '$.eula',
       value ->> '$.revised', ?3, ?3
FROM json_each(?1)
WHERE true
ORDER BY key
ON CONFLICT (CI_UniqueID) DO UPDATE SET
    CIVersion = excluded.CIVersion, IsExpired = excluded.IsExpired, IsSuperseded = excluded.IsSuperseded,
    EffectiveDate = excluded.EffectiveDate, DateLastModified = excluded.DateLastModified
