//! One call to a web service and what its end means.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cmsim_wire::hresult::{
    HResult, Recovery, WU_E_PT_SOAPCLIENT_SOAPFAULT, fault_recovery, map_http_status, map_transport,
};
use cmsim_wire::profile::WuaGeneration;
use cmsim_wire::wusp::soap::decode_reply;
use cmsim_wire::wusp::{Call, Message, Reply, Service, xpress};

use crate::framework::{CallId, HttpCall, HttpOutcome, HttpStack, Machine};

/// WinHTTP's time-outs for the agent add up to this for an answer that does not come (inferred).
const TIMEOUT: Duration = Duration::from_secs(120);
/// `WU_E_PT_SOAPCLIENT_PARSE`: an answer that cannot be read (docs).
const UNREADABLE: HResult = HResult(0x8024_400A);

/// Why a call did not give its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: HResult,
    /// What the protocol talker does about it; nothing ends the scan.
    pub(super) recovery: &'static [Recovery],
    /// The SOAP client's own error number, as the log shows it: 5 send, 7 fault, 10 parse (docs).
    pub(super) soap_error: u32,
    pub(super) status: u16,
    /// Error code of a fault, with its message.
    pub(super) fault: Option<String>,
}

impl Failure {
    fn plain(code: HResult, soap_error: u32, status: u16) -> Self {
        Self { code, recovery: &[], soap_error, status, fault: None }
    }
}

/// The request for a message. `number` counts the Client service calls of a scan, `vector` is the scan's own random part.
pub(super) fn call<M: Call>(
    message: &M,
    base: &str,
    id: CallId,
    vector: u128,
    number: u32,
    machine: &dyn Machine,
) -> HttpCall {
    let path = M::SERVICE.path();
    HttpCall {
        id,
        stack: HttpStack::WinHttp,
        method: "POST".to_owned(),
        url: format!("{}{path}", base.trim_end_matches('/')),
        headers: headers::<M>(vector, number, machine),
        body: message.encode().into_bytes(),
        timeout: TIMEOUT,
    }
}

/// Header order as captured for Windows 11; 7.6 sends the short set of its era (field).
fn headers<M: Call>(vector: u128, number: u32, machine: &dyn Machine) -> Vec<(String, String)> {
    let profile = machine.profile();
    let mut headers: Vec<(&str, String)> = Vec::new();
    match profile.wua {
        WuaGeneration::Wua76 => {
            headers.push(("Connection", "Keep-Alive".to_owned()));
            headers.push(("Content-Type", "text/xml; charset=utf-8".to_owned()));
            headers.push(("User-Agent", "Windows-Update-Agent".to_owned()));
            headers.push(("SOAPAction", M::soap_action()));
        }
        WuaGeneration::Wua10 => {
            headers.push(("Cache-Control", "no-cache".to_owned()));
            headers.push(("Connection", "Keep-Alive".to_owned()));
            headers.push(("Pragma", "no-cache".to_owned()));
            headers.push(("Content-Type", "text/xml; charset=utf-8".to_owned()));
            headers.push(("Accept-Encoding", "xpress".to_owned()));
            let agent =
                format!("Windows-Update-Agent/{} Client-Protocol/{}", profile.wua_version, profile.wusp_protocol);
            headers.push(("User-Agent", agent));
            headers.push(("SOAPAction", M::soap_action()));
            if M::SERVICE == Service::Client {
                let bytes = vector.to_be_bytes();
                let random = STANDARD_NO_PAD.encode(&bytes[..12]);
                headers.push(("MS-CV", format!("{random}.1.0.0.2.{number}")));
            }
        }
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The answer to a call, or what went wrong (order of decision: MS-WUSP and the result code tables).
pub(super) fn answer<M: Message>(outcome: &HttpOutcome, machine: &dyn Machine) -> Result<M, Failure> {
    let (status, body) = match outcome {
        HttpOutcome::Failed(failure) => {
            let mapped = map_transport(machine.profile().wua, failure);
            return Err(Failure::plain(mapped.hresult, 5, 200));
        }
        HttpOutcome::Response { status, body, .. } => (*status, body),
    };
    let coded = outcome.header("Content-Encoding").is_some_and(|coding| coding.trim().eq_ignore_ascii_case("xpress"));
    let plain = if coded { xpress::decode(body).ok() } else { Some(body.clone()) };
    let reply = plain.and_then(|plain| decode_reply::<M>(&plain).ok());
    match reply {
        // A fault counts whatever the status: servers send it with 500.
        Some(Reply::Fault(fault)) => {
            let name = fault.error_code().map(ToString::to_string).unwrap_or_default();
            Err(Failure {
                code: WU_E_PT_SOAPCLIENT_SOAPFAULT,
                recovery: fault_recovery(&name),
                soap_error: 7,
                status,
                fault: fault
                    .detail
                    .map(|detail| format!("errorCode='{}', message='{}'", detail.error_code, detail.message)),
            })
        }
        Some(Reply::Answer(answer)) if status == 200 => Ok(answer),
        None if status == 200 => Err(Failure::plain(UNREADABLE, 10, status)),
        _ => Err(Failure::plain(map_http_status(status), 10, status)),
    }
}
