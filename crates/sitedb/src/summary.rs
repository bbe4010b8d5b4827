//! Summarization: the figures that the console shows, counted from the status rows.

use crate::handle::{SiteDb, SiteDbError};

/// A summarizer of the State System.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryTask {
    /// Counts per update.
    UpdateStatus,
}

impl SummaryTask {
    /// Name as the log prints it (article).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpdateStatus => "SUM Update Status Summarizer",
        }
    }
}

/// Seconds between two runs of the hourly summarizers (article).
const INTERVAL_SECONDS: i64 = 3600;

impl SiteDb {
    /// Runs a summarizer and returns the number of rows it wrote, which the log calls its status.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn summarize(&self, task: SummaryTask) -> Result<u64, SiteDbError> {
        let now = self.now();
        self.write("summarize", move |c| {
            Box::pin(async move {
                let rows = sqlx::query(include_str!("procedures/summarize_update_status.sql"))
                    .bind(&now)
                    .execute(&mut *c)
                    .await?
                    .rows_affected();
                sqlx::query(include_str!("procedures/summary_task.sql"))
                    .bind(task.name())
                    .bind(INTERVAL_SECONDS)
                    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
                    .bind(&now)
                    .execute(c)
                    .await?;
                Ok(rows)
            })
        })
        .await
    }
}
