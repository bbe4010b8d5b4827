//! What agents of one machine say to each other.

use std::fmt;

use cmsim_wire::hresult::HResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A schedule of the client by its number: 113 is `{00000000-0000-0000-0000-000000000113}` (docs: `SMS_Client.TriggerSchedule`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(pub u16);

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{00000000-0000-0000-0000-{:012}}}", self.0)
    }
}

/// A client-side endpoint that replies of the management point are addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// Location Services' replies.
    LsReplyLocations,
    /// The Policy Agent's assignment replies.
    PolicyAgentReplyAssignments,
    /// Registration replies.
    ClientRegistration,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LsReplyLocations => "LS_ReplyLocations",
            Self::PolicyAgentReplyAssignments => "PolicyAgent_ReplyAssignments",
            Self::ClientRegistration => "ClientRegistration",
        })
    }
}

/// A message for the management point, before it has an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Message id.
    pub id: Uuid,
    /// Endpoint of the management point as the wire spells it, `MP_LocationManager`.
    pub endpoint: String,
    /// Where a reply goes; `None` for a relay, which has none.
    pub reply_to: Option<Endpoint>,
    /// Body, XML.
    pub body: String,
    /// File type of a relayed message, `SMX`.
    pub file_type: Option<String>,
    /// Whether the body must be signed.
    pub signed: bool,
    /// Minutes until the message is dropped undelivered.
    pub expires_minutes: u32,
}

/// The reply to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyBody {
    /// The message it answers.
    pub to: Uuid,
    /// Id of the reply itself.
    pub id: Uuid,
    /// Body, XML.
    pub body: String,
}

/// An update source and the content version somebody wants of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceKey {
    /// Unique id of the update source.
    pub id: Uuid,
    /// Content version.
    pub version: u32,
}

/// A place to scan against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Base URL with port.
    pub url: String,
    /// Server name.
    pub server: String,
    /// Content version the server has.
    pub version: u32,
}

/// A policy assignment whose body is on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Policy id with braces as the management point spells it.
    pub policy_id: String,
    /// Version, `38.00`.
    pub version: String,
    /// Category, `UpdateSource`; may be empty.
    pub category: String,
    /// Body, XML.
    pub body: String,
}

/// What the ConfigMgr client asks the Windows Update Agent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// The caller's number for this search.
    pub search: Uuid,
    /// Name under which the caller appears in WindowsUpdate.log.
    pub client_id: String,
    /// Search criteria in the agent's language.
    pub criteria: String,
    /// Service to search.
    pub service_id: Uuid,
    /// Whether superseded updates are included.
    pub include_superseded: bool,
    /// The caller's thread: the COM interface writes its lines from there.
    pub thread: u32,
}

/// State of an update on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Applicable and not installed.
    Missing,
    /// Installed.
    Installed,
}

impl UpdateState {
    /// State id of topic 500 (docs: state message reference; 2 required, 3 installed).
    #[must_use]
    pub const fn state_id(self) -> u32 {
        match self {
            Self::Missing => 2,
            Self::Installed => 3,
        }
    }
}

impl fmt::Display for UpdateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Installed => "Installed",
        })
    }
}

/// A category an update belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Category {
    /// Category id.
    pub id: Uuid,
    /// `UpdateClassification`, `Product`, `ProductFamily`, `Company` (docs: update metadata).
    pub kind: String,
    /// Title, if the agent has it.
    pub title: String,
}

/// An update in a search result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundUpdate {
    /// Update id.
    pub id: Uuid,
    /// Revision number.
    pub revision: u32,
    /// Title.
    pub title: String,
    /// Knowledge base article numbers, digits only.
    pub articles: Vec<String>,
    /// Security bulletin ids.
    pub bulletins: Vec<String>,
    /// State on this machine.
    pub state: UpdateState,
    /// Updates this one supersedes.
    pub supersedes: Vec<Uuid>,
    /// Categories: classification, products.
    pub categories: Vec<Category>,
    /// Members of a bundle with their states.
    pub bundled: Vec<FoundUpdate>,
}

impl FoundUpdate {
    /// Id of the update's classification, if it has one.
    #[must_use]
    pub fn classification(&self) -> Option<Uuid> {
        self.categories.iter().find(|category| category.kind == "UpdateClassification").map(|category| category.id)
    }
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchOutcome {
    /// The caller's number for the search.
    pub search: Uuid,
    /// Updates found, or the code.
    pub result: Result<Vec<FoundUpdate>, HResult>,
}

/// The state of one update, for the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateStatus {
    /// Update id.
    pub id: Uuid,
    /// Revision number.
    pub revision: u32,
    /// Title.
    pub title: String,
    /// Article number.
    pub article: String,
    /// Bulletin id.
    pub bulletin: String,
    /// What the store calls the product id: the update's classification (article).
    pub product: Option<Uuid>,
    /// State.
    pub state: UpdateState,
}

/// One state, for the state message store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTopic {
    /// Topic type: 500 update, 501 scan (docs: state message reference).
    pub topic_type: u32,
    /// Topic id as the report carries it.
    pub topic_id: String,
    /// Kind of the id: 3 update, 4 update source.
    pub id_type: u32,
    /// State id.
    pub state: u32,
    /// Parameters in order.
    pub parameters: Vec<String>,
    /// Details as text, if the topic has any.
    pub details: Option<String>,
}

/// A message between agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// To the Scheduler: somebody called `TriggerSchedule`.
    TriggerSchedule(ScheduleId),
    /// From the Scheduler to a schedule's target.
    Scheduled(ScheduleId),
    /// To CCM Messaging: send this to the management point.
    Send(Outgoing),
    /// From CCM Messaging: the reply to one of your messages.
    Reply(ReplyBody),
    /// From CCM Messaging: a message without reply was delivered.
    Delivered(Uuid),
    /// From CCM Messaging: a message was given up.
    Undelivered(Uuid),
    /// From CCM Messaging to Location Services: the management point failed once more, with this code.
    ManagementPointFailed(HResult),
    /// From the Client ID Manager: the client is registered.
    Registered,
    /// From the Policy Agent: these bodies are on the machine; compile them.
    PolicyDownloaded {
        /// Policies new or changed.
        policies: Vec<Assignment>,
        /// Ids of policies that no longer apply.
        revoked: Vec<String>,
    },
    /// From the Policy Evaluator through the agent host: settings of this class changed.
    SettingsChanged {
        /// WMI class in ActualConfig.
        class: String,
        /// Name of the key property, `UniqueID`.
        key_name: String,
        /// Value of the key property.
        key: String,
        /// Whether the instance is new.
        created: bool,
    },
    /// To the Scan Agent: scan these sources (scan cycle).
    ScanByUpdateSource {
        /// Scan even if the last result is fresh.
        force: bool,
        /// Sources; empty means all there is policy for.
        sources: Vec<Uuid>,
    },
    /// To the Scan Agent: a deployment needs results of these sources at these versions at least.
    ScanByUpdates {
        /// Scan even if the last result is fresh.
        force: bool,
        /// Sources and required versions.
        sources: Vec<SourceKey>,
    },
    /// From the Scan Agent to whoever asked: results are there (`Ok`) or not.
    ScanFinished {
        /// The source scanned.
        source: Uuid,
        /// Success or the code.
        result: Result<(), HResult>,
    },
    /// To Location Services: where can I scan?
    RequestWsusLocations {
        /// Location request id.
        request: Uuid,
        /// The source wanted.
        source: SourceKey,
    },
    /// From Location Services.
    WsusLocations {
        /// Location request id.
        request: Uuid,
        /// Servers in the order the management point gave.
        locations: Vec<Location>,
    },
    /// To WUAHandler.
    AddUpdateSource {
        /// The scan job.
        job: Uuid,
        /// The source and version.
        source: SourceKey,
        /// 2 = WSUS.
        content_type: u32,
        /// Server URL.
        location: String,
    },
    /// From WUAHandler: the source is set, or why not.
    UpdateSourceAdded {
        /// The scan job.
        job: Uuid,
        /// Success or the code.
        result: Result<(), HResult>,
    },
    /// To WUAHandler: scan now.
    StartScan {
        /// The scan job.
        job: Uuid,
        /// The source to scan.
        source: SourceKey,
    },
    /// From WUAHandler: results are parsed, or the code.
    ScanCompleted {
        /// The scan job.
        job: Uuid,
        /// Success or the code.
        result: Result<(), HResult>,
    },
    /// To the Group Policy client: refresh now.
    RefreshPolicy,
    /// From the Group Policy client: computer policy was applied.
    PolicyRefreshed,
    /// From the Group Policy client to the Windows Update Agent: its settings changed.
    UpdatePolicyChanged,
    /// To the Windows Update Agent.
    Search(SearchRequest),
    /// From the Windows Update Agent.
    SearchCompleted(SearchOutcome),
    /// To the Updates Store: states of one scan.
    StoreStatuses {
        /// The source scanned.
        source: SourceKey,
        /// Every update's state after pruning.
        statuses: Vec<UpdateStatus>,
    },
    /// From the Updates Store: the states of the source's scan are stored and raised.
    StatusesStored {
        /// The source scanned.
        source: SourceKey,
    },
    /// To the Updates Store: report everything again.
    RefreshServerComplianceState,
    /// To State Message: record this.
    RaiseState(Vec<StateTopic>),
}
