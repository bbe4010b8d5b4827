//! Every line that the guide shows for a healthy scan is a record of the run, and the check notices when one is not.

use std::collections::BTreeSet;
use std::ops::Range;

use cmsim_guide::{Evidence, LineProof, Proof, Scan, compare_with_example, differences, steps};
use cmsim_logs::{Entry, Format, Log};

use crate::runs::{Run, healthy, rescan};

const CLIENT: &str = "CLIENT1";

/// Lines that the guide shows of a first scan, step by step: counted in the article, with broken lines mended and merged
/// ones parted.
const SHOWN: [(&str, usize); 17] = [
    ("S1.1", 2),
    ("S1.2", 9),
    ("S1.3", 6),
    ("S1.4", 2),
    ("S1.5", 5),
    ("S1.6", 1),
    ("S1.7", 3),
    ("S1.8", 6),
    ("S1.9", 3),
    ("S1.10", 10),
    ("S1.11", 2),
    ("S2", 5),
    ("S3", 17),
    ("S4", 2),
    ("S5", 4),
    ("S6", 6),
    ("S7", 2),
];

/// Lines of the way on from step 7, which other Microsoft documents show.
const WAY_ON: usize = 9;

fn proofs(run: &Run) -> Vec<LineProof> {
    compare_with_example(&run.evidence(), CLIENT, Scan::First)
}

#[test]
fn every_line_of_the_guide_is_a_record_of_the_run() {
    let proofs = proofs(healthy());
    assert_eq!(differences(&proofs), Vec::<String>::new());
    for (step, shown) in SHOWN {
        let of_step: Vec<_> = proofs.iter().filter(|proof| proof.step == step).collect();
        let expected = if step == "S7" { shown + WAY_ON } else { shown };
        assert_eq!(of_step.len(), expected, "{step}");
        assert!(of_step.iter().all(|proof| proof.record.is_some()), "{step}");
    }
    let steps: BTreeSet<&str> = proofs.iter().map(|proof| proof.step.as_str()).collect();
    assert_eq!(steps.len(), SHOWN.len());
}

#[test]
fn no_record_proves_two_lines() {
    let proofs = proofs(healthy());
    let repeated: usize = steps().iter().flat_map(|step| &step.lines).filter(|line| line.again).count();
    let records: BTreeSet<(&str, usize)> = proofs.iter().flat_map(|proof| &proof.record).map(place).collect();
    // The guide shows three lines twice.
    assert_eq!(repeated, 3);
    assert_eq!(records.len(), proofs.len() - repeated);
}

#[test]
fn times_never_run_back_along_the_location_request() {
    let mut before = ("", i64::MIN);
    for (step, _) in &SHOWN[..9] {
        let proofs = proofs(healthy());
        let times: Vec<i64> = proofs
            .iter()
            .filter(|proof| proof.step == *step)
            .flat_map(|proof| &proof.record)
            .map(|at| at.utc_ms)
            .collect();
        let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(before.1 <= *first, "{step} begins before {} ends", before.0);
        before = (step, *last);
    }
}

/// Within one log the record numbers of a step's lines rise, and so do their times.
#[test]
fn lines_of_one_log_are_in_the_guides_order() {
    let proofs = proofs(healthy());
    let logs: BTreeSet<&str> = proofs.iter().map(|proof| proof.log.as_str()).collect();
    let again: BTreeSet<(String, String)> = steps()
        .iter()
        .flat_map(|step| {
            step.lines.iter().filter(|line| line.again).map(|line| (step.code.clone(), line.log.file_name().to_owned()))
        })
        .collect();
    for log in logs {
        let told: Vec<&Proof> = proofs
            .iter()
            .filter(|proof| proof.log == log && !again.contains(&(proof.step.clone(), proof.log.clone())))
            .flat_map(|proof| &proof.record)
            .collect();
        for pair in told.windows(2) {
            assert!(pair[0].record < pair[1].record, "{log}: {} after {}", pair[0].text, pair[1].text);
            assert!(pair[0].utc_ms <= pair[1].utc_ms, "{log}: {} after {}", pair[0].text, pair[1].text);
        }
    }
}

#[test]
fn a_rescan_has_the_lines_of_an_existing_client() {
    let proofs = compare_with_example(&rescan().evidence(), CLIENT, Scan::Rescan);
    assert_eq!(differences(&proofs), Vec::<String>::new());
    let source: Vec<&str> =
        proofs.iter().filter(|proof| proof.step == "S1.10").map(|proof| proof.text.as_str()).collect();
    assert_eq!(
        source,
        [
            "Its a WSUS Update Source type ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}), adding it.",
            "WSUS update source already exists, it has increased version to 39.",
            "Added Update Source ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}) of content type: 2",
        ]
    );
}

/// A log of the run, its records, and which of them prove a line.
struct Logfile {
    path: String,
    log: Log,
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
    entries: Vec<Entry>,
    proving: Vec<usize>,
}

fn place(proof: &Proof) -> (&str, usize) {
    (proof.file.as_str(), proof.record)
}

/// The logs of a run, without what could stand in for a proving record: the agent names the service's address once more
/// than the guide shows, and the State System looks for more files after the last one.
fn logfiles(run: &Run) -> Vec<Logfile> {
    let proofs = proofs(run);
    let places: BTreeSet<(&str, usize)> = proofs.iter().flat_map(|proof| &proof.record).map(place).collect();
    let mut files: Vec<Logfile> = Vec::new();
    for (path, log, bytes) in run.logs() {
        let proving = places.iter().filter(|(file, _)| *file == path).map(|(_, record)| record - 1).collect();
        let mut file = Logfile::new(path, log, bytes.to_vec(), proving);
        while let Some(understudy) = file.understudy() {
            assert!([Log::WindowsUpdate, Log::StateSys].contains(&log), "{path}");
            let proving =
                file.proving.iter().map(|&index| if index > understudy { index - 1 } else { index }).collect();
            file = Logfile::new(path, log, file.without(understudy), proving);
        }
        files.push(file);
    }
    assert_eq!(files.iter().map(|file| file.proving.len()).sum::<usize>(), places.len());
    let whole = files.iter().map(|file| (file.path.as_str(), file.bytes.as_slice()));
    assert_eq!(
        differences(&compare_with_example(&Evidence::from_files(whole), CLIENT, Scan::First)),
        Vec::<String>::new()
    );
    files
}

/// Where each record stands in its file.
fn ranges(format: Format, bytes: &[u8], entries: &[Entry]) -> Vec<Range<usize>> {
    let lines: Vec<usize> = std::iter::once(0)
        .chain(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let start = |line: usize| if line == 1 { format.prologue().len() } else { lines[line - 1] };
    let end = |from: usize| match format {
        // The trace goes on after its last event.
        Format::ProfilerTrace => from + find(&bytes[from..], b"</Event>").unwrap() + b"</Event>\r\n".len(),
        _ => bytes.len(),
    };
    let starts: Vec<usize> = entries.iter().map(|entry| start(entry.line)).collect();
    let ends = starts.iter().skip(1).copied().chain(starts.last().map(|last| end(*last)));
    starts.iter().zip(ends).map(|(from, to)| *from..to).collect()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Logfile {
    fn new(path: &str, log: Log, bytes: Vec<u8>, proving: Vec<usize>) -> Self {
        let entries = cmsim_logs::read(&bytes, 300).entries;
        let records = ranges(log.format(), &bytes, &entries);
        Self { path: path.to_owned(), log, bytes, records, entries, proving }
    }

    /// A record that proves nothing and says what a proving one before it says, at the State System with any number.
    fn understudy(&self) -> Option<usize> {
        let others = (0..self.entries.len()).filter(|index| !self.proving.contains(index));
        let counted = |c: char| self.log == Log::StateSys && c.is_ascii_digit();
        let text = |index: usize| self.entries[index].text.replace(counted, "");
        let proved: Vec<(usize, String)> = self.proving.iter().map(|&index| (index, text(index))).collect();
        others.into_iter().find(|&index| proved.iter().any(|(other, said)| *other < index && *said == text(index)))
    }

    fn record(&self, index: usize) -> &[u8] {
        &self.bytes[self.records[index].clone()]
    }

    fn replaced(&self, range: Range<usize>, by: &[u8]) -> Vec<u8> {
        [&self.bytes[..range.start], by, &self.bytes[range.end..]].concat()
    }

    fn without(&self, index: usize) -> Vec<u8> {
        self.replaced(self.records[index].clone(), b"")
    }

    /// The record changes places with another one after it, and all between stay.
    fn swapped(&self, index: usize, other: usize) -> Vec<u8> {
        let (one, two) = (self.records[index].clone(), self.records[other].clone());
        let between = &self.bytes[one.end..two.start];
        self.replaced(one.start..two.end, &[self.record(other), between, self.record(index)].concat())
    }

    /// The record as another component of the same log format would have written it; `None` where records name none.
    fn renamed(&self, index: usize) -> Option<Vec<u8>> {
        let component = &self.entries[index].component;
        let (from, to) = match self.log.format() {
            Format::CmTrace => (format!("component=\"{component}\""), "component=\"execmgr\"".to_owned()),
            Format::Server => (format!("$$<{component}>"), "$$<SMS_EXECUTIVE>".to_owned()),
            Format::WindowsUpdateTabbed => (format!("\t{component}\t"), "\tSetup\t".to_owned()),
            Format::ProfilerTrace => {
                ("id=\"10\" name=\"RPC:Completed\"".to_owned(), "id=\"12\" name=\"SQL:BatchCompleted\"".to_owned())
            }
            Format::W3c => return None,
            other => panic!("the guide shows no {other:?}"),
        };
        let range = self.records[index].clone();
        let at = range.start + find(self.record(index), from.as_bytes()).unwrap();
        Some(self.replaced(at..at + from.len(), to.as_bytes()))
    }
}

/// Files as the check takes them, one of them changed.
fn check(files: &[Logfile], changed: &Logfile, bytes: &[u8], what: &str) {
    let format = changed.log.format();
    assert!(cmsim_logs::check(format, bytes).is_ok(), "{what} leaves no whole log: {}", changed.path);
    let with =
        files.iter().map(|file| (file.path.as_str(), if std::ptr::eq(file, changed) { bytes } else { &file.bytes }));
    let proofs = compare_with_example(&Evidence::from_files(with), CLIENT, Scan::First);
    assert!(!differences(&proofs).is_empty(), "{what} is not noticed: {}", changed.path);
}

/// The check sees each damage to the run's own logs: a proving record that is gone, that changed places with the next
/// proving one, or that another component wrote.
#[test]
fn the_check_notices_every_damage() {
    let files = logfiles(healthy());
    let mut nameless = 0;
    for file in &files {
        for (number, &index) in file.proving.iter().enumerate() {
            let what = |did: &str| format!("record {} {did}", index + 1);
            check(&files, file, &file.without(index), &what("deleted"));
            if let Some(&next) = file.proving.get(number + 1) {
                check(&files, file, &file.swapped(index, next), &what("swapped with the next"));
            }
            match file.renamed(index) {
                Some(bytes) => check(&files, file, &bytes, &what("renamed")),
                None => nameless += 1,
            }
        }
    }
    assert_eq!(nameless, 1, "only the web server's log names no component");
}
