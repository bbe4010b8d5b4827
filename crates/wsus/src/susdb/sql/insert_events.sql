INSERT OR IGNORE INTO tbEventInstance (
    EventInstanceID, EventNamespaceID, EventID, EventSourceID, ComputerID, UpdateID, RevisionNumber, TimeAtTarget,
    TimeAtServer, Win32HResult, AppName, ReplacementStrings, MiscData)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
       value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12
FROM json_each(?1)
