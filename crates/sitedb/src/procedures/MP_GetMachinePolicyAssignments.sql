-- ?1 client id, ?2 cookie: the time up to which the client has everything, empty for a full list.
SELECT a.PolicyAssignmentID, a.Version, a.LastUpdateTime, a.Body,
       MAX(a.IsTombstoned, m.IsTombstoned) AS IsTombstoned, a.BodySignature, a.HashAlgId, a.HashAlgOID, a.InProcess,
       0 AS SiteMaintenance, k.ApprovalStatus AS ClientStatus
FROM ClientKeyData k
JOIN ResPolicyMap m ON m.MachineID IN (0, k.ItemKey)
JOIN PolicyAssignment a ON a.PADBID = m.PADBID
WHERE k.SMSID = ?1 AND k.IsBlocked = 0 AND a.InProcess = 0
  AND MAX(a.LastUpdateTime, m.LastUpdateTime) > ?2
  AND (?2 <> '' OR MAX(a.IsTombstoned, m.IsTombstoned) = 0)
ORDER BY a.PADBID
