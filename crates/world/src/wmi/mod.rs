//! The WMI repository of one host: namespaces, classes, instances, and what became of them over time.

mod query;
mod value;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cmsim_sim::{Clock, SimTime};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use query::{BadQuery, DEEPEST_CONDITION, LONGEST_QUERY, Query};
pub use value::{Instance, WmiValue};

use crate::{Mark, Tracked};

/// Why WMI refused. The codes are those of `wbemcli.h`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WmiError {
    /// 0x8004100E.
    #[error("WMI has no namespace '{0}'")]
    InvalidNamespace(String),
    /// 0x80041010.
    #[error("namespace '{namespace}' has no class '{class}'")]
    InvalidClass {
        /// The namespace asked.
        namespace: String,
        /// The class asked for.
        class: String,
    },
    /// 0x80041008: an instance without one of its key properties.
    #[error("an instance of '{class}' needs the key property '{key}'")]
    KeyMissing {
        /// The class.
        class: String,
        /// The property.
        key: String,
    },
    /// 0x80041017.
    #[error(transparent)]
    InvalidQuery(#[from] BadQuery),
}

impl WmiError {
    /// The HRESULT that WMI's callers see.
    #[must_use]
    pub fn hresult(&self) -> u32 {
        match self {
            Self::InvalidNamespace(_) => 0x8004_100E,
            Self::InvalidClass { .. } => 0x8004_1010,
            Self::KeyMissing { .. } => 0x8004_1008,
            Self::InvalidQuery(_) => 0x8004_1017,
        }
    }
}

/// How much of a class's past is kept for the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Every put and delete.
    All,
    /// The newest so many puts and deletes.
    Last(usize),
    /// Final instances only.
    Nothing,
}

/// A class: its name as shown, which properties identify an instance, how much history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name in the case in which it is shown.
    pub name: String,
    /// Key properties in the order of the object path; none for a singleton (`Class=@`).
    pub keys: Vec<String>,
    /// History kept.
    pub retention: Retention,
}

impl Class {
    /// A class with full history.
    #[must_use]
    pub fn new(name: &str, keys: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            retention: Retention::All,
        }
    }

    /// The same class with another retention.
    #[must_use]
    pub fn retain(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }
}

/// What happened to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// It was created or replaced.
    Put,
    /// It was deleted.
    Delete,
}

/// One line of a class's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When, by the world's clock.
    pub at: SimTime,
    /// What.
    pub operation: Operation,
    /// The object path within its namespace, such as `CCM_ScanJobInstance.ScanJobID="{…}"`.
    pub path: String,
    /// The properties put; absent for a delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<IndexMap<String, WmiValue>>,
}

/// The repository as exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WmiExport(pub IndexMap<String, IndexMap<String, ClassExport>>);

/// One class as exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassExport {
    /// Instances that exist at the end, in the order of their keys.
    pub instances: Vec<IndexMap<String, WmiValue>>,
    /// What happened, as far as it was kept.
    pub history: Vec<HistoryEntry>,
}

impl WmiExport {
    /// The instances of the query's class in `namespace` that fulfil its condition, with the properties it selects.
    ///
    /// # Errors
    /// [`WmiError::InvalidNamespace`] or [`WmiError::InvalidClass`].
    pub fn query(&self, namespace: &str, query: &Query) -> Result<Vec<Instance>, WmiError> {
        let mut namespaces = self.0.iter();
        let (_, classes) = namespaces
            .find(|(name, _)| fold_namespace(name) == fold_namespace(namespace))
            .ok_or_else(|| WmiError::InvalidNamespace(namespace.to_owned()))?;
        let mut named = classes.iter();
        let (name, class) = named
            .find(|(name, _)| name.eq_ignore_ascii_case(&query.class))
            .ok_or_else(|| invalid_class(namespace, &query.class))?;
        let instances =
            class.instances.iter().map(|properties| Instance { class: name.clone(), properties: properties.clone() });
        Ok(instances.filter(|instance| query.matches(instance)).map(|instance| query.project(&instance)).collect())
    }
}

/// The WMI repository of a host. Cheap to clone; all clones are the same repository.
#[derive(Clone)]
pub struct Wmi {
    clock: Clock,
    inner: Arc<Mutex<BTreeMap<String, Namespace>>>,
}

struct Namespace {
    name: String,
    /// Whether a change took the namespace out of the repository.
    lost: Tracked<bool>,
    classes: BTreeMap<String, Stored>,
}

struct Stored {
    class: Class,
    /// By folded object path, which is the order of the keys.
    instances: BTreeMap<String, Tracked<Option<Arc<Instance>>>>,
    history: VecDeque<Past>,
}

struct Past {
    at: SimTime,
    operation: Operation,
    path: String,
    instance: Option<Arc<Instance>>,
}

impl fmt::Debug for Wmi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wmi({} namespaces)", self.lock().len())
    }
}

impl Wmi {
    /// An empty repository whose history is stamped by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, inner: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Namespace>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a class and its namespace. A class that exists keeps its instances.
    pub fn define(&self, namespace: &str, class: Class) {
        let mut namespaces = self.lock();
        let namespace = namespaces.entry(fold_namespace(namespace)).or_insert_with(|| Namespace {
            name: namespace.to_owned(),
            lost: Tracked::default(),
            classes: BTreeMap::new(),
        });
        match namespace.classes.get_mut(&class.name.to_lowercase()) {
            Some(stored) => stored.class = class,
            None => {
                let stored = Stored { class: class.clone(), instances: BTreeMap::new(), history: VecDeque::new() };
                namespace.classes.insert(class.name.to_lowercase(), stored);
            }
        }
    }

    /// The key properties of a class, `None` if it was never defined. A namespace that a change lost counts as defined:
    /// using it fails.
    #[must_use]
    pub fn keys(&self, namespace: &str, class: &str) -> Option<Vec<String>> {
        let namespaces = self.lock();
        let stored = namespaces.get(&fold_namespace(namespace))?.classes.get(&class.to_lowercase())?;
        Some(stored.class.keys.clone())
    }

    /// Takes a namespace out of the repository on behalf of a change: whoever uses it gets
    /// [`WmiError::InvalidNamespace`].
    ///
    /// # Errors
    /// [`WmiError::InvalidNamespace`] if there is none of that name.
    pub fn lose_namespace_marked(&self, mark: &Mark, namespace: &str) -> Result<(), WmiError> {
        let mut namespaces = self.lock();
        let found = namespaces
            .get_mut(&fold_namespace(namespace))
            .ok_or_else(|| WmiError::InvalidNamespace(namespace.to_owned()))?;
        found.lost.set_marked(mark, true);
        Ok(())
    }

    fn with_class<T>(&self, namespace: &str, class: &str, act: impl FnOnce(&mut Stored) -> T) -> Result<T, WmiError> {
        let mut namespaces = self.lock();
        let found = namespaces
            .get_mut(&fold_namespace(namespace))
            .filter(|found| !*found.lost.get())
            .ok_or_else(|| WmiError::InvalidNamespace(namespace.to_owned()))?;
        let stored = found.classes.get_mut(&class.to_lowercase()).ok_or_else(|| invalid_class(namespace, class))?;
        Ok(act(stored))
    }

    /// Creates or replaces an instance and returns its object path.
    ///
    /// # Errors
    /// [`WmiError`] if namespace or class do not exist or a key property is missing.
    pub fn put(&self, namespace: &str, instance: Instance) -> Result<String, WmiError> {
        self.write(None, namespace, instance)
    }

    /// Creates or replaces an instance on behalf of a change.
    ///
    /// # Errors
    /// As for [`Wmi::put`].
    pub fn put_marked(&self, mark: &Mark, namespace: &str, instance: Instance) -> Result<String, WmiError> {
        self.write(Some(mark), namespace, instance)
    }

    fn write(&self, mark: Option<&Mark>, namespace: &str, mut instance: Instance) -> Result<String, WmiError> {
        let at = self.clock.now();
        let class = instance.class.clone();
        self.with_class(namespace, &class, |stored| {
            instance.class.clone_from(&stored.class.name);
            let path = stored.class.path_of(|key| instance.get(key))?;
            let instance = Arc::new(instance);
            stored.assign(mark, &path, Some(Arc::clone(&instance)));
            stored.remember(Past { at, operation: Operation::Put, path: path.clone(), instance: Some(instance) });
            Ok(path)
        })?
    }

    /// The instance with these key values (in the order of the class's keys), if it exists. Counts a hit for a
    /// change that put or deleted it.
    ///
    /// # Errors
    /// [`WmiError`] if namespace or class do not exist or a key value is missing.
    pub fn get(&self, namespace: &str, class: &str, keys: &[WmiValue]) -> Result<Option<Arc<Instance>>, WmiError> {
        self.with_class(namespace, class, |stored| {
            let path = stored.class.path_for(keys)?;
            Ok(stored.instances.get(&path.to_lowercase()).and_then(|cell| cell.get().clone()))
        })?
    }

    /// All instances of a class in the order of their keys.
    ///
    /// # Errors
    /// [`WmiError`] if namespace or class do not exist.
    pub fn instances(&self, namespace: &str, class: &str) -> Result<Vec<Arc<Instance>>, WmiError> {
        self.with_class(namespace, class, |stored| {
            stored.instances.values().filter_map(|cell| cell.get().clone()).collect()
        })
    }

    /// The instances that a WQL query selects, with the properties it names.
    ///
    /// # Errors
    /// [`WmiError`] if the query cannot be read or namespace or class do not exist.
    pub fn query(&self, namespace: &str, wql: &str) -> Result<Vec<Instance>, WmiError> {
        let query = Query::parse(wql)?;
        let all = self.instances(namespace, &query.class)?;
        Ok(all.iter().filter(|instance| query.matches(instance)).map(|instance| query.project(instance)).collect())
    }

    /// Deletes the instance with these key values and says whether there was one.
    ///
    /// # Errors
    /// [`WmiError`] if namespace or class do not exist or a key value is missing.
    pub fn delete(&self, namespace: &str, class: &str, keys: &[WmiValue]) -> Result<bool, WmiError> {
        self.remove(None, namespace, class, keys)
    }

    /// Deletes the instance with these key values on behalf of a change and says whether there was one.
    ///
    /// # Errors
    /// As for [`Wmi::delete`].
    pub fn delete_marked(
        &self,
        mark: &Mark,
        namespace: &str,
        class: &str,
        keys: &[WmiValue],
    ) -> Result<bool, WmiError> {
        self.remove(Some(mark), namespace, class, keys)
    }

    fn remove(&self, mark: Option<&Mark>, namespace: &str, class: &str, keys: &[WmiValue]) -> Result<bool, WmiError> {
        let at = self.clock.now();
        self.with_class(namespace, class, |stored| {
            let path = stored.class.path_for(keys)?;
            let exists = stored.instances.get(&path.to_lowercase()).is_some_and(|cell| cell.get().is_some());
            if exists {
                stored.assign(mark, &path, None);
                stored.remember(Past { at, operation: Operation::Delete, path, instance: None });
            }
            Ok(exists)
        })?
    }

    /// Takes back everything that the change wrote and nobody overwrote. History keeps what happened.
    pub fn revert(&self, mark: &Mark) {
        for namespace in self.lock().values_mut() {
            namespace.lost.revert(mark);
            for stored in namespace.classes.values_mut() {
                stored.instances.retain(|_, cell| {
                    let reverted = cell.revert(mark);
                    !reverted || cell.peek().is_some()
                });
            }
        }
    }

    /// Everything, namespaces and classes sorted, classes without instances or history left out.
    #[must_use]
    pub fn export(&self) -> WmiExport {
        let namespaces = self.lock();
        let classes_of = |namespace: &Namespace| -> IndexMap<_, _> {
            let classes = namespace.classes.values().filter(|stored| !stored.is_blank());
            classes.map(|stored| (stored.class.name.clone(), stored.export())).collect()
        };
        let filled = namespaces.values().map(|namespace| (namespace.name.clone(), classes_of(namespace)));
        WmiExport(filled.filter(|(_, classes)| !classes.is_empty()).collect())
    }
}

impl Class {
    fn path_of<'a>(&self, value: impl Fn(&str) -> Option<&'a WmiValue>) -> Result<String, WmiError> {
        let mut path = self.name.clone();
        if self.keys.is_empty() {
            path.push_str("=@");
        }
        for (index, key) in self.keys.iter().enumerate() {
            let value = value(key)
                .filter(|value| **value != WmiValue::Null)
                .ok_or_else(|| WmiError::KeyMissing { class: self.name.clone(), key: key.clone() })?;
            path.push(if index == 0 { '.' } else { ',' });
            path.push_str(key);
            path.push('=');
            value.push_key(&mut path);
        }
        Ok(path)
    }

    fn path_for(&self, keys: &[WmiValue]) -> Result<String, WmiError> {
        self.path_of(|name| keys.get(self.keys.iter().position(|key| key == name)?))
    }
}

impl Stored {
    fn assign(&mut self, mark: Option<&Mark>, path: &str, value: Option<Arc<Instance>>) {
        let folded = path.to_lowercase();
        match mark {
            Some(mark) => self.instances.entry(folded).or_default().set_marked(mark, value),
            None if value.is_none() => {
                self.instances.remove(&folded);
            }
            None => self.instances.entry(folded).or_default().set(value),
        }
    }

    fn remember(&mut self, past: Past) {
        match self.class.retention {
            Retention::All => {}
            Retention::Nothing => return,
            Retention::Last(most) => {
                while self.history.len() >= most.max(1) {
                    self.history.pop_front();
                }
                if most == 0 {
                    return;
                }
            }
        }
        self.history.push_back(past);
    }

    fn is_blank(&self) -> bool {
        self.history.is_empty() && self.instances.values().all(|cell| cell.peek().is_none())
    }

    fn export(&self) -> ClassExport {
        let present = self.instances.values().filter_map(|cell| cell.peek().as_ref());
        ClassExport {
            instances: present.map(|instance| instance.properties.clone()).collect(),
            history: self.history.iter().map(Past::export).collect(),
        }
    }
}

impl Past {
    fn export(&self) -> HistoryEntry {
        HistoryEntry {
            at: self.at,
            operation: self.operation,
            path: self.path.clone(),
            properties: self.instance.as_ref().map(|instance| instance.properties.clone()),
        }
    }
}

fn invalid_class(namespace: &str, class: &str) -> WmiError {
    WmiError::InvalidClass { namespace: namespace.to_owned(), class: class.to_owned() }
}

/// Namespaces compare without case and may be written with either slash and a leading `\\.\`.
fn fold_namespace(namespace: &str) -> String {
    let folded = namespace.to_lowercase().replace('/', "\\");
    folded.trim_start_matches("\\\\.\\").to_owned()
}

#[cfg(test)]
mod tests;
