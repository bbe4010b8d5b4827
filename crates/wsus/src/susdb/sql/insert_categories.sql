INSERT INTO tbCategory (CategoryID, CategoryType) SELECT value ->> 0, value ->> 1 FROM json_each(?1)
