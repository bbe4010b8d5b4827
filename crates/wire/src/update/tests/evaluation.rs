use super::machine::Machine;
use crate::update::rules::{Expression, RuleError, Verdict, evaluate, verdict};
use crate::update::*;

fn fragment(rules: &str) -> CoreFragment {
    let head = r#"<UpdateIdentity UpdateID="5c0b7a1e-3d44-4f0e-9d55-0d3f1a2b4c01" RevisionNumber="1" /><Properties UpdateType="Software" />"#;
    CoreFragment::decode(&format!("{head}<ApplicabilityRules>{rules}</ApplicabilityRules>")).unwrap()
}

fn expression(text: &str) -> Expression {
    let core = fragment(&format!("<IsInstalled>{text}</IsInstalled>"));
    core.rules.unwrap().is_installed.unwrap()
}

fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.set(r"SOFTWARE\Sim", "Build", RegistryData::Dword(7));
    machine.set(r"SOFTWARE\Sim", "Edition", RegistryData::Text("Professional".to_owned()));
    machine.set(r"SOFTWARE\Sim", "Version", RegistryData::Text("7.0.14".to_owned()));
    machine.set(r"SOFTWARE\Sim", "Folder", RegistryData::Expandable(r"C:\Sim\".to_owned()));
    machine.set(r"SOFTWARE\Sim\Parts\One", "Name", RegistryData::Text("one".to_owned()));
    machine.set(r"SOFTWARE\Sim\Parts\Two", "Name", RegistryData::Text("two".to_owned()));
    machine.files.insert(r"c:\windows\system32\app.dll".to_owned(), "6.1.7601.18205");
    machine.files.insert(r"c:\sim\app.dll".to_owned(), "7.0.0.1");
    machine.attributes.insert("OSVersion", "10.0.26200.8037");
    machine.attributes.insert("OSSkuId", "48");
    machine
}

fn holds(text: &str) -> Result<bool, RuleError> {
    evaluate(&expression(text), &[], &machine())
}

#[test]
fn rules_say_what_the_machine_is() {
    const K: &str = r#"Key="HKEY_LOCAL_MACHINE" Subkey="software\SIM""#;
    let table = [
        (r#"<b.WindowsVersion Comparison="GreaterThanOrEqualTo" MajorVersion="6" MinorVersion="1" />"#.to_owned(), true),
        (r#"<b.WindowsVersion Comparison="GreaterThanOrEqualTo" MajorVersion="6" MinorVersion="2" />"#.to_owned(), false),
        // Parts count by weight: build 7602 is beyond 7601 whatever the service pack.
        (r#"<b.WindowsVersion Comparison="LessThan" BuildNumber="7602" ServicePackMajor="0" />"#.to_owned(), true),
        (r#"<b.WindowsVersion MajorVersion="6" MinorVersion="1" ServicePackMajor="1" />"#.to_owned(), true),
        (r#"<b.WindowsVersion MajorVersion="6" MinorVersion="1" ProductType="3" />"#.to_owned(), false),
        (r#"<b.WindowsVersion SuiteMask="768" />"#.to_owned(), true),
        (r#"<b.WindowsVersion SuiteMask="768" AllSuitesMustBePresent="true" />"#.to_owned(), false),
        (r#"<b.WindowsLanguage Language="en" />"#.to_owned(), true),
        (r#"<b.WindowsLanguage Language="de" />"#.to_owned(), false),
        (r#"<b.MuiInstalled />"#.to_owned(), false),
        (r#"<b.Processor Architecture="9" />"#.to_owned(), true),
        (r#"<b.Processor Architecture="0" />"#.to_owned(), false),
        (r#"<b.NumberOfProcessors Comparison="GreaterThan" Number="1" />"#.to_owned(), true),
        (format!(r#"<b.RegKeyExists {K} />"#), true),
        (format!(r#"<b.RegKeyExists {K} RegType32="true" />"#), false),
        (format!(r#"<b.RegValueExists {K} Value="build" Type="REG_DWORD" />"#), true),
        (format!(r#"<b.RegValueExists {K} Value="build" Type="REG_SZ" />"#), false),
        (format!(r#"<b.RegDword {K} Value="Build" Comparison="GreaterThanOrEqualTo" Data="7" />"#), true),
        (format!(r#"<b.RegDword {K} Value="Build" Comparison="GreaterThan" Data="7" />"#), false),
        (format!(r#"<b.RegDword {K} Value="Edition" Comparison="GreaterThan" Data="0" />"#), false),
        (format!(r#"<b.RegSz {K} Value="Edition" Comparison="BeginsWith" Data="pro" />"#), true),
        (format!(r#"<b.RegSz {K} Value="Edition" Comparison="EqualTo" Data="pro" />"#), false),
        (format!(r#"<b.RegExpandSz {K} Value="Folder" Comparison="Contains" Data="sim" />"#), true),
        (format!(r#"<b.RegSzToVersion {K} Value="Version" Comparison="LessThan" Data="7.0.100.0" />"#), true),
        (format!(r#"<b.RegSzToVersion {K} Value="Edition" Comparison="LessThan" Data="7.0.100.0" />"#), false),
        (r#"<b.FileExists Csidl="37" Path="app.dll" Size="4096" />"#.to_owned(), true),
        (r#"<b.FileExists Csidl="37" Path="app.dll" Size="4097" />"#.to_owned(), false),
        (r#"<b.FileVersion Csidl="37" Path="\App.dll" Comparison="LessThan" Version="6.1.7601.18206" />"#.to_owned(), true),
        (r#"<b.FileVersion Csidl="37" Path="none.dll" Comparison="LessThan" Version="9.0" />"#.to_owned(), false),
        (r#"<b.FileCreated Csidl="37" Path="app.dll" Comparison="EqualTo" Created="2013-08-01T10:00:00Z" />"#.to_owned(), true),
        (r#"<b.FileModified Csidl="37" Path="app.dll" Comparison="LessThan" Modified="2013-08-02T10:00:00Z" />"#.to_owned(), false),
        (format!(r#"<b.FileVersionPrependRegSz {K} Value="Folder" Path="app.dll" Comparison="EqualTo" Version="7.0.0.1" />"#), true),
        (format!(r#"<b.FileExistsPrependRegSz {K} Value="Folder" Path="other.dll" />"#), false),
        (format!(r#"<b.FileSizePrependRegSz {K} Value="Folder" Path="app.dll" Comparison="LessThan" Size="4097" />"#), true),
        (format!(r#"<b.FileCreatedPrependRegSz {K} Value="Folder" Path="app.dll" Comparison="LessThan" Created="2013-08-01T10:00:00Z" />"#), false),
        (format!(r#"<b.FileModifiedPrependRegSz {K} Value="Folder" Path="app.dll" Comparison="EqualTo" Modified="2013-08-02T10:00:00Z" />"#), true),
        (r#"<b.PlatformLanguage Language="en" />"#.to_owned(), true),
                (r#"<DeviceAttribute Name="OSVersion" Type="Version" Comparison="GreaterThanOrEqualTo" Value="10.0.22621.1" />"#.to_owned(), true),
        (r#"<DeviceAttribute Name="OSSkuId" Type="String" Comparison="EqualTo" Value="4" />"#.to_owned(), false),
        (r#"<DeviceAttribute Name="sku" Type="String" Comparison="EqualTo" Value="48" />"#.to_owned(), false),
        (r#"<And /><!-- empty -->"#.to_owned(), true),
        (r#"<Or />"#.to_owned(), false),
        (r#"<Not><Or><False /><True /></Or></Not>"#.to_owned(), false),
    ];
    for (text, expected) in table {
        assert_eq!(holds(&text), Ok(expected), "{text}");
    }
}

#[test]
fn a_loop_tries_every_subkey() {
    let text = |truth: &str, data: &str| {
        format!(
            r#"<b.RegKeyLoop Key="HKEY_LOCAL_MACHINE" Subkey="SOFTWARE\Sim\Parts" TrueIf="{truth}"><b.RegSz Key="HKEY_LOOP_TARGET" Subkey="" Value="Name" Comparison="EqualTo" Data="{data}" /></b.RegKeyLoop>"#
        )
    };
    assert_eq!(holds(&text("Any", "two")), Ok(true));
    assert_eq!(holds(&text("All", "two")), Ok(false));
    assert_eq!(holds(&text("None", "two")), Ok(false));
    assert_eq!(holds(&text("None", "three")), Ok(true));
    let outside = r#"<b.RegKeyExists Key="HKEY_LOOP_TARGET" Subkey="x" />"#;
    assert_eq!(holds(outside).unwrap_err().hresult().0, 0x8024_E006);
}

#[test]
fn what_cannot_be_evaluated_has_a_code() {
    let table = [
        (r#"<b.Camera Present="true" />"#, 0x8024_E001),
        (r#"<b.Platform />"#, 0x8024_E002),
        (r#"<b.Platform PlatformID="2" Other="x" />"#, 0x8024_E002),
        (r#"<b.Platform PlatformID="2"><True /></b.Platform>"#, 0x8024_E002),
        (r#"<Not><True /><True /></Not>"#, 0x8024_E002),
        (r#"<CbsPackageInstalled />"#, 0x8024_E003),
        (r#"<m.MsiPatchInstalled />"#, 0x8024_E003),
        (r#"<DeviceAttribute Name="OSVersion" Type="Version" Comparison="EqualTo" Value="new" />"#, 0x8024_E004),
        (r#"<b.RegKeyExists Key="HKEY_CURRENT_USER" Subkey="x" />"#, 0x8024_E006),
        (r#"<b.WmiQuery WqlQuery="select * from Win32_Battery" />"#, 0x8024_EFFF),
    ];
    for (text, code) in table {
        assert_eq!(holds(text).unwrap_err().hresult().0, code, "{text}");
    }
    // Behind an operand that decides, it does no harm; before it, it does.
    assert_eq!(holds("<Or><True /><b.Camera /></Or>"), Ok(true));
    assert!(holds("<Or><b.Camera /><True /></Or>").is_err());
}

#[test]
fn a_query_is_answered_by_the_machine() {
    let rule = expression(r#"<b.WmiQuery WqlQuery="select * from Win32_Battery" />"#);
    let machine = Machine { wmi: Some(true), ..machine() };
    assert_eq!(evaluate(&rule, &[], &machine), Ok(true));
}

#[test]
fn packages_are_installed_needed_or_neither() {
    let core = CoreFragment::decode(include_str!("../../../tests/golden/update/core-cbs.xml")).unwrap();
    let rules = core.rules.unwrap();
    let mut machine = machine();
    assert_eq!(verdict(&rules, &machine), Ok(Verdict::NotApplicable));

    machine.package("Simulated-Foundation-Package~31bf3856ad364e35~amd64~~6.1.7601.17514", 112);
    assert_eq!(verdict(&rules, &machine), Ok(Verdict::Needed));

    // Staged is not installed; a newer version counts.
    machine.package("Package_for_KB9000001~31bf3856ad364e35~amd64~~6.1.1.2", 64);
    assert_eq!(verdict(&rules, &machine), Ok(Verdict::Needed));
    machine.package("Package_for_KB9000001~31bf3856ad364e35~amd64~~6.1.1.10", 112);
    assert_eq!(verdict(&rules, &machine), Ok(Verdict::Installed));

    machine.set(r"SOFTWARE\Simulated\Servicing", "Again", RegistryData::Dword(1));
    assert_eq!(verdict(&rules, &machine), Ok(Verdict::Needed));
}

#[test]
fn products_and_patches_are_read_from_the_installer_keys() {
    let product = "5c0b7a1e-3d44-4f0e-9d55-0d3f1a2b4c06".parse().unwrap();
    let patch = "5c0b7a1e-3d44-4f0e-9d55-0d3f1a2b4c07".parse().unwrap();
    assert_eq!(packed_guid(product), "E1A7B0C544D3E0F4D955D0F3A1B2C460");
    let core = CoreFragment::decode(include_str!("../../../tests/golden/update/core-rules.xml")).unwrap();
    let metadata = core.rules.unwrap().metadata;
    let rules = |state: &str| {
        let text = format!("<IsInstalled><{state} /></IsInstalled>");
        fragment(&text).rules.unwrap().is_installed.unwrap()
    };
    let mut machine = machine();
    let installable = |machine: &Machine| evaluate(&rules("m.MsiPatchInstallable"), &metadata, machine);
    assert_eq!(installable(&machine), Ok(false));

    let key = format!(
        r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\{}",
        packed_guid(product)
    );
    let properties = format!(r"{key}\InstallProperties");
    machine.set(&properties, "DisplayVersion", RegistryData::Text("14.0.6029.1000".to_owned()));
    machine.set(&properties, "Language", RegistryData::Dword(1033));
    assert_eq!(installable(&machine), Ok(true));
    let bounds = |max: &str, out: bool| {
        let text = format!(
            r#"<m.MsiProductInstalled ProductCode="{{5C0B7A1E-3D44-4F0E-9D55-0D3F1A2B4C06}}" VersionMax="{max}" ExcludeVersionMax="{out}" Language="1033" />"#
        );
        expression(&text)
    };
    assert_eq!(evaluate(&bounds("14.0.6029.1000", false), &[], &machine), Ok(true));
    assert_eq!(evaluate(&bounds("14.0.6029.1000", true), &[], &machine), Ok(false));
    assert_eq!(evaluate(&bounds("14.0.6029.999", false), &[], &machine), Ok(false));

    machine.set(&format!(r"{key}\Patches\{}", packed_guid(patch)), "State", RegistryData::Dword(2));
    assert_eq!(installable(&machine), Ok(false));
    assert_eq!(evaluate(&rules("m.MsiPatchInstalled"), &metadata, &machine), Ok(true));
    assert_eq!(evaluate(&rules("m.MsiPatchSuperseded"), &metadata, &machine), Ok(true));
    assert_eq!(evaluate(&rules("m.MsiApplicationInstalled"), &metadata, &machine), Ok(true));
    assert_eq!(evaluate(&rules("m.MsiApplicationSuperseded"), &metadata, &machine), Ok(false));
}
