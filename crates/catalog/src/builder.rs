//! Puts entities together: fragments, digests, leaves and supersedence.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cmsim_wire::update::rules::Expression;
use cmsim_wire::update::{
    Behavior, BundleClause, CategoryInformation, Clause, CoreFragment, ExtendedFragment, ExtendedProperties, File,
    HandlerBody, HandlerSpecificData, InstallCommand, LocalizedProperties, Properties, PropertyItem, Relationships,
    ReturnCode, UpdateIdentity, UpdateType,
};
use jiff::Timestamp;
use sha1::Digest as _;
use uuid::Uuid;

use crate::draw::{Draw, patch_day};
use crate::entity::{Approval, Catalogue, CategoryType, Entity, FileEntry, Kind};
use crate::{Machine, classification, product};

const HANDLERS: &str = "http://schemas.microsoft.com/msus/2002/12/UpdateHandlers/";

/// Who installs a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    /// Servicing.
    Cbs,
    /// A program with arguments.
    CommandLine,
    /// A Windows Installer patch.
    Patch,
}

/// The conditions of a payload.
pub(crate) struct Rules {
    pub(crate) installed: Expression,
    pub(crate) installable: Expression,
    /// Literal content of `Metadata`.
    pub(crate) metadata: String,
}

impl Rules {
    pub(crate) fn new(installed: Expression, installable: Expression) -> Self {
        Self { installed, installable, metadata: String::new() }
    }

    fn encode(&self) -> String {
        let metadata = match self.metadata.as_str() {
            "" => String::new(),
            raw => format!("<Metadata>{raw}</Metadata>"),
        };
        format!(
            "<ApplicabilityRules><IsInstalled>{}</IsInstalled><IsInstallable>{}</IsInstallable>{metadata}</ApplicabilityRules>",
            self.installed.encode(),
            self.installable.encode(),
        )
    }
}

/// What is installed: a file and its conditions.
pub(crate) struct Payload {
    pub(crate) handler: Handler,
    pub(crate) file: String,
    pub(crate) size: u64,
    pub(crate) rules: Rules,
}

/// An update to be added.
pub(crate) struct Update {
    pub(crate) id: Uuid,
    pub(crate) revision: u32,
    pub(crate) title: String,
    pub(crate) german: Option<String>,
    pub(crate) description: &'static str,
    pub(crate) kb: u32,
    pub(crate) bulletin: Option<String>,
    pub(crate) severity: Option<&'static str>,
    pub(crate) classification: Uuid,
    /// Its product first, then components.
    pub(crate) products: Vec<Uuid>,
    pub(crate) needs: Vec<Clause>,
    pub(crate) supersedes: Vec<Uuid>,
    pub(crate) created: Timestamp,
    pub(crate) declined: bool,
}

/// A catalogue in the making.
pub(crate) struct Builder<'d> {
    pub(crate) draw: Draw<'d>,
    pub(crate) machine: Machine,
    entities: Vec<Entity>,
    articles: BTreeSet<u32>,
}

impl<'d> Builder<'d> {
    /// `reserved` are article numbers that no filler update may get.
    pub(crate) fn new(draw: Draw<'d>, machine: Machine, reserved: &[u32]) -> Self {
        Self { draw, machine, entities: Vec::new(), articles: reserved.iter().copied().collect() }
    }

    /// An article number nobody has, between the two.
    pub(crate) fn article(&mut self, low: u32, high: u32) -> u32 {
        loop {
            let number = self.draw.small(low, high);
            if self.articles.insert(number) {
                return number;
            }
        }
    }

    /// Adds a category that is always installed.
    pub(crate) fn category(&mut self, id: Uuid, name: &str, kind: CategoryType, parent: Option<Uuid>) {
        let (subcategories, updates, order, excluded) = match kind {
            CategoryType::Company => (Some(false), Some(true), Some(1), None),
            CategoryType::ProductFamily => (Some(false), Some(true), Some(2), None),
            CategoryType::Product => (Some(true), None, None, Some(true)),
            CategoryType::UpdateClassification | CategoryType::Component => (Some(true), None, None, None),
        };
        let information = CategoryInformation {
            category_type: kind.as_str().map(str::to_owned),
            prohibits_subcategories: subcategories,
            prohibits_updates: updates,
            display_order: order,
            excluded_by_default: excluded,
        };
        let handler = HandlerSpecificData { kind: "cat:Category".to_owned(), body: HandlerBody::Category(information) };
        let revision = 100 + self.draw.small(0, 6);
        let extended = ExtendedFragment {
            properties: properties(Some("Category"), Vec::new(), Vec::new()),
            files: Vec::new(),
            handler: Some(handler),
            other: Vec::new(),
        };
        let clauses = parent.map(Clause::category).into_iter().collect();
        self.condition(
            Kind::Category(kind),
            UpdateIdentity { id, revision },
            name,
            name,
            clauses,
            &Expression::True,
            extended,
        );
    }

    /// Adds a detectoid without prerequisites.
    pub(crate) fn detectoid(&mut self, id: Uuid, name: &str, rule: &Expression) {
        let extended = ExtendedFragment {
            properties: properties(None, Vec::new(), Vec::new()),
            files: Vec::new(),
            handler: None,
            other: Vec::new(),
        };
        let identity = UpdateIdentity { id, revision: 100 + self.draw.small(0, 4) };
        let description = "A condition of the machine that updates depend on.";
        self.condition(Kind::Detectoid, identity, name, description, Vec::new(), rule, extended);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one entity, each of another type")]
    fn condition(
        &mut self,
        kind: Kind,
        identity: UpdateIdentity,
        title: &str,
        description: &str,
        prerequisites: Vec<Clause>,
        rule: &Expression,
        extended: ExtendedFragment,
    ) {
        let update_type = match kind {
            Kind::Detectoid => UpdateType::Detectoid,
            _ => UpdateType::Category,
        };
        let relationships = Relationships { prerequisites: prerequisites.clone(), ..Relationships::default() };
        let relationships = Some(relationships).filter(|all| !all.prerequisites.is_empty());
        let rules = format!("<ApplicabilityRules><IsInstalled>{}</IsInstalled></ApplicabilityRules>", rule.encode());
        let mut entity = self.blank(kind, identity, title, description);
        entity.core = core(identity, Properties::of(update_type), relationships, &rules);
        entity.extended = extended.encode();
        entity.prerequisites = prerequisites;
        self.entities.push(entity);
    }

    /// Adds an update with files of its own.
    pub(crate) fn software(&mut self, update: Update, payload: &Payload) {
        let identity = UpdateIdentity { id: update.id, revision: update.revision };
        let file = self.file(identity, payload, update.created);
        let mut entity = self.entity(Kind::Software, &update, Vec::new(), &payload.rules.encode());
        entity.extended = extended(&update, Some((payload, &file)));
        entity.files = vec![file];
        self.entities.push(entity);
    }

    /// Adds a bundle with its parts.
    pub(crate) fn bundle(&mut self, update: Update, payloads: &[Payload]) {
        let mut parts = Vec::new();
        for payload in payloads {
            let identity = UpdateIdentity { id: self.draw.guid(), revision: update.revision };
            let file = self.file(identity, payload, update.created);
            let properties = Properties::of(UpdateType::Software);
            // A part needs what the bundle needs, without its categories: nothing is handed out without its bundle.
            let prerequisites = update.needs.clone();
            let relationships = Relationships { prerequisites: prerequisites.clone(), ..Relationships::default() };
            let mut part = self.blank(Kind::BundleChild, identity, &update.title, update.description);
            part.core = core(identity, properties, Some(relationships), &payload.rules.encode());
            part.extended = extended(&update, Some((payload, &file)));
            part.prerequisites = prerequisites;
            part.files = vec![file];
            part.created = update.created;
            part.kb = Some(update.kb);
            part.approval = if update.declined { Approval::Declined } else { Approval::Bundle };
            self.entities.push(part);
            parts.push(identity);
        }
        let mut entity = self.entity(Kind::Bundle, &update, parts, "");
        entity.extended = extended(&update, None);
        self.entities.push(entity);
    }

    fn blank(&mut self, kind: Kind, identity: UpdateIdentity, title: &str, description: &str) -> Entity {
        Entity {
            identity,
            local_id: 0,
            kind,
            core: String::new(),
            extended: String::new(),
            localized: vec![localized("en", title, description)],
            title: title.to_owned(),
            description: description.to_owned(),
            kb: None,
            bulletin: None,
            severity: None,
            classification: None,
            products: Vec::new(),
            prerequisites: Vec::new(),
            supersedes: Vec::new(),
            superseded_by: Vec::new(),
            bundles: Vec::new(),
            files: Vec::new(),
            approval: Approval::Evaluate,
            created: patch_day(2009, 8),
            is_leaf: true,
        }
    }

    fn entity(&mut self, kind: Kind, update: &Update, parts: Vec<UpdateIdentity>, rules: &str) -> Entity {
        let identity = UpdateIdentity { id: update.id, revision: update.revision };
        let mut clauses = update.needs.clone();
        clauses.extend(update.products.iter().copied().map(Clause::category));
        clauses.push(Clause::category(update.classification));
        let relationships = Relationships {
            superseded: update.supersedes.clone(),
            prerequisites: clauses.clone(),
            bundled: parts.iter().map(|part| BundleClause { any_of: vec![*part], grouped: false }).collect(),
            other: Vec::new(),
        };
        let properties = Properties {
            explicitly_deployable: true,
            auto_select_on_web_sites: update.classification != classification::FEATURE_PACKS,
            ..Properties::of(UpdateType::Software)
        };
        let mut entity = self.blank(kind, identity, &update.title, update.description);
        entity.core = core(identity, properties, Some(relationships), rules);
        if let Some(title) = &update.german {
            entity.localized.push(localized("de", title, update.description));
        }
        entity.kb = Some(update.kb);
        entity.bulletin.clone_from(&update.bulletin);
        entity.severity = update.severity;
        entity.classification = Some(update.classification);
        entity.products.clone_from(&update.products);
        entity.prerequisites = clauses;
        entity.supersedes.clone_from(&update.supersedes);
        entity.bundles = parts;
        entity.approval = if update.declined { Approval::Declined } else { Approval::DetectOnly };
        entity.created = update.created;
        entity
    }

    fn file(&self, update: UpdateIdentity, payload: &Payload, modified: Timestamp) -> FileEntry {
        let content = FileEntry::stand_in(update, &payload.file);
        FileEntry {
            name: payload.file.clone(),
            size: payload.size,
            modified,
            sha1: sha1::Sha1::digest(&content).into(),
            sha256: sha2::Sha256::digest(&content).into(),
        }
    }

    /// Adds the company and its classifications.
    pub(crate) fn roots(&mut self, classifications: &[(&str, Uuid)]) {
        self.category(product::MICROSOFT, "Microsoft", CategoryType::Company, None);
        for (name, id) in classifications {
            self.category(*id, name, CategoryType::UpdateClassification, None);
        }
    }

    /// Draws the server's own numbers. They stand in no order, but in the same for every seed: servers hand out by number,
    /// so in another order a client would need other rounds.
    fn number(&mut self) {
        let mut numbers = BTreeSet::new();
        while numbers.len() < self.entities.len() {
            numbers.insert(self.draw.small(1_000, 60_000));
        }
        let mut places: Vec<usize> = (0..self.entities.len()).collect();
        places.sort_by_key(|place| scattered(*place));
        for (place, number) in places.into_iter().zip(numbers) {
            self.entities[place].local_id = number.cast_signed();
        }
    }

    /// Numbers the entities, marks leaves and tells superseded updates by what. The numbers of those `in_order` rise.
    pub(crate) fn finish(mut self, in_order: &[Uuid]) -> Catalogue {
        let clauses = self.entities.iter().flat_map(|entity| &entity.prerequisites);
        let named: BTreeSet<Uuid> = clauses.flat_map(|clause| clause.any_of.iter().copied()).collect();
        let mut superseded_by: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for entity in &self.entities {
            for old in &entity.supersedes {
                superseded_by.entry(*old).or_default().push(entity.identity.id);
            }
        }
        for entity in &mut self.entities {
            entity.is_leaf = !named.contains(&entity.identity.id);
            entity.superseded_by = superseded_by.remove(&entity.identity.id).unwrap_or_default();
        }
        self.number();
        let mut ordered: Vec<&mut i32> = self
            .entities
            .iter_mut()
            .filter(|entity| in_order.contains(&entity.identity.id))
            .map(|entity| &mut entity.local_id)
            .collect();
        let mut numbers: Vec<i32> = ordered.iter().map(|number| **number).collect();
        numbers.sort_unstable();
        for (place, number) in ordered.iter_mut().zip(numbers) {
            **place = number;
        }
        Catalogue { entities: self.entities, machine: self.machine }
    }
}

/// The finalizer of SplitMix64: neighbours end far from each other, and no two in the same place.
const fn scattered(place: usize) -> u64 {
    let mixed = (place as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn core(identity: UpdateIdentity, properties: Properties, relationships: Option<Relationships>, rules: &str) -> String {
    let mut text = CoreFragment { identity, properties, relationships, rules: None, other: Vec::new() }.encode();
    text.push_str(rules);
    text
}

fn localized(language: &str, title: &str, description: &str) -> (String, String) {
    let properties = LocalizedProperties {
        language: language.to_owned(),
        title: title.to_owned(),
        description: Some(description.to_owned()),
        ..LocalizedProperties::default()
    };
    (language.to_owned(), properties.encode())
}

fn properties(handler: Option<&str>, more: Vec<(&str, String)>, items: Vec<PropertyItem>) -> ExtendedProperties {
    let mut attributes = vec![("DefaultPropertiesLanguage".to_owned(), "en".to_owned())];
    attributes.extend(handler.map(|name| ("Handler".to_owned(), format!("{HANDLERS}{name}"))));
    attributes.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    ExtendedProperties { attributes, items }
}

/// The extended fragment of an update, or of a bundle's part with its file.
fn extended(update: &Update, payload: Option<(&Payload, &FileEntry)>) -> String {
    let mut more = Vec::new();
    if let Some((payload, _)) = payload {
        more.push(("MaxDownloadSize", payload.size.to_string()));
        more.push(("MinDownloadSize", "0".to_owned()));
    }
    more.extend(update.severity.map(|severity| ("MsrcSeverity", severity.to_owned())));
    let behavior = Behavior(vec![("RebootBehavior".to_owned(), "CanRequestReboot".to_owned())]);
    let mut items = vec![PropertyItem::InstallationBehavior(behavior)];
    items.push(PropertyItem::SupportUrl("http://support.microsoft.com".to_owned()));
    items.extend(update.bulletin.clone().map(PropertyItem::SecurityBulletinId));
    items.push(PropertyItem::KbArticleId(update.kb.to_string()));
    let handler = payload.map_or(Handler::CommandLine, |(payload, _)| payload.handler);
    let uri = match handler {
        Handler::Cbs => "Cbs",
        Handler::CommandLine => "CommandLineInstallation",
        Handler::Patch => "WindowsInstaller",
    };
    let fragment = ExtendedFragment {
        properties: properties(Some(uri), more, items),
        files: payload.iter().map(|(_, entry)| file(entry)).collect(),
        handler: payload.map(|(payload, _)| handler_data(payload)),
        other: Vec::new(),
    };
    fragment.encode()
}

fn file(entry: &FileEntry) -> File {
    let attributes = [
        ("Digest", BASE64.encode(entry.sha1)),
        ("DigestAlgorithm", "SHA1".to_owned()),
        ("FileName", entry.name.clone()),
        ("Size", entry.size.to_string()),
        ("Modified", entry.modified.to_string()),
        ("PatchingType", "SelfContained".to_owned()),
    ];
    File {
        attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        additional_digests: vec![("SHA256".to_owned(), BASE64.encode(entry.sha256))],
        other: Vec::new(),
    }
}

fn handler_data(payload: &Payload) -> HandlerSpecificData {
    let (kind, body) = match payload.handler {
        Handler::Cbs => ("cbs:Cbs", HandlerBody::Cbs { package_identity: String::new() }),
        Handler::CommandLine => {
            let code = |code, reboot| ReturnCode { code, result: "Succeeded".to_owned(), reboot };
            let command = InstallCommand {
                program: payload.file.clone(),
                arguments: "/quiet /norestart".to_owned(),
                reboot_by_default: false,
                default_result: "Failed".to_owned(),
                return_codes: vec![code(0, false), code(3010, true)],
            };
            ("cmd:CommandLineInstallation", HandlerBody::Command(command))
        }
        Handler::Patch => {
            let data = r#"<MspData CommandLine="DISABLESRCPROMPT=1 LOCALCACHESRCRES=0 NOLOCALCACHEROLLBACK=1" />"#;
            ("msp:WindowsInstaller", HandlerBody::Other(data.to_owned()))
        }
    };
    HandlerSpecificData { kind: kind.to_owned(), body }
}
