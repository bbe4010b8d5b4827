use std::time::Duration;

use super::{Invalid, LARGEST_FILE, LoadError, Span, Step, load, parse, schema};

/// Each mistake as `line:column message`, with its advice behind an arrow.
fn mistakes(text: &str) -> Vec<String> {
    let invalid: Box<Invalid> = parse("test.toml", text).unwrap_err();
    let said = |mistake: &super::Diagnostic| {
        let (line, column) = invalid.position(mistake.span.start);
        let help = mistake.help.as_ref().map(|help| format!(" -> {help}")).unwrap_or_default();
        format!("{line}:{column} {}{help}", mistake.message)
    };
    invalid.diagnostics.iter().map(said).collect()
}

#[test]
fn the_shortest_scenario_has_a_title() {
    let file = parse("test.toml", "title = 'nothing happens'").unwrap();
    assert_eq!((file.title.as_str(), file.steps.len(), file.world.workgroup), ("nothing happens", 0, false));
}

#[test]
fn every_syntax_error_is_told_in_the_order_of_the_file() {
    let said = mistakes("title = \"x\n[world\nclients = 1\n");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1:") && said[1].starts_with("2:"), "{said:?}");
}

#[test]
fn an_unknown_key_is_told_with_the_one_that_was_meant() {
    let said = mistakes("title = 'x'\n[[expect]]\nlog = 'WUAHandler.log'\ncontians = 'y'\n");
    assert!(said[0].starts_with("4:1 unknown field `contians`"), "{said:?}");
    assert!(said[0].ends_with("-> did you mean `contains`?"), "{said:?}");
}

#[test]
fn every_wrong_value_is_told_at_once() {
    let text = "title = 'x'\nid = 'Bad Id'\n[world]\nprofile = 'windows-8'\nstart = 'noon'\ntime-zone = 'Mars/Olympus'\n\
                clients = 2001\n[[steps]]\ntrigger = { action = 'scan-cycle', on = 'CLIENT9999' }\n\
                [[expect]]\nlog = 'WUAHandlr.log'\nmatches = '('\n";
    let said = mistakes(text);
    let places: Vec<&str> = said.iter().map(|said| said.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["2:6", "4:11", "5:9", "6:13", "7:11", "9:41", "11:7", "12:11"], "{said:#?}");
    assert!(said[6].ends_with("did you mean `WUAHandler.log`?"), "{said:#?}");
}

#[test]
fn an_expectation_says_what_it_is_about_and_what_it_wants() {
    for (expectation, message) in [
        ("context = true", "exactly one of `log`"),
        ("log = 'WUAHandler.log'\nsql = 'select 1'", "exactly one of `log`"),
        ("log = 'WUAHandler.log'", "exactly one of `contains`"),
        ("log = 'WUAHandler.log'\ncontains = 'x'\nabsent = true\ncount = 0", "already says"),
        ("registry = 'HKLM\\X\\Y'", "needs `equals`"),
        ("wmi = 'select * from X'", "needs `namespace` and `rows`"),
        ("sql = 'select 1'", "needs one of `rows` and `equals`"),
        ("sql = 'select 1'\nrows = 1\nequals = 1", "needs one of `rows` and `equals`"),
        ("guide = { 'S9' = 'passed' }", "no step `S9`"),
    ] {
        let said = mistakes(&format!("title = 'x'\n[[expect]]\n{expectation}\n"));
        assert!(said.len() == 1 && said[0].contains(message), "{expectation}: {said:?}");
    }
}

#[test]
fn a_machine_step_changes_exactly_one_thing() {
    let said = mistakes("title = 'x'\n[[steps]]\nmachine = { on = 'CLIENT1' }\n");
    assert!(said[0].contains("exactly one of `file`, `registry` and `package`"), "{said:?}");
    let data = "machine = { on = 'CLIENT1', registry = { key = 'HKLM\\X', name = 'Y', data = 1.5 } }";
    assert!(mistakes(&format!("title = 'x'\n[[steps]]\n{data}\n"))[0].contains("registry data"));
}

#[test]
fn spans_of_time_are_read_and_bounded() {
    let span = |text: &str| parse("test.toml", &format!("title = 'x'\n[[steps]]\nadvance = '{text}'\n"));
    let Step::Advance(read) = span("2h 30m").unwrap().steps.remove(0).into_inner() else { panic!("not an advance") };
    assert_eq!(read, Span(Duration::from_secs(9_000)));
    assert!(span("3650d").is_err(), "days are calendar units");
    assert!(span("87600h").is_ok());
    for wrong in ["87601h", "-5m", "soon", ""] {
        assert!(span(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_file_is_refused_by_its_size_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.toml");
    std::fs::File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
    let Err(LoadError::Invalid(invalid)) = load(&path) else { panic!("it was read") };
    assert!(invalid.diagnostics[0].message.contains("1048577 bytes"));
    std::fs::write(&path, "title = 'x'").unwrap();
    assert_eq!(load(&path).unwrap().id, "big");
}

#[test]
fn the_schema_names_every_part() {
    let schema = schema();
    for part in ["title", "world", "steps", "expect"] {
        assert!(schema["properties"].get(part).is_some(), "{part}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
