-- ?1 update source, ?2 content version, ?3 assigned site, ?4 resident site, ?5 on the Internet (0, 1), ?6 forest.
-- System Center 2012 R2: servers of both sites that serve at least that version, for which the three holders of
-- the version agree, of the client's forest, for the client's kind of network. A client without a forest (a
-- workgroup) gets them whatever their forest.
SELECT l.SiteCode, l.WSUSURL, l.ServerName, l.ContentVersion
FROM WSUSServerLocations l
WHERE l.UpdateSource_UniqueID = ?1
  AND l.ContentVersion >= ?2
  AND l.SiteCode IN (?3, ?4)
  AND l.ClientConnection IN (?5, 2)
  AND (?6 = '' OR l.ForestFQDN IN ('', ?6))
  AND EXISTS (SELECT 1 FROM CI_UpdateSources c
              WHERE c.UpdateSource_UniqueID = ?1 AND CAST(c.UpdateSourceVersion AS INTEGER) >= ?2)
  AND EXISTS (SELECT 1 FROM Update_SyncStatus s
              WHERE s.UpdateSource_UniqueID = ?1 AND s.SiteCode = l.SiteCode AND s.ContentVersion >= ?2)
ORDER BY l.SiteCode <> ?4, l.RecordID
