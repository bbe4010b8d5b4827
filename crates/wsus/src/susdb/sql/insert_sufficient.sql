INSERT INTO tbInstalledUpdateSufficientForPrerequisite (PrerequisiteID, LocalUpdateID)
SELECT value ->> 0, value ->> 1 FROM json_each(?1)
