SELECT json_group_array(json_array(u.UpdateID, c.CategoryType))
FROM tbCategory c JOIN tbUpdate u ON u.LocalUpdateID = c.CategoryID
