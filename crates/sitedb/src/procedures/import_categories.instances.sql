-- ?1 categories as JSON, ?2 site, ?3 now.
INSERT INTO CI_CategoryInstances (CategoryInstance_UniqueID, CategoryTypeName, SourceSite, DateLastModified)
SELECT value ->> '$.id', value ->> '$.kind', ?2, ?3 FROM json_each(?1) WHERE true ORDER BY key
ON CONFLICT (CategoryInstance_UniqueID) DO UPDATE SET DateLastModified = excluded.DateLastModified
