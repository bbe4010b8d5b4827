//! The Windows 11 catalogue: a current-branch site of April 2026.
//!
//! Shapes of rules and manifests follow captured metadata: device attributes decide the version, servicing packages the
//! state. Updates for other versions and for ARM64 are deployed too; their prerequisites keep them from the example client.

mod conditions;
mod updates;

use cmsim_wire::profile::Profile;

use crate::builder::Builder;
use crate::draw::Draw;
use crate::entity::{Catalogue, CategoryType};
use crate::known::{LATER_WINDOWS, OFFICE_2016, named};
use crate::{Machine, classification, product};

/// Article numbers of updates that have their real one.
const RESERVED: [u32; 4] = [2_267_602, 4_052_623, 890_830, 5_054_156];

/// The Windows 11 catalogue. `draw` gives random numbers.
#[must_use]
pub fn windows_11(draw: &mut dyn FnMut() -> u64) -> Catalogue {
    let machine = Machine::new(&Profile::windows_11());
    let mut builder = Builder::new(Draw(draw), machine, &RESERVED);
    categories(&mut builder);
    conditions::detectoids(&mut builder);
    updates::updates(&mut builder);
    builder.finish(&[])
}

fn categories(builder: &mut Builder<'_>) {
    builder.roots(&[
        ("Security Updates", classification::SECURITY_UPDATES),
        ("Critical Updates", classification::CRITICAL_UPDATES),
        ("Definition Updates", classification::DEFINITION_UPDATES),
        ("Drivers", classification::DRIVERS),
        ("Feature Packs", classification::FEATURE_PACKS),
        ("Service Packs", classification::SERVICE_PACKS),
        ("Tools", classification::TOOLS),
        ("Update Rollups", classification::UPDATE_ROLLUPS),
        ("Updates", classification::UPDATES),
        ("Upgrades", classification::UPGRADES),
    ]);
    let company = Some(product::MICROSOFT);
    builder.category(product::WINDOWS, "Windows", CategoryType::ProductFamily, company);
    builder.category(named("family", "Office"), "Office", CategoryType::ProductFamily, company);
    let windows = Some(product::WINDOWS);
    builder.category(product::WINDOWS_11, "Windows 11", CategoryType::Product, windows);
    builder.category(product::WINDOWS_DEFENDER, "Microsoft Defender Antivirus", CategoryType::Product, windows);
    for (name, id) in LATER_WINDOWS {
        builder.category(id, name, CategoryType::Product, windows);
    }
    for name in [
        "Windows 11 Client, version 22H2 and later, Servicing Drivers",
        "Windows 11 Dynamic Update",
        "Windows 11 GDR-DU",
        "Windows Server, version 24H2",
        "Windows Subsystem for Linux",
        "Windows Security platform",
        "Azure Connected Machine Agent",
        "Microsoft Edge",
    ] {
        builder.category(named("category", name), name, CategoryType::Product, windows);
    }
    builder.category(OFFICE_2016, "Office 2016", CategoryType::Product, Some(named("family", "Office")));
}
