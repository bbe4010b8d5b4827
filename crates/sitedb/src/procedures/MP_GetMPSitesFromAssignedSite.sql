-- ?1 assigned site. The site and its secondary sites, the site first.
SELECT SiteCode, SiteType
FROM Sites
WHERE Status = 1 AND (SiteCode = ?1 OR (ReportToSite = ?1 AND SiteType = 1))
ORDER BY SiteType DESC, SiteCode
