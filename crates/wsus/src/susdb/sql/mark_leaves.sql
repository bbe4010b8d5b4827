-- A leaf is what no revision names as a prerequisite; category clauses count as well.
UPDATE tbRevision SET IsLeaf = 0
WHERE IsLeaf AND LocalUpdateID IN (SELECT LocalUpdateID FROM tbInstalledUpdateSufficientForPrerequisite)
