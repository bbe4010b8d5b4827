-- ?1 name, ?2 interval in seconds, ?3 result, ?4 now.
INSERT INTO SR_SummaryTasks (TaskName, TaskCommand, RunInterval, LastRunDuration, LastRunResult, LastStartTime,
                             LastSuccessfulCompletionTime, NextStartTime)
VALUES (?1, '', ?2, 0, ?3, ?4, ?4, strftime('%Y-%m-%d %H:%M:%f', ?4, ?2 || ' seconds'))
ON CONFLICT (TaskName) DO UPDATE SET
    LastRunResult = excluded.LastRunResult, LastStartTime = excluded.LastStartTime,
    LastSuccessfulCompletionTime = excluded.LastSuccessfulCompletionTime, NextStartTime = excluded.NextStartTime
