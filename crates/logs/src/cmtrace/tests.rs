use proptest::prelude::*;

use super::*;

/// A record of a first scan; text and source file as public logs show them, values ours.
const GOLDEN: &str = concat!(
    "\u{FEFF}<![LOG[Its a WSUS Update Source type ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}), adding it.]LOG]!>",
    "<time=\"12:18:09.531+300\" date=\"01-20-2014\" component=\"WUAHandler\" context=\"\" type=\"1\" thread=\"2784\" ",
    "file=\"sourcemanager.cpp:1232\">\r\n",
);

fn golden() -> Record {
    Record {
        text: "Its a WSUS Update Source type ({C2D17964-BBDD-4339-B9F3-12D7205B39CC}), adding it.".into(),
        time: LocalStamp {
            year: 2014,
            month: 1,
            day: 20,
            hour: 12,
            minute: 18,
            second: 9,
            millisecond: 531,
            bias_minutes: 300,
        },
        component: "WUAHandler".into(),
        context: String::new(),
        severity: Severity::Info,
        thread: 2784,
        file: "sourcemanager.cpp:1232".into(),
    }
}

fn file(records: &[Record]) -> String {
    let mut out = BOM.to_owned();
    for record in records {
        record.format(&mut out);
    }
    out
}

#[test]
fn a_record_is_written_as_the_product_writes_it() {
    assert_eq!(file(&[golden()]), GOLDEN);
    assert_eq!(parse(GOLDEN.as_bytes()).unwrap(), [golden()]);
}

#[test]
fn a_file_of_three_bytes_has_no_records() {
    assert_eq!(parse(BOM.as_bytes()).unwrap(), []);
}

#[test]
fn bias_keeps_its_sign_and_is_never_padded() {
    for (minutes, written) in [(0, "+000"), (300, "+300"), (-60, "-60"), (-330, "-330"), (60, "+60")] {
        let mut record = golden();
        record.time.bias_minutes = minutes;
        let out = file(&[record.clone()]);
        assert!(out.contains(&format!(".531{written}\"")), "{out}");
        assert_eq!(parse(out.as_bytes()).unwrap(), [record]);
    }
}

#[test]
fn deviations_are_refused_with_their_place() {
    // What is replaced, by what, the damaged text from the reported place on, and the reason.
    let cases = [
        ("\u{FEFF}", "", "<![LOG[", "byte order mark"),
        ("+300", "+0300", "+0300", "unpadded"),
        ("+300", "-000", "-000", "unpadded"),
        ("+300", "+-300", "+-300", "unpadded"),
        ("+300", "300", "300", "sign"),
        (".531", ".53", "53+", "3 digits"),
        ("01-20", "1-20", "1-20", "2 digits"),
        ("01-20", "13-20", "12:18", "no such month"),
        ("12:18", "24:18", "24:18", "no such time"),
        (" context=\"\"", "", " type=", "context"),
        ("type=\"1\"", "type=\"4\"", "\" thread", "type"),
        ("thread=\"2784\"", "thread=\"02784\"", "02784", "padded"),
        ("\r\n", "\n", "\n", "CRLF"),
        ("Its a", "Its\r\na", "\r\na", "carriage return"),
        ("]LOG]!>", "", "Its a", "]LOG]!>"),
    ];
    for (from, to, place, why) in cases {
        let damaged = GOLDEN.replace(from, to);
        assert_ne!(damaged, GOLDEN, "{from}");
        let error = parse(damaged.as_bytes()).unwrap_err();
        assert!(error.why.contains(why), "{to:?}: {error}");
        let column = damaged[..damaged.find(place).unwrap()].chars().count() + 1;
        assert_eq!((error.line, error.column), (1, column), "{to:?}: {error}");
    }
}

#[test]
fn foreign_text_cannot_make_a_second_record() {
    let mut record = golden();
    record.text = format!("a]LOG]!><time=\"\r\n{GOLDEN}");
    record.component = "x\" type=\"3".into();
    let read = parse(file(&[record]).as_bytes()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].severity, Severity::Info);
}

#[test]
fn the_lenient_reader_takes_managed_records_and_skips_damage() {
    let managed = "<![LOG[Hello]LOG]!><time=\"08:01:02.1234567\" date=\"1-2-2015\" component=\"SCClient\" \
                   context=\"\" type=\"1\" thread=\"7\" file=\"\">\n";
    let input = format!("{managed}stray\n<![LOG[cut off\n{managed}");
    let (records, problems) = parse_lenient(input.as_bytes(), -60);
    assert_eq!(records.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 4]);
    assert_eq!((records[0].1.time.day, records[0].1.time.bias_minutes), (2, -60));
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn the_lenient_reader_gives_up_on_what_is_no_log() {
    let junk = "<![LOG[]LOG]!>\n".repeat(MAX_PROBLEMS + 10);
    let (records, problems) = parse_lenient(junk.as_bytes(), 0);
    assert_eq!((records.len(), problems.len()), (0, MAX_PROBLEMS));
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof![Just("\n".to_owned()), Just("]LOG]!".to_owned()), "\\PC{0,12}"], 0..6)
        .prop_map(|parts| parts.concat().replace(CLOSE, ""))
}

prop_compose! {
    fn record_strategy()(
        text in text(), ms in 0_i64..4_000_000_000_000, bias in -840..840_i32,
        component in "[A-Za-z_ ]{0,20}", severity in 0_u8..4, thread: u32, file in "[a-z]{1,9}\\.cpp:[0-9]{1,4}",
    ) -> Record {
        Record {
            text, time: LocalStamp::from_utc_millis(ms, bias), component, context: String::new(),
            severity: Severity::from_number(severity).unwrap(), thread, file,
        }
    }
}

proptest! {
    #[test]
    fn records_come_back(records in proptest::collection::vec(record_strategy(), 0..5)) {
        let out = file(&records);
        prop_assert_eq!(&parse(out.as_bytes()).unwrap(), &records);
        let (lenient, problems) = parse_lenient(out.as_bytes(), 0);
        prop_assert_eq!(lenient.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), records);
        prop_assert_eq!(problems, []);
    }

    #[test]
    fn hostile_fields_still_give_one_record(text in any::<String>(), component in any::<String>(), file_name in any::<String>()) {
        let mut record = golden();
        (record.text, record.component, record.file) = (text, component, file_name);
        prop_assert_eq!(parse(file(&[record]).as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = parse_lenient(&bytes, 0);
    }

    #[test]
    fn damaged_records_never_panic(cut in 0_usize..230, byte: u8) {
        let mut bytes = GOLDEN.as_bytes().to_vec();
        if let Some(place) = bytes.get_mut(cut) {
            *place = byte;
        }
        let _ = parse(&bytes);
        let _ = parse_lenient(&bytes, 0);
        let _ = parse(&GOLDEN.as_bytes()[..cut.min(GOLDEN.len())]);
    }
}
