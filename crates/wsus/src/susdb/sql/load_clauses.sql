-- A clause names updates and means their newest revisions.
SELECT json_group_array(json_array(RevisionID, PrerequisiteID, IsCategory, Member, UpdateID)) FROM (
    SELECT p.RevisionID, p.PrerequisiteID, p.IsCategory, m.RevisionID AS Member, u.UpdateID
    FROM tbPrerequisite p
    JOIN tbInstalledUpdateSufficientForPrerequisite s ON s.PrerequisiteID = p.PrerequisiteID
    JOIN tbUpdate u ON u.LocalUpdateID = s.LocalUpdateID
    JOIN tbRevision m ON m.LocalUpdateID = s.LocalUpdateID AND m.IsLatestRevision
    ORDER BY p.RevisionID, p.PrerequisiteID, s.LocalUpdateID)
