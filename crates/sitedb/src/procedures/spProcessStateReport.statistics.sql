-- ?1 [{"topic","state"}] of every accepted message, ?2 day.
INSERT INTO SR_StateMessageStatistics (StatDate, TopicType, StateID, TotalMsgs)
SELECT ?2, m.value ->> '$.topic', m.value ->> '$.state', COUNT(*)
FROM json_each(?1) m
WHERE true
GROUP BY 2, 3
ON CONFLICT (StatDate, TopicType, StateID) DO UPDATE SET TotalMsgs = TotalMsgs + excluded.TotalMsgs
