-- ?1 update source, ?2 content version, ?3 assigned site, ?4 resident site, ?5 on the Internet (0, 1), ?6 forest
-- (not used), ?7 boundary groups of the client as a JSON array.
-- Since 1702: servers in the client's boundary groups, then those of groups it may fall back to at once.
WITH reachable AS (
    SELECT value AS GroupID, 0 AS distance FROM json_each(?7)
    UNION ALL
    SELECT r.DestinationGroupID, 1
    FROM BoundaryGroupRelationships r
    WHERE r.FallbackSUP = 0 AND r.SourceGroupID IN (SELECT value FROM json_each(?7))
), servers AS (
    SELECT s.ServerName, MIN(r.distance) AS distance
    FROM BoundaryGroupSiteSystems s
    JOIN reachable r ON r.GroupID = s.GroupID
    GROUP BY s.ServerName
)
SELECT l.SiteCode, l.WSUSURL, l.ServerName, l.ContentVersion
FROM WSUSServerLocations l
JOIN servers v ON v.ServerName = l.ServerName
WHERE l.UpdateSource_UniqueID = ?1
  AND l.ContentVersion >= ?2
  AND l.SiteCode IN (?3, ?4)
  AND l.ClientConnection IN (?5, 2)
  AND EXISTS (SELECT 1 FROM CI_UpdateSources c
              WHERE c.UpdateSource_UniqueID = ?1 AND CAST(c.UpdateSourceVersion AS INTEGER) >= ?2)
  AND EXISTS (SELECT 1 FROM Update_SyncStatus s
              WHERE s.UpdateSource_UniqueID = ?1 AND s.SiteCode = l.SiteCode AND s.ContentVersion >= ?2)
ORDER BY v.distance, l.RecordID
