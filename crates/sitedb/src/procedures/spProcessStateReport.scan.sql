-- Topic 501. ?1 resource, ?2 update source, ?3 state, ?4 message time, ?5 now, ?6 content version or NULL,
-- ?7 location or NULL, ?8 error code, ?9 agent version or NULL, ?10 whether the scan completed.
INSERT INTO Update_ScanStatus (ResourceID, UpdateSource_ID, ScanTime, ScanPackageVersion, LastScanTime, LastScanState,
                               LastErrorCode, LastLocalChangeTime, LastScanPackageLocation, LastScanPackageVersion,
                               LastWUAVersion)
SELECT ?1, u.UpdateSource_ID, IIF(?10, ?4, NULL), IIF(?10, ?6, NULL), ?4, ?3, ?8, ?5, ?7, ?6, ?9
FROM CI_UpdateSources u WHERE u.UpdateSource_UniqueID = ?2
ON CONFLICT (ResourceID, UpdateSource_ID) DO UPDATE SET
    ScanTime = COALESCE(excluded.ScanTime, ScanTime),
    ScanPackageVersion = COALESCE(excluded.ScanPackageVersion, ScanPackageVersion),
    LastScanTime = excluded.LastScanTime,
    LastScanState = excluded.LastScanState,
    LastErrorCode = excluded.LastErrorCode,
    LastLocalChangeTime = excluded.LastLocalChangeTime,
    LastScanPackageLocation = COALESCE(excluded.LastScanPackageLocation, LastScanPackageLocation),
    LastScanPackageVersion = COALESCE(excluded.LastScanPackageVersion, LastScanPackageVersion),
    LastWUAVersion = COALESCE(excluded.LastWUAVersion, LastWUAVersion)
WHERE excluded.LastScanTime >= LastScanTime
