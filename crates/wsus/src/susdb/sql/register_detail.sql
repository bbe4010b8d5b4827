INSERT OR REPLACE INTO tbComputerTargetDetail (
    TargetID, OSMajorVersion, OSMinorVersion, OSBuildNumber, OSServicePackMajorNumber, OSServicePackMinorNumber,
    OSLocale, ComputerMake, ComputerModel, BiosVersion, BiosName, BiosReleaseDate, ProcessorArchitecture, SuiteMask,
    OldProductType, NewProductType, SystemMetrics, ClientVersion, OSDescription, OEM, DeviceType, FirmwareVersion,
    MobileOperator)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
