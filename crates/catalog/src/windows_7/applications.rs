//! Updates of what runs on the system: .NET 4, Office 2010, runtimes, Silverlight, SQL Server parts.

use cmsim_wire::update::rules::{Expression, Scalar};
use cmsim_wire::update::{Clause, RegistryData, RegistryView};
use jiff::Timestamp;
use uuid::Uuid;

use super::conditions::{OFFICE as OFFICE_VERSION, RUNTIMES, SILVERLIGHT, needs, one_of};
use super::series::{QUALITY, SECURITY, Series, bulletin};
use super::{OFFICE, category};
use crate::builder::{Builder, Handler, Payload, Rules, Update};
use crate::draw::patch_day;
use crate::fit::{Place, Want, file_below, file_version, patch, product, product_code, v};
use crate::{classification, product as products};

/// Adds all updates of applications, and what they find on the machine.
pub(super) fn updates(builder: &mut Builder<'_>) {
    net_4(builder);
    office(builder);
    runtimes(builder);
    silverlight(builder);
    components(builder);
}

/// A file that a Windows Installer patch comes in.
fn patch_file(builder: &mut Builder<'_>, file: String, rules: Rules) -> Payload {
    let size = builder.draw.between(900_000, 38_000_000);
    Payload { handler: Handler::Patch, file, size, rules }
}

fn net_4(builder: &mut Builder<'_>) {
    let series = Series {
        classification: classification::SECURITY_UPDATES,
        product: products::WINDOWS_7,
        components: &[".NET Framework 4"],
        needs: vec![
            one_of(&[".NET Framework 4", ".NET Framework 4.5"]),
            needs(".NET Framework 4 Client Profile"),
            needs("x64 processor"),
        ],
        title: &|_, kb| {
            format!("Security Update for Microsoft .NET Framework 4 on Windows 7 and Server 2008 R2 for x64 (KB{kb})")
        },
        german: None,
        installed: 6,
        needed: 2,
        not_applicable: 2,
        chain: Some(3),
        articles: (2_446_708, 2_910_000),
    };
    series.add(builder, &mut |builder, member| {
        let whole = match member.want {
            Want::NotApplicable => product_code(".NET Framework 4 Developer Pack"),
            _ => product_code(".NET Framework 4 Extended"),
        };
        let rules = patch(builder, whole, member.want);
        let mut payloads = vec![patch_file(builder, format!("NDP40-KB{}-x64.msp", member.kb), rules)];
        // The first ones patch the client profile by a file of its own.
        if member.index < 4 {
            let rules = patch(builder, product_code(".NET Framework 4 Client Profile"), member.want);
            payloads.push(patch_file(builder, format!("NDP40-KB{}-client-x64.msp", member.kb), rules));
        }
        payloads
    });
}

/// Where an application of Office 2010 keeps its folder.
fn install_root(application: &str) -> String {
    format!(r"SOFTWARE\Microsoft\Office\14.0\{application}\InstallRoot")
}

fn office(builder: &mut Builder<'_>) {
    const FOLDER: &str = r"C:\Program Files (x86)\Microsoft Office\Office14\";
    for (application, file) in OFFICE.iter().filter(|(_, file)| !file.is_empty()) {
        let folder = RegistryData::Text(FOLDER.to_owned());
        builder.machine.set_value(RegistryView::Wow64, &install_root(application), "Path", folder);
        let size = builder.draw.between(400_000, 20_000_000);
        builder.machine.set_file(&format!("{FOLDER}{file}"), v(14, 0, 7106, 5000), size, patch_day(2013, 8));
    }
    let common = RegistryData::Dword(1);
    builder.machine.set_value(
        RegistryView::Wow64,
        r"SOFTWARE\Microsoft\Office\14.0\Common\InstallRoot",
        "Shared",
        common,
    );

    let names: Vec<String> = OFFICE.iter().map(|(name, _)| format!("{name} 2010 component")).collect();
    let components: Vec<&str> = names.iter().map(String::as_str).collect();
    let series = Series {
        classification: classification::SECURITY_UPDATES,
        product: products::OFFICE_2010,
        components: &components,
        needs: vec![
            one_of(&["Office 2010 32-bit", "Office 2010 64-bit"]),
            needs("Office 2010 Service Pack 1 or later"),
        ],
        title: &|component, kb| {
            let application = component.trim_end_matches(" 2010 component");
            format!("Security Update for Microsoft {application} 2010 (KB{kb}) 32-Bit Edition")
        },
        german: None,
        installed: 16,
        needed: 6,
        not_applicable: 12,
        chain: Some(3),
        articles: (2_345_000, 2_899_000),
    };
    let found = series.add(builder, &mut |builder, member| {
        let (application, file) = OFFICE[member.index % OFFICE.len()];
        let step = u32::try_from(member.index).unwrap_or(0) * 40;
        let rules = match member.want {
            Want::NotApplicable => file_below(&install_root("Visio"), "VISIO.EXE", v(14, 0, 6000 + step, 5000)),
            want if file.is_empty() => patch(builder, product_code("Office Shared 2010"), want),
            Want::Installed => file_below(&install_root(application), file, v(14, 0, 6100 + step, 5000)),
            Want::Needed => file_below(&install_root(application), file, v(14, 0, 7110 + step, 5000)),
        };
        let name = format!("{}-x-none-KB{}.msp", application.to_lowercase(), member.kb);
        vec![patch_file(builder, name, rules)]
    });
    office_service_packs(builder, &found);
}

/// The second service pack replaces the first, and some updates that no other update replaces.
fn office_service_packs(builder: &mut Builder<'_>, updates: &[Uuid]) {
    let only_by_service_pack = [1, 2, 4, 5].iter().filter_map(|index| updates.get(*index).copied());
    let native = Place { view: RegistryView::Native, ..OFFICE_VERSION };
    let first = builder.draw.guid();
    let mut replaced: Vec<Uuid> = only_by_service_pack.collect();
    replaced.push(first);
    let second = builder.draw.guid();
    let other = builder.draw.guid();
    let list = [
        (
            first,
            2_460_049,
            "Service Pack 1 for Microsoft Office 2010 (KB2460049) 32-Bit Edition",
            OFFICE_VERSION,
            6029,
            Vec::new(),
        ),
        (
            second,
            2_687_455,
            "Service Pack 2 for Microsoft Office 2010 (KB2687455) 32-Bit Edition",
            OFFICE_VERSION,
            7015,
            replaced,
        ),
        (
            other,
            2_687_455,
            "Service Pack 2 for Microsoft Office 2010 (KB2687455) 64-Bit Edition",
            native,
            7015,
            Vec::new(),
        ),
    ];
    for (id, kb, title, place, build, supersedes) in list {
        let rules = place.rules(v(14, 0, build, 1000));
        let payload = patch_file(builder, format!("office2010sp-kb{kb}-fullfile.msp"), rules);
        let clauses = vec![one_of(&["Office 2010 32-bit", "Office 2010 64-bit"])];
        let product = products::OFFICE_2010;
        let created = if build == 6029 { patch_day(2011, 6) } else { patch_day(2013, 7) };
        let update = single(builder, title.to_owned(), kb, classification::SERVICE_PACKS, product, clauses, created);
        builder.bundle(Update { id, supersedes, ..update }, &[payload]);
    }
}

/// An update with nothing special about it.
fn single(
    builder: &mut Builder<'_>,
    title: String,
    kb: u32,
    classification: Uuid,
    product: Uuid,
    needs: Vec<Clause>,
    created: Timestamp,
) -> Update {
    let security = classification == classification::SECURITY_UPDATES;
    Update {
        id: builder.draw.guid(),
        revision: 100 + builder.draw.small(0, 6),
        title,
        german: None,
        description: if security { SECURITY } else { QUALITY },
        kb,
        bulletin: security.then(|| bulletin(builder, created)),
        severity: security.then_some("Important"),
        classification,
        products: vec![product],
        needs,
        supersedes: Vec::new(),
        created,
        declined: false,
    }
}

fn runtimes(builder: &mut Builder<'_>) {
    let later = Place { key: r"SOFTWARE\Microsoft\DevDiv\VC\Servicing\11.0\RED\1033", ..RUNTIMES[2] };
    let [vc8, vc9, vc10] = RUNTIMES;
    let list = [
        ("2005 Service Pack 1", "Visual Studio 2005", "Visual C++ 2005 runtime", vc8, v(8, 0, 60049, 0)),
        ("2008 Service Pack 1", "Visual Studio 2008", "Visual C++ 2008 runtime", vc9, v(9, 0, 30729, 5570)),
        ("2010", "Visual Studio 2010", "Visual C++ 2010 runtime", vc10, v(10, 0, 30319, 415)),
        ("2010 Service Pack 1", "Visual Studio 2010", "Visual C++ 2010 runtime", vc10, v(10, 0, 40219, 325)),
        ("2012", "Visual Studio 2010", "Visual C++ 2010 runtime", later, v(11, 0, 51106, 1)),
        ("2012 Update 3", "Visual Studio 2010", "Visual C++ 2010 runtime", later, v(11, 0, 60610, 1)),
        ("2012 Update 4", "Visual Studio 2010", "Visual C++ 2010 runtime", later, v(11, 0, 61030, 0)),
    ];
    for (edition, product, need, place, version) in list {
        let kb = builder.article(2_467_173, 2_679_000);
        let title = format!("Security Update for Microsoft Visual C++ {edition} Redistributable Package (KB{kb})");
        let size = builder.draw.between(3_000_000, 10_000_000);
        let rules = place.rules(version);
        let payload = Payload { handler: Handler::CommandLine, file: "vcredist_x64.exe".to_owned(), size, rules };
        let security = classification::SECURITY_UPDATES;
        let update = single(builder, title, kb, security, category(product), vec![needs(need)], patch_day(2011, 6));
        builder.bundle(update, &[payload]);
    }
}

fn silverlight(builder: &mut Builder<'_>) {
    let developer = Place { key: r"SOFTWARE\Microsoft\Silverlight\Developer", ..SILVERLIGHT };
    let list = [
        ("Security Update for Microsoft Silverlight", SILVERLIGHT, 20913, patch_day(2013, 10)),
        ("Update for Microsoft Silverlight", SILVERLIGHT, 30214, patch_day(2014, 1)),
        ("Security Update for Microsoft Silverlight Developer Runtime", developer, 20913, patch_day(2013, 10)),
        ("Update for Microsoft Silverlight Developer Runtime", developer, 30214, patch_day(2014, 1)),
    ];
    let mut last = Vec::new();
    for (name, place, build, created) in list {
        let kb = builder.article(2_890_000, 2_915_000);
        let classification = match name.starts_with("Security") {
            true => classification::SECURITY_UPDATES,
            false => classification::UPDATES,
        };
        let clauses = vec![needs("Silverlight")];
        let title = format!("{name} (KB{kb})");
        let update = single(builder, title, kb, classification, category("Silverlight"), clauses, created);
        let supersedes = if build == 30214 { std::mem::take(&mut last) } else { Vec::new() };
        if build == 20913 {
            last = vec![update.id];
        }
        let rules = place.rules(v(5, 1, build, 0));
        let size = builder.draw.between(6_000_000, 13_000_000);
        let payload = Payload { handler: Handler::CommandLine, file: "Silverlight.exe".to_owned(), size, rules };
        builder.software(Update { supersedes, ..update }, &payload);
    }
}

/// Rules of an update that brings a product to a version.
fn product_rules(name: &str, version: cmsim_wire::update::rules::Version) -> Rules {
    let code = product_code(name);
    Rules::new(product(code, Some(version), None), product(code, None, Some(version)))
}

fn components(builder: &mut Builder<'_>) {
    let security = classification::SECURITY_UPDATES;
    let updates = classification::UPDATES;
    let sql = "SQL Server 2008 R2";
    let native = "SQL Server 2008 R2 Native Client";
    let list = [
        ("Update for SQL Server 2008 R2 Native Client", updates, sql, native, native, v(10, 50, 2500, 0)),
        ("Security Update for SQL Server 2008 R2 Native Client", security, sql, native, native, v(10, 50, 4260, 0)),
        (
            "Update for SQL Server System CLR Types",
            updates,
            "SQL Server Feature Pack",
            native,
            "SQL Server System CLR Types",
            v(10, 50, 1600, 1),
        ),
        (
            "Security Update for Microsoft Report Viewer 2008",
            security,
            "Report Viewer 2008",
            "Report Viewer",
            "Report Viewer 2008",
            v(9, 0, 30731, 0),
        ),
        (
            "Security Update for Microsoft Report Viewer 2010",
            security,
            "Report Viewer 2010",
            "Report Viewer",
            "Report Viewer 2010",
            v(10, 0, 40220, 0),
        ),
        (
            "Security Update for SQL Server 2008 R2 Database Engine",
            security,
            sql,
            native,
            "SQL Server 2008 R2 Engine",
            v(10, 50, 4302, 0),
        ),
        (
            "Security Update for SQL Server 2008 R2 Reporting Services",
            security,
            sql,
            native,
            "SQL Server 2008 R2 Reporting",
            v(10, 50, 4302, 0),
        ),
        (
            "Update for SQL Server 2008 R2 Management Studio",
            updates,
            sql,
            native,
            "SQL Server 2008 R2 Tools",
            v(10, 50, 4302, 0),
        ),
        (
            "Update for SQL Server 2008 R2 Integration Services",
            updates,
            sql,
            native,
            "SQL Server 2008 R2 Integration",
            v(10, 50, 4302, 0),
        ),
        (
            "Update for SQL Server Compact",
            updates,
            "SQL Server Feature Pack",
            native,
            "SQL Server Compact 3.5",
            v(3, 5, 8081, 0),
        ),
        (
            "Update for SQL Server Remote Blob Store",
            updates,
            "SQL Server Feature Pack",
            native,
            "Remote Blob Store",
            v(10, 50, 2500, 0),
        ),
        (
            "Update for Microsoft Report Viewer 2010 Language Pack",
            updates,
            "Report Viewer 2010",
            "Report Viewer",
            "Report Viewer 2010 Language Pack",
            v(10, 0, 40220, 0),
        ),
        (
            "Update for Microsoft Report Viewer 2008 Language Pack",
            updates,
            "Report Viewer 2008",
            "Report Viewer",
            "Report Viewer 2008 Language Pack",
            v(9, 0, 30731, 0),
        ),
    ];
    for (name, classification, product, need, installed_as, version) in list {
        let kb = builder.article(2_494_000, 2_890_000);
        let rules = product_rules(installed_as, version);
        let payload = patch_file(builder, format!("KB{kb}-x64.msp"), rules);
        let title = format!("{name} (KB{kb})");
        let update =
            single(builder, title, kb, classification, category(product), vec![needs(need)], patch_day(2012, 8));
        builder.bundle(update, &[payload]);
    }
    for (name, version) in [("Service Pack 3", v(4, 30, 2114, 0)), ("Service Pack 3 rollup", v(4, 30, 2117, 0))] {
        let kb = builder.article(2_721_000, 2_758_900);
        let compare = |comparison| file_version(41, "msxml4.dll", comparison, version);
        let installable = Expression::And(vec![compare(Scalar::LessThan)]);
        let rules = Rules::new(compare(Scalar::GreaterThanOrEqualTo), installable);
        let payload = patch_file(builder, format!("msxml4-KB{kb}-enu.msp"), rules);
        let title = format!("Security Update for Microsoft XML Core Services 4.0 {name} (KB{kb})");
        let product = category("Microsoft Core XML Services");
        let clauses = vec![needs("MSXML 4")];
        let update = single(builder, title, kb, classification::SECURITY_UPDATES, product, clauses, patch_day(2013, 1));
        builder.bundle(update, &[payload]);
    }
}
