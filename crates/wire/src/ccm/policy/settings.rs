//! The settings classes that software updates need, as instances inside policy bodies.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::body::{CimType, Instance};
use crate::guid::Braced;

/// `PolicyCategory` of the policy that carries [`UpdateSource`] (article).
pub const POLICY_CATEGORY_UPDATE_SOURCE: &str = "UpdateSource";

/// `ContentType` of a WSUS update source (field: client WMI class).
pub const CONTENT_TYPE_WSUS: u32 = 2;

/// An instance that is not what its class promises.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Another class.
    #[error("expected an instance of {expected}, found {found}")]
    Class {
        /// Wanted class.
        expected: &'static str,
        /// Class of the instance.
        found: String,
    },
    /// A property is missing or malformed.
    #[error("property {0} is missing or malformed")]
    Property(&'static str),
}

/// `CCM_UpdateSource`: which update source, and which content version at least. `UniqueID` is capture (client logs),
/// `ScanFailureRetryErrorCodes` is docs, its array form and the rest follow the agent's own class (field) and are
/// inferred for this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateSource {
    /// Unique id, the key.
    pub unique_id: Uuid,
    /// [`CONTENT_TYPE_WSUS`].
    pub content_type: u32,
    /// Content version that a scan needs.
    pub content_version: u32,
    /// Id of a service other than WSUS; empty for WSUS.
    pub service_id: String,
    /// Result codes after which the client tries another software update point, unsigned.
    pub retry_codes: Vec<u32>,
}

impl UpdateSource {
    /// Name of the class.
    pub const CLASS: &'static str = "CCM_UpdateSource";

    /// As an instance.
    #[must_use]
    pub fn to_instance(&self) -> Instance {
        Instance::new(Self::CLASS)
            .with("UniqueID", CimType::String, Braced(self.unique_id))
            .with("ContentType", CimType::Uint32, self.content_type)
            .with("ContentVersion", CimType::Uint32, self.content_version)
            .with("ServiceId", CimType::String, &self.service_id)
            .with_array("ScanFailureRetryErrorCodes", CimType::Uint32, &self.retry_codes)
    }

    /// From an instance.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_instance(instance: &Instance) -> Result<Self, SettingsError> {
        expect_class(instance, Self::CLASS)?;
        let codes = instance.property("ScanFailureRetryErrorCodes");
        let codes = codes.map_or([].as_slice(), |property| &property.values);
        let retry_codes: Result<_, _> = codes.iter().map(|code| code.parse()).collect();
        Ok(Self {
            unique_id: required::<Braced>(instance, "UniqueID")?.0,
            content_type: required(instance, "ContentType")?,
            content_version: required(instance, "ContentVersion")?,
            service_id: instance.value("ServiceId").unwrap_or_default().to_owned(),
            retry_codes: retry_codes.map_err(|_| SettingsError::Property("ScanFailureRetryErrorCodes"))?,
        })
    }
}

/// `CCM_SoftwareUpdatesClientConfig` (field: names of the class in client WMI; units and defaults inferred from the
/// waits that documents describe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftwareUpdatesClientConfig {
    /// Whether software updates are switched on for clients.
    pub enabled: bool,
    /// Scan retries on one software update point before the next is tried: 4 (docs: failover).
    pub max_scan_retry_count: u32,
    /// Seconds between scan retries: 1800 (docs: failover).
    pub scan_retry_delay: u32,
    /// Seconds to wait for a WSUS location reply.
    pub wsus_location_timeout: u32,
    /// Seconds to wait for a content location reply.
    pub content_location_timeout: u32,
    /// Seconds to wait for the Group Policy notification: 120 (article: two minutes).
    pub group_policy_notification_timeout: u32,
}

impl Default for SoftwareUpdatesClientConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_scan_retry_count: 4,
            scan_retry_delay: 1800,
            wsus_location_timeout: 604_800,
            content_location_timeout: 604_800,
            group_policy_notification_timeout: 120,
        }
    }
}

impl SoftwareUpdatesClientConfig {
    /// Name of the class.
    pub const CLASS: &'static str = "CCM_SoftwareUpdatesClientConfig";

    /// As an instance.
    #[must_use]
    pub fn to_instance(self) -> Instance {
        Instance::new(Self::CLASS)
            .with("Enabled", CimType::Boolean, self.enabled)
            .with("MaxScanRetryCount", CimType::Uint32, self.max_scan_retry_count)
            .with("ScanRetryDelay", CimType::Uint32, self.scan_retry_delay)
            .with("WSUSLocationTimeout", CimType::Uint32, self.wsus_location_timeout)
            .with("ContentLocationTimeout", CimType::Uint32, self.content_location_timeout)
            .with("GroupPolicyNotificationTimeout", CimType::Uint32, self.group_policy_notification_timeout)
    }

    /// From an instance.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_instance(instance: &Instance) -> Result<Self, SettingsError> {
        expect_class(instance, Self::CLASS)?;
        Ok(Self {
            enabled: required(instance, "Enabled")?,
            max_scan_retry_count: required(instance, "MaxScanRetryCount")?,
            scan_retry_delay: required(instance, "ScanRetryDelay")?,
            wsus_location_timeout: required(instance, "WSUSLocationTimeout")?,
            content_location_timeout: required(instance, "ContentLocationTimeout")?,
            group_policy_notification_timeout: required(instance, "GroupPolicyNotificationTimeout")?,
        })
    }
}

/// `CCM_Scheduler_ScheduledMessage`: a message the client's scheduler sends (capture of schedule ids and targets in
/// Scheduler.log; the trigger's spelling is inferred).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledMessage {
    /// Schedule id.
    pub id: Uuid,
    /// Endpoint that gets the message, such as `direct:ScanAgent`.
    pub target_endpoint: String,
    /// Triggers, such as `SimpleInterval;Minutes=10080;MaxRandomDelayMinutes=0`.
    pub triggers: Vec<String>,
    /// The message.
    pub message: String,
}

impl ScheduledMessage {
    /// Name of the class.
    pub const CLASS: &'static str = "CCM_Scheduler_ScheduledMessage";

    /// As an instance.
    #[must_use]
    pub fn to_instance(&self) -> Instance {
        Instance::new(Self::CLASS)
            .with("ScheduledMessageID", CimType::String, Braced(self.id))
            .with("TargetEndpoint", CimType::String, &self.target_endpoint)
            .with_array("Triggers", CimType::String, &self.triggers)
            .with("TriggerMessage", CimType::String, &self.message)
    }

    /// From an instance.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_instance(instance: &Instance) -> Result<Self, SettingsError> {
        expect_class(instance, Self::CLASS)?;
        let triggers = instance.property("Triggers").ok_or(SettingsError::Property("Triggers"))?;
        Ok(Self {
            id: required::<Braced>(instance, "ScheduledMessageID")?.0,
            target_endpoint: required(instance, "TargetEndpoint")?,
            triggers: triggers.values.clone(),
            message: instance.value("TriggerMessage").unwrap_or_default().to_owned(),
        })
    }
}

fn expect_class(instance: &Instance, expected: &'static str) -> Result<(), SettingsError> {
    if instance.class == expected {
        return Ok(());
    }
    Err(SettingsError::Class { expected, found: instance.class.clone() })
}

fn required<T: FromStr>(instance: &Instance, name: &'static str) -> Result<T, SettingsError> {
    let value = instance.value(name).and_then(|value| value.parse().ok());
    value.ok_or(SettingsError::Property(name))
}
