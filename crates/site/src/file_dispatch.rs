//! MP File Dispatch Manager: carries files from a remote management point to the site server. Log: `mpfdm.log`.

use std::time::Duration;

use cmsim_logs::{Evidence, Log};
use cmsim_sim::SimRng;
use cmsim_world::Host;

use crate::component::{Component, LOOK};
use crate::site_server::SiteServer;

/// Folder on a remote management point into which it relays state messages, as `.SMX` files (article).
pub const STATE_OUTBOX: &str = r"C:\SMS\mp\outboxes\StateMsg.box";

/// The same folder as this component prints it (article).
const PRINTED_OUTBOX: &str = r"C:\SMS\MP\OUTBOXES\statemsg.box";

/// Where these files belong below the site's inboxes (article).
pub(crate) const STATE_INBOX: &str = r"auth\statesys.box\incoming";

/// Pause after it could not ask the site server for its inboxes (field).
const SOURCE_PAUSE: Duration = Duration::from_secs(30);

/// The component on one management point.
pub struct FileDispatch {
    component: Component,
    site: SiteServer,
    transfer: SimRng,
}

impl FileDispatch {
    /// The component on the management point `host` of `site`.
    #[must_use]
    pub fn new(host: Host, site: SiteServer) -> Self {
        let transfer = host.seed().stream("mpfdm transfers");
        Self { component: Component::new(host, Log::MpFdm), site, transfer }
    }

    /// Moves files for ever.
    pub async fn run(mut self) {
        loop {
            self.component.wait("files in its outboxes", LOOK).await;
            if self.component.is_running() {
                self.dispatch().await;
            }
        }
    }

    async fn dispatch(&mut self) {
        let disk = self.component.host.disk().clone();
        let names: Vec<_> = disk
            .list(STATE_OUTBOX)
            .unwrap_or_default()
            .iter()
            .map(cmsim_world::FileFacts::name)
            .filter(|name| name.to_ascii_uppercase().ends_with(".SMX"))
            .collect();
        if names.is_empty() {
            return;
        }
        let Some(share) = self.site.inbox_source() else {
            let text = "~**ERROR: Cannot connect to the inbox source, sleep 30 seconds and try again.";
            self.component.error(Evidence::Docs, text);
            self.component.wait("the inbox source", SOURCE_PAUSE).await;
            return;
        };
        for name in names {
            self.move_file(&name, &share).await;
        }
    }

    async fn move_file(&mut self, name: &str, share: &str) {
        let from = format!(r"{STATE_OUTBOX}\{name}");
        let to = format!(r"{}\{name}", self.site.inbox(STATE_INBOX));
        let target = self.site.host().disk();
        // Two management points can draw one name; the second file waits until the first is processed.
        if target.exists(&to) {
            return;
        }
        let pause = Duration::from_millis(self.transfer.below(2, 20));
        self.component.wait("a file transfer", pause).await;
        let source = self.component.host.disk();
        let Ok(bytes) = source.read(&from) else {
            return;
        };
        let shown = format!(r"{PRINTED_OUTBOX}\{name} to {share}\{STATE_INBOX}\{name}");
        // Delete only what has arrived: a file may be there twice, never nowhere.
        match target.write(&to, &bytes).and_then(|()| source.delete(&from)) {
            Ok(_) => self.component.info(Evidence::Article, format!("Moved file {shown}")),
            Err(error) => {
                let text = format!("~**ERROR: Cannot move file {shown}, error {}", error.hresult() & 0xFFFF);
                self.component.error(Evidence::Inferred, text);
            }
        }
    }
}
