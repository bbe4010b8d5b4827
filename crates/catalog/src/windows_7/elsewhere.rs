//! What a server synchronises although no update here depends on it: products nobody subscribed to, and their
//! detectoids. They are leaves.

use cmsim_wire::update::RegistryView;
use cmsim_wire::update::rules::{Expression, Rule, Scalar, WmiQuery};

use crate::builder::Builder;
use crate::entity::CategoryType;
use crate::fit::{dword, file, key, language, product, product_code, v, workstation};
use crate::known::{OFFICE_2013, OTHER_WINDOWS, named};
use crate::{classification, product as products};

/// Products without updates here, by family. The first two families also have products with updates.
const PRODUCTS: [(&str, &[&str]); 6] = [
    ("Exchange", &["Exchange Server 2003", "Exchange Server 2007", "Exchange Server 2010", "Exchange Server 2013"]),
    (
        "System Center",
        &[
            "Data Protection Manager 2010",
            "Operations Manager 2012",
            "Virtual Machine Manager 2012",
            "Configuration Manager 2007",
            "Service Manager 2010",
            "Orchestrator 2012",
        ],
    ),
    (
        "Virtualization",
        &["Virtual PC", "Virtual Server 2005", "Application Virtualization 4.6", "Hyper-V Server 2008 R2"],
    ),
    ("Dynamics", &["Dynamics CRM 4.0", "Dynamics CRM 2011", "Dynamics AX 2012", "Dynamics NAV 2009"]),
    ("Windows Live", &["Windows Live Essentials", "Windows Live Toolbar", "Bing Bar", "Windows Live Mesh"]),
    (
        "Office",
        &[
            "Office 2003",
            "Office 2007",
            "Office XP",
            "Works 8",
            "Works 9",
            "Office Communications Server 2007",
            "Lync 2010",
            "Lync Server 2010",
            "SharePoint Foundation 2010",
            "Project Server 2010",
            "FAST Search Server 2010",
        ],
    ),
];

/// More products of the family Windows.
const WINDOWS: [&str; 17] = [
    "Windows XP",
    "Windows XP x64 Edition",
    "Windows XP Embedded",
    "Windows Vista",
    "Windows Server 2003",
    "Windows Server 2003, Datacenter Edition",
    "Windows Embedded Standard 7",
    "Windows Small Business Server 2008",
    "Windows Small Business Server 2011",
    "Windows Essential Business Server 2008",
    "Windows Home Server 2011",
    "Windows Storage Server 2008 R2",
    "Windows Ultimate Extras",
    "Windows Vista Ultimate Language Packs",
    "Windows Azure Pack",
    "Windows 2000",
    "Windows RT",
];

/// What detectoids of other products are about.
const SUBJECTS: [&str; 22] = [
    "Windows XP Service Pack 3",
    "Windows Vista Service Pack 2",
    "Windows Server 2003 Service Pack 2",
    "Windows Server 2008 Service Pack 2",
    "Windows Server 2008 R2 Service Pack 1",
    "Windows 8",
    "Windows 8.1",
    "Windows Server 2012",
    "Office 2003 Service Pack 3",
    "Office 2007 Service Pack 3",
    "Office 2013",
    "Project 2010",
    "Visio 2010",
    "SharePoint Designer 2010",
    "Lync 2010",
    "SQL Server 2005",
    "SQL Server 2008",
    "SQL Server 2012",
    "Exchange Server 2010",
    "Internet Explorer 7",
    "Internet Explorer 11",
    "Forefront Client Security",
];

/// Languages of detectoids and language packs: tag and English name.
pub(super) const LANGUAGES: [(&str, &str); 31] = [
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("zh-CN", "Chinese (Simplified)"),
    ("zh-TW", "Chinese (Traditional)"),
    ("hr", "Croatian"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("nl", "Dutch"),
    ("et", "Estonian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("de", "German"),
    ("el", "Greek"),
    ("he", "Hebrew"),
    ("hu", "Hungarian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("lv", "Latvian"),
    ("lt", "Lithuanian"),
    ("nb", "Norwegian"),
    ("pl", "Polish"),
    ("pt-BR", "Portuguese (Brazil)"),
    ("pt-PT", "Portuguese (Portugal)"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("es", "Spanish"),
    ("sv", "Swedish"),
    ("tr", "Turkish"),
];

/// Detectoids that no update here names: with the categories, what the default catalogue deploys beyond what a search
/// evaluates.
const DETECTOIDS: usize = 466;

/// Adds categories that no update here names.
pub(super) fn categories(builder: &mut Builder<'_>) {
    for (name, id) in [
        ("Applications", classification::APPLICATIONS),
        ("Connectors", classification::CONNECTORS),
        ("Developer Kits", classification::DEVELOPER_KITS),
        ("Drivers", classification::DRIVERS),
        ("Guidance", classification::GUIDANCE),
    ] {
        builder.category(id, name, CategoryType::UpdateClassification, None);
    }
    let windows = OTHER_WINDOWS.into_iter().chain(WINDOWS.iter().map(|name| (*name, named("category", name))));
    for (name, id) in windows {
        builder.category(id, name, CategoryType::Product, Some(products::WINDOWS));
    }
    for (family, names) in PRODUCTS {
        let id = named("family", family);
        if family != "Office" {
            builder.category(id, family, CategoryType::ProductFamily, Some(products::MICROSOFT));
        }
        for name in names {
            builder.category(named("category", name), name, CategoryType::Product, Some(id));
        }
    }
    builder.category(OFFICE_2013, "Office 2013", CategoryType::Product, Some(named("family", "Office")));
}

/// Adds detectoids that no update here names.
pub(super) fn detectoids(builder: &mut Builder<'_>) {
    let pairs = LANGUAGES.iter().flat_map(|language| SUBJECTS.iter().map(move |subject| (subject, language)));
    for (index, (subject, (tag, language_name))) in pairs.take(DETECTOIDS).enumerate() {
        let name = format!("{subject} ({language_name})");
        let rule = Expression::And(vec![condition(builder, index, subject), language(tag)]);
        builder.detectoid(named("detectoid", &name), &name, &rule);
    }
}

/// One of the forms that such conditions have.
fn condition(builder: &mut Builder<'_>, index: usize, subject: &str) -> Expression {
    let code = product_code(subject);
    match index % 7 {
        0 => key(RegistryView::Native, &format!(r"SOFTWARE\Microsoft\{subject}")),
        1 => dword(&format!(r"SOFTWARE\Microsoft\{subject}"), "Install", Scalar::EqualTo, 1),
        2 => workstation(Scalar::EqualTo, (6, 2), None),
        3 => file(38, &format!(r"{subject}\setup.exe")),
        4 => {
            let query = format!("SELECT * FROM Win32_Product WHERE Name = '{subject}'");
            Rule::WmiQuery(WmiQuery { namespace: None, query }).into()
        }
        _ => {
            let build = builder.draw.small(1000, 9000);
            Expression::Or(vec![
                product(code, Some(v(8, 0, build, 0)), None),
                product(product_code(&format!("{subject} Enterprise")), Some(v(8, 0, build, 0)), None),
            ])
        }
    }
}
