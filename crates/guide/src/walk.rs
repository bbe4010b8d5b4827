//! Following one scan through the logs, line by line.

use std::collections::BTreeMap;

use cmsim_logs::Log;

use crate::data::{Line, Need, Scan, Step, needless, steps};
use crate::evidence::{Evidence, Record};
use crate::template::{Template, Values};

/// How exactly a scan has to be the guide's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rigour {
    /// Any healthy scan will do.
    Any,
    /// The guide's own example: every line, its own wording, no lines that only other versions write.
    Example,
}

/// One scan of a client: from the record that names its policy up to the next such record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) kind: Scan,
    /// Place of its first record in ScanAgent.log.
    first: usize,
    from: i64,
    until: i64,
}

impl Span {
    /// The same stretch of the logs, to be read as a scan of another kind.
    pub(crate) fn as_kind(self, kind: Scan) -> Self {
        Self { kind, ..self }
    }

    /// Whether an instant falls into the scan.
    pub(crate) fn holds(&self, at: i64) -> bool {
        (self.from..self.until).contains(&at)
    }
}

/// What became of a line.
#[derive(Clone, Debug)]
pub(crate) enum Found<'e> {
    /// The record.
    Record(Hit<'e>),
    /// The record is not there, though its log is, or would be.
    Missing,
    /// There is no such log.
    NoLog,
    /// It need not be there, and is not.
    Spared,
}

/// A record that is a line of the guide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit<'e> {
    pub(crate) host: &'e str,
    pub(crate) log: Log,
    pub(crate) record: &'e Record,
}

/// The lines of one step with what became of them.
pub(crate) struct Walked<'e> {
    pub(crate) step: &'static Step,
    pub(crate) lines: Vec<(&'static Line, Found<'e>)>,
}

impl<'e> Walked<'e> {
    pub(crate) fn hits(&self) -> impl Iterator<Item = &Hit<'e>> {
        self.lines.iter().filter_map(|(_, found)| match found {
            Found::Record(hit) => Some(hit),
            _ => None,
        })
    }
}

/// The scans of a client, in order. A client without any has one that begins with its logs, so that its steps can fail.
pub(crate) fn spans(evidence: &Evidence, client: &str) -> Vec<Span> {
    let records = evidence.records(client, Log::ScanAgent).unwrap_or(&[]);
    let starts = starts(records);
    if starts.is_empty() {
        return vec![Span { kind: Scan::First, first: 0, from: i64::MIN, until: i64::MAX }];
    }
    let ends = starts.iter().skip(1).map(|&place| records[place].instant()).chain([i64::MAX]);
    let span = |(&first, until): (&usize, i64)| {
        let from = records[first].instant();
        Span { kind: kind(evidence, client, from, until), first, from, until }
    };
    starts.iter().zip(ends).map(span).collect()
}

/// Places in ScanAgent.log where a scan begins. A request that needs no scan of its own is passed over, unless it is all
/// there is.
fn starts(records: &[Record]) -> Vec<usize> {
    let (opening, processing) = (&steps()[0].lines[0], &steps()[1].lines[0]);
    let none = Values::new();
    let asked: Vec<usize> =
        (0..records.len()).filter(|&place| is(opening, &opening.text, &records[place], &none).is_some()).collect();
    let ends = asked.iter().skip(1).copied().chain([records.len()]);
    let needed = |&(&from, until): &(&usize, usize)| {
        let told = &records[from..until];
        // A request for a whole update source begins without a word of policy: from its processing on, the records are its own.
        let mut processed =
            (0..told.len()).filter(|&place| is(processing, &processing.text, &told[place], &none).is_some());
        let own = processed.nth(1).unwrap_or(told.len());
        !told[..own]
            .iter()
            .any(|record| needless().iter().any(|text| text.matches(&record.entry.text, &none).is_some()))
    };
    let scans: Vec<usize> = asked.iter().zip(ends).filter(needed).map(|(&from, _)| from).collect();
    if scans.is_empty() { asked } else { scans }
}

/// The kind of a scan, by the one line of step 1.10 that only this kind writes.
fn kind(evidence: &Evidence, client: &str, from: i64, until: i64) -> Scan {
    let records = evidence.records(client, Log::WuaHandler).unwrap_or(&[]);
    let told = records.iter().filter(|record| (from..until).contains(&record.instant()));
    let lines = || steps().iter().flat_map(|step| &step.lines).filter(|line| line.log == Log::WuaHandler);
    for record in told {
        for line in lines() {
            if let Some(kind) = line.scan
                && is(line, &line.text, record, &Values::new()).is_some()
            {
                return kind;
            }
        }
    }
    Scan::First
}

/// Looks for every line of a scan. `values` holds what is known of the named places and is added to.
pub(crate) fn walk<'e>(
    evidence: &'e Evidence,
    client: &'e str,
    span: Span,
    rigour: Rigour,
    values: &mut Values,
) -> Vec<Walked<'e>> {
    let mut walker = Walker { evidence, client, span, rigour, cursors: BTreeMap::new(), earlier: Vec::new() };
    walker.cursors.insert((client, Log::ScanAgent), span.first);
    let mut walked = Vec::new();
    let mut from = span.from;
    for step in steps() {
        let lines = walker.step(step, from, values);
        let walked_step = Walked { step, lines };
        // The next step may begin as soon as this one has: the two ends of a call log side by side.
        let began = walked_step.hits().filter(|hit| hit.log != Log::IisRequests).map(|hit| hit.record.instant()).min();
        from = began.unwrap_or(from).max(from);
        walked.push(walked_step);
    }
    walked
}

struct Walker<'e> {
    evidence: &'e Evidence,
    client: &'e str,
    span: Span,
    rigour: Rigour,
    /// The next record of each log to look at: lines of one log are in order across all steps.
    cursors: BTreeMap<(&'e str, Log), usize>,
    earlier: Vec<(&'static Template, Hit<'e>)>,
}

impl<'e> Walker<'e> {
    fn step(&mut self, step: &'static Step, from: i64, values: &mut Values) -> Vec<(&'static Line, Found<'e>)> {
        let mut lines = Vec::new();
        let mut anchored = false;
        let applying: Vec<&'static Line> = step.lines_of(self.span.kind).filter(|line| self.applies(line)).collect();
        for line in applying {
            let needed = match (line.need, self.rigour) {
                (_, Rigour::Example) | (Need::Always, _) => true,
                (Need::Follows, _) => anchored,
                (Need::Example | Need::Anchor, _) => false,
            };
            // Values of lines that need not be there would bind names to whatever comes first.
            let looked_for = needed || line.need == Need::Anchor;
            let found = if looked_for { self.look(step, line, from, values) } else { Found::Spared };
            anchored = match (line.need, &found) {
                (Need::Anchor, found) => matches!(found, Found::Record(_)),
                _ => anchored,
            };
            let found = if needed || matches!(found, Found::Record(_)) { found } else { Found::Spared };
            lines.push((line, found));
        }
        if !lines.iter().any(|(_, found)| matches!(found, Found::Record(_))) {
            self.any_sign(step, from, values, &mut lines);
        }
        lines
    }

    /// A step none of whose lines has to be there still needs a sign that it happened.
    fn any_sign(&mut self, step: &'static Step, from: i64, values: &Values, lines: &mut [(&'static Line, Found<'e>)]) {
        if lines.iter().any(|(_, found)| !matches!(found, Found::Spared)) {
            return;
        }
        for (line, found) in lines {
            let sign = self.look(step, line, from, &mut values.clone());
            if matches!(sign, Found::Record(_)) {
                *found = sign;
                return;
            }
        }
    }

    fn applies(&self, line: &Line) -> bool {
        let decoded = self.evidence.records(self.client, Log::WindowsUpdateDecoded).is_some();
        match line.log {
            Log::WindowsUpdate => !decoded || self.rigour == Rigour::Example,
            Log::WindowsUpdateDecoded => decoded && self.rigour == Rigour::Any,
            _ => true,
        }
    }

    fn look(&mut self, step: &Step, line: &'static Line, from: i64, values: &mut Values) -> Found<'e> {
        if line.again {
            let told =
                self.earlier.iter().find(|(text, hit)| text.source() == line.text.source() && hit.log == line.log);
            return match told {
                Some((_, hit)) => Found::Record(*hit),
                None => self.absent(line.log, self.evidence.records(self.client, line.log).is_some()),
            };
        }
        // The client sends its state messages minutes later, perhaps after the next scan has begun.
        let until = if step.code == "S7" { i64::MAX } else { self.span.until };
        let mut best: Option<(usize, Hit<'e>, Values)> = None;
        let mut log_exists = false;
        for (host, records) in self.evidence.tellers(self.client, line.log) {
            log_exists = true;
            let start = self.cursors.get(&(host, line.log)).copied().unwrap_or(0);
            let from = from.saturating_sub(self.slack(host, line.log));
            let found = records.iter().enumerate().skip(start).find_map(|(place, record)| {
                let at = record.instant();
                if at < from || at > until {
                    return None;
                }
                Some((place, record, self.fits(line, record, values)?))
            });
            if let Some((place, record, found)) = found
                && best.as_ref().is_none_or(|(_, hit, _)| record.instant() < hit.record.instant())
            {
                best = Some((place, Hit { host, log: line.log, record }, found));
            }
        }
        match best {
            Some((place, hit, found)) => {
                self.cursors.insert((hit.host, hit.log), place + 1);
                self.earlier.push((&line.text, hit));
                values.extend(found);
                Found::Record(hit)
            }
            None => self.absent(line.log, log_exists),
        }
    }

    fn absent(&self, log: Log, log_exists: bool) -> Found<'e> {
        if log_exists || self.evidence.would_show(self.client, log) { Found::Missing } else { Found::NoLog }
    }

    /// Milliseconds by which a record may seem to come before its cause: the part of a second that IIS does not write,
    /// and what the clocks of two hosts may differ.
    fn slack(&self, host: &str, log: Log) -> i64 {
        match (log, self.rigour) {
            (_, Rigour::Any) if host != self.client => 2000,
            (Log::IisRequests, _) => 999,
            _ => 0,
        }
    }

    fn fits(&self, line: &Line, record: &Record, values: &Values) -> Option<Values> {
        if self.rigour == Rigour::Example {
            return is(line, line.example.as_ref().unwrap_or(&line.text), record, values);
        }
        std::iter::once(&line.text).chain(&line.or).find_map(|text| is(line, text, record, values))
    }
}

/// The values a record has in the places of a line's text, if it is that line.
fn is(line: &Line, text: &Template, record: &Record, values: &Values) -> Option<Values> {
    if record.entry.component != line.component {
        return None;
    }
    let said = record.entry.text.as_str();
    let plain = if line.log.format() == cmsim_logs::Format::Server { said.trim_end_matches(['~', ' ']) } else { said };
    text.matches(plain, values)
}
