-- What nobody can approve and a bundle holds is deployed with the bundle.
UPDATE tbDeployment
SET ActionID = 'Bundle', LastChangeNumber = (SELECT LastChangeNumber FROM tbConfiguration)
WHERE ActionID = 'Evaluate' AND RevisionID IN (
    SELECT r.RevisionID FROM tbRevision r
    JOIN tbUpdate u ON u.LocalUpdateID = r.LocalUpdateID
    JOIN tbProperty p ON p.RevisionID = r.RevisionID
    JOIN tbBundleDependency b ON b.BundledUpdateID = u.UpdateID
    WHERE u.UpdateType IN ('Software', 'Driver') AND NOT p.ExplicitlyDeployable)
