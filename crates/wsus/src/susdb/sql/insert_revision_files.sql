INSERT OR IGNORE INTO tbFileForRevision (RevisionID, FileDigest)
SELECT value ->> 0, value ->> 1 FROM json_each(?1)
