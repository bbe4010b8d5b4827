-- ?1 categories as JSON.
INSERT INTO CI_LocalizedCategoryInstances (CategoryInstanceID, CategoryInstanceName)
SELECT k.CategoryInstanceID, m.value ->> '$.title'
FROM json_each(?1) m
JOIN CI_CategoryInstances k ON k.CategoryInstance_UniqueID = m.value ->> '$.id'
WHERE true
ORDER BY m.key
ON CONFLICT (CategoryInstanceID, LocaleID) DO UPDATE SET CategoryInstanceName = excluded.CategoryInstanceName
