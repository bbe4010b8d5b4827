use cmsim_sim::TimeZone;
use proptest::prelude::*;

use super::*;

const LOG: &str = r"C:\Windows\CCM\Logs\ScanAgent.log";

fn clock() -> Clock {
    Clock::virtual_time(SimTime::from_millis(1_000), TimeZone::utc())
}

fn disk() -> Disk {
    Disk::memory(clock())
}

#[tokio::test(start_paused = true)]
async fn paths_compare_without_case_in_every_spelling() {
    let disk = disk();
    disk.write(LOG, b"one").unwrap();
    disk.append("c/windows/ccm/LOGS/scanagent.LOG", b" two").unwrap();
    assert_eq!(disk.read("C:/Windows/CCM/Logs/ScanAgent.log").unwrap(), b"one two");
    assert_eq!(disk.facts("c:\\windows\\ccm\\logs\\scanagent.log").unwrap().path, LOG);
}

#[tokio::test(start_paused = true)]
async fn a_folder_lists_its_own_files_in_order() {
    let disk = disk();
    for name in ["b.smx", "A.SMX", r"deep\c.smx"] {
        disk.write(&format!(r"C:\SMS\mp\outboxes\StateMsg.box\{name}"), b"x").unwrap();
    }
    let listed = disk.list(r"c:\sms\MP\outboxes\statemsg.box").unwrap();
    let names: Vec<_> = listed.iter().filter_map(|file| file.path.rsplit('\\').next()).collect();
    assert_eq!(names, ["A.SMX", "b.smx"]);
}

#[tokio::test(start_paused = true)]
async fn sizes_are_accounted_and_a_full_disk_refuses_growth_only() {
    let disk = disk();
    disk.write(LOG, &[0; 60]).unwrap();
    disk.set_capacity(Some(100));
    disk.append(LOG, &[0; 40]).unwrap();
    let full = disk.append(LOG, &[0; 1]).unwrap_err();
    assert_eq!(full.hresult(), 0x8007_0070);
    disk.write(LOG, &[0; 10]).unwrap();
    assert_eq!(disk.used(), 10);
    assert!(disk.delete(LOG).unwrap());
    assert_eq!(disk.used(), 0);
    assert!(!disk.delete(LOG).unwrap());
}

#[tokio::test(start_paused = true)]
async fn renaming_replaces_the_target_and_only_case_keeps_the_file() {
    let disk = disk();
    disk.write("C:\\a", b"new").unwrap();
    disk.write("C:\\b", b"old!").unwrap();
    disk.rename("C:\\a", "C:\\b").unwrap();
    disk.rename("C:\\b", "C:\\B").unwrap();
    assert_eq!(disk.read("C:\\b").unwrap(), b"new");
    assert!(!disk.exists("C:\\a"));
    assert_eq!(disk.used(), 3);
    assert_eq!(disk.rename("C:\\a", "C:\\c").unwrap_err().hresult(), 0x8007_0002);
}

#[tokio::test(start_paused = true)]
async fn a_program_file_has_a_version_and_no_content() {
    let disk = disk();
    let path = r"C:\Windows\System32\ntdll.dll";
    disk.install(path, [6, 1, 7601, 18247].into(), 1_732_032).unwrap();
    let facts = disk.facts(path).unwrap();
    assert_eq!(facts.version.unwrap().to_string(), "6.1.7601.18247");
    assert_eq!((facts.size, disk.used()), (1_732_032, 1_732_032));
    assert!(matches!(disk.read(path), Err(DiskError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn a_change_garbles_a_file_and_gives_it_back() {
    let disk = disk();
    disk.write(LOG, b"good").unwrap();
    let mark = Mark::new("garbled");
    disk.write_marked(&mark, LOG, b"bad bytes").unwrap();
    assert_eq!((disk.read(LOG).unwrap(), mark.hits()), (b"bad bytes".to_vec(), 1));
    disk.revert(&mark).unwrap();
    assert_eq!((disk.read(LOG).unwrap(), disk.used()), (b"good".to_vec(), 4));
    disk.delete_marked(&mark, LOG).unwrap();
    assert!(!disk.exists(LOG));
    disk.revert(&mark).unwrap();
    assert!(disk.exists(LOG));
}

#[tokio::test(start_paused = true)]
async fn a_directory_disk_writes_through_and_can_be_reopened() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::directory(clock(), root.path()).unwrap();
    disk.write(LOG, b"one").unwrap();
    disk.append(r"c:\WINDOWS\ccm\logs\SCANAGENT.log", b" two").unwrap();
    disk.write(r"C:\windows\other.log", b"x").unwrap();
    disk.delete(r"C:\Windows\other.log").unwrap();
    let real = root.path().join("C/Windows/CCM/Logs/ScanAgent.log");
    assert_eq!(std::fs::read(real).unwrap(), b"one two");
    let again = Disk::directory(clock(), root.path()).unwrap();
    assert_eq!(again.read(LOG).unwrap(), b"one two");
    assert!(!again.exists(r"C:\Windows\other.log"));
}

#[tokio::test(start_paused = true)]
async fn an_export_is_the_same_for_plain_and_marked_writes() {
    let (plain, marked) = (disk(), disk());
    plain.write(LOG, b"x").unwrap();
    marked.write_marked(&Mark::new("m"), LOG, b"x").unwrap();
    for disk in [&plain, &marked] {
        disk.install(r"C:\Windows\notepad.exe", FileVersion::default(), 7).unwrap();
        let out = tempfile::tempdir().unwrap();
        disk.write_to(out.path()).unwrap();
        assert_eq!(std::fs::read(out.path().join("C/Windows/CCM/Logs/ScanAgent.log")).unwrap(), b"x");
        assert!(!out.path().join("C/Windows/notepad.exe").exists());
    }
}

#[tokio::test(start_paused = true)]
async fn no_path_leaves_the_disk() {
    let disk = disk();
    for path in ["", "x", r"\Windows", r"C:\..\x", r"C:\a\\b", "C:\\a*", "CC:\\a", "C:\\a\0b", r"..\C\x"] {
        assert!(matches!(disk.write(path, b""), Err(DiskError::BadPath { .. })), "{path}");
    }
    let at_limit = format!("C:\\{}", "x".repeat(LONGEST_PATH - 3));
    assert!(disk.write(&at_limit, b"").is_ok());
    assert!(disk.write(&format!("{at_limit}x"), b"").is_err());
}

proptest! {
    #[test]
    fn any_path_is_taken_or_refused_and_never_has_dots(path in "([A-Z]:)?[\\\\/a-z.]{0,30}") {
        if let Ok(parts) = parts(&path) {
            prop_assert!(parts.iter().all(|part| !part.is_empty() && *part != ".." && *part != "."));
        }
    }
}
