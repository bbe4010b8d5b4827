//! Updates of Windows 11.

use cmsim_wire::update::rules::{Expression, ProductReleaseInstalled, Rule, Version};
use cmsim_wire::update::{Clause, RegistryData, RegistryView};
use jiff::Timestamp;
use uuid::Uuid;

use super::conditions::{DEFINITIONS, PLATFORM, between, needs};
use crate::builder::{Builder, Handler, Payload, Rules, Update};
use crate::draw::patch_day;
use crate::fit::{Package, Want, processor, servicing, text, v};
use crate::{classification, product};

/// Adds all updates, and what they find on the machine.
pub(super) fn updates(builder: &mut Builder<'_>) {
    for name in ["Foundation", "FodMetadata", "Client-Features"] {
        builder.machine.install_package(&system_package(name, "amd64", v(10, 0, 26100, 1)).identity());
    }
    let enablement =
        Package { name: "Package_for_KB5054156".to_owned(), architecture: "amd64", version: v(26100, 5074, 1, 2) };
    builder.machine.install_package(&enablement.identity());
    for line in cumulative_lines() {
        cumulative(builder, &line);
    }
    definitions(builder);
    platform(builder);
    removal_tool(builder);
    upgrades(builder);
}

fn system_package(name: &str, architecture: &'static str, version: Version) -> Package {
    Package { name: format!("Microsoft-Windows-{name}-Package"), architecture, version }
}

/// An update with nothing special about it.
fn plain(
    builder: &mut Builder<'_>,
    title: String,
    kb: u32,
    classification: Uuid,
    needs: Vec<Clause>,
    created: Timestamp,
) -> Update {
    let security = classification == classification::SECURITY_UPDATES;
    Update {
        id: builder.draw.guid(),
        revision: 200 + builder.draw.small(0, 4),
        title,
        german: None,
        description: "Brings the system to the state of the month. The article with the same number lists what changes.",
        kb,
        bulletin: None,
        severity: security.then_some("Critical"),
        classification,
        products: vec![product::WINDOWS_11],
        needs,
        supersedes: Vec::new(),
        created,
        declined: false,
    }
}

/// A line of monthly cumulative updates, each of which replaces all before it.
struct Line {
    title: &'static str,
    package: &'static str,
    architecture: &'static str,
    needs: Vec<Clause>,
    parent: Package,
    /// First month of the line, its number of months, and how many of them the machine has.
    first: (i16, i8),
    months: usize,
    installed: usize,
    /// Version of the package in a month; the last one installed is the machine's.
    version: fn(u32) -> Version,
}

fn cumulative_lines() -> Vec<Line> {
    let foundation = |architecture, build| system_package("Foundation", architecture, v(10, 0, build, 1));
    let windows = || needs("Windows 11");
    let current = || needs("Windows 11 Version 24H2 or 25H2");
    // The thirteenth month is March 2026, whose revision the machine shows.
    let rollup = |month: u32| v(26100, 8037 + 78 * month - 78 * 12, 1, 19);
    let framework = |month: u32| v(10, 0, 9310 + month, 2);
    vec![
        Line {
            title: "Cumulative Update for Windows 11, version 25H2 for x64-based Systems",
            package: "Package_for_RollupFix",
            architecture: "amd64",
            needs: vec![windows(), current(), needs("x64 processor"), needs("Not Windows Team")],
            parent: foundation("amd64", 26100),
            first: (2025, 3),
            months: 14,
            installed: 13,
            version: rollup,
        },
        Line {
            title: "Cumulative Update for .NET Framework 3.5 and 4.8.1 for Windows 11, version 25H2 for x64",
            package: "Package_for_DotNetRollup_481",
            architecture: "amd64",
            needs: vec![windows(), current(), needs("x64 processor"), needs(".NET Framework 4.8.1")],
            parent: foundation("amd64", 26100),
            first: (2025, 7),
            months: 10,
            installed: 8,
            version: framework,
        },
        Line {
            title: "Cumulative Update for Windows 11, version 25H2 for arm64-based Systems",
            package: "Package_for_RollupFix",
            architecture: "arm64",
            needs: vec![windows(), current(), needs("ARM64 processor")],
            parent: foundation("arm64", 26100),
            first: (2025, 9),
            months: 8,
            installed: 0,
            version: rollup,
        },
        Line {
            title: "Cumulative Update for Windows 11, version 23H2 for x64-based Systems",
            package: "Package_for_RollupFix",
            architecture: "amd64",
            needs: vec![windows(), needs("Windows 11 Version 23H2"), needs("x64 processor")],
            parent: foundation("amd64", 22621),
            first: (2025, 9),
            months: 8,
            installed: 0,
            version: |month| v(22621, 5900 + 70 * month, 1, 7),
        },
    ]
}

fn cumulative(builder: &mut Builder<'_>, line: &Line) {
    let mut older = Vec::new();
    for month in 0..line.months {
        let number = line.first.1 - 1 + i8::try_from(month).unwrap_or(0);
        let (year, month_of_year) = (line.first.0 + i16::from(number / 12), number % 12 + 1);
        let created = patch_day(year, month_of_year);
        // Only the newest package of a line stays installed.
        let want = if month + 1 == line.installed { Want::Installed } else { Want::Needed };
        let kb = builder.article(5_053_000, 5_090_000);
        let version = (line.version)(u32::try_from(month).unwrap_or(0));
        let package = Package { name: line.package.to_owned(), architecture: line.architecture, version };
        let rules = servicing(builder, &package, Some(&line.parent), kb, created, want);
        let bits = if line.architecture == "amd64" { "x64" } else { line.architecture };
        let size = builder.draw.between(60_000_000, 900_000_000);
        let payload = Payload { handler: Handler::Cbs, file: format!("Windows11.0-KB{kb}-{bits}.cab"), size, rules };
        let title = format!("{year}-{month_of_year:02} {} (KB{kb})", line.title);
        let update = plain(builder, title, kb, classification::SECURITY_UPDATES, line.needs.clone(), created);
        let id = update.id;
        builder.bundle(Update { supersedes: older.clone(), ..update }, &[payload]);
        older.push(id);
    }
}

fn definitions(builder: &mut Builder<'_>) {
    let mut older = Vec::new();
    for (day, build) in [(0, 120), (1, 195), (2, 260), (3, 340), (4, 402)] {
        let version = v(1, 445, build + builder.draw.small(0, 30), 0);
        let title = format!(
            "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version {version}) - Current Channel (Broad)"
        );
        let created = patch_day(2026, 4) + jiff::SignedDuration::from_hours(24 * day);
        let clauses = vec![needs("Microsoft Defender Antivirus")];
        let update = plain(builder, title, 2_267_602, classification::DEFINITION_UPDATES, clauses, created);
        let id = update.id;
        let size = builder.draw.between(900_000, 140_000_000);
        let rules = DEFINITIONS.rules(version);
        let payload = Payload { handler: Handler::CommandLine, file: "AM_Delta_Patch.exe".to_owned(), size, rules };
        let update = Update { products: vec![product::WINDOWS_DEFENDER], supersedes: older.clone(), ..update };
        builder.software(update, &payload);
        older.push(id);
    }
}

fn platform(builder: &mut Builder<'_>) {
    let mut older = Vec::new();
    for (month, build) in [(2, 26010), (3, 26020), (4, 26030)] {
        let version = v(4, 18, build, 5);
        let title =
            format!("Update for Microsoft Defender Antivirus antimalware platform - KB4052623 (Version {version})");
        let clauses = vec![needs("Microsoft Defender Antivirus")];
        let update =
            plain(builder, title, 4_052_623, classification::DEFINITION_UPDATES, clauses, patch_day(2026, month));
        let id = update.id;
        let rules = PLATFORM.rules(version);
        let file = "UpdatePlatform.amd64fre.exe".to_owned();
        let payload = Payload { handler: Handler::CommandLine, file, size: 12_582_912, rules };
        let update = Update { products: vec![product::WINDOWS_DEFENDER], supersedes: older.clone(), ..update };
        builder.software(update, &payload);
        older.push(id);
    }
}

fn removal_tool(builder: &mut Builder<'_>) {
    const TOOL: &str = r"SOFTWARE\Microsoft\RemovalTools\MRT";
    let mut older = Vec::new();
    for (minor, month) in [(139, 3), (140, 4)] {
        let edition = builder.draw.guid().as_hyphenated().to_string().to_uppercase();
        if month == 3 {
            builder.machine.set_value(RegistryView::Native, TOOL, "Version", RegistryData::Text(edition.clone()));
        }
        let title = format!("Windows Malicious Software Removal Tool x64 - v5.{minor} (KB890830)");
        let clauses = vec![needs("Windows 11"), needs("x64 processor")];
        let update = plain(builder, title, 890_830, classification::UPDATE_ROLLUPS, clauses, patch_day(2026, month));
        let id = update.id;
        let rules = Rules::new(text(TOOL, "Version", &edition), processor(9));
        let file = format!("Windows-KB890830-x64-V5.{minor}.exe");
        let payload = Payload { handler: Handler::CommandLine, file, size: 81_788_928, rules };
        builder.software(Update { supersedes: older.clone(), ..update }, &payload);
        older.push(id);
    }
}

/// Feature updates: a release of the product is installed, or the version lies below it.
fn upgrades(builder: &mut Builder<'_>) {
    for (version, release, low, high) in [
        ("23H2", v(10, 0, 22631, 2428), "10.0.22000.1", "10.0.22631.0"),
        ("24H2", v(10, 0, 26100, 1742), "10.0.22000.1", "10.0.26100.0"),
        ("25H2", v(10, 0, 26200, 6584), "10.0.22000.1", "10.0.26200.0"),
    ] {
        let kb = builder.article(5_027_000, 5_052_999);
        let name = "Client.OS.RS2.AMD64".to_owned();
        let installed = Rule::ProductReleaseInstalled(ProductReleaseInstalled { name, version: release });
        let installable: Expression = between(low, high);
        let payload = Payload {
            handler: Handler::CommandLine,
            file: format!("Windows11-{version}-KB{kb}-x64.wim"),
            size: builder.draw.between(3_000_000_000, 9_000_000_000),
            rules: Rules::new(installed.into(), installable),
        };
        let clauses = vec![needs("Windows 11"), needs("x64 processor")];
        let title = format!("Windows 11, version {version} x64 (KB{kb})");
        let update = plain(builder, title, kb, classification::UPGRADES, clauses, patch_day(2025, 10));
        builder.bundle(update, &[payload]);
    }
}
