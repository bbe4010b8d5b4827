//! Evaluation of expressions over a machine.

use thiserror::Error;
use uuid::Uuid;

use super::kinds::{FileExists, MsiPatchInstalledForProduct, MsiProductInstalled, Rule, WindowsVersion};
use super::{Expression, LoopTruth, Version};
use crate::hresult::HResult;
use crate::update::{
    ApplicabilityRules, CbsPackage, Device, DriverMetadata, FileFacts, MachineFacts, Metadata, MsiApplication,
    MsiPatch, MsiPatchState, MsiProduct, PackageIdentity, RegistryData, RegistryView,
};

/// Why an expression has no truth value. The codes are the agent's expression evaluator codes (`wuerror.h`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// No such rule.
    #[error("unknown expression '{0}'")]
    UnknownExpression(String),
    /// A rule with wrong attributes or content.
    #[error("invalid expression '{0}'")]
    InvalidExpression(String),
    /// The rule needs metadata that the update does not carry.
    #[error("'{0}' needs metadata that is not there")]
    MissingMetadata(&'static str),
    /// A version of the wrong form.
    #[error("'{0}' is not a version")]
    InvalidVersion(String),
    /// An attribute with a value that has no meaning.
    #[error("invalid attribute data '{0}'")]
    InvalidAttribute(String),
    /// The machine has no answer to the question.
    #[error("the machine cannot evaluate '{0}'")]
    CannotEvaluate(&'static str),
}

impl RuleError {
    /// `WU_E_EE_*`.
    #[must_use]
    pub const fn hresult(&self) -> HResult {
        HResult(match self {
            Self::UnknownExpression(_) => 0x8024_E001,
            Self::InvalidExpression(_) => 0x8024_E002,
            Self::MissingMetadata(_) => 0x8024_E003,
            Self::InvalidVersion(_) => 0x8024_E004,
            Self::InvalidAttribute(_) => 0x8024_E006,
            Self::CannotEvaluate(_) => 0x8024_EFFF,
        })
    }
}

/// What the rules of one update say of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The machine has it.
    Installed,
    /// The machine could have it and does not.
    Needed,
    /// Neither.
    NotApplicable,
}

/// The state that rules give: installed if `IsInstalled`; else needed if not `IsSuperseded` and `IsInstallable`; else
/// not applicable (docs: update schema). An absent condition is false.
///
/// # Errors
/// The first rule that could not be evaluated.
pub fn verdict(rules: &ApplicabilityRules, facts: &dyn MachineFacts) -> Result<Verdict, RuleError> {
    let holds = |condition: &Option<Expression>| match condition {
        None => Ok(false),
        Some(expression) => evaluate(expression, &rules.metadata, facts),
    };
    if holds(&rules.is_installed)? {
        return Ok(Verdict::Installed);
    }
    let needed = !holds(&rules.is_superseded)? && holds(&rules.is_installable)?;
    Ok(if needed { Verdict::Needed } else { Verdict::NotApplicable })
}

/// The truth value of an expression on a machine; `metadata` is that of the same update.
///
/// Operands are evaluated in order and only as far as the result is open, so a rule that cannot be evaluated does no
/// harm behind an operand that decides.
///
/// # Errors
/// The first rule that could not be evaluated.
pub fn evaluate(expression: &Expression, metadata: &[Metadata], facts: &dyn MachineFacts) -> Result<bool, RuleError> {
    let scope = Scope { metadata, facts, target: None };
    scope.expression(expression)
}

/// What rules are evaluated against.
struct Scope<'a> {
    metadata: &'a [Metadata],
    facts: &'a dyn MachineFacts,
    /// The subkey that `HKEY_LOOP_TARGET` means.
    target: Option<&'a str>,
}

/// A registry key that a rule names.
struct Key {
    view: RegistryView,
    path: String,
}

impl Scope<'_> {
    fn expression(&self, expression: &Expression) -> Result<bool, RuleError> {
        match expression {
            Expression::And(parts) => self.until(parts, false),
            Expression::Or(parts) => self.until(parts, true),
            Expression::Not(body) => Ok(!self.expression(body)?),
            Expression::True => Ok(true),
            Expression::False => Ok(false),
            Expression::RegKeyLoop { key, subkey, reg_type32, true_if, body } => {
                self.subkeys(&self.key(key, subkey, *reg_type32)?, *true_if, body)
            }
            Expression::Rule(rule) => self.rule(rule),
            Expression::Unknown(unknown) if unknown.malformed => {
                Err(RuleError::InvalidExpression(unknown.element.clone()))
            }
            Expression::Unknown(unknown) => Err(RuleError::UnknownExpression(unknown.element.clone())),
        }
    }

    /// The first operand of that value decides; without one the result is the contrary.
    fn until(&self, parts: &[Expression], decisive: bool) -> Result<bool, RuleError> {
        for part in parts {
            if self.expression(part)? == decisive {
                return Ok(decisive);
            }
        }
        Ok(!decisive)
    }

    fn subkeys(&self, key: &Key, true_if: LoopTruth, body: &Expression) -> Result<bool, RuleError> {
        let mut any = false;
        let mut all = true;
        for name in self.facts.registry_subkeys(key.view, &key.path, "") {
            let target = format!("{}\\{name}", key.path);
            let inner = Scope { target: Some(&target), ..*self };
            let holds = inner.expression(body)?;
            any |= holds;
            all &= holds;
        }
        Ok(match true_if {
            LoopTruth::Any => any,
            LoopTruth::All => any && all,
            LoopTruth::None => !any,
        })
    }

    fn rule(&self, rule: &Rule) -> Result<bool, RuleError> {
        match rule {
            Rule::Platform(rule) => Ok(rule.platform_id == 2),
            Rule::WindowsVersion(rule) => Ok(self.windows_version(rule)),
            Rule::WindowsLanguage(rule) => Ok(self.language_is(&rule.language)),
            Rule::PlatformLanguage(rule) => Ok(self.language_is(&rule.language)),
            Rule::MuiLanguageInstalled(rule) => {
                let languages = self.facts.os().languages;
                Ok(languages.iter().any(|tag| language_matches(tag, &rule.language)))
            }
            Rule::MuiInstalled(_) => Ok(self.facts.os().languages.len() > 1),
            Rule::SystemMetric(rule) => {
                let metric = self.facts.system_metric(rule.index);
                let metric = metric.ok_or(RuleError::CannotEvaluate("b.SystemMetric"))?;
                Ok(rule.comparison.holds(&metric, &rule.value))
            }
            Rule::Processor(rule) => {
                let os = self.facts.os();
                let level = rule.level.is_none_or(|level| level == os.processor_level);
                let revision = rule.revision.is_none_or(|revision| revision == os.processor_revision);
                Ok(rule.architecture == os.architecture && level && revision)
            }
            Rule::NumberOfProcessors(rule) => Ok(rule.comparison.holds(&self.facts.os().processors, &rule.number)),
            Rule::FileExists(rule) => Ok(self.file(rule.csidl, &rule.path).is_some_and(|file| same_file(rule, &file))),
            Rule::FileVersion(rule) => {
                let version = self.file(rule.csidl, &rule.path).and_then(|file| file.version);
                Ok(version.is_some_and(|version| rule.comparison.holds(&version, &rule.version)))
            }
            Rule::FileCreated(rule) => {
                let file = self.file(rule.csidl, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.created, &rule.created)))
            }
            Rule::FileModified(rule) => {
                let file = self.file(rule.csidl, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.modified, &rule.modified)))
            }
            Rule::FileSize(rule) => {
                let file = self.file(rule.csidl, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.size, &rule.size)))
            }
            Rule::FileExistsPrependRegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let file = self.file_below(&key, &rule.value, &rule.path);
                Ok(file.is_some_and(|file| rule.version.is_none_or(|version| file.version == Some(version))))
            }
            Rule::FileVersionPrependRegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let version = self.file_below(&key, &rule.value, &rule.path).and_then(|file| file.version);
                Ok(version.is_some_and(|version| rule.comparison.holds(&version, &rule.version)))
            }
            Rule::FileCreatedPrependRegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let file = self.file_below(&key, &rule.value, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.created, &rule.created)))
            }
            Rule::FileModifiedPrependRegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let file = self.file_below(&key, &rule.value, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.modified, &rule.modified)))
            }
            Rule::FileSizePrependRegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let file = self.file_below(&key, &rule.value, &rule.path);
                Ok(file.is_some_and(|file| rule.comparison.holds(&file.size, &rule.size)))
            }
            Rule::RegKeyExists(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                Ok(self.facts.registry_key(key.view, &key.path))
            }
            Rule::RegValueExists(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let value = rule.value.as_deref().unwrap_or_default();
                let data = self.value(&key, value);
                Ok(data.is_some_and(|data| rule.kind.as_ref().is_none_or(|kind| kind == data.type_name())))
            }
            Rule::RegDword(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                Ok(match self.value(&key, &rule.value) {
                    Some(RegistryData::Dword(data)) => rule.comparison.holds(&data, &rule.data),
                    _ => false,
                })
            }
            Rule::RegSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                Ok(match self.value(&key, &rule.value) {
                    Some(RegistryData::Text(text)) => rule.comparison.holds(&text, &rule.data),
                    _ => false,
                })
            }
            Rule::RegExpandSz(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                Ok(match self.value(&key, &rule.value) {
                    Some(RegistryData::Expandable(text)) => rule.comparison.holds(&text, &rule.data),
                    _ => false,
                })
            }
            Rule::RegSzToVersion(rule) => {
                let key = self.key(&rule.key, &rule.subkey, rule.reg_type32)?;
                let data = self.value(&key, &rule.value);
                let version = data.as_ref().and_then(RegistryData::text).and_then(|text| text.parse().ok());
                Ok(version.is_some_and(|version: Version| rule.comparison.holds(&version, &rule.data)))
            }
            Rule::LicenseValueExists(rule) => Ok(self.facts.license_value(&rule.value).is_some()),
            Rule::LicenseDword(rule) => {
                let value = self.facts.license_value(&rule.value);
                Ok(value.is_some_and(|value| rule.comparison.holds(&value, &rule.data)))
            }
            Rule::WmiQuery(rule) => {
                let namespace = rule.namespace.as_deref().unwrap_or(r"root\cimv2");
                let rows = self.facts.wmi_has_rows(namespace, &rule.query);
                rows.ok_or(RuleError::CannotEvaluate("b.WmiQuery"))
            }
            Rule::MsiProductInstalled(rule) => Ok(self.msi_product(rule)),
            Rule::MsiPatchInstalledForProduct(rule) => Ok(self.msi_patch(rule)),
            Rule::MsiPatchInstalled(_) => {
                Ok(self.patch()?.targets.iter().any(|product| self.patched(*product).is_some()))
            }
            Rule::MsiPatchSuperseded(_) => {
                let replaced = |state| matches!(state, MsiPatchState::Superseded | MsiPatchState::Obsoleted);
                Ok(self.patch()?.targets.iter().any(|product| self.patched(*product).is_some_and(replaced)))
            }
            Rule::MsiPatchInstallable(_) => {
                let open =
                    |product: &Uuid| self.facts.msi_product(*product).is_some() && self.patched(*product).is_none();
                Ok(self.patch()?.targets.iter().any(open))
            }
            Rule::MsiApplicationInstalled(_) => {
                let application = self.application()?;
                let installed = self.facts.msi_product(application.product);
                Ok(installed
                    .is_some_and(|product| application.version.is_none_or(|version| product.version >= version)))
            }
            Rule::MsiApplicationSuperseded(_) => {
                let application = self.application()?;
                let installed = self.facts.msi_product(application.product);
                Ok(installed
                    .is_some_and(|product| application.version.is_some_and(|version| product.version > version)))
            }
            Rule::MsiApplicationInstallable(_) => Ok(self.facts.msi_product(self.application()?.product).is_none()),
            Rule::WindowsDriverInstalled(_) => self.driver(|wanted, device| {
                device.driver.is_some_and(|(date, version)| date == wanted.date && version == wanted.version)
            }),
            Rule::WindowsDriverSuperseded(_) => self.driver(|wanted, device| {
                device.driver.is_some_and(|driver| driver > (wanted.date.clone(), wanted.version))
            }),
            Rule::WindowsDriverInstallable(_) => self.driver(|wanted, device| {
                device.driver.is_none_or(|driver| driver < (wanted.date.clone(), wanted.version))
            }),
            Rule::CbsPackageInstalled(_) => {
                let wanted = &self.package()?.identity;
                Ok(self.facts.package_version(wanted).is_some_and(|version| version >= wanted.version))
            }
            Rule::CbsPackageInstallable(_) => {
                // A parent is one exact build of a package: an update for one service level does not fit another.
                let parents = &self.package()?.parents;
                let present = |parent: &PackageIdentity| self.facts.package_version(parent) == Some(parent.version);
                Ok(parents.is_empty() || parents.iter().any(present))
            }
            Rule::CbsPackageInstalledByIdentity(rule) => {
                let identity = PackageIdentity::parse(&rule.identity);
                let identity = identity.ok_or_else(|| RuleError::InvalidAttribute(rule.identity.clone()))?;
                Ok(self.facts.package_version(&identity) == Some(identity.version))
            }
            Rule::DeviceAttribute(rule) => {
                let Some(actual) = self.facts.device_attribute(&rule.name) else {
                    return Ok(false);
                };
                if rule.kind.as_deref() == Some("Version") {
                    return Ok(rule.comparison.holds(&version(&actual)?, &version(&rule.value)?));
                }
                Ok(rule.comparison.holds(&actual.to_lowercase(), &rule.value.to_lowercase()))
            }
            Rule::ProductReleaseInstalled(rule) => {
                let release = self.facts.product_release(&rule.name);
                Ok(release.is_some_and(|version| version >= rule.version))
            }
        }
    }

    fn language_is(&self, wanted: &str) -> bool {
        let languages = self.facts.os().languages;
        languages.first().is_some_and(|tag| language_matches(tag, wanted))
    }

    fn windows_version(&self, rule: &WindowsVersion) -> bool {
        let os = self.facts.os();
        // Parts compare in order of weight, and only those that the rule names.
        let named = [
            (rule.major, os.version[0]),
            (rule.minor, os.version[1]),
            (rule.build, os.version[2]),
            (rule.service_pack_major, os.service_pack[0]),
            (rule.service_pack_minor, os.service_pack[1]),
        ];
        let (wanted, actual): (Vec<u32>, Vec<u32>) =
            named.iter().filter_map(|(wanted, actual)| wanted.map(|wanted| (wanted, *actual))).unzip();
        let comparison = rule.comparison.unwrap_or(super::Scalar::EqualTo);
        let suites = rule.suite_mask.is_none_or(|mask| match rule.all_suites {
            Some(true) => os.suite_mask & mask == mask,
            _ => os.suite_mask & mask != 0,
        });
        let kind = rule.product_type.is_none_or(|kind| kind == os.product_type);
        suites && kind && comparison.holds(&actual, &wanted)
    }

    fn key(&self, hive: &str, subkey: &str, reg_type32: Option<bool>) -> Result<Key, RuleError> {
        let view = match reg_type32 {
            Some(true) => RegistryView::Wow64,
            _ => RegistryView::Native,
        };
        let subkey = subkey.trim_matches('\\');
        let path = match (hive, self.target) {
            ("HKEY_LOCAL_MACHINE", _) => subkey.to_owned(),
            ("HKEY_LOOP_TARGET", Some(target)) if subkey.is_empty() => target.to_owned(),
            ("HKEY_LOOP_TARGET", Some(target)) => format!("{target}\\{subkey}"),
            _ => return Err(RuleError::InvalidAttribute(hive.to_owned())),
        };
        Ok(Key { view, path })
    }

    fn value(&self, key: &Key, value: &str) -> Option<RegistryData> {
        self.facts.registry_value(key.view, &key.path, value)
    }

    fn file(&self, csidl: Option<u32>, path: &str) -> Option<FileFacts> {
        match csidl {
            None => self.facts.file(path),
            Some(csidl) => self.facts.file(&join(&self.facts.known_folder(csidl)?, path)),
        }
    }

    fn file_below(&self, key: &Key, value: &str, path: &str) -> Option<FileFacts> {
        let folder = self.value(key, value)?;
        self.facts.file(&join(folder.text()?, path))
    }

    fn msi_product(&self, rule: &MsiProductInstalled) -> bool {
        let product = self.facts.msi_product(rule.product);
        product.is_some_and(|product| {
            let low = within(rule.version_min, rule.exclude_version_min, |bound| product.version.cmp(&bound));
            let high = within(rule.version_max, rule.exclude_version_max, |bound| bound.cmp(&product.version));
            low && high && language_is(&product, rule.language)
        })
    }

    fn msi_patch(&self, rule: &MsiPatchInstalledForProduct) -> bool {
        let product = MsiProductInstalled {
            product: rule.product,
            version_max: rule.version_max,
            exclude_version_max: rule.exclude_version_max,
            version_min: rule.version_min,
            exclude_version_min: rule.exclude_version_min,
            language: rule.language,
        };
        self.msi_product(&product) && self.facts.msi_patch(rule.product, rule.patch).is_some()
    }

    fn patched(&self, product: Uuid) -> Option<MsiPatchState> {
        let patch = self.patch().ok()?.patch;
        self.facts.msi_patch(product, patch)
    }

    fn patch(&self) -> Result<&MsiPatch, RuleError> {
        let found = self.metadata.iter().find_map(|item| match item {
            Metadata::MsiPatch { patch, .. } => Some(patch),
            _ => None,
        });
        found.ok_or(RuleError::MissingMetadata("m.MsiPatchMetadata"))
    }

    fn application(&self) -> Result<&MsiApplication, RuleError> {
        let found = self.metadata.iter().find_map(|item| match item {
            Metadata::MsiApplication { application, .. } => Some(application),
            _ => None,
        });
        found.ok_or(RuleError::MissingMetadata("m.MsiApplicationMetadata"))
    }

    fn package(&self) -> Result<&CbsPackage, RuleError> {
        let found = self.metadata.iter().find_map(|item| match item {
            Metadata::Cbs { package, .. } => Some(package),
            _ => None,
        });
        found.ok_or(RuleError::MissingMetadata("CbsPackageApplicabilityMetadata"))
    }

    /// Whether the test holds for one of the drivers of the metadata whose device is present.
    fn driver(&self, test: impl Fn(&DriverMetadata, Device) -> bool) -> Result<bool, RuleError> {
        let drivers: Vec<&DriverMetadata> = self
            .metadata
            .iter()
            .filter_map(|item| match item {
                Metadata::Driver { driver, .. } => Some(driver),
                _ => None,
            })
            .collect();
        if drivers.is_empty() {
            return Err(RuleError::MissingMetadata("d.WindowsDriverMetaData"));
        }
        let holds = |driver: &&DriverMetadata| {
            let device = self.facts.device(&driver.hardware_id);
            device.is_some_and(|device| test(driver, device))
        };
        Ok(drivers.iter().any(holds))
    }
}

/// Whether a bound that may be open holds, given how the value compares to it.
fn within(bound: Option<Version>, exclude: Option<bool>, compare: impl Fn(Version) -> std::cmp::Ordering) -> bool {
    bound.is_none_or(|bound| match compare(bound) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => exclude != Some(true),
        std::cmp::Ordering::Less => false,
    })
}

fn language_is(product: &MsiProduct, wanted: Option<u32>) -> bool {
    wanted.is_none_or(|wanted| wanted == product.language)
}

/// `en` matches `en-US`; `zh-HK` matches only itself.
fn language_matches(actual: &str, wanted: &str) -> bool {
    let primary = actual.split('-').next().unwrap_or(actual);
    actual.eq_ignore_ascii_case(wanted) || primary.eq_ignore_ascii_case(wanted)
}

fn same_file(rule: &FileExists, file: &FileFacts) -> bool {
    rule.version.is_none_or(|version| file.version == Some(version))
        && rule.created.is_none_or(|created| file.created == created)
        && rule.modified.is_none_or(|modified| file.modified == modified)
        && rule.size.is_none_or(|size| file.size == size)
        && rule.language.as_ref().is_none_or(|language| file.language.as_ref() == Some(language))
}

fn join(folder: &str, path: &str) -> String {
    format!("{}\\{}", folder.trim_end_matches('\\'), path.trim_start_matches('\\'))
}

fn version(text: &str) -> Result<Version, RuleError> {
    text.parse().map_err(|_| RuleError::InvalidVersion(text.to_owned()))
}
