//! Events for the status server: made at once, sent later (ReportingEvents.log).

use std::time::Duration;

use cmsim_logs::Evidence::{Docs, Inferred};
use cmsim_logs::reporting_events::Record;
use cmsim_logs::{LocalStamp, Log};
use cmsim_wire::hresult::HResult;
use cmsim_wire::wusp::report_event_batch::{BasicData, ReportEventBatch, ReportEventBatchResponse, ReportingEvent};
use cmsim_wire::wusp::{Cookie, Service};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::talk;
use super::trace::{self, REPORT};
use super::{computer, policy};
use crate::framework::{CallId, Context, HttpOutcome, Process, braced};

/// `AGENT_DETECTION_FINISHED` (docs: MS-WUSP event table).
const DETECTION_FINISHED: i16 = 147;
/// `AGENT_DETECTION_FAILED` (docs).
const DETECTION_FAILED: i16 = 148;
/// `AGENT_STATUS_30`: the states of all updates (docs).
const STATUS: i16 = 156;
/// Categories of events (docs for the first, the second inferred).
const SYNCHRONIZATION: &str = "Software Synchronization";
const PRE_DEPLOYMENT: &str = "Pre-Deployment Check";
/// A batch leaves 20 seconds to two minutes after the scan (capture).
const DELAY_FLOOR_MS: u64 = 20_000;
const DELAY_SPREAD_MS: u64 = 100_000;
/// Events kept while the server does not take them.
const KEPT: usize = 200;

/// The events that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reporter {
    events: Vec<ReportingEvent>,
    call: Option<(CallId, usize)>,
}

/// What a scan found, for its events.
pub(super) struct Findings {
    pub(super) needed: Vec<Uuid>,
    pub(super) installed: Vec<Uuid>,
}

impl Reporter {
    pub(super) fn scanned(&mut self, caller: &str, found: &Findings, cx: &mut Context<'_>) {
        let count = found.needed.len() + found.installed.len();
        let detected = self.add(DETECTION_FINISHED, caller, HResult::S_OK, vec![count.to_string()], Vec::new(), cx);
        let list = |tag: &str, ids: &[Uuid]| {
            let ids: Vec<String> = ids.iter().map(|id| id.hyphenated().to_string().to_uppercase()).collect();
            format!("{tag}={}", ids.join(";"))
        };
        let misc = vec![list("U", &found.needed), list("V", &found.installed)];
        let status = self.add(STATUS, caller, HResult::S_OK, Vec::new(), misc, cx);
        let found = format!("Windows Update Client successfully detected {count} updates.");
        record(&detected, SYNCHRONIZATION, found, cx);
        record(&status, PRE_DEPLOYMENT, "Reporting client status.".to_owned(), cx);
        Self::send_later(cx);
    }

    pub(super) fn failed(&mut self, caller: &str, code: HResult, cx: &mut Context<'_>) {
        let failed = self.add(DETECTION_FAILED, caller, code, vec![code.to_string()], Vec::new(), cx);
        let text = format!("Windows Update Client failed to detect with error {code:#010x}.");
        record(&failed, SYNCHRONIZATION, text, cx);
        Self::send_later(cx);
    }

    fn send_later(cx: &mut Context<'_>) {
        let after = DELAY_FLOOR_MS + cx.machine.random(DELAY_SPREAD_MS);
        cx.timer("report", Duration::from_millis(after), "the time to report events");
    }

    fn add(
        &mut self,
        event_id: i16,
        caller: &str,
        code: HResult,
        strings: Vec<String>,
        misc: Vec<String>,
        cx: &mut Context<'_>,
    ) -> BasicData {
        let sid = policy::client_id(cx.machine);
        let basic = BasicData {
            sid: Some(sid),
            sequence_number: 0,
            time_at_target: cx.now,
            event_instance_id: cx.new_guid(),
            namespace_id: 1,
            event_id,
            source_id: 101,
            update_id: Uuid::nil(),
            revision_number: 0,
            win32_hresult: code.signed(),
            app_name: Some(caller.to_owned()),
        };
        let extended = computer::event_data(strings, misc, cx.machine);
        self.events.push(ReportingEvent { basic: basic.clone(), extended });
        let surplus = self.events.len().saturating_sub(KEPT);
        self.events.drain(..surplus);
        basic
    }

    /// Sends what waits, if there is a server and a cookie for it.
    pub(super) fn send(&mut self, server: Option<&str>, cookie: Option<Cookie>, id: CallId, cx: &mut Context<'_>) {
        let (Some(server), Some(cookie)) = (server, cookie) else { return };
        if self.events.is_empty() || self.call.is_some() {
            return;
        }
        let batch = ReportEventBatch { cookie: Some(cookie), client_time: cx.now, event_batch: self.events.clone() };
        let count = self.events.len();
        let url = format!("{}{}", server.trim_end_matches('/'), Service::Reporting.path());
        trace::line(
            cx,
            REPORT,
            Inferred,
            format!("Uploading {count} events using cached cookie, reporting URL = {url}"),
        );
        self.call = Some((id, count));
        let call = talk::call(&batch, server, id, 0, 0, cx.machine);
        cx.http(call);
    }

    /// Whether the call was the reporter's; then its end is dealt with.
    pub(super) fn ended(&mut self, call: CallId, outcome: &HttpOutcome, cx: &mut Context<'_>) -> bool {
        let Some((own, count)) = self.call else { return false };
        if own != call {
            return false;
        }
        self.call = None;
        match talk::answer::<ReportEventBatchResponse>(outcome, cx.machine) {
            Ok(answer) if answer.received => {
                self.events.drain(..count.min(self.events.len()));
                trace::line(cx, REPORT, Inferred, format!("Reporter successfully uploaded {count} events."));
            }
            Ok(_) => {}
            Err(failure) => {
                let code = failure.code;
                trace::line(
                    cx,
                    REPORT,
                    Docs,
                    format!("WARNING: Failed to upload events to the server with hr = {code:#010x}."),
                );
            }
        }
        true
    }
}

/// The event in the agent's own file, and word for word in the log of 7.6 (inferred). The text is a whole record of that
/// file, its id the event's.
fn record(event: &BasicData, category: &str, text: String, cx: &mut Context<'_>) {
    let code = HResult(event.win32_hresult.cast_unsigned());
    let record = Record {
        instance: braced(event.event_instance_id),
        time: LocalStamp::from_utc_millis(event.time_at_target.as_millisecond(), cx.machine.bias_minutes()),
        namespace: 1,
        event: u32::from(event.event_id.unsigned_abs()),
        source: 101,
        update: braced(event.update_id),
        revision: 0,
        result: code.0,
        application: event.app_name.clone().unwrap_or_default(),
        status: if code.is_success() { "Success" } else { "Failure" }.to_owned(),
        category: category.to_owned(),
        text,
    };
    let mut formatted = String::new();
    record.format(&mut formatted);
    let formatted = formatted.trim_end();
    let line = cx.line(Log::ReportingEvents, "", Process::Svchost, Docs, formatted.to_owned());
    cx.log(line);
    if !trace::is_decoded(cx) {
        trace::line(cx, REPORT, Inferred, format!("REPORT EVENT: {formatted}"));
    }
}
