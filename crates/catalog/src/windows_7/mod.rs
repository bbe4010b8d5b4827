//! The default catalogue: a ConfigMgr site of January 2014 with Windows 7 clients.
//!
//! Figures (they come out of evaluating it, see the tests): 1,150 entities are deployed and all of them reach the example
//! client, whose prerequisites meet everything; the search evaluates 622 of them and finds 163 updates in 70 categories.
//! What it does not evaluate are the detectoids and categories of products that nobody subscribed to, which a server
//! synchronises all the same. Updates for 32-bit systems are in the database and declined.

mod applications;
mod conditions;
mod elsewhere;
mod series;
mod system;

use cmsim_wire::profile::Profile;
use uuid::Uuid;

use crate::builder::Builder;
use crate::draw::Draw;
use crate::entity::{Catalogue, CategoryType};
use crate::known::{article, named};
use crate::{Machine, classification, product};

/// Article numbers of updates that have their real one.
const RESERVED: [u32; 19] = [
    2_584_146, 2_585_542, 2_862_152, 2_888_505, 2_898_785, 976_932, 2_460_049, 2_687_455, 890_830, 931_125, 915_597,
    2_483_139, 947_821, 2_592_687, 2_506_143, 958_559, 972_034, 2_841_134, 969_084,
];

/// Components of Windows 7 that security updates belong to.
const SECURED: [&str; 22] = [
    "Windows Kernel",
    "Win32 Subsystem",
    "TCP/IP",
    "SMB Server",
    "Remote Desktop",
    "Print Spooler",
    "Graphics",
    "DirectWrite",
    "Media Foundation",
    "Windows Shell",
    "Common Controls",
    "Kerberos",
    "Secure Channel",
    "USB Drivers",
    "OpenType Fonts",
    "Scripting",
    "ActiveX Controls",
    "Object Packager",
    "DirectAccess",
    "Windows Installer",
    "Cryptography",
    "WebDAV",
];

/// Components of Windows 7 that other updates belong to.
const MAINTAINED: [&str; 10] = [
    "Time Zones",
    "Storage Drivers",
    "NTFS",
    "Networking",
    "Power Management",
    "Event Log",
    "Task Scheduler",
    "Windows Backup",
    "Windows Management Instrumentation",
    "Application Compatibility",
];

/// Applications of Office 2010, with the file that carries their version; the shared part has none.
const OFFICE: [(&str, &str); 9] = [
    ("Word", "WINWORD.EXE"),
    ("Excel", "EXCEL.EXE"),
    ("PowerPoint", "POWERPNT.EXE"),
    ("Outlook", "OUTLOOK.EXE"),
    ("OneNote", "ONENOTE.EXE"),
    ("Access", "MSACCESS.EXE"),
    ("Publisher", "MSPUB.EXE"),
    ("InfoPath", "INFOPATH.EXE"),
    ("Office", ""),
];

/// Products with updates but without a well-known id here, with their families.
const PRODUCTS: [(&str, &str); 9] = [
    ("Visual Studio 2005", TOOLS),
    ("Visual Studio 2008", TOOLS),
    ("Visual Studio 2010", TOOLS),
    ("Report Viewer 2008", TOOLS),
    ("Report Viewer 2010", TOOLS),
    ("Microsoft Core XML Services", TOOLS),
    ("Silverlight", "Silverlight"),
    ("SQL Server 2008 R2", "SQL Server"),
    ("SQL Server Feature Pack", "SQL Server"),
];

const TOOLS: &str = "Developer Tools, Runtimes, and Redistributables";

/// The default catalogue. `draw` gives random numbers.
#[must_use]
pub fn windows_7(draw: &mut dyn FnMut() -> u64) -> Catalogue {
    let machine = Machine::new(&Profile::windows_7());
    let mut builder = Builder::new(Draw(draw), machine, &RESERVED);
    categories(&mut builder);
    elsewhere::categories(&mut builder);
    conditions::detectoids(&mut builder);
    elsewhere::detectoids(&mut builder);
    system::updates(&mut builder);
    applications::updates(&mut builder);
    builder.finish(&[article::INSTALLED_KB2584146, article::INSTALLED_UNNAMED, article::MISSING_KB2862152])
}

/// Id of a product or component.
fn category(name: &str) -> Uuid {
    match name {
        "Windows 7" => product::WINDOWS_7,
        "Windows Defender" => product::WINDOWS_DEFENDER,
        "Office 2010" => product::OFFICE_2010,
        _ => named("category", name),
    }
}

fn categories(builder: &mut Builder<'_>) {
    builder.roots(&[
        ("Security Updates", classification::SECURITY_UPDATES),
        ("Critical Updates", classification::CRITICAL_UPDATES),
        ("Definition Updates", classification::DEFINITION_UPDATES),
        ("Feature Packs", classification::FEATURE_PACKS),
        ("Service Packs", classification::SERVICE_PACKS),
        ("Tools", classification::TOOLS),
        ("Update Rollups", classification::UPDATE_ROLLUPS),
        ("Updates", classification::UPDATES),
    ]);
    let company = Some(product::MICROSOFT);
    builder.category(product::WINDOWS, "Windows", CategoryType::ProductFamily, company);
    for family in ["Office", TOOLS, "Silverlight", "SQL Server"] {
        builder.category(named("family", family), family, CategoryType::ProductFamily, company);
    }
    let windows = Some(product::WINDOWS);
    builder.category(product::WINDOWS_7, "Windows 7", CategoryType::Product, windows);
    builder.category(product::WINDOWS_DEFENDER, "Windows Defender", CategoryType::Product, windows);
    let office = Some(named("family", "Office"));
    builder.category(product::OFFICE_2010, "Office 2010", CategoryType::Product, office);
    for (name, family) in PRODUCTS {
        builder.category(category(name), name, CategoryType::Product, Some(named("family", family)));
    }
    let of_windows =
        SECURED.iter().chain(&MAINTAINED).chain(&["Internet Explorer 9", ".NET Framework 3.5.1", ".NET Framework 4"]);
    for name in of_windows {
        builder.category(category(name), name, CategoryType::Component, Some(product::WINDOWS_7));
    }
    for (name, _) in OFFICE {
        let name = format!("{name} 2010 component");
        builder.category(category(&name), &name, CategoryType::Component, Some(product::OFFICE_2010));
    }
}
