-- ?1 assignment, ?2 version, ?3 policy, ?4 body, ?5 hash, ?6 signature, ?7 now.
INSERT INTO PolicyAssignment (PolicyAssignmentID, Version, PolicyID, Body, BodyHash, BodySignature, LastUpdateTime)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (PolicyAssignmentID) DO UPDATE SET
    Version = excluded.Version, PolicyID = excluded.PolicyID, Body = excluded.Body, BodyHash = excluded.BodyHash,
    BodySignature = excluded.BodySignature, LastUpdateTime = excluded.LastUpdateTime, IsTombstoned = 0
RETURNING PADBID
