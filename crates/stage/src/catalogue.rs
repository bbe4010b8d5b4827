//! One catalogue, as WSUS and the site database take it, and the state of the example machine that it brings.

use cmsim_catalog::{Approval, Catalogue, CategoryType, Entity, Kind};
use cmsim_sim::Seed;
use cmsim_sitedb::{CategoryKind, CategoryRecord, UpdateKind, UpdateRecord};
use cmsim_wire::profile::{Profile, WuaGeneration};
use cmsim_wire::update::{RegistryData, RegistryView};
use cmsim_world::{FileVersion, Host, RegistryValue};
use cmsim_wsus::CatalogueEntry;

use crate::settings::StageError;
use crate::topology;

/// The catalogue that fits a profile.
pub(crate) fn catalogue(profile: &Profile, seed: &Seed) -> Catalogue {
    let mut stream = seed.stream("catalogue");
    let mut draw = || stream.next_u64();
    match profile.wua {
        WuaGeneration::Wua76 => cmsim_catalog::windows_7(&mut draw),
        WuaGeneration::Wua10 => cmsim_catalog::windows_11(&mut draw),
    }
}

/// What WSUS imports.
pub(crate) fn wsus_entries(catalogue: &Catalogue) -> Vec<CatalogueEntry> {
    let entry = |entity: &Entity| CatalogueEntry {
        core: entity.core.clone(),
        extended: entity.extended.clone(),
        localized: entity.localized.clone(),
        approval: approval(entity.approval),
        local_id: u32::try_from(entity.local_id).ok(),
    };
    catalogue.entities.iter().map(entry).collect()
}

fn approval(approval: Approval) -> cmsim_wsus::Approval {
    match approval {
        Approval::Install => cmsim_wsus::Approval::Install { deadline: None },
        Approval::Declined => cmsim_wsus::Approval::Declined,
        // Categories, detectoids and bundle parts are deployed by the server itself.
        Approval::Evaluate | Approval::Bundle | Approval::DetectOnly => cmsim_wsus::Approval::NotApproved,
    }
}

/// The categories that the site database has, parents first.
pub(crate) fn categories(catalogue: &Catalogue) -> Vec<CategoryRecord> {
    catalogue.entities.iter().filter_map(|entity| category(entity, catalogue)).collect()
}

fn category(entity: &Entity, catalogue: &Catalogue) -> Option<CategoryRecord> {
    let kind = category_kind(entity)?;
    let parent = entity.prerequisites.iter().filter(|clause| clause.is_category).flat_map(|clause| &clause.any_of);
    let parent = parent.filter_map(|id| Some((category_kind(catalogue.find(*id)?)?, *id))).next();
    let title = entity.title.clone();
    Some(CategoryRecord { kind, id: entity.identity.id, title, parent, subscribed: true })
}

fn category_kind(entity: &Entity) -> Option<CategoryKind> {
    match entity.kind {
        Kind::Category(CategoryType::Company) => Some(CategoryKind::Company),
        Kind::Category(CategoryType::ProductFamily) => Some(CategoryKind::ProductFamily),
        Kind::Category(CategoryType::Product) => Some(CategoryKind::Product),
        Kind::Category(CategoryType::UpdateClassification) => Some(CategoryKind::UpdateClassification),
        _ => None,
    }
}

/// The updates that the site database has. Declined ones were never synchronized.
pub(crate) fn updates(catalogue: &Catalogue) -> Vec<UpdateRecord> {
    catalogue.deployed().filter_map(update).collect()
}

fn update(entity: &Entity) -> Option<UpdateRecord> {
    let kind = match entity.kind {
        Kind::Software | Kind::Driver => UpdateKind::Update,
        Kind::Bundle => UpdateKind::Bundle,
        Kind::BundleChild => UpdateKind::Child,
        Kind::Category(_) | Kind::Detectoid => return None,
    };
    let article_id = entity.kb.map(|kb| kb.to_string()).unwrap_or_default();
    let info_url = entity.kb.map(|kb| format!("http://support.microsoft.com/kb/{kb}")).unwrap_or_default();
    Some(UpdateRecord {
        unique_id: entity.identity.id,
        revision: entity.identity.revision,
        min_source_version: 1,
        kind,
        driver: entity.kind == Kind::Driver,
        title: entity.title.clone(),
        description: entity.description.clone(),
        article_id,
        bulletin_id: entity.bulletin.clone().unwrap_or_default(),
        info_url,
        severity: severity(entity.severity),
        revised: entity.created,
        superseded: !entity.superseded_by.is_empty(),
        expired: false,
        eula: false,
        supersedes: entity.supersedes.clone(),
        classification: entity.classification.unwrap_or_default(),
        products: entity.products.clone(),
    })
}

/// The numbers of `v_UpdateInfo.Severity` (docs).
fn severity(name: Option<&str>) -> u32 {
    match name {
        Some("Critical") => 10,
        Some("Important") => 8,
        Some("Moderate") => 6,
        Some("Low") => 2,
        _ => 0,
    }
}

/// Gives a client the registry values, files and device attributes of the catalogue's example machine.
pub(crate) fn install_machine(catalogue: &Catalogue, host: &Host) -> Result<(), StageError> {
    let failed = || format!("cannot set up {}", host.name());
    for entry in catalogue.machine.registry() {
        let registry = match entry.view {
            RegistryView::Native => host.registry().clone(),
            RegistryView::Wow64 => host.registry().wow64(),
        };
        let key = format!(r"HKLM\{}", entry.key);
        registry.set(&key, &entry.name, value(entry.data)).map_err(StageError::part(failed()))?;
    }
    for file in catalogue.machine.files() {
        let parts = file.version.parts().map(|part| u16::try_from(part).unwrap_or(u16::MAX));
        host.disk().install(&file.path, FileVersion(parts), file.size).map_err(StageError::part(failed()))?;
    }
    for (name, value) in catalogue.machine.device_attributes() {
        host.set_device_attribute(name, value);
    }
    Ok(())
}

fn value(data: RegistryData) -> RegistryValue {
    match data {
        RegistryData::Text(text) => RegistryValue::Sz(text),
        RegistryData::Expandable(text) => RegistryValue::ExpandSz(text),
        RegistryData::Dword(number) => RegistryValue::Dword(number),
        RegistryData::Qword(number) => RegistryValue::Qword(number),
        RegistryData::Lines(lines) => RegistryValue::MultiSz(lines),
        RegistryData::Binary(bytes) => RegistryValue::Binary(bytes),
    }
}

/// The servers that are software update points, with the port of each on which content is served.
pub(crate) const UPDATE_POINTS: [(&str, u16); 2] = [(topology::SITE_SERVER, 8530), (topology::SITE_SYSTEM, 8530)];
