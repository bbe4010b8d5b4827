//! What a synchronization leaves behind, and the notifications that follow from it.

use cmsim_sim::SimTime;
use cmsim_wire::guid::Braced;
use uuid::Uuid;

use crate::handle::{SiteDb, SiteDbError};
use crate::time::sql_timestamp;

/// Arguments of `spProcessSUMSyncStateMessage`, in its order (article; names ours).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynchronizationState {
    /// When the synchronization ended.
    pub time: SimTime,
    /// Site of the server.
    pub site_code: String,
    /// Unique id of the update source.
    pub source: Uuid,
    /// 1 done, anything else failed (inferred from the only call on record, which is a success with 1).
    pub state: i64,
    /// Error code, 0 for success.
    pub error_code: i64,
    /// Content version the server has now.
    pub content_version: u32,
    /// Full name of the server.
    pub server: String,
}

/// A change that the Database Notification Monitor has to pass on.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ChangeNotification {
    /// Ascending number, printed in brackets.
    #[sqlx(rename = "RecordID")]
    pub number: i64,
    /// `INSERT` or `UPDATE`.
    #[sqlx(rename = "Action")]
    pub action: String,
    /// Changed table.
    #[sqlx(rename = "Table")]
    pub table: String,
    /// Name of the notification, such as `UpdSyncStatus_iu`.
    #[sqlx(rename = "Name")]
    pub name: String,
    /// What changed, such as an update source id.
    #[sqlx(rename = "Key")]
    pub key: String,
}

/// What the Policy Provider needs to know of an update source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateSourceState {
    /// Unique id.
    pub source: Uuid,
    /// Content version of the site.
    pub content_version: u32,
    /// Codes after which clients try another server, as the site control file holds them: `{n, n, …}`.
    pub retry_codes: String,
}

/// Ids of the status messages that stand for the end of a synchronization (article).
const SYNC_DONE: i64 = 6702;
const SYNC_FAILED: i64 = 6703;

impl SiteDb {
    /// `spProcessSUMSyncStateMessage`: notes the result of a server's synchronization. A success raises the content
    /// version of the server's location, of the update source and of the site; the last wakes the Database
    /// Notification Monitor.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn sp_process_sum_sync_state_message(&self, message: &SynchronizationState) -> Result<(), SiteDbError> {
        let source = Braced(message.source).to_string();
        self.traced(format!(
            "declare @Error int; exec spProcessSUMSyncStateMessage N'{}', N'{}', N'{source}', {}, {}, '{}', \
             @Error output, N'{}'",
            message.time.timestamp().strftime("%Y-%m-%d %H:%M:%S"),
            message.site_code,
            message.state,
            message.error_code,
            message.content_version,
            message.server,
        ));
        let time = sql_timestamp(message.time.timestamp());
        let message = message.clone();
        let done = message.state == 1 && message.error_code == 0;
        self.write("spProcessSUMSyncStateMessage", move |c| {
            Box::pin(async move {
                if done {
                    sqlx::query(include_str!("procedures/spProcessSUMSyncStateMessage.location.sql"))
                        .bind(&time)
                        .bind(&message.site_code)
                        .bind(&source)
                        .bind(message.content_version)
                        .bind(&message.server)
                        .execute(&mut *c)
                        .await?;
                    sqlx::query(include_str!("procedures/spProcessSUMSyncStateMessage.source.sql"))
                        .bind(&time)
                        .bind(&source)
                        .bind(message.content_version)
                        .execute(&mut *c)
                        .await?;
                }
                sqlx::query(include_str!("procedures/spProcessSUMSyncStateMessage.status.sql"))
                    .bind(&time)
                    .bind(&message.site_code)
                    .bind(&source)
                    .bind(if done { SYNC_DONE } else { SYNC_FAILED })
                    .bind(message.error_code)
                    .bind(message.content_version)
                    .bind(&message.server)
                    .bind(done)
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Changes that nobody has taken yet, in order.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn change_notifications(&self) -> Result<Vec<ChangeNotification>, SiteDbError> {
        self.read("TableChangeNotifications", |c| {
            Box::pin(
                sqlx::query_as(
                    r#"SELECT RecordID, Action, "Table", Name, "Key" FROM TableChangeNotifications ORDER BY RecordID"#,
                )
                .fetch_all(c),
            )
        })
        .await
    }

    /// Takes a change off the list.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn forget_notification(&self, number: i64) -> Result<(), SiteDbError> {
        self.write("TableChangeNotifications", move |c| {
            Box::pin(async move {
                let sql = "DELETE FROM TableChangeNotifications WHERE RecordID = ?";
                sqlx::query(sql).bind(number).execute(c).await.map(drop)
            })
        })
        .await
    }

    /// The update source of a site at the version of its last synchronization; `None` before the first one.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn update_source_state(&self, site_code: &str) -> Result<Option<UpdateSourceState>, SiteDbError> {
        let site_code = site_code.to_owned();
        let row: Option<(String, u32, Option<String>)> = self
            .read("Update_SyncStatus", |c| {
                Box::pin(
                    sqlx::query_as(
                        "SELECT s.UpdateSource_UniqueID, s.ContentVersion, p.Value2
                         FROM Update_SyncStatus s
                         LEFT JOIN SC_Component k
                           ON k.SiteCode = s.SiteCode AND k.ComponentName = 'SMS_WSUS_CONFIGURATION_MANAGER'
                         LEFT JOIN SC_Component_Property p
                           ON p.ComponentID = k.ID AND p.Name = 'WSUS Scan Retry Error Codes'
                         WHERE s.SiteCode = ? AND s.ContentVersion > 0",
                    )
                    .bind(site_code)
                    .fetch_optional(c),
                )
            })
            .await?;
        Ok(row.and_then(|(source, content_version, retry_codes)| {
            Some(UpdateSourceState {
                source: source.parse::<Braced>().ok()?.0,
                content_version,
                retry_codes: retry_codes.unwrap_or_default(),
            })
        }))
    }
}
