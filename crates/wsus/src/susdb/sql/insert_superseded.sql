INSERT OR IGNORE INTO tbRevisionSupersedesUpdate (RevisionID, SupersededUpdateID)
SELECT value ->> 0, value ->> 1 FROM json_each(?1)
