-- ?1 addresses as JSON [{"subnet":"192.168.2.0","address":"192.168.2.62","number":3232236094}], ?2 AD site.
-- The boundary groups the client is in; without any, the site's default group.
WITH place AS (
    SELECT value ->> '$.subnet' AS subnet, value ->> '$.address' AS address, value ->> '$.number' AS number
    FROM json_each(?1)
), matching AS (
    SELECT DISTINCT m.GroupID
    FROM BoundaryEx b
    JOIN BoundaryGroupMembers m ON m.BoundaryID = b.BoundaryID
    WHERE (b.BoundaryType = 1 AND ?2 <> '' AND b.Value = ?2)
       OR EXISTS (
            SELECT 1 FROM place p
            WHERE (b.BoundaryType = 0 AND b.Value = p.subnet)
               OR (b.BoundaryType = 2 AND instr(lower(p.address), lower(rtrim(b.Value, ':')) || ':') = 1)
               OR (b.BoundaryType = 3 AND p.number BETWEEN b.NumericValueLow AND b.NumericValueHigh))
)
SELECT g.GroupID, g.GroupGUID, g.Flags, g.DefaultSiteCode
FROM BoundaryGroup g
WHERE g.GroupID IN (SELECT GroupID FROM matching)
   OR ((g.Flags & 1) = 1 AND NOT EXISTS (SELECT 1 FROM matching))
ORDER BY g.GroupID
