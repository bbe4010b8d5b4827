-- ?1 site code.
SELECT SiteCode, Version, BuildNumber, Settings, DefaultMP, Capabilities FROM Sites WHERE SiteCode = ?1
