INSERT INTO tbDeployment (DeploymentID, RevisionID, TargetGroupID, ActionID, Deadline, LastChangeTime, LastChangeNumber)
SELECT value ->> 0, value ->> 1, 'a0a08746-4dbe-4a37-9adf-9e7652c0b421', value ->> 2, value ->> 3, value ->> 4, ?2
FROM json_each(?1)
