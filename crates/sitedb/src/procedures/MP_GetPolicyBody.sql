-- ?1 policy id, ?2 version.
SELECT Body, LENGTH(Body) AS BodyLen, PolicyFlags FROM Policy WHERE PolicyID = ?1 AND Version = ?2
