//! The detectoids of Windows 11, and what they find on the example machine.

use cmsim_wire::update::rules::{Expression, Scalar};
use cmsim_wire::update::{Clause, RegistryData, RegistryView};

use crate::builder::Builder;
use crate::fit::{Place, attribute, dword, language, not, processor, v, workstation};
use crate::known::named;

const NATIVE: RegistryView = RegistryView::Native;
const DEFENDER: &str = r"SYSTEM\CurrentControlSet\Services\WinDefend";
const NET: &str = r"SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full";

/// Where Microsoft Defender keeps the version of its definitions.
pub(super) const DEFINITIONS: Place =
    Place { view: NATIVE, key: r"SOFTWARE\Microsoft\Windows Defender\Signature Updates", value: "AVSignatureVersion" };
/// Where Microsoft Defender keeps the version of its platform.
pub(super) const PLATFORM: Place = Place {
    view: NATIVE,
    key: r"SOFTWARE\Microsoft\Windows Defender\Miscellaneous Configuration",
    value: "PlatformVersion",
};

/// Languages and editions of detectoids that no update here names.
const ELSEWHERE: [&str; 13] = ["ar", "cs", "da", "de", "es", "fi", "fr", "it", "ja", "ko", "nl", "pl", "sv"];
const EDITIONS: [(&str, &str); 6] = [
    ("Home", "101"),
    ("Education", "121"),
    ("Enterprise", "4"),
    ("Enterprise N", "27"),
    ("Multi-session", "175"),
    ("Team", "119"),
];

/// Prerequisite: that detectoid.
pub(super) fn needs(name: &str) -> Clause {
    Clause::needs(named("detectoid 11", name))
}

/// An operating system version between two, the upper one excluded.
pub(super) fn between(low: &str, high: &str) -> Expression {
    Expression::And(vec![
        attribute("OSVersion", "Version", Scalar::GreaterThanOrEqualTo, low),
        attribute("OSVersion", "Version", Scalar::LessThan, high),
    ])
}

/// Adds all detectoids.
pub(super) fn detectoids(builder: &mut Builder<'_>) {
    furnish(builder);
    let sku = |value| attribute("OSSkuId", "String", Scalar::EqualTo, value);
    let list = [
        ("x64 processor", processor(9)),
        ("ARM64 processor", processor(12)),
        (
            "Windows 11",
            Expression::And(vec![
                workstation(Scalar::GreaterThanOrEqualTo, (10, 0), None),
                attribute("OSVersion", "Version", Scalar::GreaterThanOrEqualTo, "10.0.22000.1"),
                attribute("ProductType", "String", Scalar::EqualTo, "WinNT"),
            ]),
        ),
        ("Windows 11 Version 23H2", between("10.0.22631.1", "10.0.22632.0")),
        ("Windows 11 Version 24H2 or 25H2", between("10.0.26100.1", "10.0.26201.0")),
        // The client does not send `sku`: an absent attribute is neither.
        (
            "Not Windows Team",
            Expression::And(vec![not(sku("119")), not(attribute("sku", "String", Scalar::EqualTo, "119"))]),
        ),
        ("Microsoft Defender Antivirus", dword(DEFENDER, "Start", Scalar::LessThan, 4)),
        (".NET Framework 4.8.1", dword(NET, "Release", Scalar::GreaterThanOrEqualTo, 533_320)),
    ];
    for (name, rule) in list {
        builder.detectoid(named("detectoid 11", name), name, &rule);
    }
    for (edition, value) in EDITIONS {
        for tag in ELSEWHERE {
            let name = format!("Windows 11 {edition} ({tag})");
            let rule = Expression::And(vec![sku(value), language(tag)]);
            builder.detectoid(named("detectoid 11", &name), &name, &rule);
        }
    }
}

/// What the detectoids find.
fn furnish(builder: &mut Builder<'_>) {
    let machine = &mut builder.machine;
    for (name, value) in [
        ("OSVersion", "10.0.26200.8037"),
        ("OSSkuId", "48"),
        ("ProductType", "WinNT"),
        ("DL_OSVersion", "10.0.26200.8037"),
        ("CurrentBranch", "ge_release"),
    ] {
        machine.set_device_attribute(name, value);
    }
    machine.set_value(NATIVE, DEFENDER, "Start", RegistryData::Dword(2));
    machine.set_value(NATIVE, NET, "Release", RegistryData::Dword(533_509));
    DEFINITIONS.put(builder, v(1, 445, 300, 0));
    PLATFORM.put(builder, v(4, 18, 26020, 6));
}
