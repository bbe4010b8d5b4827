SELECT json_group_array(json_array(RevisionID, Part)) FROM (
    SELECT b.RevisionID, r.RevisionID AS Part
    FROM tbBundleDependency b
    JOIN tbUpdate u ON u.UpdateID = b.BundledUpdateID
    JOIN tbRevision r ON r.LocalUpdateID = u.LocalUpdateID AND r.IsLatestRevision
    ORDER BY b.RevisionID, r.RevisionID)
