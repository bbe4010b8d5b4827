//! The lines of WindowsUpdate.log, in the words of 7.6 and of the decoded traces of Windows 10 and later.
//!
//! 7.6 texts are the article's and Microsoft's other walk-throughs'; blanks inside banners follow raw logs (field), where
//! the articles have lost some, and the rows of stars and dashes around banners are inferred. The decoded texts follow
//! public posts and are inferred where those say nothing.

use cmsim_logs::Evidence::{self, Article, Docs, Field, Inferred};
use cmsim_logs::Log;
use cmsim_wire::hresult::HResult;
use cmsim_wire::profile::WuaGeneration;
use uuid::Uuid;

use crate::framework::{Context, LogLine, Process, SearchRequest, braced};

/// A component in both formats.
#[derive(Clone, Copy)]
pub(super) struct Column(&'static str, &'static str);

pub(super) const AGENT: Column = Column("Agent", "Agent");
pub(super) const TALKER: Column = Column("PT", "ProtocolTalker");
const COM: Column = Column("COMAPI", "ComApi");
pub(super) const SETUP: Column = Column("Setup", "Setup");
const AUTOMATIC: Column = Column("AU", "Agent");
pub(super) const MISC: Column = Column("Misc", "Misc");
pub(super) const REPORT: Column = Column("Report", "Reporter");
pub(super) const WEB: Column = Column("WS", "WebServices");
const SERVICE: Column = Column("Service", "Shared");
const DOWNLOADS: Column = Column("DnldMgr", "DownloadManager");

pub(super) fn is_decoded(cx: &Context<'_>) -> bool {
    cx.machine.profile().wua == WuaGeneration::Wua10
}

fn write(cx: &mut Context<'_>, process: Process, column: Column, evidence: Evidence, text: String) {
    let (log, component) =
        if is_decoded(cx) { (Log::WindowsUpdateDecoded, column.1) } else { (Log::WindowsUpdate, column.0) };
    let line = cx.line(log, component, process, evidence, text);
    cx.log(line);
}

/// A line of the service with one wording for each generation; `None` leaves the line out.
fn both(cx: &mut Context<'_>, column: Column, evidence: Evidence, tabbed: Option<String>, decoded: Option<String>) {
    let (text, evidence) = if is_decoded(cx) { (decoded, Inferred) } else { (tabbed, evidence) };
    if let Some(text) = text {
        write(cx, Process::Svchost, column, evidence, text);
    }
}

/// A line of the service that both generations word alike.
pub(super) fn line(cx: &mut Context<'_>, column: Column, evidence: Evidence, text: impl Into<String>) {
    write(cx, Process::Svchost, column, evidence, text.into());
}

/// A line of the COM interface: it stands in the caller's process and on the caller's thread.
fn caller(
    cx: &mut Context<'_>,
    request: &SearchRequest,
    evidence: Evidence,
    tabbed: Option<String>,
    decoded: Option<String>,
) {
    let decodes = is_decoded(cx);
    let (text, evidence) = if decodes { (decoded, Inferred) } else { (tabbed, evidence) };
    let Some(text) = text else { return };
    let (log, component) = if decodes { (Log::WindowsUpdateDecoded, COM.1) } else { (Log::WindowsUpdate, COM.0) };
    let line = cx.line(log, component, Process::CcmExec, evidence, text);
    cx.log(LogLine { thread: request.thread, ..line });
}

/// A line of the service that only the tabbed log has.
fn tabbed(cx: &mut Context<'_>, column: Column, evidence: Evidence, text: impl Into<String>) {
    both(cx, column, evidence, Some(text.into()), None);
}

pub(super) fn service_started(cx: &mut Context<'_>) {
    let version = cx.machine.profile().wua_version.clone();
    let bias = cx.machine.bias_minutes();
    let (sign, minutes) = (if bias > 0 { '-' } else { '+' }, bias.unsigned_abs());
    let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
    both(
        cx,
        MISC,
        Field,
        Some(format!("===========  Logging initialized (build: {version}, tz: {zone})  ===========")),
        None,
    );
    both(cx, MISC, Field, Some(r"  = Process: C:\Windows\system32\svchost.exe".to_owned()), None);
    both(cx, MISC, Field, Some(r"  = Module: c:\windows\system32\wuaueng.dll".to_owned()), None);
    both(cx, AGENT, Docs, None, Some(format!("WU client version {version}")));
    tabbed(cx, SERVICE, Inferred, "*************");
    both(
        cx,
        SERVICE,
        Inferred,
        Some("** START **  Service: Service startup".to_owned()),
        Some("* START * Service startup".to_owned()),
    );
    tabbed(cx, SERVICE, Inferred, "*********");
    tabbed(cx, AGENT, Inferred, format!("  * WU client version {version}"));
    tabbed(cx, DOWNLOADS, Field, "Download manager restoring 0 downloads");
    tabbed(cx, AUTOMATIC, Field, "###########  AU: Initializing Automatic Updates  ###########");
}

pub(super) fn server_changed(cx: &mut Context<'_>, server: Option<&str>, status: Option<&str>) {
    let (server, status) = (server.unwrap_or("<NULL>"), status.unwrap_or("<NULL>"));
    item(cx, &format!("WSUS server: {server} (Changed)"));
    item(cx, &format!("WSUS status server: {status} (Changed)"));
    line(cx, AUTOMATIC, Article, "Sus server changed through policy.");
}

pub(super) fn submitted(cx: &mut Context<'_>, request: &SearchRequest) {
    let client = &request.client_id;
    caller(cx, request, Inferred, Some("-------------".to_owned()), None);
    caller(
        cx,
        request,
        Article,
        Some(format!("-- START --  COMAPI: Search [ClientId = {client}]")),
        Some(format!("* START *   Search ClientId = {client}")),
    );
    caller(cx, request, Inferred, Some("---------".to_owned()), None);
    caller(
        cx,
        request,
        Article,
        Some(format!("<<-- SUBMITTED -- COMAPI: Search [ClientId = {client}]")),
        Some(format!("* SUBMITTED *   Search ClientId = {client}")),
    );
}

pub(super) fn resumed(cx: &mut Context<'_>, request: &SearchRequest, result: Result<usize, HResult>) {
    let client = &request.client_id;
    caller(
        cx,
        request,
        Article,
        Some(format!(">>--  RESUMED  -- COMAPI: Search [ClientId = {client}]")),
        Some(format!("*RESUMED* Search ClientId = {client}")),
    );
    let (evidence, text) = match result {
        Ok(found) => (Article, format!("Updates found = {found}")),
        Err(code) => (Inferred, format!("Exit code = {code}")),
    };
    let mark = if result.is_ok() { "" } else { "WARNING: " };
    caller(cx, request, evidence, Some(format!("  - {mark}{text}")), Some(text));
    caller(cx, request, Inferred, Some("---------".to_owned()), None);
    caller(
        cx,
        request,
        Article,
        Some(format!("--  END  --  COMAPI: Search [ClientId = {client}]")),
        Some(format!("* END *   Search ClientId = {client}")),
    );
    caller(cx, request, Inferred, Some("-------------".to_owned()), None);
}

/// Service and server, before every conversation.
pub(super) fn talking_to(cx: &mut Context<'_>, service: Uuid, url: &str) {
    let id = braced(service);
    both(
        cx,
        TALKER,
        Article,
        Some(format!("  + ServiceId = {id}, Server URL = {url}")),
        Some(format!("ServiceId = {id}, Server URL = {url}")),
    );
}

pub(super) fn synchronizing(cx: &mut Context<'_>, what: &str) {
    both(
        cx,
        TALKER,
        Docs,
        Some(format!("+++++++++++  PT: Synchronizing {what}  +++++++++++")),
        Some(format!("Synchronizing {what}")),
    );
}

pub(super) fn targeting(cx: &mut Context<'_>, client_id: &str, group: &str, dns_name: &str, url: &str) {
    line(
        cx,
        TALKER,
        Docs,
        format!(
            "Initializing simple targeting cookie, clientId = {client_id}, target group = {group}, DNS name = {dns_name}"
        ),
    );
    line(cx, TALKER, Docs, format!("  Server URL = {url}"));
}

pub(super) fn finding(cx: &mut Context<'_>, request: &SearchRequest) {
    let id = &request.client_id;
    tabbed(cx, AGENT, Inferred, "*************");
    both(
        cx,
        AGENT,
        Article,
        Some(format!("** START **  Agent: Finding updates [CallerId = {id}]")),
        Some(format!("* START * Finding updates CallerId = {id}")),
    );
    tabbed(cx, AGENT, Inferred, "*********");
    if request.include_superseded {
        item(cx, "Include potentially superseded updates");
    }
    item(cx, "Online = Yes; Ignore download priority = Yes");
    item(cx, &format!("Criteria = \"{}\"", request.criteria));
    item(cx, &format!("ServiceID = {} Managed", braced(request.service_id)));
    item(cx, "Search Scope = {Machine}");
}

/// One line of a search: a starred item in the tabbed log, bare text in decoded traces.
fn item(cx: &mut Context<'_>, text: &str) {
    both(cx, AGENT, Article, Some(format!("  * {text}")), Some(text.to_owned()));
}

pub(super) fn found(cx: &mut Context<'_>, id: Uuid, revision: u32) {
    item(cx, &format!("Added update {}.{revision} to search result", braced(id)));
}

pub(super) fn summary(cx: &mut Context<'_>, updates: usize, categories: usize, evaluated: usize, deployed: usize) {
    item(
        cx,
        &format!(
            "Found {updates} updates and {categories} categories in search; evaluated appl. rules of {evaluated} out of {deployed} deployed entities"
        ),
    );
}

pub(super) fn finished(cx: &mut Context<'_>, client: &str, failure: Option<HResult>) {
    if let Some(code) = failure {
        line(cx, AGENT, Docs, format!("  * WARNING: Exit code = {code}"));
    }
    tabbed(cx, AGENT, Inferred, "*********");
    both(
        cx,
        AGENT,
        Article,
        Some(format!("**  END  **  Agent: Finding updates [CallerId = {client}]")),
        Some(format!("* END * Finding updates CallerId = {client}")),
    );
    tabbed(cx, AGENT, Inferred, "*************");
}

/// The tail of a failed call (docs: scan failure pages). `soap` is the SOAP client's own number, `status` the HTTP status.
pub(super) fn call_failed(cx: &mut Context<'_>, operation: &str, code: HResult, soap: u32, status: u16) {
    let lower = format!("{code:#010x}");
    if is_decoded(cx) {
        let digits = lower.trim_start_matches("0x").to_uppercase();
        line(cx, TALKER, Docs, format!("*FAILED* [{digits}] {operation}_WithRecovery failed"));
        line(cx, TALKER, Docs, format!("*FAILED* [{digits}] RefreshPTState failed"));
        return;
    }
    line(
        cx,
        TALKER,
        Docs,
        format!(
            "WARNING: {operation} failure, error = {code}, soap client error = {soap}, soap error code = 0, HTTP status code = {status}"
        ),
    );
    line(cx, TALKER, Docs, format!("WARNING: PTError: {lower}"));
    let dot = if operation == "SyncUpdates" { "." } else { "" };
    line(cx, TALKER, Docs, format!("WARNING: {operation}_WithRecovery failed{dot}: {lower}"));
    if operation == "GetConfig" {
        line(cx, TALKER, Docs, format!("WARNING: RefreshConfig failed: {lower}"));
        line(cx, TALKER, Docs, format!("WARNING: RefreshPTState failed: {lower}"));
    }
}
