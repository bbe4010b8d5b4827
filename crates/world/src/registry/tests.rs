use super::*;

const POLICY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const POLICY_32: &str = r"HKLM\SOFTWARE\Wow6432Node\Policies\Microsoft\Windows\WindowsUpdate";
const URL: &str = "http://PS1SITE.CONTOSO.COM:8530";

fn json(registry: &Registry) -> String {
    serde_json::to_string_pretty(&registry.export()).unwrap()
}

#[test]
fn both_paths_of_the_guide_show_the_same_values() {
    let registry = Registry::new(true);
    registry.set(POLICY, "WUServer", URL).unwrap();
    registry.set(POLICY, "WUStatusServer", URL).unwrap();
    registry.wow64().set(&format!("{POLICY}\\AU"), "UseWUServer", 1).unwrap();
    let RegistryExport(export) = registry.export();
    for path in [POLICY, POLICY_32] {
        assert_eq!(export[path]["WUServer"], RegistryValue::from(URL));
        assert_eq!(export[path]["WUStatusServer"], RegistryValue::from(URL));
        assert_eq!(export[&format!("{path}\\AU")]["UseWUServer"], RegistryValue::Dword(1));
        assert_eq!(registry.text(path, "wuserver").as_deref(), Some(URL));
    }
}

#[test]
fn names_compare_without_case_and_keep_it() {
    let registry = Registry::new(true);
    registry.set(r"HKLM\SOFTWARE\Microsoft\CCM", "LogLevel", 1).unwrap();
    registry.set(r"HKLM\software\MICROSOFT\ccm", "LOGLEVEL", 2).unwrap();
    assert_eq!(registry.values(r"HKLM\SOFTWARE\Microsoft\CCM"), [("LogLevel".to_owned(), RegistryValue::Dword(2))]);
    assert_eq!(registry.subkeys(r"HKLM\SOFTWARE"), ["Microsoft"]);
}

#[test]
fn watchers_hear_of_changes_below_their_key_in_order() {
    let registry = Registry::new(true);
    let heard = Arc::new(Mutex::new(Vec::new()));
    for (name, key) in [("update", POLICY), ("all", r"HKLM\SOFTWARE\Policies"), ("other", r"HKLM\SYSTEM")] {
        let heard = Arc::clone(&heard);
        let write = move |changed: &KeyChanged| heard.lock().unwrap().push((name, changed.key.clone()));
        registry.watch(key, write).unwrap();
    }
    registry.set(POLICY_32, "WUServer", URL).unwrap();
    assert_eq!(*heard.lock().unwrap(), [("update", POLICY.to_owned()), ("all", POLICY.to_owned())]);
}

#[test]
fn a_removed_watcher_is_silent_and_a_watcher_may_read() {
    let registry = Registry::new(true);
    let read = registry.clone();
    let seen = Arc::new(Mutex::new(None));
    let store = Arc::clone(&seen);
    let id = registry.watch(POLICY, move |_| *store.lock().unwrap() = read.text(POLICY, "WUServer")).unwrap();
    registry.set(POLICY, "WUServer", "first").unwrap();
    registry.unwatch(id);
    registry.set(POLICY, "WUServer", "second").unwrap();
    assert_eq!(seen.lock().unwrap().as_deref(), Some("first"));
}

#[test]
fn a_marked_write_exports_the_bytes_of_a_plain_one() {
    let (plain, marked) = (Registry::new(true), Registry::new(true));
    let mark = Mark::new("policy");
    plain.set(POLICY, "WUServer", URL).unwrap();
    marked.set_marked(&mark, POLICY, "WUServer", URL).unwrap();
    assert_eq!(json(&plain), json(&marked));
    assert_eq!(mark.hits(), 0, "an export is no component");
}

#[test]
fn reverting_a_change_leaves_no_trace_of_it() {
    let registry = Registry::new(true);
    registry.set(POLICY, "WUServer", URL).unwrap();
    let before = json(&registry);
    let mark = Mark::new("wrong server");
    registry.set_marked(&mark, POLICY, "WUServer", "http://wrong").unwrap();
    registry.set_marked(&mark, r"HKLM\SOFTWARE\New\Key", "x", 1).unwrap();
    assert_ne!(json(&registry), before);
    assert_eq!(registry.text(POLICY, "WUServer").as_deref(), Some("http://wrong"));
    assert_eq!(mark.hits(), 1);
    registry.revert(&mark);
    assert_eq!(json(&registry), before);
    assert!(!registry.exists(r"HKLM\SOFTWARE\New"));
}

#[test]
fn a_key_deleted_by_a_change_comes_back() {
    let registry = Registry::new(true);
    registry.set(&format!("{POLICY}\\AU"), "UseWUServer", 1).unwrap();
    let before = json(&registry);
    let mark = Mark::new("deleted policy");
    registry.delete_key_marked(&mark, POLICY).unwrap();
    assert_eq!(registry.dword(&format!("{POLICY}\\AU"), "UseWUServer"), None);
    assert!(mark.hits() > 0, "reading an absence that a change made counts");
    registry.revert(&mark);
    assert_eq!(json(&registry), before);
}

#[test]
fn what_a_component_wrote_since_outlives_the_revert() {
    let registry = Registry::new(true);
    registry.set(POLICY, "WUServer", URL).unwrap();
    let mark = Mark::new("wrong server");
    registry.set_marked(&mark, POLICY, "WUServer", "http://wrong").unwrap();
    registry.set(POLICY, "WUServer", "http://repaired").unwrap();
    registry.revert(&mark);
    assert_eq!(registry.text(POLICY, "WUServer").as_deref(), Some("http://repaired"));
}

#[test]
fn deleting_what_is_not_there_creates_nothing() {
    let registry = Registry::new(true);
    registry.delete_value(POLICY, "WUServer").unwrap();
    assert_eq!(registry.export(), RegistryExport::default());
}
