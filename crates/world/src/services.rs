//! The services of one host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use thiserror::Error;

use crate::{Mark, Tracked};

/// When the Service Control Manager starts a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartType {
    /// With the system.
    Automatic,
    /// On demand.
    Manual,
    /// Not at all.
    Disabled,
}

/// What a service does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// `SERVICE_RUNNING`.
    Running,
    /// `SERVICE_STOPPED`.
    Stopped,
}

/// Why the Service Control Manager refused. The codes are those of `winerror.h`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ServiceError {
    /// 0x80070424.
    #[error("there is no service '{0}'")]
    Missing(String),
    /// 0x80070422.
    #[error("service '{0}' is disabled")]
    Disabled(String),
}

impl ServiceError {
    /// The HRESULT that callers see.
    #[must_use]
    pub fn hresult(&self) -> u32 {
        match self {
            Self::Missing(_) => 0x8007_0424,
            Self::Disabled(_) => 0x8007_0422,
        }
    }
}

/// A service as `sc query` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// Short name, `wuauserv`.
    pub name: String,
    /// Display name, `Windows Update`.
    pub display_name: String,
    /// State.
    pub state: ServiceState,
    /// Start type.
    pub start: StartType,
    /// Id of the process it runs in while it runs, else 0.
    pub process_id: u32,
}

/// The services of a host. Cheap to clone; all clones are the same services.
#[derive(Clone, Default)]
pub struct Services(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    services: BTreeMap<String, Service>,
    watchers: BTreeMap<u64, Watcher>,
    next_watcher: u64,
}

/// Told the short name and the new state of every service that starts or stops.
type Watcher = Arc<dyn Fn(&str, ServiceState) + Send + Sync>;

/// Identifies a watcher of services until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceWatchId(u64);

struct Service {
    name: String,
    display_name: String,
    process_id: u32,
    state: Tracked<ServiceState>,
    start: Tracked<StartType>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}

impl Services {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Installs a service that runs in process `process_id`; automatic ones run at once. Services of one service
    /// host share the id.
    pub fn install(&self, name: &str, display_name: &str, start: StartType, process_id: u32) {
        let state = match start {
            StartType::Automatic => ServiceState::Running,
            StartType::Manual | StartType::Disabled => ServiceState::Stopped,
        };
        let service = Service {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            process_id,
            state: Tracked::new(state),
            start: Tracked::new(start),
        };
        self.lock().services.insert(name.to_lowercase(), service);
    }

    /// What the service does, `None` if there is none of that name. Counts a hit for changes of its state or start type.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<ServiceStatus> {
        self.lock().services.get(&name.to_lowercase()).map(Service::status)
    }

    /// Whether the service runs.
    #[must_use]
    pub fn is_running(&self, name: &str) -> bool {
        self.query(name).is_some_and(|service| service.state == ServiceState::Running)
    }

    /// Every service in order of the names.
    #[must_use]
    pub fn all(&self) -> Vec<ServiceStatus> {
        self.lock().services.values().map(Service::shown).collect()
    }

    /// Starts a service; one that runs is left as it is.
    ///
    /// # Errors
    /// [`ServiceError`] if there is none or it is disabled.
    pub fn start(&self, name: &str) -> Result<(), ServiceError> {
        self.with(name, |service| {
            if *service.state.get() == ServiceState::Running {
                return Ok(());
            }
            if *service.start.get() == StartType::Disabled {
                return Err(ServiceError::Disabled(service.name.clone()));
            }
            service.state.set(ServiceState::Running);
            Ok(())
        })?
    }

    /// Stops a service.
    ///
    /// # Errors
    /// [`ServiceError::Missing`].
    pub fn stop(&self, name: &str) -> Result<(), ServiceError> {
        self.with(name, |service| service.state.set(ServiceState::Stopped))
    }

    /// Stops a service on behalf of a change.
    ///
    /// # Errors
    /// [`ServiceError::Missing`].
    pub fn stop_marked(&self, mark: &Mark, name: &str) -> Result<(), ServiceError> {
        self.with(name, |service| service.state.set_marked(mark, ServiceState::Stopped))
    }

    /// Sets the start type. The state stays as it is.
    ///
    /// # Errors
    /// [`ServiceError::Missing`].
    pub fn set_start(&self, name: &str, start: StartType) -> Result<(), ServiceError> {
        self.with(name, |service| service.start.set(start))
    }

    /// Sets the start type on behalf of a change.
    ///
    /// # Errors
    /// [`ServiceError::Missing`].
    pub fn set_start_marked(&self, mark: &Mark, name: &str, start: StartType) -> Result<(), ServiceError> {
        self.with(name, |service| service.start.set_marked(mark, start))
    }

    /// Changes a service and tells the watchers if it started or stopped by that.
    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Service) -> T) -> Result<T, ServiceError> {
        let mut inner = self.lock();
        let service =
            inner.services.get_mut(&name.to_lowercase()).ok_or_else(|| ServiceError::Missing(name.to_owned()))?;
        let before = *service.state.peek();
        let result = act(service);
        let (after, name) = (*service.state.peek(), service.name.clone());
        let watchers: Vec<_> = inner.watchers.values().filter(|_| before != after).cloned().collect();
        drop(inner);
        for watcher in watchers {
            watcher(&name, after);
        }
        Ok(result)
    }

    /// Takes back everything that the change wrote and nobody overwrote.
    pub fn revert(&self, mark: &Mark) {
        let names: Vec<_> = self.lock().services.keys().cloned().collect();
        for name in names {
            // The name was there a moment ago, and services are never removed.
            let _ = self.with(&name, |service| {
                service.state.revert(mark);
                service.start.revert(mark);
            });
        }
    }

    /// Calls `told` whenever a service started or stopped, in the order in which watchers were added. The call happens
    /// on the stack of whoever changed it; it should only pass the news on.
    pub fn watch(&self, told: impl Fn(&str, ServiceState) + Send + Sync + 'static) -> ServiceWatchId {
        let mut inner = self.lock();
        let id = inner.next_watcher;
        inner.next_watcher += 1;
        inner.watchers.insert(id, Arc::new(told));
        ServiceWatchId(id)
    }

    /// Removes a watcher.
    pub fn unwatch(&self, id: ServiceWatchId) {
        self.lock().watchers.remove(&id.0);
    }
}

impl Service {
    fn status(&self) -> ServiceStatus {
        self.as_status(*self.state.get(), *self.start.get())
    }

    fn shown(&self) -> ServiceStatus {
        self.as_status(*self.state.peek(), *self.start.peek())
    }

    fn as_status(&self, state: ServiceState, start: StartType) -> ServiceStatus {
        ServiceStatus {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            state,
            start,
            process_id: if state == ServiceState::Running { self.process_id } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        let services = Services::default();
        services.install("wuauserv", "Windows Update", StartType::Automatic, 996);
        services.install("BITS", "Background Intelligent Transfer Service", StartType::Manual, 996);
        services
    }

    #[test]
    fn a_manual_service_starts_on_demand_in_its_host() {
        let services = services();
        assert_eq!(services.query("bits").unwrap().process_id, 0);
        services.start("bits").unwrap();
        assert_eq!(services.query("BITS").unwrap().process_id, 996);
    }

    #[test]
    fn a_disabled_service_keeps_running_and_cannot_be_started_again() {
        let services = services();
        services.set_start("wuauserv", StartType::Disabled).unwrap();
        assert!(services.is_running("wuauserv"));
        services.stop("wuauserv").unwrap();
        assert_eq!(services.start("wuauserv").unwrap_err().hresult(), 0x8007_0422);
        assert_eq!(services.start("nosuch").unwrap_err().hresult(), 0x8007_0424);
    }

    #[test]
    fn a_change_that_nobody_looks_at_has_no_hits() {
        let services = services();
        let mark = Mark::new("stopped");
        services.stop_marked(&mark, "wuauserv").unwrap();
        assert!(services.all().iter().all(|service| service.state == ServiceState::Stopped));
        assert_eq!(mark.hits(), 0);
        assert!(!services.is_running("wuauserv"));
        assert_eq!(mark.hits(), 1);
        services.revert(&mark);
        assert!(services.is_running("wuauserv"));
    }

    #[test]
    fn a_service_that_was_started_again_stays_started() {
        let services = services();
        let mark = Mark::new("stopped");
        services.stop_marked(&mark, "wuauserv").unwrap();
        services.start("wuauserv").unwrap();
        services.revert(&mark);
        assert!(services.is_running("wuauserv"));
    }

    #[test]
    fn watchers_hear_of_starts_and_stops_and_of_nothing_else() {
        let services = services();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&heard);
        let id = services.watch(move |name, state| store.lock().unwrap().push((name.to_owned(), state)));
        let mark = Mark::new("stopped");
        services.stop_marked(&mark, "WUAUSERV").unwrap();
        services.stop("wuauserv").unwrap();
        services.set_start("wuauserv", StartType::Manual).unwrap();
        services.revert(&mark);
        services.start("wuauserv").unwrap();
        services.unwatch(id);
        services.stop("wuauserv").unwrap();
        let name = || "wuauserv".to_owned();
        assert_eq!(*heard.lock().unwrap(), [(name(), ServiceState::Stopped), (name(), ServiceState::Running)]);
    }
}
