-- ?1 PADBID, ?2 now. Machine 0 stands for every machine.
INSERT INTO ResPolicyMap (MachineID, PADBID, LastUpdateTime) VALUES (0, ?1, ?2)
ON CONFLICT (MachineID, PADBID) DO UPDATE SET IsTombstoned = 0
