-- Updates that the server does not have, and computers that it does not know, are passed over.
INSERT INTO tbUpdateStatusPerComputer (LocalUpdateID, TargetID, SummarizationState, LastChangeTime)
SELECT u.LocalUpdateID, t.TargetID, s.value ->> 1, ?3
FROM json_each(?1) s
JOIN tbUpdate u ON u.UpdateID = s.value ->> 0
JOIN tbComputerTarget t ON t.ComputerID = ?2
WHERE true
ON CONFLICT (LocalUpdateID, TargetID) DO UPDATE
SET SummarizationState = excluded.SummarizationState, LastChangeTime = excluded.LastChangeTime
WHERE SummarizationState <> excluded.SummarizationState
