//! State System: loads state messages into the database and summarizes them. Log: `statesys.log`.

use std::time::Duration;

use cmsim_logs::{Evidence, Log};
use cmsim_sim::SimRng;
use cmsim_sitedb::{ReportRefused, SiteDbError, SummaryTask};
use cmsim_wire::ccm::text;

use crate::component::{Component, LOOK};
use crate::file_dispatch::STATE_INBOX;
use crate::site_server::SiteServer;

mod retries;

use retries::{RETRY_INBOX, Retries};

/// Key and value that switch verbose logging of the component on, as a number 1 (docs: state messaging).
pub const VERBOSE_KEY: &str = r"HKLM\SOFTWARE\Microsoft\SMS\Components\SMS_STATE_SYSTEM";
/// See [`VERBOSE_KEY`].
pub const VERBOSE_VALUE: &str = "Verbose Logging";

/// Folder for files that will never load (inferred).
const CORRUPT_INBOX: &str = r"auth\statesys.box\corrupt";

/// Name of the component in the site control file.
const COMPONENT: &str = "SMS_STATE_SYSTEM";

/// From the notification of a new file to the start of loading (article).
const INBOX_PAUSE: Duration = Duration::from_secs(10);

/// Between two runs of the summarizers (docs).
const SUMMARY_INTERVAL: Duration = Duration::from_secs(3600);

/// The component.
pub struct StateSystem {
    component: Component,
    site: SiteServer,
}

/// What became of one file.
enum Loaded {
    Done { records: usize, invalid: usize },
    Retry(SiteDbError),
    Corrupt(String),
}

impl StateSystem {
    /// The component of `site`.
    #[must_use]
    pub fn new(site: SiteServer) -> Self {
        Self { component: Component::new(site.host().clone(), Log::StateSys), site }
    }

    /// Loads and summarizes for ever.
    pub async fn run(self) {
        tokio::join!(self.load_for_ever(), self.summarize_for_ever());
    }

    async fn load_for_ever(&self) {
        let mut retries = Retries::default();
        loop {
            self.component.wait("files in its inbox", LOOK).await;
            if !self.component.is_running() {
                continue;
            }
            self.bring_back(&mut retries).await;
            if self.waiting_files().is_empty() {
                continue;
            }
            self.verbose(self.component.thread, "Inbox notification triggered, pause for 10 seconds......");
            self.component.wait("the pause after an inbox notification", INBOX_PAUSE).await;
            if self.component.is_running() {
                self.load(&mut retries).await;
            }
        }
    }

    /// Names of the files to load, oldest first.
    fn waiting_files(&self) -> Vec<String> {
        let disk = self.component.host.disk();
        let mut files = disk.list(&self.site.inbox(STATE_INBOX)).unwrap_or_default();
        files.retain(|file| file.name().to_ascii_uppercase().ends_with(".SMX"));
        files.sort_by_key(|file| (file.modified, file.name()));
        files.iter().map(cmsim_world::FileFacts::name).collect()
    }

    /// Loads what is there in chunks, each by a thread's turn, until nothing is left or a run's share is done.
    async fn load(&self, retries: &mut Retries) {
        self.component.info(Evidence::Article, "Found new state messages to process, starting processing thread");
        let thread = self.component.host.new_thread_id();
        let name = format!("Thread \"State Message Processing Thread #0\" id:{thread}");
        self.component.info_on(thread, Evidence::Article, format!("{name} started"));
        let chunk_size = self.setting("Loader Chunk Size", 256).await;
        let most_chunks = self.setting("Max Chunks Fetched", 100).await;
        loop {
            let files = self.waiting_files();
            let chunks: Vec<_> = files.chunks(chunk_size).take(most_chunks).collect();
            // "chucks" is how the product spells it.
            self.component.info_on(thread, Evidence::Article, format!("total chucks loaded ({})", chunks.len()));
            if chunks.is_empty() {
                break;
            }
            for chunk in chunks {
                self.load_chunk(thread, chunk, retries).await;
            }
        }
        self.component.info_on(thread, Evidence::Article, format!("{name} terminated normally"));
    }

    async fn load_chunk(&self, thread: u32, files: &[String], retries: &mut Retries) {
        let mut bad = 0;
        for name in files {
            self.verbose(thread, &format!("CMessageProcessor - Processing file: {name}"));
            match self.load_file(name).await {
                Loaded::Done { records, invalid } => {
                    retries.forget(name);
                    let text =
                        format!("CMessageProcessor - Processed {records} records with {invalid} invalid records.");
                    self.verbose(thread, &text);
                }
                Loaded::Retry(why) => {
                    bad += 1;
                    self.set_aside(name, &why, retries).await;
                }
                Loaded::Corrupt(why) => {
                    bad += 1;
                    retries.forget(name);
                    self.discard(name, &why);
                }
            }
        }
        let text =
            format!("CMessageProcessor - Processed {} message files in this batch, with {bad} bad files.", files.len());
        self.component.info_on(thread, Evidence::Article, text);
    }

    async fn load_file(&self, name: &str) -> Loaded {
        let path = format!(r"{}\{name}", self.site.inbox(STATE_INBOX));
        let disk = self.component.host.disk();
        let report = match disk.read(&path).map(|bytes| text::decode(&bytes)) {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => return Loaded::Corrupt(error.to_string()),
            // Somebody took the file away: nothing to load.
            Err(_) => return Loaded::Done { records: 0, invalid: 0 },
        };
        match self.site.db().sp_process_state_report(&report).await {
            Ok(outcome) => {
                // A file that cannot be deleted is loaded again, which changes nothing.
                let _ = disk.delete(&path);
                Loaded::Done { records: outcome.records, invalid: outcome.invalid }
            }
            Err(SiteDbError::Report(ReportRefused::Malformed(error))) => Loaded::Corrupt(error.to_string()),
            Err(error) => Loaded::Retry(error),
        }
    }

    /// Moves a file that may load later to the retry folder, or away for good after the last try.
    async fn set_aside(&self, name: &str, why: &SiteDbError, retries: &mut Retries) {
        let delays = self.retry_delays().await;
        let now = self.component.host.clock().now();
        let Some(delay) = retries.next(name, &delays, now) else {
            self.discard(name, &why.to_string());
            return;
        };
        self.move_file(STATE_INBOX, RETRY_INBOX, name);
        let text = format!(
            "CMessageProcessor - Failed to process file {name}: {why}. Will retry in {} seconds.",
            delay.as_secs()
        );
        self.component.error(Evidence::Inferred, text);
    }

    fn discard(&self, name: &str, why: &str) {
        self.move_file(STATE_INBOX, CORRUPT_INBOX, name);
        let text = format!("CMessageProcessor - Failed to process file {name}: {why}. Moved to the corrupt folder.");
        self.component.error(Evidence::Inferred, text);
    }

    /// Brings files back whose time has come.
    async fn bring_back(&self, retries: &mut Retries) {
        let disk = self.component.host.disk();
        let files = disk.list(&self.site.inbox(RETRY_INBOX)).unwrap_or_default();
        if files.is_empty() {
            return;
        }
        let delays = self.retry_delays().await;
        let now = self.component.host.clock().now();
        for file in files {
            if retries.is_due(&file.name(), file.modified, &delays, now) {
                self.move_file(RETRY_INBOX, STATE_INBOX, &file.name());
            }
        }
    }

    fn move_file(&self, from: &str, to: &str, name: &str) {
        let [from, to] = [from, to].map(|folder| format!(r"{}\{name}", self.site.inbox(folder)));
        if let Err(error) = self.component.host.disk().rename(&from, &to) {
            let text = format!("CMessageProcessor - Failed to move {from} to {to}: {error}");
            self.component.error(Evidence::Inferred, text);
        }
    }

    /// Delays from the component's retry configuration, seconds between commas (docs).
    async fn retry_delays(&self) -> Vec<Duration> {
        let config = self.property("Retry Config").await.unwrap_or_default();
        let list = config.split(['<', '>']).find(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let seconds = list.unwrap_or_default().split(',').filter_map(|number| number.trim().parse().ok());
        seconds.map(Duration::from_secs).collect()
    }

    async fn setting(&self, name: &str, default: usize) -> usize {
        let value = self.property(name).await.and_then(|value| value.parse().ok());
        value.filter(|number| *number > 0).unwrap_or(default)
    }

    async fn property(&self, name: &str) -> Option<String> {
        let property = self.site.db().component_property(self.site.site_code(), COMPONENT, name).await;
        property.ok().flatten().map(|(value, _)| value)
    }

    fn verbose(&self, thread: u32, text: &str) {
        if self.component.host.registry().dword(VERBOSE_KEY, VERBOSE_VALUE) == Some(1) {
            self.component.info_on(thread, Evidence::Article, text);
        }
    }

    async fn summarize_for_ever(&self) {
        let mut durations = self.component.host.seed().stream("summarizers");
        loop {
            self.component.wait("its hourly summarizers", SUMMARY_INTERVAL).await;
            if self.component.is_running() {
                self.summarize(SummaryTask::UpdateStatus, &mut durations).await;
            }
        }
    }

    async fn summarize(&self, task: SummaryTask, durations: &mut SimRng) {
        let name = task.name();
        self.component.info(Evidence::Article, format!("Started task '{name}'"));
        let seconds = durations.below(1, 16);
        self.component.wait("a summarizer", Duration::from_secs(seconds)).await;
        match self.site.db().summarize(task).await {
            Ok(rows) => {
                let text = format!(
                    "Task '{name}' completed successfully after running for {seconds} seconds, with status {rows}."
                );
                self.component.info(Evidence::Article, text);
            }
            Err(error) => self.component.error(Evidence::Inferred, format!("Task '{name}' failed: {error}")),
        }
    }
}
