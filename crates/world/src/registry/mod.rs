//! The registry of one host: hives, typed values, the two views of `SOFTWARE`, change notifications.

mod path;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

pub use path::{BadPath, LONGEST_KEY_PATH, View};
pub use value::RegistryValue;

use crate::{Mark, Tracked};
use path::{alias, canonical, fold, is_within};

/// The registry of a host. Cheap to clone; all clones are the same registry.
///
/// Paths look like `HKLM\SOFTWARE\Policies\…`; names compare without case and keep the case in which
/// they were created. The default value of a key has the empty name.
#[derive(Clone)]
pub struct Registry {
    x64: bool,
    view: View,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Keys by folded path; ancestors of a key are always there too.
    keys: BTreeMap<String, Key>,
    watchers: BTreeMap<u64, Watcher>,
    next_watcher: u64,
}

struct Key {
    /// The path as it was first written.
    path: String,
    present: Tracked<bool>,
    /// Values by folded name, with the name as first written. An absent value is a tracked `None`.
    values: BTreeMap<String, (String, Tracked<Option<RegistryValue>>)>,
}

#[derive(Clone)]
struct Watcher {
    below: String,
    tell: Arc<dyn Fn(&KeyChanged) + Send + Sync>,
}

/// What a watcher is told: which key changed, by its native path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChanged {
    /// Path of the key whose value or existence changed.
    pub key: String,
    /// Name of the value; `None` if keys were deleted or a change was taken back.
    pub value: Option<String>,
}

/// Identifies a watcher until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchId(u64);

/// The registry as exported: path to value name to typed data, sorted without case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistryExport(pub indexmap::IndexMap<String, indexmap::IndexMap<String, RegistryValue>>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} keys)", self.lock().keys.len())
    }
}

impl Registry {
    /// An empty registry of a 64-bit (`x64`) or 32-bit system.
    #[must_use]
    pub fn new(x64: bool) -> Self {
        Self { x64, view: View::Native, inner: Arc::default() }
    }

    /// The same registry as a 32-bit process sees it.
    #[must_use]
    pub fn wow64(&self) -> Self {
        Self { view: View::Wow64, ..self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn canonical(&self, key: &str) -> Result<String, BadPath> {
        canonical(key, self.view, self.x64)
    }

    /// The data of a value, `None` if the key or value does not exist or `key` is no path. Counts a hit
    /// for a change that wrote or deleted it.
    #[must_use]
    pub fn get(&self, key: &str, name: &str) -> Option<RegistryValue> {
        let folded = fold(&self.canonical(key).ok()?);
        let inner = self.lock();
        let key = inner.keys.get(&folded)?;
        if !key.present.get() {
            return None;
        }
        key.values.get(&fold(name))?.1.get().clone()
    }

    /// The text of a `REG_SZ` or `REG_EXPAND_SZ` value; `None` for other types too.
    #[must_use]
    pub fn text(&self, key: &str, name: &str) -> Option<String> {
        self.get(key, name)?.as_text().map(str::to_owned)
    }

    /// The number of a `REG_DWORD` value; `None` for other types too.
    #[must_use]
    pub fn dword(&self, key: &str, name: &str) -> Option<u32> {
        self.get(key, name)?.as_dword()
    }

    /// Whether the key exists.
    #[must_use]
    pub fn exists(&self, key: &str) -> bool {
        self.canonical(key).is_ok_and(|path| self.lock().keys.get(&fold(&path)).is_some_and(|key| *key.present.get()))
    }

    /// The values of a key in order of their names.
    #[must_use]
    pub fn values(&self, key: &str) -> Vec<(String, RegistryValue)> {
        let Ok(path) = self.canonical(key) else {
            return Vec::new();
        };
        let inner = self.lock();
        let Some(key) = inner.keys.get(&fold(&path)).filter(|key| *key.present.get()) else {
            return Vec::new();
        };
        key.values.values().filter_map(|(name, value)| Some((name.clone(), value.get().clone()?))).collect()
    }

    /// The names of the keys directly below `key`, in order.
    #[must_use]
    pub fn subkeys(&self, key: &str) -> Vec<String> {
        self.subkeys_beginning(key, "")
    }

    /// The names of the keys directly below `key` that begin with `prefix` (compared without case), in order.
    #[must_use]
    pub fn subkeys_beginning(&self, key: &str, prefix: &str) -> Vec<String> {
        let Ok(path) = self.canonical(key) else {
            return Vec::new();
        };
        let parent = format!("{}\\", fold(&path));
        let first = format!("{parent}{}", fold(prefix));
        let inner = self.lock();
        inner
            .keys
            .range(first.clone()..)
            .take_while(|(folded, _)| folded.starts_with(&first))
            .filter(|(folded, key)| !folded[parent.len()..].contains('\\') && *key.present.get())
            .filter_map(|(_, key)| key.path.rsplit('\\').next().map(str::to_owned))
            .collect()
    }

    /// Creates the key and its ancestors where they do not exist.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn create_key(&self, key: &str) -> Result<(), BadPath> {
        let path = self.canonical(key)?;
        self.lock().ensure(&path, None);
        Ok(())
    }

    /// Writes a value, creating its key. Watchers hear of it even if the data stays the same, as on Windows.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn set(&self, key: &str, name: &str, value: impl Into<RegistryValue>) -> Result<(), BadPath> {
        self.write(None, key, name, Some(value.into()))
    }

    /// Writes a value on behalf of a change.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn set_marked(
        &self,
        mark: &Mark,
        key: &str,
        name: &str,
        value: impl Into<RegistryValue>,
    ) -> Result<(), BadPath> {
        self.write(Some(mark), key, name, Some(value.into()))
    }

    /// Deletes a value if it is there.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn delete_value(&self, key: &str, name: &str) -> Result<(), BadPath> {
        self.write(None, key, name, None)
    }

    /// Deletes a value on behalf of a change, so that reading its absence counts.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn delete_value_marked(&self, mark: &Mark, key: &str, name: &str) -> Result<(), BadPath> {
        self.write(Some(mark), key, name, None)
    }

    fn write(&self, mark: Option<&Mark>, key: &str, name: &str, value: Option<RegistryValue>) -> Result<(), BadPath> {
        let path = self.canonical(key)?;
        let (changed, watchers) = {
            let mut inner = self.lock();
            let folded = fold(&path);
            if value.is_none() && !inner.keys.get(&folded).is_some_and(|key| *key.present.peek()) {
                return Ok(());
            }
            let key = inner.ensure(&path, mark);
            let (_, cell) = key.values.entry(fold(name)).or_insert_with(|| (name.to_owned(), Tracked::default()));
            match mark {
                Some(mark) => cell.set_marked(mark, value),
                None => cell.set(value),
            }
            let changed = KeyChanged { key: key.path.clone(), value: Some(name.to_owned()) };
            (changed, inner.watchers_of(&folded))
        };
        tell(&watchers, &changed);
        Ok(())
    }

    /// Deletes a key with everything below it.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn delete_key(&self, key: &str) -> Result<(), BadPath> {
        self.remove(None, key)
    }

    /// Deletes a key with everything below it on behalf of a change.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn delete_key_marked(&self, mark: &Mark, key: &str) -> Result<(), BadPath> {
        self.remove(Some(mark), key)
    }

    fn remove(&self, mark: Option<&Mark>, key: &str) -> Result<(), BadPath> {
        let path = self.canonical(key)?;
        let folded = fold(&path);
        let watchers = {
            let mut inner = self.lock();
            match mark {
                Some(mark) => {
                    for (_, key) in inner.keys.iter_mut().filter(|(at, _)| is_within(at, &folded)) {
                        key.present.set_marked(mark, false);
                        for (_, cell) in key.values.values_mut() {
                            cell.set_marked(mark, None);
                        }
                    }
                }
                None => inner.keys.retain(|at, _| !is_within(at, &folded)),
            }
            inner.watchers_of(&folded)
        };
        tell(&watchers, &KeyChanged { key: path, value: None });
        Ok(())
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    pub fn revert(&self, mark: &Mark) {
        let told: Vec<_> = {
            let mut inner = self.lock();
            let mut changed = Vec::new();
            for (folded, key) in &mut inner.keys {
                let mut visible = key.present.revert(mark);
                for (_, cell) in key.values.values_mut() {
                    visible |= cell.revert(mark);
                }
                if visible {
                    changed.push((folded.clone(), key.path.clone()));
                }
            }
            changed
                .into_iter()
                .map(|(folded, key)| (KeyChanged { key, value: None }, inner.watchers_of(&folded)))
                .collect()
        };
        for (changed, watchers) in &told {
            tell(watchers, changed);
        }
    }

    /// Calls `told` after each change of `key` or anything below it, in the order in which watchers were added.
    ///
    /// The call happens on the writer's stack after the write; it should only pass the news on.
    ///
    /// # Errors
    /// [`BadPath`] if `key` is no path of this registry.
    pub fn watch(&self, key: &str, told: impl Fn(&KeyChanged) + Send + Sync + 'static) -> Result<WatchId, BadPath> {
        let below = fold(&self.canonical(key)?);
        let mut inner = self.lock();
        let id = inner.next_watcher;
        inner.next_watcher += 1;
        inner.watchers.insert(id, Watcher { below, tell: Arc::new(told) });
        Ok(WatchId(id))
    }

    /// Removes a watcher.
    pub fn unwatch(&self, id: WatchId) {
        self.lock().watchers.remove(&id.0);
    }

    /// Every key that has values or nothing below it. Keys that both views share appear under both paths.
    #[must_use]
    pub fn export(&self) -> RegistryExport {
        let inner = self.lock();
        let mut sorted = BTreeMap::new();
        for (folded, key) in inner.keys.iter().filter(|(_, key)| *key.present.peek()) {
            let values: indexmap::IndexMap<_, _> =
                key.values.values().filter_map(|(name, value)| Some((name.clone(), value.peek().clone()?))).collect();
            if values.is_empty() && inner.has_children(folded) {
                continue;
            }
            if let Some(second) = alias(&key.path).filter(|_| self.x64) {
                sorted.insert(fold(&second), (second, values.clone()));
            }
            sorted.insert(folded.clone(), (key.path.clone(), values));
        }
        RegistryExport(sorted.into_values().collect())
    }
}

fn tell(watchers: &[Watcher], changed: &KeyChanged) {
    for watcher in watchers {
        (watcher.tell)(changed);
    }
}

impl Inner {
    /// The key at `path`, created with its ancestors where missing.
    fn ensure(&mut self, path: &str, mark: Option<&Mark>) -> &mut Key {
        let ends = path.match_indices('\\').map(|(at, _)| at);
        for end in ends {
            self.ensure_one(&path[..end], mark);
        }
        self.ensure_one(path, mark)
    }

    fn ensure_one(&mut self, path: &str, mark: Option<&Mark>) -> &mut Key {
        let key = self.keys.entry(fold(path)).or_insert_with(|| Key {
            path: path.to_owned(),
            present: Tracked::new(false),
            values: BTreeMap::new(),
        });
        if !*key.present.peek() {
            match mark {
                Some(mark) => key.present.set_marked(mark, true),
                None => key.present.set(true),
            }
        }
        key
    }

    fn has_children(&self, folded: &str) -> bool {
        let prefix = format!("{folded}\\");
        self.keys
            .range(prefix.clone()..)
            .take_while(|(at, _)| at.starts_with(&prefix))
            .any(|(_, key)| *key.present.peek())
    }

    fn watchers_of(&self, folded: &str) -> Vec<Watcher> {
        self.watchers.values().filter(|watcher| is_within(folded, &watcher.below)).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
