UPDATE tbDeployment
SET IsLeaf = 0, LastChangeNumber = (SELECT LastChangeNumber FROM tbConfiguration)
WHERE IsLeaf AND EXISTS (
    SELECT 1 FROM tbRevision r WHERE r.RevisionID = tbDeployment.RevisionID AND NOT r.IsLeaf)
