UPDATE tbUpdate SET IsHidden = 1 WHERE UpdateID IN (SELECT value FROM json_each(?1))
