//! Database Notification Monitor: turns changes of tables into trigger files. Log: `smsdbmon.log`.

use std::time::Duration;

use cmsim_logs::{Evidence, Log};
use cmsim_sitedb::ChangeNotification;

use crate::component::Component;
use crate::site_server::{INSTALL_DIR, SiteServer};

/// How long changes gather before they are looked at (inferred).
const GATHER: Duration = Duration::from_secs(1);

/// What a notification becomes: (name, folder below the inboxes, ending, whether the file has content) (article).
const ROUTES: &[(&str, &str, &str, bool)] =
    &[("UpdSyncStatus_iu", "policypv.box", "STN", true), ("SyncNotif_WSyncMgr", "WSyncMgr.box", "SYN", false)];

/// The component.
pub struct NotificationMonitor {
    component: Component,
    site: SiteServer,
}

impl NotificationMonitor {
    /// The component of `site`, which begins with the oldest change that nobody has passed on.
    #[must_use]
    pub fn new(site: SiteServer) -> Self {
        Self { component: Component::new(site.host().clone(), Log::SmsDbMon), site }
    }

    /// Passes changes on for ever.
    pub async fn run(self) {
        let mut changes = self.site.db().database().changes();
        loop {
            self.component.wait("changes to gather", GATHER).await;
            changes.mark_unchanged();
            if self.component.is_running() {
                self.pass_on().await;
            }
            let waits = self.component.host.clock().waits().clone();
            let _waiting = waits.enter(self.component.who(), "changes of tables", None);
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn pass_on(&self) {
        // Without the database there is nothing to pass on; the next change wakes it again.
        let Ok(notifications) = self.site.db().change_notifications().await else {
            return;
        };
        for notification in notifications {
            if !self.drop_file(&notification) {
                return;
            }
            // What cannot be forgotten is dropped again, and its reader finds nothing new.
            let _ = self.site.db().forget_notification(notification.number).await;
        }
    }

    /// Says whether the change is done with; one whose file cannot be written is tried again with the next change.
    fn drop_file(&self, notification: &ChangeNotification) -> bool {
        let ChangeNotification { number, action, table, name, key } = notification;
        self.component.info(Evidence::Article, format!("RCV: {action} on {table} for {name} [{key}][{number}]"));
        let Some((_, folder, ending, content)) = ROUTES.iter().find(|(route, ..)| route == name) else {
            return true;
        };
        let path = format!(r"{INSTALL_DIR}\inboxes\{folder}\{key}.{ending}");
        let (bytes, remark) = if *content { (key.as_bytes(), " (non-zero)") } else { (&[][..], "") };
        match self.component.host.disk().write(&path, bytes) {
            Ok(()) => {
                self.component.info(Evidence::Article, format!("SND: Dropped {path}{remark} [{number}]"));
                true
            }
            Err(error) => {
                let text = format!("ERROR: Failed to drop {path} [{number}], error {}", error.hresult() & 0xFFFF);
                self.component.error(Evidence::Inferred, text);
                false
            }
        }
    }
}
