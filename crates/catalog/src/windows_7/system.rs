//! Updates of Windows 7 itself.

use cmsim_wire::update::rules::{Expression, Scalar};
use cmsim_wire::update::{Clause, RegistryData, RegistryView};
use jiff::Timestamp;
use uuid::Uuid;

use super::conditions::{DEFINITIONS, needs, one_of};
use super::elsewhere::LANGUAGES;
use super::series::{Member, QUALITY, SECURITY, Series, bulletin};
use super::{MAINTAINED, SECURED, category};
use crate::builder::{Builder, Handler, Payload, Rules, Update};
use crate::draw::patch_day;
use crate::fit::{
    Package, Want, display_language, dword, file, file_version, key, not, processor, servicing, text, v, workstation,
};
use crate::known::article;
use crate::{classification, product};

/// Files that updates from before the service pack brought: each has one of its own.
const BEFORE_SERVICE_PACK: [&str; 8] =
    ["asycfilt.dll", "atmfd.dll", "cabview.dll", "cdd.dll", "fxscover.exe", "iccvid.dll", "mfc42.dll", "rtutils.dll"];

/// A package of the system that updates fit.
fn system_package(name: &str, architecture: &'static str, build: (u32, u32)) -> Package {
    Package { name: format!("Microsoft-Windows-{name}-Package"), architecture, version: v(6, 1, build.0, build.1) }
}

const SP1: (u32, u32) = (7601, 17514);
const RTM: (u32, u32) = (7600, 16385);

/// Adds all updates of the system, and what they find on the machine.
pub(super) fn updates(builder: &mut Builder<'_>) {
    for name in ["Foundation", "Client-Features", "NetFx3-OC", "InternetExplorer-Optional", "ServicingStack-Base"] {
        builder.machine.install_package(&system_package(name, "amd64", SP1).identity());
    }
    security(builder);
    declined(builder);
    quality(builder);
    service_pack(builder);
    internet_explorer(builder);
    net_3_5(builder);
    definitions(builder);
    removal_tool(builder);
    root_certificates(builder);
    language_packs(builder);
    features(builder);
}

/// A cabinet with a servicing package that fits `parent`.
fn cabinet(builder: &mut Builder<'_>, kb: u32, created: Timestamp, parent: &Package, want: Want) -> Payload {
    let version = v(6, 1, 1, builder.draw.small(0, 8));
    let package = Package { name: format!("Package_for_KB{kb}"), architecture: parent.architecture, version };
    let rules = servicing(builder, &package, Some(parent), kb, created, want);
    let bits = if parent.architecture == "x86" { "x86" } else { "x64" };
    let size = builder.draw.between(180_000, 24_000_000);
    Payload { handler: Handler::Cbs, file: format!("Windows6.1-KB{kb}-{bits}.cab"), size, rules }
}

/// A cabinet for the system of the example machine, or for the one without service pack if it shall not apply.
fn for_system(name: &'static str) -> impl FnMut(&mut Builder<'_>, &Member<'_>) -> Vec<Payload> {
    move |builder, member| {
        let build = if member.want == Want::NotApplicable { RTM } else { SP1 };
        let parent = system_package(name, "amd64", build);
        vec![cabinet(builder, member.kb, member.created, &parent, member.want)]
    }
}

/// An update with everything told, for those that the article names and those with a history of their own.
struct Told {
    id: Uuid,
    revision: u32,
    kb: u32,
    title: String,
    component: &'static str,
    bulletin: Option<&'static str>,
    created: Timestamp,
    supersedes: Vec<Uuid>,
}

impl Told {
    fn update(self, classification: Uuid, needs: Vec<Clause>) -> Update {
        let security = classification == classification::SECURITY_UPDATES;
        let mut products = vec![product::WINDOWS_7];
        products.extend(Some(self.component).filter(|name| !name.is_empty()).map(category));
        Update {
            id: self.id,
            revision: self.revision,
            title: self.title,
            german: None,
            description: if security { SECURITY } else { QUALITY },
            kb: self.kb,
            bulletin: self.bulletin.map(str::to_owned),
            severity: security.then_some("Important"),
            classification,
            products,
            needs,
            supersedes: self.supersedes,
            created: self.created,
            declined: false,
        }
    }
}

fn security_title(kb: u32) -> String {
    format!("Security Update for Windows 7 for x64-based Systems (KB{kb})")
}

fn security(builder: &mut Builder<'_>) {
    let foundation = system_package("Foundation", "amd64", SP1);
    let named = [
        (
            article::INSTALLED_KB2584146,
            104,
            2_584_146,
            "Object Packager",
            Some("MS12-005"),
            patch_day(2012, 1),
            Want::Installed,
        ),
        (
            article::INSTALLED_UNNAMED,
            104,
            2_585_542,
            "Secure Channel",
            Some("MS12-006"),
            patch_day(2012, 1),
            Want::Installed,
        ),
        (article::MISSING_KB2862152, 200, 2_862_152, "DirectAccess", None, patch_day(2013, 11), Want::Needed),
    ];
    for (id, revision, kb, component, bulletin, created, want) in named {
        let payload = cabinet(builder, kb, created, &foundation, want);
        let title = security_title(kb);
        let told = Told { id, revision, kb, title, component, bulletin, created, supersedes: Vec::new() };
        let update = told.update(classification::SECURITY_UPDATES, vec![needs("Windows 7 Service Pack 1 x64")]);
        builder.bundle(update, &[payload]);
    }
    let series = Series {
        classification: classification::SECURITY_UPDATES,
        product: product::WINDOWS_7,
        components: &SECURED,
        needs: vec![needs("Windows 7 Service Pack 1 x64")],
        title: &|_, kb| security_title(kb),
        german: Some(&|kb| format!("Sicherheitsupdate für Windows 7 für x64-basierte Systeme (KB{kb})")),
        installed: 50,
        needed: 8,
        not_applicable: 14,
        chain: Some(4),
        articles: (2_393_802, 2_920_000),
    };
    series.add(builder, &mut for_system("Foundation"));
}

/// The 32-bit editions of some security updates: the site has no 32-bit clients.
fn declined(builder: &mut Builder<'_>) {
    let foundation = system_package("Foundation", "x86", SP1);
    for index in 0..24 {
        let kb = builder.article(2_393_802, 2_920_000);
        let created = patch_day(2012 + i16::from(index >= 12), index % 12 + 1);
        let payload = cabinet(builder, kb, created, &foundation, Want::NotApplicable);
        let told = Told {
            id: builder.draw.guid(),
            revision: 100 + builder.draw.small(0, 6),
            kb,
            title: format!("Security Update for Windows 7 (KB{kb})"),
            component: SECURED[usize::try_from(index).unwrap_or(0) % SECURED.len()],
            bulletin: None,
            created,
            supersedes: Vec::new(),
        };
        let update = told.update(classification::SECURITY_UPDATES, vec![needs("Windows 7 Service Pack 1 x86")]);
        let bulletin = Some(bulletin(builder, created));
        builder.bundle(Update { bulletin, declined: true, ..update }, &[payload]);
    }
}

fn quality(builder: &mut Builder<'_>) {
    let title = |_: &str, kb| format!("Update for Windows 7 for x64-based Systems (KB{kb})");
    let updates = Series {
        classification: classification::UPDATES,
        product: product::WINDOWS_7,
        components: &MAINTAINED,
        needs: vec![needs("Windows 7 x64"), needs("Windows Update Agent 7.6")],
        title: &title,
        german: None,
        installed: 12,
        needed: 4,
        not_applicable: 7,
        chain: Some(5),
        articles: (2_484_033, 2_913_000),
    };
    updates.add(builder, &mut for_system("Client-Features"));
    let critical = Series {
        classification: classification::CRITICAL_UPDATES,
        needs: vec![needs("Windows 7 Enterprise or higher"), needs("x64 processor")],
        installed: 6,
        needed: 1,
        not_applicable: 3,
        chain: None,
        ..updates
    };
    critical.add(builder, &mut for_system("Client-Features"));
}

/// Service Pack 1, and what it replaces and nothing else does.
fn service_pack(builder: &mut Builder<'_>) {
    let mut before = BEFORE_SERVICE_PACK.iter();
    let series = Series {
        classification: classification::SECURITY_UPDATES,
        product: product::WINDOWS_7,
        components: &SECURED,
        needs: vec![needs("Windows 7"), needs("x64 processor")],
        title: &|_, kb| security_title(kb),
        german: None,
        installed: BEFORE_SERVICE_PACK.len(),
        needed: 0,
        not_applicable: 0,
        chain: None,
        articles: (970_000, 983_999),
    };
    let replaced = series.add(builder, &mut |builder, member| {
        let name = before.next().copied().unwrap_or_default();
        let brought = v(6, 1, 7600, 16_400 + builder.draw.small(0, 300));
        let path = format!(r"C:\Windows\System32\{name}");
        builder.machine.set_file(
            &path,
            v(6, 1, 7601, 17514),
            builder.draw.between(40_000, 900_000),
            patch_day(2010, 11),
        );
        let rules = Rules::new(
            file_version(37, name, Scalar::GreaterThanOrEqualTo, brought),
            Expression::And(vec![file(37, name), file_version(37, name, Scalar::LessThan, brought)]),
        );
        let size = builder.draw.between(180_000, 4_000_000);
        let payload =
            Payload { handler: Handler::Cbs, file: format!("Windows6.1-KB{}-x64.cab", member.kb), size, rules };
        vec![payload]
    });
    let pack = Payload {
        handler: Handler::CommandLine,
        file: "windows6.1-KB976932-X64.exe".to_owned(),
        size: 947_070_088,
        rules: Rules::new(
            workstation(Scalar::GreaterThanOrEqualTo, (6, 1), Some(1)),
            workstation(Scalar::EqualTo, (6, 1), Some(0)),
        ),
    };
    let told = Told {
        id: builder.draw.guid(),
        revision: 101,
        kb: 976_932,
        title: "Windows 7 Service Pack 1 for x64-based Systems (KB976932)".to_owned(),
        component: "",
        bulletin: None,
        created: patch_day(2011, 2),
        supersedes: replaced,
    };
    builder.bundle(told.update(classification::SERVICE_PACKS, vec![needs("Windows 7 x64")]), &[pack]);
}

fn internet_explorer(builder: &mut Builder<'_>) {
    let title = |_: &str, kb| format!("Update for Internet Explorer 9 for Windows 7 for x64-based Systems (KB{kb})");
    let fits = |builder: &mut Builder<'_>, kb, created, want: Want| {
        let (name, version) = match want {
            Want::NotApplicable => ("InternetExplorer-Optional", v(10, 2, 9200, 16437)),
            _ => ("InternetExplorer-Optional", v(9, 4, 8112, 16421)),
        };
        let parent = Package { version, ..system_package(name, "amd64", SP1) };
        cabinet(builder, kb, created, &parent, want)
    };
    let nine = Package { version: v(9, 4, 8112, 16421), ..system_package("InternetExplorer-Optional", "amd64", SP1) };
    builder.machine.install_package(&nine.identity());
    let series = Series {
        classification: classification::UPDATES,
        product: product::WINDOWS_7,
        components: &["Internet Explorer 9"],
        needs: vec![one_of(&["Internet Explorer 8", "Internet Explorer 9", "Internet Explorer 10"])],
        title: &title,
        german: None,
        installed: 4,
        needed: 2,
        not_applicable: 8,
        chain: None,
        articles: (2_497_640, 2_900_000),
    };
    series.add(builder, &mut |builder, member| vec![fits(builder, member.kb, member.created, member.want)]);
    // The cumulative updates of November and December 2013.
    let old = (article::SUPERSEDED, 2_888_505, "MS13-088", patch_day(2013, 11), Want::Installed, Vec::new());
    let supersedes = vec![article::SUPERSEDED];
    let new = (article::SUPERSEDING, 2_898_785, "MS13-097", patch_day(2013, 12), Want::Needed, supersedes);
    for (id, kb, bulletin, created, want, supersedes) in [old, new] {
        let payload = fits(builder, kb, created, want);
        let title =
            format!("Cumulative Security Update for Internet Explorer 9 for Windows 7 for x64-based Systems (KB{kb})");
        let (component, bulletin) = ("Internet Explorer 9", Some(bulletin));
        let told = Told { id, revision: 101, kb, title, component, bulletin, created, supersedes };
        let clauses = vec![needs("Windows 7 Service Pack 1 x64"), needs("Internet Explorer 9")];
        builder.bundle(told.update(classification::SECURITY_UPDATES, clauses), &[payload]);
    }
}

fn net_3_5(builder: &mut Builder<'_>) {
    let series = Series {
        classification: classification::SECURITY_UPDATES,
        product: product::WINDOWS_7,
        components: &[".NET Framework 3.5.1"],
        needs: vec![needs("Windows 7 x64"), needs(".NET Framework 3.5 Service Pack 1")],
        title: &|_, kb| {
            format!(
                "Security Update for Microsoft .NET Framework 3.5.1 on Windows 7 SP1 for x64-based Systems (KB{kb})"
            )
        },
        german: None,
        installed: 5,
        needed: 2,
        not_applicable: 3,
        chain: None,
        articles: (2_446_710, 2_910_000),
    };
    series.add(builder, &mut for_system("NetFx3-OC"));
}

/// Definitions: each replaces the ones before.
fn definitions(builder: &mut Builder<'_>) {
    let mut supersedes = Vec::new();
    let mut version = 900;
    for day in [14, 17, 19] {
        version += builder.draw.small(10, 45);
        // The machine has version 1.165.1000.0: the last one is newer.
        let definition = v(1, 165, if day == 19 { version + 1000 } else { version }, 0);
        let id = builder.draw.guid();
        let hours = jiff::SignedDuration::from_hours(24 * (day - 14));
        let update = Update {
            id,
            revision: 100,
            title: format!("Definition Update for Windows Defender - KB915597 (Definition {definition})"),
            german: None,
            description: "Lets Windows Defender recognise what is new in the wild.",
            kb: 915_597,
            bulletin: None,
            severity: None,
            classification: classification::DEFINITION_UPDATES,
            products: vec![product::WINDOWS_DEFENDER],
            needs: vec![needs("Windows Defender")],
            supersedes: supersedes.clone(),
            created: patch_day(2014, 1) + hours,
            declined: false,
        };
        let size = builder.draw.between(600_000, 9_000_000);
        let rules = DEFINITIONS.rules(definition);
        let payload = Payload { handler: Handler::CommandLine, file: "mpas-fe.exe".to_owned(), size, rules };
        builder.software(update, &payload);
        supersedes.push(id);
    }
}

/// The removal tool: the registry tells which month's edition ran last.
fn removal_tool(builder: &mut Builder<'_>) {
    const TOOL: &str = r"SOFTWARE\Microsoft\RemovalTools\MRT";
    let mut last = None;
    let editions = [
        (" x64", "November 2013", patch_day(2013, 11), 9, true),
        (" x64", "January 2014", patch_day(2014, 1), 9, false),
        ("", "November 2013", patch_day(2013, 11), 0, false),
        ("", "January 2014", patch_day(2014, 1), 0, false),
    ];
    for (bits, month, created, architecture, ran) in editions {
        let edition = builder.draw.guid().as_hyphenated().to_string().to_uppercase();
        if ran {
            builder.machine.set_value(RegistryView::Native, TOOL, "Version", RegistryData::Text(edition.clone()));
        }
        let told = Told {
            id: builder.draw.guid(),
            revision: 200 + builder.draw.small(0, 6),
            kb: 890_830,
            title: format!("Windows Malicious Software Removal Tool{bits} - {month} (KB890830)"),
            component: "",
            bulletin: None,
            created,
            supersedes: last.take().into_iter().collect(),
        };
        if ran {
            last = Some(told.id);
        }
        let either = one_of(&["Windows 7 Service Pack 1 x86", "Windows 7 Service Pack 1 x64"]);
        let rules = Rules::new(text(TOOL, "Version", &edition), processor(architecture));
        let size = builder.draw.between(16_000_000, 22_000_000);
        let payload = Payload { handler: Handler::CommandLine, file: "Windows-KB890830.exe".to_owned(), size, rules };
        builder.software(told.update(classification::UPDATE_ROLLUPS, vec![either]), &payload);
    }
}

fn root_certificates(builder: &mut Builder<'_>) {
    let component = |month: &str| format!(r"SOFTWARE\Microsoft\Active Setup\Installed Components\Roots {month}");
    let mut supersedes = Vec::new();
    for (month, created, there) in [("2013-04", patch_day(2013, 4), true), ("2013-11", patch_day(2013, 11), false)] {
        if there {
            builder.machine.set_value(RegistryView::Native, &component(month), "IsInstalled", RegistryData::Dword(1));
        }
        let id = builder.draw.guid();
        let told = Told {
            id,
            revision: 103,
            kb: 931_125,
            title: format!("Update for Root Certificates for Windows 7 [{month}] (KB931125)"),
            component: "Cryptography",
            bulletin: None,
            created,
            supersedes: std::mem::replace(&mut supersedes, vec![id]),
        };
        let installed = dword(&component(month), "IsInstalled", Scalar::EqualTo, 1);
        let payload = Payload {
            handler: Handler::CommandLine,
            file: "rootsupd.exe".to_owned(),
            size: 395_640,
            rules: Rules::new(installed, key(RegistryView::Native, r"SOFTWARE\Microsoft\Windows NT\CurrentVersion")),
        };
        builder.software(told.update(classification::UPDATES, vec![needs("Windows 7")]), &payload);
    }
}

/// Only Ultimate takes language packs from here.
fn language_packs(builder: &mut Builder<'_>) {
    const EDITION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    for (tag, language) in LANGUAGES {
        let told = Told {
            id: builder.draw.guid(),
            revision: 100 + builder.draw.small(0, 6),
            kb: 2_483_139,
            title: format!("{language} Language Pack for Windows 7 Service Pack 1 for x64-based Systems (KB2483139)"),
            component: "",
            bulletin: None,
            created: patch_day(2011, 2),
            supersedes: Vec::new(),
        };
        let installable = Expression::And(vec![text(EDITION, "EditionID", "Ultimate"), not(display_language(tag))]);
        let payload = Payload {
            handler: Handler::Cbs,
            file: format!("windows6.1-KB2483139-x64-{}.cab", tag.to_lowercase()),
            size: builder.draw.between(40_000_000, 90_000_000),
            rules: Rules::new(display_language(tag), installable),
        };
        let update = told.update(classification::UPDATES, vec![needs("Windows 7 Service Pack 1 x64")]);
        builder.bundle(update, &[payload]);
    }
}

fn features(builder: &mut Builder<'_>) {
    let feature = classification::FEATURE_PACKS;
    let list = [
        (947_821, "System Update Readiness Tool", classification::TOOLS, "x64 processor", Want::Installed),
        (2_592_687, "Remote Desktop Protocol 8.0", feature, "Remote Desktop Connection 7", Want::Needed),
        (2_506_143, "Windows Management Framework 3.0", feature, "Windows PowerShell 2", Want::Needed),
        (958_559, "Windows Virtual PC", feature, "Windows 7 Enterprise or higher", Want::NotApplicable),
        (972_034, "Windows XP Mode", feature, "Windows Genuine Advantage", Want::NotApplicable),
        (2_841_134, "Internet Explorer 11", classification::UPDATE_ROLLUPS, "English system", Want::NotApplicable),
        (969_084, "Remote Desktop Connection 7.0 client", feature, "Windows Media Player", Want::NotApplicable),
    ];
    for (kb, name, classification, need, want) in list {
        let created = patch_day(2013, 5);
        let build = if want == Want::NotApplicable { RTM } else { SP1 };
        let payload = cabinet(builder, kb, created, &system_package("Foundation", "amd64", build), want);
        let told = Told {
            id: builder.draw.guid(),
            revision: 101,
            kb,
            title: format!("{name} for Windows 7 for x64-based Systems (KB{kb})"),
            component: "",
            bulletin: None,
            created,
            supersedes: Vec::new(),
        };
        builder.bundle(told.update(classification, vec![needs(need)]), &[payload]);
    }
}
