-- ?1 categories as JSON.
INSERT INTO CI_UpdateCategorySubscription (CategoryInstanceID, IsSubscribed)
SELECT k.CategoryInstanceID, m.value ->> '$.subscribed'
FROM json_each(?1) m
JOIN CI_CategoryInstances k ON k.CategoryInstance_UniqueID = m.value ->> '$.id'
WHERE true
ORDER BY m.key
ON CONFLICT (CategoryInstanceID) DO UPDATE SET IsSubscribed = excluded.IsSubscribed
