//! Conditions of updates, and the traces an update leaves on the machine when it is installed.
//!
//! Each function gives the rules of one payload and, for the state wanted of the example machine, puts what the rules
//! ask for on it. The state itself is never written anywhere: an evaluator has to find it.

use cmsim_wire::update::rules::{
    CbsPackageInstallable, CbsPackageInstalled, DeviceAttribute, Expression, FileExists, FileVersion,
    FileVersionPrependRegSz, MsiPatchInstallable, MsiPatchInstalled, MsiProductInstalled, MuiLanguageInstalled,
    Processor, RegDword, RegKeyExists, RegSz, RegSzToVersion, Rule, Scalar, TextMatch, Version, WindowsLanguage,
    WindowsVersion,
};
use cmsim_wire::update::{RegistryData, RegistryView};
use jiff::Timestamp;
use uuid::Uuid;

use crate::builder::{Builder, Rules};
use crate::known::named;

const HKLM: &str = "HKEY_LOCAL_MACHINE";

/// The state that the example machine shall be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Installed,
    Needed,
    /// Something that the update needs is not on the machine.
    NotApplicable,
}

/// Where a version is kept in the registry.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) view: RegistryView,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
}

impl Place {
    fn is(self, comparison: Scalar, data: Version) -> Expression {
        let rule = RegSzToVersion {
            key: HKLM.to_owned(),
            subkey: self.key.to_owned(),
            value: self.value.to_owned(),
            reg_type32: wow(self.view),
            comparison,
            data,
        };
        Rule::RegSzToVersion(rule).into()
    }

    /// At least that version.
    pub(crate) fn at_least(self, version: Version) -> Expression {
        self.is(Scalar::GreaterThanOrEqualTo, version)
    }

    /// Rules of an update that brings this version to what keeps its version here.
    pub(crate) fn rules(self, version: Version) -> Rules {
        Rules::new(self.at_least(version), self.is(Scalar::LessThan, version))
    }

    /// Puts a version there.
    pub(crate) fn put(self, builder: &mut Builder<'_>, version: Version) {
        let data = RegistryData::Text(version.to_string());
        builder.machine.set_value(self.view, self.key, self.value, data);
    }
}

fn wow(view: RegistryView) -> Option<bool> {
    (view == RegistryView::Wow64).then_some(true)
}

/// A four-part version.
pub(crate) const fn v(major: u32, minor: u32, build: u32, revision: u32) -> Version {
    Version::new([major, minor, build, revision])
}

/// The contrary.
pub(crate) fn not(body: Expression) -> Expression {
    Expression::Not(Box::new(body))
}

/// A number in the registry.
pub(crate) fn dword(key: &str, value: &str, comparison: Scalar, data: u32) -> Expression {
    let rule = RegDword {
        key: HKLM.to_owned(),
        subkey: key.to_owned(),
        value: value.to_owned(),
        reg_type32: None,
        comparison,
        data,
    };
    Rule::RegDword(rule).into()
}

/// A string in the registry.
pub(crate) fn text(key: &str, value: &str, data: &str) -> Expression {
    let rule = RegSz {
        key: HKLM.to_owned(),
        subkey: key.to_owned(),
        value: value.to_owned(),
        reg_type32: None,
        comparison: TextMatch::EqualTo,
        data: data.to_owned(),
    };
    Rule::RegSz(rule).into()
}

/// A key in the registry.
pub(crate) fn key(view: RegistryView, key: &str) -> Expression {
    Rule::RegKeyExists(RegKeyExists { key: HKLM.to_owned(), subkey: key.to_owned(), reg_type32: wow(view) }).into()
}

/// A file in a known folder.
pub(crate) fn file(csidl: u32, path: &str) -> Expression {
    let rule = FileExists {
        csidl: Some(csidl),
        path: path.to_owned(),
        version: None,
        created: None,
        modified: None,
        size: None,
        language: None,
    };
    Rule::FileExists(rule).into()
}

/// The version of a file in a known folder.
pub(crate) fn file_version(csidl: u32, path: &str, comparison: Scalar, version: Version) -> Expression {
    Rule::FileVersion(FileVersion { csidl: Some(csidl), path: path.to_owned(), comparison, version }).into()
}

/// A Windows version for workstations, with a service pack if given.
pub(crate) fn workstation(comparison: Scalar, version: (u32, u32), service_pack: Option<u32>) -> Expression {
    let rule = WindowsVersion {
        comparison: Some(comparison),
        major: Some(version.0),
        minor: Some(version.1),
        build: None,
        service_pack_major: service_pack,
        service_pack_minor: None,
        all_suites: None,
        suite_mask: None,
        product_type: Some(1),
    };
    Rule::WindowsVersion(rule).into()
}

/// Processor: 0 x86, 9 x64, 12 ARM64.
pub(crate) fn processor(architecture: u32) -> Expression {
    Rule::Processor(Processor { architecture, level: None, revision: None }).into()
}

/// Language of the system.
pub(crate) fn language(tag: &str) -> Expression {
    Rule::WindowsLanguage(WindowsLanguage { language: tag.to_owned() }).into()
}

/// An installed display language.
pub(crate) fn display_language(tag: &str) -> Expression {
    Rule::MuiLanguageInstalled(MuiLanguageInstalled { language: tag.to_owned() }).into()
}

/// A device attribute; `kind` is `String` or `Version`.
pub(crate) fn attribute(name: &str, kind: &str, comparison: Scalar, value: &str) -> Expression {
    let rule =
        DeviceAttribute { name: name.to_owned(), kind: Some(kind.to_owned()), comparison, value: value.to_owned() };
    Rule::DeviceAttribute(rule).into()
}

/// A product of Windows Installer.
pub(crate) fn product(code: Uuid, version_min: Option<Version>, below: Option<Version>) -> Expression {
    let rule = MsiProductInstalled {
        product: code,
        version_max: below,
        exclude_version_max: below.map(|_| true),
        version_min,
        exclude_version_min: None,
        language: None,
    };
    Rule::MsiProductInstalled(rule).into()
}

/// A servicing package, for the manifest of an update.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) architecture: &'static str,
    pub(crate) version: Version,
}

impl Package {
    /// Full name.
    pub(crate) fn identity(&self) -> String {
        format!("{}~31bf3856ad364e35~{}~~{}", self.name, self.architecture, self.version)
    }

    fn element(&self) -> String {
        format!(
            r#"<assemblyIdentity name="{}" version="{}" language="neutral" processorArchitecture="{}" publicKeyToken="31bf3856ad364e35" />"#,
            self.name, self.version, self.architecture
        )
    }
}

/// Rules of a servicing package that fits a parent package, and the package on the machine if it is installed there.
pub(crate) fn servicing(
    builder: &mut Builder<'_>,
    package: &Package,
    parent: Option<&Package>,
    kb: u32,
    created: Timestamp,
    want: Want,
) -> Rules {
    if want == Want::Installed {
        builder.machine.install_package(&package.identity());
    }
    let parent = parent.map_or(String::new(), |parent| {
        format!(r#"<parent buildCompare="EQ" integrate="separate" disposition="detect">{}</parent>"#, parent.element())
    });
    let metadata = format!(
        concat!(
            r#"<CbsPackageApplicabilityMetadata><assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0" "#,
            r#"description="Fix for KB{kb}" displayName="default" company="Microsoft Corporation" "#,
            r#"supportInformation="http://support.microsoft.com/?kbid={kb}" creationTimeStamp="{created}" "#,
            r#"lastUpdateTimeStamp="{created}">{identity}<package identifier="KB{kb}" applicabilityEvaluation="deep" "#,
            r#"releaseType="Update" restart="possible">{parent}</package></assembly></CbsPackageApplicabilityMetadata>"#,
        ),
        kb = kb,
        created = created,
        identity = package.element(),
        parent = parent,
    );
    Rules {
        installed: Rule::CbsPackageInstalled(CbsPackageInstalled {}).into(),
        installable: Rule::CbsPackageInstallable(CbsPackageInstallable {}).into(),
        metadata,
    }
}

/// Rules of a Windows Installer patch for a product, and the patch on the machine if it is installed there.
pub(crate) fn patch(builder: &mut Builder<'_>, target: Uuid, want: Want) -> Rules {
    let code = builder.draw.guid();
    if want == Want::Installed {
        builder.machine.install_patch(target, code);
    }
    let braced = |code: Uuid| code.as_braced().to_string().to_uppercase();
    let metadata = format!(
        concat!(
            r#"<m.MsiPatchMetadata><MsiPatch SchemaVersion="1.0.0.0" PatchGUID="{patch}" MinMsiVersion="3">"#,
            r#"<TargetProduct MinMsiVersion="1"><TargetProductCode Validate="true">{target}</TargetProductCode>"#,
            r#"</TargetProduct></MsiPatch></m.MsiPatchMetadata>"#,
        ),
        patch = braced(code),
        target = braced(target),
    );
    Rules {
        installed: Rule::MsiPatchInstalled(MsiPatchInstalled {}).into(),
        installable: Rule::MsiPatchInstallable(MsiPatchInstallable {}).into(),
        metadata,
    }
}

/// Rules of an update that brings a file below a folder named in the 32-bit registry to a version.
pub(crate) fn file_below(folder_key: &str, name: &str, version: Version) -> Rules {
    let rule = |comparison| {
        let rule = FileVersionPrependRegSz {
            key: HKLM.to_owned(),
            subkey: folder_key.to_owned(),
            value: "Path".to_owned(),
            reg_type32: Some(true),
            path: name.to_owned(),
            comparison,
            version,
        };
        Rule::FileVersionPrependRegSz(rule).into()
    };
    Rules::new(rule(Scalar::GreaterThanOrEqualTo), rule(Scalar::LessThan))
}

/// The product code of a product without a public one.
pub(crate) fn product_code(name: &str) -> Uuid {
    named("product", name)
}
