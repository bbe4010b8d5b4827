DELETE FROM Update_UnresolvedStatus WHERE CI_UniqueID IN (SELECT CI_UniqueID FROM CI_ConfigurationItems)
