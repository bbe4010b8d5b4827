INSERT OR IGNORE INTO tbDriver (RevisionID, HardwareID, DriverVerDate, DriverVerVersion)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)
