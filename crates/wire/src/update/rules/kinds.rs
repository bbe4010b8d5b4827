//! Every rule with its attributes, as one table.

use uuid::Uuid;

use super::values::{Attribute, Scalar, TextMatch, Version};
use crate::xml::{Tag, Writer};

/// Declares one type per rule from the table below, and reading and writing of all of them.
macro_rules! rules {
    ($(
        $(#[$about:meta])*
        $kind:ident = $element:literal { $($field:ident: $value:ty = $attribute:literal $what:literal),* $(,)? }
    )*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $kind {
                $(#[doc = $what] pub $field: $value,)*
            }
        )*

        /// A rule that asks the machine one thing.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Rule {
            $($(#[$about])* $kind($kind),)*
        }

        impl Rule {
            /// Name of the element.
            #[must_use]
            pub const fn element(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $element,)*
                }
            }

            /// The rule of that element: `None` for an unknown element, `Some(None)` for wrong attributes.
            pub(super) fn read(tag: &Tag<'_>) -> Option<Option<Self>> {
                match tag.local() {
                    $($element => {
                        let known: &[&str] = &[$($attribute),*];
                        if tag.attrs().any(|(name, _)| !known.contains(&name)) {
                            return Some(None);
                        }
                        let rule = || Some(Self::$kind($kind {
                            $($field: <$value as Attribute>::read(tag.attr($attribute))?,)*
                        }));
                        Some(rule())
                    })*
                    _ => None,
                }
            }

            /// Writes the element.
            pub(super) fn write(&self, writer: &mut Writer) {
                writer.start(self.element());
                match self {
                    $(Self::$kind(_rule) => {
                        $(_rule.$field.write($attribute, writer);)*
                    })*
                }
                writer.end();
            }
        }
    };
}

rules! {
    /// Platform of the system; 2 is Windows NT.
    Platform = "b.Platform" { platform_id: u32 = "PlatformID" "Number of the platform." }
    /// Version of Windows; absent parts are not compared.
    WindowsVersion = "b.WindowsVersion" {
        comparison: Option<Scalar> = "Comparison" "Absent means `EqualTo`.",
        major: Option<u32> = "MajorVersion" "Major version.",
        minor: Option<u32> = "MinorVersion" "Minor version.",
        build: Option<u32> = "BuildNumber" "Build number.",
        service_pack_major: Option<u32> = "ServicePackMajor" "Service pack.",
        service_pack_minor: Option<u32> = "ServicePackMinor" "Minor service pack.",
        all_suites: Option<bool> = "AllSuitesMustBePresent" "Whether every bit of the mask must be set; absent means any.",
        suite_mask: Option<u32> = "SuiteMask" "Suites.",
        product_type: Option<u32> = "ProductType" "Compared by equality: 1 workstation, 2 domain controller, 3 server.",
    }
    /// Language of the system.
    WindowsLanguage = "b.WindowsLanguage" { language: String = "Language" "Language tag; a bare one matches its regions." }
    /// An installed display language.
    MuiLanguageInstalled = "b.MuiLanguageInstalled" { language: String = "Language" "Language tag." }
    /// Whether more than one display language is installed.
    MuiInstalled = "b.MuiInstalled" {}
    /// A system metric.
    SystemMetric = "b.SystemMetric" {
        comparison: Scalar = "Comparison" "Relation of the metric to the value.",
        index: u32 = "Index" "Which metric.",
        value: i64 = "Value" "Value.",
    }
    /// Processor of the machine.
    Processor = "b.Processor" {
        architecture: u32 = "Architecture" "0 x86, 5 ARM, 6 IA64, 9 x64, 12 ARM64.",
        level: Option<u32> = "Level" "Level.",
        revision: Option<u32> = "Revision" "Revision.",
    }
    /// Logical processors.
    NumberOfProcessors = "b.NumberOfProcessors" {
        comparison: Scalar = "Comparison" "Relation of the count to the number.",
        number: u32 = "Number" "Number.",
    }
    /// A file, and optionally what it is like.
    FileExists = "b.FileExists" {
        csidl: Option<u32> = "Csidl" "Folder that the path is below.",
        path: String = "Path" "Path.",
        version: Option<Version> = "Version" "Exact version.",
        created: Option<jiff::Timestamp> = "Created" "Exact time of creation.",
        modified: Option<jiff::Timestamp> = "Modified" "Exact time of last change.",
        size: Option<u64> = "Size" "Exact size in bytes.",
        language: Option<String> = "Language" "Exact language.",
    }
    /// Version of a file.
    FileVersion = "b.FileVersion" {
        csidl: Option<u32> = "Csidl" "Folder that the path is below.",
        path: String = "Path" "Path.",
        comparison: Scalar = "Comparison" "Relation of the file's version to the version.",
        version: Version = "Version" "Version.",
    }
    /// Time of creation of a file.
    FileCreated = "b.FileCreated" {
        csidl: Option<u32> = "Csidl" "Folder that the path is below.",
        path: String = "Path" "Path.",
        comparison: Scalar = "Comparison" "Relation of the file's time to the time.",
        created: jiff::Timestamp = "Created" "Time.",
    }
    /// Time of last change of a file.
    FileModified = "b.FileModified" {
        csidl: Option<u32> = "Csidl" "Folder that the path is below.",
        path: String = "Path" "Path.",
        comparison: Scalar = "Comparison" "Relation of the file's time to the time.",
        modified: jiff::Timestamp = "Modified" "Time.",
    }
    /// Size of a file.
    FileSize = "b.FileSize" {
        csidl: Option<u32> = "Csidl" "Folder that the path is below.",
        path: String = "Path" "Path.",
        comparison: Scalar = "Comparison" "Relation of the file's size to the size.",
        size: u64 = "Size" "Size in bytes.",
    }
    /// A file below the folder that a registry value names.
    FileExistsPrependRegSz = "b.FileExistsPrependRegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value that holds the folder.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        path: String = "Path" "Path below the folder.",
        version: Option<Version> = "Version" "Exact version.",
    }
    /// Version of a file below the folder that a registry value names.
    FileVersionPrependRegSz = "b.FileVersionPrependRegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value that holds the folder.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        path: String = "Path" "Path below the folder.",
        comparison: Scalar = "Comparison" "Relation of the file's version to the version.",
        version: Version = "Version" "Version.",
    }
    /// Time of creation of a file below the folder that a registry value names.
    FileCreatedPrependRegSz = "b.FileCreatedPrependRegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value that holds the folder.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        path: String = "Path" "Path below the folder.",
        comparison: Scalar = "Comparison" "Relation of the file's value to the wanted one.",
        created: jiff::Timestamp = "Created" "Wanted value.",
    }
    /// Time of last change of a file below the folder that a registry value names.
    FileModifiedPrependRegSz = "b.FileModifiedPrependRegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value that holds the folder.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        path: String = "Path" "Path below the folder.",
        comparison: Scalar = "Comparison" "Relation of the file's value to the wanted one.",
        modified: jiff::Timestamp = "Modified" "Wanted value.",
    }
    /// Size of a file below the folder that a registry value names.
    FileSizePrependRegSz = "b.FileSizePrependRegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value that holds the folder.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        path: String = "Path" "Path below the folder.",
        comparison: Scalar = "Comparison" "Relation of the file's value to the wanted one.",
        size: u64 = "Size" "Wanted value.",
    }
    /// Language of the platform; the same question as the language of Windows.
    PlatformLanguage = "b.PlatformLanguage" { language: String = "Language" "Language tag; a bare one matches its regions." }
    /// A registry key.
    RegKeyExists = "b.RegKeyExists" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
    }
    /// A registry value, and optionally of which type.
    RegValueExists = "b.RegValueExists" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: Option<String> = "Value" "Value; absent means the default value.",
        kind: Option<String> = "Type" "Type such as `REG_DWORD`.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
    }
    /// A number in the registry.
    RegDword = "b.RegDword" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        comparison: Scalar = "Comparison" "Relation of the value to the data.",
        data: u32 = "Data" "Data.",
    }
    /// A string in the registry.
    RegSz = "b.RegSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        comparison: TextMatch = "Comparison" "How the value matches the data.",
        data: String = "Data" "Data.",
    }
    /// An expandable string in the registry.
    RegExpandSz = "b.RegExpandSz" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        comparison: TextMatch = "Comparison" "How the value matches the data.",
        data: String = "Data" "Data.",
    }
    /// A version kept as a string in the registry.
    RegSzToVersion = "b.RegSzToVersion" {
        key: String = "Key" "Hive.",
        subkey: String = "Subkey" "Key.",
        value: String = "Value" "Value.",
        reg_type32: Option<bool> = "RegType32" "Whether the 32-bit view is meant.",
        comparison: Scalar = "Comparison" "Relation of the value to the data.",
        data: Version = "Data" "Version.",
    }
    /// A value of the licensing policy.
    LicenseValueExists = "b.LicenseValueExists" { value: String = "Value" "Name of the value." }
    /// A number of the licensing policy.
    LicenseDword = "b.LicenseDword" {
        value: String = "Value" "Name of the value.",
        comparison: Scalar = "Comparison" "Relation of the value to the data.",
        data: u32 = "Data" "Data.",
    }
    /// True if the query gives at least one row.
    WmiQuery = "b.WmiQuery" {
        namespace: Option<String> = "Namespace" "Namespace; absent means `root\\cimv2`.",
        query: String = "WqlQuery" "Query.",
    }
    /// A product of Windows Installer.
    MsiProductInstalled = "m.MsiProductInstalled" {
        product: Uuid = "ProductCode" "Product.",
        version_max: Option<Version> = "VersionMax" "Highest version.",
        exclude_version_max: Option<bool> = "ExcludeVersionMax" "Whether the highest version itself is out.",
        version_min: Option<Version> = "VersionMin" "Lowest version.",
        exclude_version_min: Option<bool> = "ExcludeVersionMin" "Whether the lowest version itself is out.",
        language: Option<u32> = "Language" "Language identifier.",
    }
    /// A patch of an installed product.
    MsiPatchInstalledForProduct = "m.MsiPatchInstalledForProduct" {
        patch: Uuid = "PatchCode" "Patch.",
        product: Uuid = "ProductCode" "Product.",
        version_max: Option<Version> = "VersionMax" "Highest version.",
        exclude_version_max: Option<bool> = "ExcludeVersionMax" "Whether the highest version itself is out.",
        version_min: Option<Version> = "VersionMin" "Lowest version.",
        exclude_version_min: Option<bool> = "ExcludeVersionMin" "Whether the lowest version itself is out.",
        language: Option<u32> = "Language" "Language identifier.",
    }
    /// The patch of the metadata is applied.
    MsiPatchInstalled = "m.MsiPatchInstalled" {}
    /// The patch of the metadata is replaced by a later one.
    MsiPatchSuperseded = "m.MsiPatchSuperseded" {}
    /// The patch of the metadata could be applied.
    MsiPatchInstallable = "m.MsiPatchInstallable" {}
    /// The product of the metadata is installed.
    MsiApplicationInstalled = "m.MsiApplicationInstalled" {}
    /// A newer version of the product of the metadata is installed.
    MsiApplicationSuperseded = "m.MsiApplicationSuperseded" {}
    /// The product of the metadata could be installed.
    MsiApplicationInstallable = "m.MsiApplicationInstallable" {}
    /// The driver of the metadata is installed.
    WindowsDriverInstalled = "d.WindowsDriverInstalled" {}
    /// A newer driver than that of the metadata is installed.
    WindowsDriverSuperseded = "d.WindowsDriverSuperseded" {}
    /// The driver of the metadata fits a device that has none or an older one.
    WindowsDriverInstallable = "d.WindowsDriverInstallable" {}
    /// The servicing package of the metadata, or a newer version of it, is installed.
    CbsPackageInstalled = "CbsPackageInstalled" {}
    /// The servicing package of the metadata fits an installed parent.
    CbsPackageInstallable = "CbsPackageInstallable" {}
    /// A servicing package by its full name.
    CbsPackageInstalledByIdentity = "CbsPackageInstalledByIdentity" {
        identity: String = "PackageIdentity" "Full name, `name~token~architecture~language~version`.",
    }
    /// An attribute that the agent sends to the server.
    DeviceAttribute = "DeviceAttribute" {
        name: String = "Name" "Name of the attribute.",
        kind: Option<String> = "Type" "`String` or `Version`.",
        comparison: Scalar = "Comparison" "Relation of the attribute to the value.",
        value: String = "Value" "Value.",
    }
    /// A release of a product.
    ProductReleaseInstalled = "ProductReleaseInstalled" {
        name: String = "Name" "Name of the product.",
        version: Version = "Version" "Lowest version.",
    }
}
