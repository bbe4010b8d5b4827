//! Ids that are the same in every real catalogue, and ids of ours for what has none that is public.

use uuid::{Uuid, uuid};

/// Update classifications (docs: public lists of classification ids).
pub mod classification {
    use uuid::{Uuid, uuid};

    /// Applications.
    pub const APPLICATIONS: Uuid = uuid!("5c9376ab-8ce6-464a-b136-22113dd69801");
    /// Connectors.
    pub const CONNECTORS: Uuid = uuid!("434de588-ed14-48f5-8eed-a15e09a991f6");
    /// Critical Updates.
    pub const CRITICAL_UPDATES: Uuid = uuid!("e6cf1350-c01b-414d-a61f-263d14d133b4");
    /// Definition Updates.
    pub const DEFINITION_UPDATES: Uuid = uuid!("e0789628-ce08-4437-be74-2495b842f43b");
    /// Developer Kits.
    pub const DEVELOPER_KITS: Uuid = uuid!("e140075d-8433-45c3-ad87-e72345b36078");
    /// Drivers.
    pub const DRIVERS: Uuid = uuid!("ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0");
    /// Feature Packs.
    pub const FEATURE_PACKS: Uuid = uuid!("b54e7d24-7add-428f-8b75-90a396fa584f");
    /// Guidance.
    pub const GUIDANCE: Uuid = uuid!("9511d615-35b2-47bb-927f-f73d8e9260bb");
    /// Security Updates.
    pub const SECURITY_UPDATES: Uuid = uuid!("0fa1201d-4330-4fa8-8ae9-b877473b6441");
    /// Service Packs.
    pub const SERVICE_PACKS: Uuid = uuid!("68c5b0a3-d1a6-4553-ae49-01d3a7827828");
    /// Tools.
    pub const TOOLS: Uuid = uuid!("b4832bd8-e735-4761-8daf-37f882276dab");
    /// Upgrades (from memory).
    pub const UPGRADES: Uuid = uuid!("3689bdc8-b205-4af4-8d4a-a63924c5e9d5");
    /// Update Rollups.
    pub const UPDATE_ROLLUPS: Uuid = uuid!("28bc880e-0592-4cbf-8f95-c79b17911d5f");
    /// Updates.
    pub const UPDATES: Uuid = uuid!("cd5ffd1e-e932-4e3a-bf74-18bf0b1bbd83");
}

/// Company, families and products (docs: public WSUS scripts; the first two and Windows 11 also capture).
pub mod product {
    use uuid::{Uuid, uuid};

    /// Company Microsoft.
    pub const MICROSOFT: Uuid = uuid!("56309036-4c77-4dd9-951a-99ee9c246a94");
    /// Product family Windows.
    pub const WINDOWS: Uuid = uuid!("6964aab4-c5b5-43bd-a17d-ffb4346a8e1d");
    /// Windows 7.
    pub const WINDOWS_7: Uuid = uuid!("bfe5b177-a086-47a0-b102-097e4fa1f807");
    /// Windows 11.
    pub const WINDOWS_11: Uuid = uuid!("72e7624a-5b00-45d2-b92f-e561c0a6a160");
    /// Windows Defender.
    pub const WINDOWS_DEFENDER: Uuid = uuid!("8c3fcc84-7410-4a95-8b89-a166a0190486");
    /// Office 2010.
    pub const OFFICE_2010: Uuid = uuid!("84f5f325-30d7-41c4-81d1-87a0e6535b66");
}

/// Windows products without updates in the default catalogue, published by 2014, as (name, id).
pub(crate) const OTHER_WINDOWS: [(&str, Uuid); 6] = [
    ("Windows 8", uuid!("2ee2ad83-828c-4405-9479-544d767993fc")),
    ("Windows 8.1", uuid!("6407468e-edc7-4ecd-8c32-521f64cee65e")),
    ("Windows Server 2008", uuid!("ba0ae9cc-5f01-40b4-ac3f-50192b5d6aaf")),
    ("Windows Server 2008 R2", uuid!("fdfe8200-9d98-44ba-a12a-772282bf60ef")),
    ("Windows Server 2012", uuid!("a105a108-7c9b-4518-bbbe-73f0fe30012b")),
    ("Windows Server 2012 R2", uuid!("d31bd4c3-d872-41c9-a2e7-231f372588cb")),
];

/// Windows products published later, as (name, id).
pub(crate) const LATER_WINDOWS: [(&str, Uuid); 3] = [
    ("Windows 10", uuid!("a3c2375d-0c8a-42f9-bce0-28333e198407")),
    ("Windows Server 2016", uuid!("569e8e8f-c6cd-42c8-92a3-efbb20a0f6f5")),
    ("Windows Server 2019", uuid!("f702a48c-919b-45d6-9aef-ca4248d50397")),
];

/// Office 2013.
pub(crate) const OFFICE_2013: Uuid = uuid!("704a0a4a-518f-4d69-9e03-10ba44198bd5");
/// Office 2016.
pub(crate) const OFFICE_2016: Uuid = uuid!("25aed893-7c2d-4a31-ae22-28ff8ac150ed");

/// The updates that the troubleshooting article names.
pub(crate) mod article {
    use uuid::{Uuid, uuid};

    pub(crate) const INSTALLED_KB2584146: Uuid = uuid!("4ae85c00-0eaa-4be0-b81b-dbd7053d5fae");
    pub(crate) const INSTALLED_UNNAMED: Uuid = uuid!("57260dfe-227c-45e3-9ffc-2fc77a67f95a");
    pub(crate) const MISSING_KB2862152: Uuid = uuid!("505fda07-b4f3-45fb-83d9-8642554e2773");
    pub(crate) const SUPERSEDED: Uuid = uuid!("70f4f236-0248-4e84-b472-292913576fa1");
    pub(crate) const SUPERSEDING: Uuid = uuid!("726b7201-862a-4fde-9b12-f36b38323a6f");
}

/// Name space of the ids that are ours.
const OURS: Uuid = uuid!("0d9b6e0c-52f1-5c0f-9e0b-5f7a0a3f1c11");

/// An id of ours for something with a name: the same for every seed.
pub(crate) fn named(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&OURS, format!("{kind}/{name}").as_bytes())
}
