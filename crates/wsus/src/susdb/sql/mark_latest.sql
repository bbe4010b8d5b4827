-- Only the highest revision of an update counts.
UPDATE tbRevision SET IsLatestRevision = 0
WHERE IsLatestRevision AND EXISTS (
    SELECT 1 FROM tbRevision newer
    WHERE newer.LocalUpdateID = tbRevision.LocalUpdateID AND newer.RevisionNumber > tbRevision.RevisionNumber)
