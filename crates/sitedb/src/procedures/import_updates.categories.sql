-- ?1 updates as JSON.
INSERT INTO CI_ConfigurationItemCategories (CI_ID, CategoryInstanceID)
SELECT DISTINCT i.CI_ID, k.CategoryInstanceID
FROM json_each(?1) m
JOIN json_each(m.value, '$.categories') g
JOIN CI_ConfigurationItems i ON i.CI_UniqueID = m.value ->> '$.id'
JOIN CI_CategoryInstances k ON k.CategoryInstance_UniqueID = g.value
ORDER BY i.CI_ID, k.CategoryInstanceID
