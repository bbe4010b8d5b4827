//! Active Directory as far as clients look at it: forest, domains, sites with subnets, organizational
//! units, Group Policy objects and their links.
//!
//! The directory knows what *would* apply; whether a computer can reach a domain controller to ask is a
//! question for the network.

mod locator;
mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use uuid::Uuid;

pub use locator::{DIRECTORY_PORT, serve};
pub use policy::{AppliedObject, EffectivePolicy, EffectiveSetting};

use crate::{Interface, Mark, RegistryValue, Tracked};

/// Why the directory refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DirectoryError {
    /// No Group Policy object of that name.
    #[error("there is no Group Policy object '{0}'")]
    NoPolicyObject(String),
    /// The object is not linked there.
    #[error("Group Policy object '{object}' is not linked to {container}")]
    NoLink {
        /// Name of the object.
        object: String,
        /// The container.
        container: Container,
    },
    /// No domain of that name.
    #[error("there is no domain '{0}'")]
    NoDomain(String),
}

/// Something that Group Policy objects can be linked to. Names compare without case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Container {
    /// An AD site by name.
    Site(String),
    /// A domain by DNS name.
    Domain(String),
    /// An organizational unit by distinguished name.
    Unit(String),
}

impl Container {
    fn folded(&self) -> Self {
        match self {
            Self::Site(name) => Self::Site(name.to_lowercase()),
            Self::Domain(name) => Self::Domain(name.to_lowercase()),
            Self::Unit(name) => Self::Unit(name.to_lowercase()),
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(name) => write!(f, "site '{name}'"),
            Self::Domain(name) => write!(f, "domain '{name}'"),
            Self::Unit(name) => write!(f, "'{name}'"),
        }
    }
}

/// How a link works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it works at all.
    pub enabled: bool,
    /// Whether containers below cannot override or block it.
    pub enforced: bool,
}

impl Default for LinkState {
    /// As the console makes a link: enabled, not enforced.
    fn default() -> Self {
        Self { enabled: true, enforced: false }
    }
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// DNS name, `CONTOSO.COM`.
    pub name: String,
    /// NetBIOS name, `CONTOSO`.
    pub netbios: String,
    /// Full names of the hosts that are its controllers, `DC1.CONTOSO.COM`.
    pub controllers: Vec<String>,
}

/// The directory of a world. Cheap to clone; all clones are the same directory.
#[derive(Clone)]
pub struct Directory(Arc<Mutex<Forest>>);

struct Forest {
    name: String,
    domains: Vec<Domain>,
    /// Sites by folded name: the name as created and its subnets.
    sites: BTreeMap<String, (String, Vec<Interface>)>,
    /// Distinguished names (folded) of units that block inheritance.
    blocking: BTreeMap<String, Tracked<bool>>,
    objects: BTreeMap<String, PolicyObject>,
    /// Links per folded container, highest precedence (link order 1) first.
    links: BTreeMap<Container, Vec<Link>>,
}

struct PolicyObject {
    id: Uuid,
    name: String,
    /// Computer settings by folded key and value name.
    settings: BTreeMap<(String, String), Setting>,
}

struct Setting {
    key: String,
    name: String,
    value: Tracked<Option<RegistryValue>>,
}

struct Link {
    object: String,
    state: Tracked<Option<LinkState>>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({})", self.lock().name)
    }
}

impl Directory {
    /// A forest without domains.
    #[must_use]
    pub fn new(forest: &str) -> Self {
        Self(Arc::new(Mutex::new(Forest {
            name: forest.to_owned(),
            domains: Vec::new(),
            sites: BTreeMap::new(),
            blocking: BTreeMap::new(),
            objects: BTreeMap::new(),
            links: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Forest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// DNS name of the forest.
    #[must_use]
    pub fn forest(&self) -> String {
        self.lock().name.clone()
    }

    /// Adds a domain.
    pub fn add_domain(&self, domain: Domain) {
        self.lock().domains.push(domain);
    }

    /// Every domain in the order in which they were added.
    #[must_use]
    pub fn domains(&self) -> Vec<Domain> {
        self.lock().domains.clone()
    }

    /// The domain of that DNS name (compared without case).
    ///
    /// # Errors
    /// [`DirectoryError::NoDomain`].
    pub fn domain(&self, name: &str) -> Result<Domain, DirectoryError> {
        let forest = self.lock();
        let found = forest.domains.iter().find(|domain| domain.name.eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(|| DirectoryError::NoDomain(name.to_owned()))
    }

    /// Creates a site, or gives an existing one more subnets. A subnet is any address in it with its prefix.
    pub fn add_site(&self, name: &str, subnets: &[Interface]) {
        let mut forest = self.lock();
        let (_, known) = forest.sites.entry(name.to_lowercase()).or_insert_with(|| (name.to_owned(), Vec::new()));
        known.extend_from_slice(subnets);
    }

    /// The site of an address: that of the smallest subnet it lies in, as Netlogon finds it.
    #[must_use]
    pub fn site_of(&self, address: IpAddr) -> Option<String> {
        let forest = self.lock();
        let all = forest.sites.values().flat_map(|(name, subnets)| subnets.iter().map(move |subnet| (name, subnet)));
        all.filter(|(_, subnet)| Interface { address, prefix: subnet.prefix }.subnet() == subnet.subnet())
            .max_by_key(|(_, subnet)| subnet.prefix)
            .map(|(name, _)| name.clone())
    }

    /// Makes an organizational unit block the inheritance of links above it that are not enforced, or stops it.
    pub fn block_inheritance(&self, unit: &str, block: bool) {
        self.lock().blocking.entry(unit.to_lowercase()).or_default().set(block);
    }

    /// As [`Directory::block_inheritance`], on behalf of a change.
    pub fn block_inheritance_marked(&self, mark: &Mark, unit: &str, block: bool) {
        self.lock().blocking.entry(unit.to_lowercase()).or_default().set_marked(mark, block);
    }

    /// Creates a Group Policy object without settings or links. Its name identifies it here.
    pub fn add_policy_object(&self, name: &str, id: Uuid) {
        let object = PolicyObject { id, name: name.to_owned(), settings: BTreeMap::new() };
        self.lock().objects.insert(name.to_lowercase(), object);
    }

    /// Sets a registry setting of the object's computer configuration; `None` removes the setting. `key` is below
    /// `HKEY_LOCAL_MACHINE`, without a leading backslash.
    ///
    /// # Errors
    /// [`DirectoryError::NoPolicyObject`].
    pub fn set_policy(
        &self,
        object: &str,
        key: &str,
        name: &str,
        value: Option<RegistryValue>,
    ) -> Result<(), DirectoryError> {
        self.setting(object, key, name, |cell| cell.set(value))
    }

    /// As [`Directory::set_policy`], on behalf of a change.
    ///
    /// # Errors
    /// [`DirectoryError::NoPolicyObject`].
    pub fn set_policy_marked(
        &self,
        mark: &Mark,
        object: &str,
        key: &str,
        name: &str,
        value: Option<RegistryValue>,
    ) -> Result<(), DirectoryError> {
        self.setting(object, key, name, |cell| cell.set_marked(mark, value))
    }

    fn setting(
        &self,
        object: &str,
        key: &str,
        name: &str,
        write: impl FnOnce(&mut Tracked<Option<RegistryValue>>),
    ) -> Result<(), DirectoryError> {
        let mut forest = self.lock();
        let object = forest
            .objects
            .get_mut(&object.to_lowercase())
            .ok_or_else(|| DirectoryError::NoPolicyObject(object.to_owned()))?;
        let setting = object.settings.entry((key.to_lowercase(), name.to_lowercase())).or_insert_with(|| Setting {
            key: key.to_owned(),
            name: name.to_owned(),
            value: Tracked::default(),
        });
        write(&mut setting.value);
        Ok(())
    }

    /// Links an object to a container behind the links that are there, so with the lowest precedence, as the console
    /// does; an existing link gets the state.
    ///
    /// # Errors
    /// [`DirectoryError::NoPolicyObject`].
    pub fn link(&self, object: &str, container: &Container, state: LinkState) -> Result<(), DirectoryError> {
        self.link_cell(object, container, |cell| cell.set(Some(state)))
    }

    /// As [`Directory::link`], on behalf of a change.
    ///
    /// # Errors
    /// [`DirectoryError::NoPolicyObject`].
    pub fn link_marked(
        &self,
        mark: &Mark,
        object: &str,
        container: &Container,
        state: LinkState,
    ) -> Result<(), DirectoryError> {
        self.link_cell(object, container, |cell| cell.set_marked(mark, Some(state)))
    }

    fn link_cell(
        &self,
        object: &str,
        container: &Container,
        write: impl FnOnce(&mut Tracked<Option<LinkState>>),
    ) -> Result<(), DirectoryError> {
        let mut forest = self.lock();
        let folded = object.to_lowercase();
        if !forest.objects.contains_key(&folded) {
            return Err(DirectoryError::NoPolicyObject(object.to_owned()));
        }
        let links = forest.links.entry(container.folded()).or_default();
        let at = links.iter().position(|link| link.object == folded).unwrap_or_else(|| {
            links.push(Link { object: folded, state: Tracked::default() });
            links.len() - 1
        });
        write(&mut links[at].state);
        Ok(())
    }

    /// Removes a link.
    ///
    /// # Errors
    /// [`DirectoryError::NoLink`].
    pub fn unlink(&self, object: &str, container: &Container) -> Result<(), DirectoryError> {
        let mut forest = self.lock();
        let links = forest.links.entry(container.folded()).or_default();
        let before = links.len();
        links.retain(|link| !link.object.eq_ignore_ascii_case(object));
        if links.len() == before {
            return Err(DirectoryError::NoLink { object: object.to_owned(), container: container.clone() });
        }
        Ok(())
    }

    /// What applies to the computer whose account lies in `unit` of `domain` and which stands in `site`.
    ///
    /// Counts hits for the changes of every link, block and setting that took part.
    #[must_use]
    pub fn effective_policy(&self, domain: &str, unit: &str, site: Option<&str>) -> EffectivePolicy {
        policy::effective(&self.lock(), domain, unit, site)
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    pub fn revert(&self, mark: &Mark) {
        let mut forest = self.lock();
        for cell in forest.blocking.values_mut() {
            cell.revert(mark);
        }
        for object in forest.objects.values_mut() {
            for setting in object.settings.values_mut() {
                setting.value.revert(mark);
            }
        }
        for links in forest.links.values_mut() {
            for link in links {
                link.state.revert(mark);
            }
        }
    }
}
