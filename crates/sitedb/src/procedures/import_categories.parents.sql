-- ?1 categories as JSON.
UPDATE CI_CategoryInstances AS k SET ParentCategoryInstanceID = p.CategoryInstanceID
FROM json_each(?1) m
JOIN CI_CategoryInstances p ON p.CategoryInstance_UniqueID = m.value ->> '$.parent'
WHERE k.CategoryInstance_UniqueID = m.value ->> '$.id'
