//! The detectoids that updates depend on, and what they find on the example machine.

use cmsim_wire::update::rules::{Expression, Scalar};
use cmsim_wire::update::{Clause, RegistryData, RegistryView};

use crate::builder::Builder;
use crate::draw::patch_day;
use crate::fit::{
    Place, dword, file, file_version, key, language, not, processor, product, product_code, text, v, workstation,
};
use crate::known::named;

const NATIVE: RegistryView = RegistryView::Native;
const WOW: RegistryView = RegistryView::Wow64;

const CURRENT_VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const NET: &str = r"SOFTWARE\Microsoft\NET Framework Setup\NDP";
const OFFICE_14: &str = r"SOFTWARE\Microsoft\Office\14.0\Common";

/// Where Internet Explorer keeps its version.
pub(super) const INTERNET_EXPLORER: Place =
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\Internet Explorer", value: "Version" };
/// Where Silverlight keeps its version.
pub(super) const SILVERLIGHT: Place = Place { view: WOW, key: r"SOFTWARE\Microsoft\Silverlight", value: "Version" };
/// Where 32-bit Office 2010 keeps its version.
pub(super) const OFFICE: Place =
    Place { view: WOW, key: r"SOFTWARE\Microsoft\Office\14.0\Common\ProductVersion", value: "LastProduct" };
/// Where Windows Defender keeps the version of its definitions.
pub(super) const DEFINITIONS: Place =
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\Windows Defender\Signature Updates", value: "AVSignatureVersion" };
/// Where the Visual C++ 2005, 2008 and 2010 runtimes keep their versions.
pub(super) const RUNTIMES: [Place; 3] = [
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\DevDiv\VC\Servicing\8.0\RED\1033", value: "Version" },
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\DevDiv\VC\Servicing\9.0\RED\1033", value: "Version" },
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\DevDiv\VC\Servicing\10.0\RED\1033", value: "Version" },
];

/// Prerequisite: that detectoid.
pub(super) fn needs(name: &str) -> Clause {
    Clause::needs(named("detectoid", name))
}

/// Prerequisite: one of those detectoids.
pub(super) fn one_of(names: &[&str]) -> Clause {
    Clause::one_of(names.iter().map(|name| named("detectoid", name)).collect())
}

/// Adds the detectoids that updates name.
pub(super) fn detectoids(builder: &mut Builder<'_>) {
    furnish(builder);
    let seven = |service_pack| workstation(Scalar::EqualTo, (6, 1), service_pack);
    let both = |parts: Vec<Expression>| Expression::And(parts);
    let vc = |place: Place| key(place.view, place.key);
    let list = [
        ("Windows 7", seven(None)),
        ("Windows 7 x64", both(vec![seven(None), processor(9)])),
        ("Windows 7 Service Pack 1 x64", both(vec![seven(Some(1)), processor(9)])),
        ("Windows 7 Service Pack 1 x86", both(vec![seven(Some(1)), processor(0)])),
        ("Windows 7 Enterprise or higher", not(text(CURRENT_VERSION, "EditionID", "Starter"))),
        ("x64 processor", processor(9)),
        ("English system", language("en")),
        (
            "Internet Explorer 8",
            both(vec![INTERNET_EXPLORER.at_least(v(8, 0, 0, 0)), not(INTERNET_EXPLORER.at_least(v(9, 0, 0, 0)))]),
        ),
        (
            "Internet Explorer 9",
            both(vec![INTERNET_EXPLORER.at_least(v(9, 0, 0, 0)), not(INTERNET_EXPLORER.at_least(v(9, 10, 0, 0)))]),
        ),
        ("Internet Explorer 10", INTERNET_EXPLORER.at_least(v(9, 10, 0, 0))),
        (".NET Framework 3.5 Service Pack 1", dword(&format!(r"{NET}\v3.5"), "SP", Scalar::GreaterThanOrEqualTo, 1)),
        (".NET Framework 4 Client Profile", dword(&format!(r"{NET}\v4\Client"), "Install", Scalar::EqualTo, 1)),
        (".NET Framework 4", dword(&format!(r"{NET}\v4\Full"), "Install", Scalar::EqualTo, 1)),
        (".NET Framework 4.5", dword(&format!(r"{NET}\v4\Full"), "Release", Scalar::GreaterThanOrEqualTo, 378_389)),
        ("Office 2010 32-bit", key(WOW, OFFICE_14)),
        ("Office 2010 64-bit", key(NATIVE, OFFICE_14)),
        ("Office 2010 Service Pack 1 or later", OFFICE.at_least(v(14, 0, 6029, 1000))),
        ("Silverlight", SILVERLIGHT.at_least(v(1, 0, 0, 0))),
        (
            "Windows Defender",
            both(vec![
                file(38, r"Windows Defender\MpClient.dll"),
                dword(r"SYSTEM\CurrentControlSet\Services\WinDefend", "Start", Scalar::LessThan, 4),
            ]),
        ),
        ("Visual C++ 2005 runtime", vc(RUNTIMES[0])),
        ("Visual C++ 2008 runtime", vc(RUNTIMES[1])),
        ("Visual C++ 2010 runtime", vc(RUNTIMES[2])),
        ("SQL Server 2008 R2 Native Client", product(product_code("SQL Server 2008 R2 Native Client"), None, None)),
        (
            "Report Viewer",
            Expression::Or(vec![
                product(product_code("Report Viewer 2008"), None, None),
                product(product_code("Report Viewer 2010"), None, None),
            ]),
        ),
        ("MSXML 4", file_version(41, "msxml4.dll", Scalar::GreaterThanOrEqualTo, v(4, 20, 0, 0))),
        ("Windows Media Player", file(38, r"Windows Media Player\wmplayer.exe")),
        ("Windows PowerShell 2", dword(r"SOFTWARE\Microsoft\PowerShell\1", "Install", Scalar::EqualTo, 1)),
        ("Remote Desktop Connection 7", file_version(37, "mstsc.exe", Scalar::GreaterThanOrEqualTo, v(6, 1, 7600, 0))),
        ("Windows Update Agent 7.6", file_version(37, "wuaueng.dll", Scalar::GreaterThanOrEqualTo, v(7, 6, 7600, 256))),
        (
            "Windows Genuine Advantage",
            key(NATIVE, r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"),
        ),
    ];
    for (name, rule) in list {
        builder.detectoid(named("detectoid", name), name, &rule);
    }
}

/// What the detectoids find.
fn furnish(builder: &mut Builder<'_>) {
    let machine = &mut builder.machine;
    let word = |text: &str| RegistryData::Text(text.to_owned());
    machine.set_value(NATIVE, CURRENT_VERSION, "EditionID", word("Enterprise"));
    machine.set_value(NATIVE, CURRENT_VERSION, "CurrentVersion", word("6.1"));
    machine.set_value(NATIVE, CURRENT_VERSION, "CurrentBuildNumber", word("7601"));
    machine.set_value(NATIVE, CURRENT_VERSION, "CSDVersion", word("Service Pack 1"));
    let platform = format!(r"{CURRENT_VERSION}\SoftwareProtectionPlatform");
    machine.set_value(NATIVE, &platform, "BackupProductKeyDefault", word(""));
    for (part, value, data) in
        [(r"v3.5", "SP", 1), (r"v3.5", "Install", 1), (r"v4\Client", "Install", 1), (r"v4\Full", "Install", 1)]
    {
        machine.set_value(NATIVE, &format!(r"{NET}\{part}"), value, RegistryData::Dword(data));
    }
    machine.set_value(NATIVE, r"SYSTEM\CurrentControlSet\Services\WinDefend", "Start", RegistryData::Dword(2));
    machine.set_value(NATIVE, r"SOFTWARE\Microsoft\PowerShell\1", "Install", RegistryData::Dword(1));
    let released = patch_day(2010, 11);
    for (path, version) in [
        (r"C:\Program Files\Windows Defender\MpClient.dll", v(6, 1, 7600, 16385)),
        (r"C:\Program Files\Windows Media Player\wmplayer.exe", v(12, 0, 7601, 17514)),
        (r"C:\Windows\SysWOW64\msxml4.dll", v(4, 30, 2114, 0)),
        (r"C:\Windows\System32\mstsc.exe", v(6, 1, 7601, 17514)),
        (r"C:\Windows\System32\wuaueng.dll", v(7, 6, 7600, 256)),
    ] {
        machine.set_file(path, version, 1_048_576, released);
    }
    INTERNET_EXPLORER.put(builder, v(9, 0, 8112, 16421));
    SILVERLIGHT.put(builder, v(5, 1, 20913, 0));
    OFFICE.put(builder, v(14, 0, 7015, 1000));
    DEFINITIONS.put(builder, v(1, 165, 1000, 0));
    for (place, version) in RUNTIMES.into_iter().zip([v(8, 0, 61001, 0), v(9, 0, 30729, 6161), v(10, 0, 40219, 1)]) {
        place.put(builder, version);
    }
    for (name, version) in [
        ("SQL Server 2008 R2 Native Client", v(10, 50, 4000, 0)),
        ("SQL Server System CLR Types", v(10, 50, 1600, 1)),
        ("Report Viewer 2008", v(9, 0, 30731, 0)),
        ("Report Viewer 2010", v(10, 0, 40220, 0)),
        (".NET Framework 4 Extended", v(4, 0, 30319, 0)),
        (".NET Framework 4 Client Profile", v(4, 0, 30319, 0)),
        ("Office Shared 2010", v(14, 0, 7015, 1000)),
    ] {
        builder.machine.install_product(product_code(name), name, version);
    }
}
