SELECT json_group_array(json_array(r.RevisionID, u.UpdateID, r.RevisionNumber, u.UpdateType, r.IsLeaf, x.RootElementXml))
FROM tbRevision r
JOIN tbUpdate u ON u.LocalUpdateID = r.LocalUpdateID
JOIN tbXml x ON x.RevisionID = r.RevisionID AND x.RootElementType = 1
WHERE r.IsLatestRevision AND NOT u.IsHidden
