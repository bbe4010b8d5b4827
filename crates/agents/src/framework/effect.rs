//! What goes into an agent and what comes out.

use std::fmt;
use std::time::Duration;

use cmsim_wire::hresult::TransportFailure;
use serde::{Deserialize, Serialize};

use super::{AgentId, LogLine, Message};

/// One thing that happens to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The agent's process started (again).
    Start,
    /// Another agent, or the machine's user, sent a message.
    Message(Message),
    /// A timer the agent had set ran out.
    Timer(TimerName),
    /// An HTTP call ended.
    Http {
        /// The call, as the agent numbered it.
        call: CallId,
        /// How it ended.
        outcome: HttpOutcome,
    },
}

/// One thing the driver shall do for an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write a line to a log.
    Log(LogLine),
    /// Put a message into another agent's mailbox.
    Tell(AgentId, Message),
    /// Come back after that long. A timer of the same name is replaced.
    Timer {
        /// Which of the agent's timers.
        name: TimerName,
        /// How long from now.
        after: Duration,
        /// What is being waited for, in words, for whoever asks why nothing happens.
        what: String,
    },
    /// Forget a timer; unknown names are fine.
    CancelTimer(TimerName),
    /// Send an HTTP request; its end arrives as [`Input::Http`].
    Http(HttpCall),
}

/// The name of one of an agent's timers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerName(pub String);

impl From<&str> for TimerName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for TimerName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for TimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An agent's own number for an HTTP call; unique within that agent's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

impl CallId {
    /// The number after this one, which becomes the current one.
    pub fn advance(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

/// Which HTTP stack of the machine makes a call: they differ in proxy settings, certificates and time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpStack {
    /// The ConfigMgr client's own (`ccmhttp`).
    Ccm,
    /// WinHTTP as the Windows Update Agent uses it.
    WinHttp,
    /// Background transfers.
    Bits,
}

/// One HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// Number under which the end is reported.
    pub id: CallId,
    /// Who makes it.
    pub stack: HttpStack,
    /// `GET`, `POST`, `CCM_POST`.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Header names and values in the order they are sent, without `Host` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// Request body, as sent.
    pub body: Vec<u8>,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

/// How an HTTP call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpOutcome {
    /// A complete answer arrived.
    Response {
        /// Status code.
        status: u16,
        /// Reason phrase.
        reason: String,
        /// Header names and values in the order received.
        headers: Vec<(String, String)>,
        /// Body after chunking was undone; content codings are as received.
        body: Vec<u8>,
    },
    /// No (complete) answer arrived.
    Failed(TransportFailure),
}

impl HttpOutcome {
    /// The value of a response header; names compare without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        match self {
            Self::Response { headers, .. } => {
                headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
            }
            Self::Failed(_) => None,
        }
    }
}
