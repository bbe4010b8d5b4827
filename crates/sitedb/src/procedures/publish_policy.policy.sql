-- ?1 policy, ?2 version, ?3 body, ?4 flags, ?5 category, ?6 hash.
INSERT INTO Policy (PolicyID, Version, Body, PolicyFlags, PolicyCategory, PolicyHash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (PolicyID) DO UPDATE SET
    Version = excluded.Version, Body = excluded.Body, PolicyFlags = excluded.PolicyFlags,
    PolicyCategory = excluded.PolicyCategory, PolicyHash = excluded.PolicyHash
