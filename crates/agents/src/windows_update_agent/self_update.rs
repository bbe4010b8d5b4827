//! The check of agents up to Windows 8.1 for a newer version of themselves (MS-WUSP note 49).

use std::io::{Cursor, Read};
use std::time::Duration;

use cmsim_logs::Evidence::{Field, Inferred};
use cmsim_wire::hresult::{HResult, map_http_status, map_transport};
use cmsim_wire::wusp::self_update::{Directive, SignedFile, Wuident};

use super::trace::{self, MISC, SETUP};
use crate::framework::{CallId, Context, HttpCall, HttpOutcome, HttpStack};

/// `WU_E_INVALID_IDENTDATA`: a wuident.cab that holds no usable wuident.txt (docs).
const INVALID_IDENT: HResult = HResult(0x8024_D002);
/// `WU_E_SETUP_NOT_SUPPORTED`-like end for a server that does not support this agent (docs: setup codes).
const NOT_SUPPORTED: HResult = HResult(0x8024_D005);
/// Largest wuident.txt that is read.
const TEXT_BYTES: u64 = 256 * 1024;

/// The request for the cabinet; the query keeps caches away (field).
pub(super) fn call(server: &str, id: CallId, cx: &Context<'_>) -> HttpCall {
    HttpCall {
        id,
        stack: HttpStack::WinHttp,
        method: "GET".to_owned(),
        url: format!("{}/selfupdate/wuident.cab?{}", server.trim_end_matches('/'), cx.now.strftime("%y%m%d%H%M")),
        headers: vec![
            ("Accept".to_owned(), "*/*".to_owned()),
            ("Connection".to_owned(), "Keep-Alive".to_owned()),
            ("User-Agent".to_owned(), "Windows-Update-Agent".to_owned()),
        ],
        body: Vec::new(),
        timeout: Duration::from_secs(120),
    }
}

pub(super) fn begin(cx: &mut Context<'_>) {
    let version = cx.machine.profile().wua_version.clone();
    trace::line(cx, SETUP, Field, "Checking for agent SelfUpdate");
    trace::line(cx, SETUP, Field, format!("Client version: Core: {version}  Aux: {version}"));
}

/// What came back: fine, or the code that ends the conversation.
pub(super) fn ended(server: &str, outcome: &HttpOutcome, cx: &mut Context<'_>) -> Result<(), HResult> {
    let result = check(outcome, cx);
    if let Err(code) = result {
        if let HttpOutcome::Failed(_) = outcome {
            let url = format!("{}//selfupdate/wuident.cab", server.trim_end_matches('/'));
            let digits = format!("{:08x}", code.0);
            trace::line(cx, MISC, Field, format!("WARNING: Send failed with hr = {digits}."));
            trace::line(
                cx,
                MISC,
                Field,
                format!(
                    "WARNING: SendRequest failed with hr = {digits}. Proxy List used: <(null)> Bypass List used : <(null)> Auth Schemes used : <>"
                ),
            );
            trace::line(
                cx,
                MISC,
                Field,
                format!("WARNING: WinHttp: SendRequestUsingProxy failed for <{url}>. error {code:#010x}"),
            );
        }
        trace::line(cx, SETUP, Inferred, format!("FATAL: SelfUpdate check failed, err = {code}"));
    } else {
        trace::line(cx, SETUP, Inferred, "SelfUpdate check completed.  SelfUpdate is NOT required.");
    }
    result
}

fn check(outcome: &HttpOutcome, cx: &Context<'_>) -> Result<(), HResult> {
    let body = match outcome {
        HttpOutcome::Failed(failure) => return Err(map_transport(cx.machine.profile().wua, failure).hresult),
        HttpOutcome::Response { status: 200, body, .. } => body,
        HttpOutcome::Response { status, .. } => return Err(map_http_status(*status)),
    };
    cx.machine.verify_trust(body)?;
    let content = SignedFile::decode(body).map_err(|_| INVALID_IDENT)?.content;
    let text = ident(&content).ok_or(INVALID_IDENT)?;
    let ident = Wuident::decode(&text).map_err(|_| INVALID_IDENT)?;
    let os = &cx.machine.profile().os.version;
    match ident.directive(&format!("{}.{}", os[0], os[1])) {
        Some(Directive::Unsupported) => Err(NOT_SUPPORTED),
        // Newer files of the agent itself are not part of this world; the agent goes on as it is.
        Some(Directive::Skip | Directive::Folder(_)) | None => Ok(()),
    }
}

/// `wuident.txt` out of the cabinet.
fn ident(cabinet: &[u8]) -> Option<String> {
    let mut cabinet = cab::Cabinet::new(Cursor::new(cabinet)).ok()?;
    let mut text = String::new();
    cabinet.read_file("wuident.txt").ok()?.take(TEXT_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}
