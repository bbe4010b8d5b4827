-- ?1 time, ?2 site, ?3 update source, ?4 content version, ?5 server.
UPDATE WSUSServerLocations SET ContentVersion = ?4, LastSyncTime = ?1
WHERE SiteCode = ?2 AND UpdateSource_UniqueID = ?3 AND ServerName = ?5
