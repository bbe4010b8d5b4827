-- ?1 updates as JSON. What follows writes the categories of the new revision.
DELETE FROM CI_ConfigurationItemCategories
WHERE CI_ID IN (SELECT i.CI_ID FROM json_each(?1) m JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id')
