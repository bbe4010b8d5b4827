INSERT INTO tbProperty (RevisionID, ExplicitlyDeployable, DefaultPropertiesLanguage, MsrcSeverity)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)
