//! What a scenario file can say. One TOML file is one scenario; unknown keys are errors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::duration::Span;

/// A scenario: what the world looks like, what happens in it, and what must be observed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScenarioFile {
    /// Name of the scenario's output folder; the file's name without `.toml` if left out.
    #[schemars(with = "Option<String>")]
    pub id: Option<Spanned<String>>,
    /// One line for lists and reports.
    pub title: String,
    /// Where the scenario comes from and what it teaches.
    #[serde(default)]
    pub about: About,
    /// The world before anything happens; the guide's example site if left out.
    #[serde(default)]
    pub world: World,
    /// What happens, in order.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
    /// What must be observed at the end.
    #[serde(default)]
    #[schemars(with = "Vec<Expectation>")]
    pub expect: Vec<Spanned<Expectation>>,
}

/// Where a scenario comes from and what it teaches.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct About {
    /// The document or experience that the scenario reproduces.
    pub source: Option<String>,
    /// The step of the troubleshooting guide that it is about, such as `S1.5`.
    pub step: Option<String>,
    /// The layer in which its cause lies.
    pub layer: Option<String>,
    /// From 1 (obvious) to 5 (needs several logs and a hypothesis).
    pub difficulty: Option<u8>,
    /// What a user would write in a ticket.
    pub ticket: Option<String>,
}

/// Overrides of the default topology.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct World {
    /// Product versions: `windows-7` (default) or `windows-11`.
    #[schemars(with = "Option<String>")]
    pub profile: Option<Spanned<String>>,
    /// Seed of everything random; the command line can override it.
    pub seed: Option<u64>,
    /// Local date and time at which the clock starts, such as `2014-01-20T12:17:00`.
    #[schemars(with = "Option<String>")]
    pub start: Option<Spanned<String>>,
    /// IANA name of the time zone of all machines, such as `America/New_York`.
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Spanned<String>>,
    /// Number of clients; they are called CLIENT1, CLIENT2 and so on.
    #[schemars(with = "Option<u32>")]
    pub clients: Option<Spanned<u32>>,
    /// Whether the clients belong to a workgroup instead of the domain.
    pub workgroup: bool,
    /// Virtual time after which a scenario that has not ended is stopped, such as `6h`.
    #[schemars(with = "Option<String>")]
    pub limit: Option<Span>,
}

/// One thing that happens. Exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Step {
    /// A client action, as the Configuration Manager applet or a deployment starts it.
    Trigger(Trigger),
    /// Lets virtual time pass.
    #[schemars(with = "String")]
    Advance(Span),
    /// Waits until something is written in a log; the scenario fails if it never is.
    Await(Await),
    /// The catalogue's content version rises, as a synchronization that found something new makes it.
    Synchronize(Synchronize),
    /// Something is installed on, or removed from, a machine behind ConfigMgr's back.
    Machine(MachineStep),
}

/// A client action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trigger {
    /// What is triggered.
    pub action: Action,
    /// The client; every client if left out.
    #[schemars(with = "Option<String>")]
    pub on: Option<Spanned<String>>,
}

/// The client actions of the guide, and the two that move data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Machine policy retrieval, schedule 021.
    MachinePolicy,
    /// Software updates scan cycle, schedule 113.
    ScanCycle,
    /// Software updates deployment evaluation cycle, schedule 108.
    DeploymentEvaluation,
    /// A deployment reaches its start time.
    DeploymentActivation,
    /// Send unsent state messages, schedule 111.
    SendStateMessages,
}

/// Waiting for a log line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Await {
    /// Log file name, such as `WUAHandler.log`.
    #[schemars(with = "String")]
    pub log: Spanned<String>,
    /// The machine; the first client if left out.
    #[schemars(with = "Option<String>")]
    pub on: Option<Spanned<String>>,
    /// Text that a record written after this step began contains.
    pub contains: String,
    /// Virtual time after which the scenario fails; 4 hours if left out.
    #[schemars(with = "Option<String>")]
    pub within: Option<Span>,
}

/// A synchronization that found something new.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Synchronize {
    /// The content version afterwards.
    pub content_version: u32,
}

/// A state of a machine that software outside ConfigMgr changes. Exactly one of the first three keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MachineStep {
    /// The machine.
    #[schemars(with = "String")]
    pub on: Spanned<String>,
    /// A file gets a version, such as `{ path = 'C:\Windows\System32\x.dll', version = "6.1.7601.18229" }`.
    pub file: Option<FileVersion>,
    /// A registry value is set.
    pub registry: Option<RegistrySetting>,
    /// A component package is installed.
    pub package: Option<String>,
}

/// A file and its version resource.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileVersion {
    /// Full Windows path.
    pub path: String,
    /// Four numbers with dots.
    pub version: String,
}

/// A registry value as a user writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistrySetting {
    /// Full key path, such as `HKLM\SOFTWARE\Microsoft\Updates`.
    pub key: String,
    /// Value name.
    pub name: String,
    /// A string (REG_SZ) or a whole number (REG_DWORD).
    #[schemars(with = "serde_json::Value")]
    pub data: toml::Value,
}

/// Something that must be observed at the end. Exactly one of `log`, `registry`, `wmi`, `sql` and `guide`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expectation {
    /// The machine; the first client if left out.
    #[schemars(with = "Option<String>")]
    pub on: Option<Spanned<String>>,
    /// A log file name, such as `WUAHandler.log`; needs `contains` or `matches`.
    #[schemars(with = "Option<String>")]
    pub log: Option<Spanned<String>>,
    /// Text that one record contains.
    pub contains: Option<String>,
    /// Texts that records contain in this order.
    pub in_order: Option<Vec<String>>,
    /// Regular expression that one record matches.
    #[schemars(with = "Option<String>")]
    pub matches: Option<Spanned<String>>,
    /// No record may fit.
    pub absent: bool,
    /// Exactly so many records fit.
    pub count: Option<usize>,
    /// A registry value, as `KEY\NAME`; needs `equals`.
    pub registry: Option<String>,
    /// A WQL query on the machine, with its namespace in `namespace`; needs `rows`.
    pub wmi: Option<String>,
    /// WMI namespace of `wmi`.
    pub namespace: Option<String>,
    /// A query on a database of the world: the site database, or the one in `database`.
    pub sql: Option<String>,
    /// `site` (default) or `susdb-HOST`.
    pub database: Option<String>,
    /// The value that `registry`, or the only value that `sql`, must have.
    #[schemars(with = "Option<serde_json::Value>")]
    pub equals: Option<toml::Value>,
    /// The number of rows that `wmi` or `sql` must give.
    pub rows: Option<usize>,
    /// Steps of the troubleshooting guide and the verdict on each, such as `{ "S1.1" = "passed" }`.
    pub guide: Option<BTreeMap<String, GuideVerdict>>,
    /// The expectation also holds on a healthy site.
    pub context: bool,
}

/// What the guide says of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuideVerdict {
    /// The step's lines are there.
    Passed,
    /// The step was tried and failed.
    Failed,
    /// An earlier step failed.
    NotReached,
    /// The artefacts do not tell.
    NoEvidence,
}
