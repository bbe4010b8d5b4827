INSERT INTO tbComputerTarget (ComputerID, FullDomainName, IPAddress, RegisteredTime) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (ComputerID) DO UPDATE SET FullDomainName = excluded.FullDomainName, IPAddress = excluded.IPAddress
RETURNING TargetID
