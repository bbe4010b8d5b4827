-- One file may belong to many revisions.
INSERT OR IGNORE INTO tbFile (FileDigest, FileName, Size)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)
