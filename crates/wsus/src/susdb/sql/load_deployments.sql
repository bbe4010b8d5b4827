SELECT json_group_array(json_array(
    RevisionID, DeploymentID, TargetGroupID, ActionID, Deadline, LastChangeTime, LastChangeNumber))
FROM tbDeployment
