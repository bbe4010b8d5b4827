-- ?1 now. Only rows that change are written.
INSERT INTO Update_ComplianceSummary (CI_ID, LastSummaryTime, NumTotal, NumMissing, NumInstalled, NumNotApplicable,
                                      NumPresent, NumFailed, NumUnknown)
SELECT CI_ID, ?1, NumTotal, NumMissing, NumInstalled, NumNotApplicable, NumPresent, NumFailed, NumUnknown
FROM v_Update_ComplianceSummary_Live
WHERE true
ORDER BY CI_ID
ON CONFLICT (CI_ID) DO UPDATE SET
    LastSummaryTime = excluded.LastSummaryTime, NumTotal = excluded.NumTotal, NumMissing = excluded.NumMissing,
    NumInstalled = excluded.NumInstalled, NumNotApplicable = excluded.NumNotApplicable,
    NumPresent = excluded.NumPresent, NumFailed = excluded.NumFailed, NumUnknown = excluded.NumUnknown
WHERE (NumTotal, NumMissing, NumInstalled, NumNotApplicable, NumFailed, NumUnknown)
   IS NOT (excluded.NumTotal, excluded.NumMissing, excluded.NumInstalled, excluded.NumNotApplicable,
           excluded.NumFailed, excluded.NumUnknown)
