-- ?1 time, ?2 update source, ?3 content version.
UPDATE CI_UpdateSources SET UpdateSourceVersion = CAST(?3 AS TEXT), DateModified = ?1
WHERE UpdateSource_UniqueID = ?2 AND CAST(UpdateSourceVersion AS INTEGER) < ?3
