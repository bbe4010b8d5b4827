SELECT json_group_array(json_array(RevisionID, HardwareID, DriverVerDate, DriverVerVersion)) FROM tbDriver
