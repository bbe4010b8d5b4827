-- ?1 source id, ?2 source type, ?3 policy, ?4 assignment, ?5 CRC, ?6 PADBID.
INSERT INTO SettingsPolicy (SourceID, SourceType, PolicyID, PolicyAssignmentID, SourceCRC, PADBID)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (SourceID, SourceType) DO UPDATE SET
    PolicyID = excluded.PolicyID, PolicyAssignmentID = excluded.PolicyAssignmentID,
    SourceCRC = excluded.SourceCRC, PADBID = excluded.PADBID
