//! SyncUpdates: the software passes and the driver pass.

mod answer;
mod device;

use uuid::Uuid;

use super::values::{self, put_display, put_guids, put_ints, put_list, put_some, required};
use super::{Call, Cookie, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

pub use answer::{Deployment, DeploymentAction, SyncUpdatesResponse, UpdateInfo};
pub use device::{Device, DriverVersion, ExtensionDriver, InstalledDriver};

/// The call (MS-WUSP 2.2.2.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncUpdates {
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// What the client has and wants.
    pub parameters: Option<SyncUpdateParameters>,
}

/// What the client has and wants. Order of the elements as sent (capture), which is the schema's plus
/// `AlsoPerformRegularSync` and `ProductsParameters`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SyncUpdateParameters {
    /// Always false; ignored.
    pub express_query: bool,
    /// Revision ids of cached, non-leaf revisions evaluated as installed. At most 400 by default.
    pub installed_non_leaf_update_ids: Vec<i32>,
    /// Revision ids of all other cached software. At most 22,000 by default.
    pub other_cached_update_ids: Vec<i32>,
    /// The devices, in the driver pass only.
    pub system_spec: Vec<Device>,
    /// Revision ids of cached drivers.
    pub cached_driver_ids: Vec<i32>,
    /// False for a software pass, true for the driver pass.
    pub skip_software_sync: bool,
    /// The categories of a limited scan.
    pub filter_category_ids: Vec<Uuid>,
    /// Whether deployed revisions that fall out of scope are to be listed apart. Sent from 1.7 on.
    pub need_two_group_out_of_scope_updates: Option<bool>,
    /// Outside the specification; false when sent (capture).
    pub also_perform_regular_sync: Option<bool>,
    /// Hardware ids of the computer; `Some` and empty in a software pass (capture). Windows 10 and later.
    pub computer_spec: Option<Vec<Uuid>>,
    /// Such as `AMD64.10.0`, in the driver pass of Windows 10 and later (capture).
    pub feature_score_matching_key: Option<String>,
    /// Outside the specification; sent by current agents (capture).
    pub products_parameters: Option<ProductsParameters>,
}

/// What current agents add about themselves (capture).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProductsParameters {
    /// False when sent.
    pub sync_current_version_only: bool,
    /// `Key=Value;` pairs, sorted without regard to case, with a trailing semicolon.
    pub device_attributes: String,
    /// `Interactive=…;SheddingAware=1;Id=…;` and the like: who asked for the scan.
    pub caller_attributes: String,
}

impl Call for SyncUpdates {
    type Answer = SyncUpdatesResponse;
}

impl Message for SyncUpdates {
    const ELEMENT: &'static str = "SyncUpdates";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        if let Some(cookie) = &self.cookie {
            cookie.write(writer, "cookie");
        }
        if let Some(parameters) = &self.parameters {
            parameters.write(writer);
        }
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut call = Self { cookie: None, parameters: None };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "cookie" => call.cookie = Cookie::read(reader, &child)?,
                "parameters" => call.parameters = Some(SyncUpdateParameters::read(reader, &child)?),
                _ => {}
            }
        }
        Ok(call)
    }
}

impl SyncUpdateParameters {
    fn write(&self, writer: &mut Writer) {
        writer.start("parameters");
        put_display(writer, "ExpressQuery", self.express_query);
        put_ints(writer, "InstalledNonLeafUpdateIDs", &self.installed_non_leaf_update_ids);
        put_ints(writer, "OtherCachedUpdateIDs", &self.other_cached_update_ids);
        put_list(writer, "SystemSpec", &self.system_spec, |writer, device| device.write(writer));
        put_ints(writer, "CachedDriverIDs", &self.cached_driver_ids);
        put_display(writer, "SkipSoftwareSync", self.skip_software_sync);
        put_list(writer, "FilterCategoryIds", &self.filter_category_ids, |writer, id| {
            writer.start("CategoryIdentifier");
            put_display(writer, "Id", id);
            writer.end();
        });
        if let Some(needed) = self.need_two_group_out_of_scope_updates {
            put_display(writer, "NeedTwoGroupOutOfScopeUpdates", needed);
        }
        if let Some(also) = self.also_perform_regular_sync {
            put_display(writer, "AlsoPerformRegularSync", also);
        }
        if let Some(ids) = &self.computer_spec {
            writer.start("ComputerSpec");
            put_guids(writer, "HardwareIDs", ids);
            writer.end();
        }
        put_some(writer, "FeatureScoreMatchingKey", self.feature_score_matching_key.as_deref());
        if let Some(products) = &self.products_parameters {
            products.write(writer);
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut read = Self::default();
        let mut skip = None;
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "ExpressQuery" => read.express_query = values::boolean(reader, &child)?.unwrap_or(false),
                "InstalledNonLeafUpdateIDs" => read.installed_non_leaf_update_ids = values::ints(reader, &child)?,
                "OtherCachedUpdateIDs" => read.other_cached_update_ids = values::ints(reader, &child)?,
                "SystemSpec" => read.system_spec = values::list(reader, &child, "Device", Device::read)?,
                "CachedDriverIDs" => read.cached_driver_ids = values::ints(reader, &child)?,
                "SkipSoftwareSync" => skip = values::boolean(reader, &child)?,
                "FilterCategoryIds" => {
                    read.filter_category_ids = values::list(reader, &child, "CategoryIdentifier", read_category)?;
                }
                "NeedTwoGroupOutOfScopeUpdates" => {
                    read.need_two_group_out_of_scope_updates = values::boolean(reader, &child)?;
                }
                "AlsoPerformRegularSync" => read.also_perform_regular_sync = values::boolean(reader, &child)?,
                "ComputerSpec" => read.computer_spec = read_computer_spec(reader, &child)?,
                "FeatureScoreMatchingKey" => read.feature_score_matching_key = values::string(reader, &child)?,
                "ProductsParameters" => read.products_parameters = ProductsParameters::read(reader, &child)?,
                _ => {}
            }
        }
        read.skip_software_sync = required(skip, tag, "SkipSoftwareSync")?;
        Ok(read)
    }
}

fn read_category<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Uuid>, XmlError> {
    let mut id = None;
    while let Some(child) = reader.next_child(tag)? {
        if child.local() == "Id" {
            id = values::guid(reader, &child)?;
        }
    }
    Ok(id)
}

fn read_computer_spec<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Vec<Uuid>>, XmlError> {
    let mut ids = Vec::new();
    while let Some(child) = reader.next_child(tag)? {
        if child.local() == "HardwareIDs" {
            ids = values::guids(reader, &child)?;
        }
    }
    Ok((!values::is_nil(tag)).then_some(ids))
}

impl ProductsParameters {
    fn write(&self, writer: &mut Writer) {
        writer.start("ProductsParameters");
        put_display(writer, "SyncCurrentVersionOnly", self.sync_current_version_only);
        put_some(writer, "DeviceAttributes", Some(&self.device_attributes));
        put_some(writer, "CallerAttributes", Some(&self.caller_attributes));
        // Sent although it is always empty (capture).
        writer.empty("Products");
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<Self>, XmlError> {
        let mut read = Self::default();
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "SyncCurrentVersionOnly" => {
                    read.sync_current_version_only = values::boolean(reader, &child)?.unwrap_or(false);
                }
                "DeviceAttributes" => read.device_attributes = values::string(reader, &child)?.unwrap_or_default(),
                "CallerAttributes" => read.caller_attributes = values::string(reader, &child)?.unwrap_or_default(),
                _ => {}
            }
        }
        Ok((!values::is_nil(tag)).then_some(read))
    }
}
