//! The computers that talk to the server.

use std::net::IpAddr;

use cmsim_wire::wusp::register_computer::ComputerInfo;
use uuid::Uuid;

use super::{ALL_COMPUTERS, Susdb, SusdbError, UNASSIGNED_COMPUTERS, guid, sql_time};

/// A registered computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its groups, the most special one first and All Computers last.
    pub(crate) groups: Vec<Uuid>,
}

impl Susdb {
    /// The computer with that client id, if it is registered.
    pub(crate) async fn target(&self, client_id: &str) -> Result<Option<Target>, SusdbError> {
        let client_id = client_id.to_owned();
        let groups: Option<Option<String>> = self
            .db
            .read("look up a computer", |c| {
                Box::pin(
                    sqlx::query_scalar(
                        "SELECT (SELECT group_concat(TargetGroupID) FROM tbTargetInTargetGroup g
                                 WHERE g.TargetID = t.TargetID)
                         FROM tbComputerTarget t WHERE ComputerID = ?",
                    )
                    .bind(client_id)
                    .fetch_optional(c),
                )
            })
            .await?;
        let Some(groups) = groups else { return Ok(None) };
        let mut groups =
            groups.iter().flat_map(|list| list.split(',')).map(guid).collect::<Result<Vec<Uuid>, SusdbError>>()?;
        groups.retain(|group| *group != ALL_COMPUTERS);
        groups.push(ALL_COMPUTERS);
        Ok(Some(Target { groups }))
    }

    /// Registers a computer or refreshes what is known of it. A group that does not exist counts as none.
    pub(crate) async fn register(
        &self,
        client_id: &str,
        target_group: &str,
        address: Option<IpAddr>,
        info: &ComputerInfo,
    ) -> Result<(), SusdbError> {
        let (client_id, target_group, info) = (client_id.to_owned(), target_group.to_owned(), info.clone());
        let (address, now) = (address.map(|address| address.to_string()), sql_time(self.now()));
        self.db
            .write("register a computer", move |c| {
                Box::pin(async move {
                    let target: i64 = sqlx::query_scalar(include_str!("sql/register_target.sql"))
                        .bind(client_id)
                        .bind(info.dns_name.as_deref().unwrap_or_default())
                        .bind(address)
                        .bind(now)
                        .fetch_one(&mut *c)
                        .await?;
                    let version = info.client_version.map(|part| part.to_string()).join(".");
                    let modern = info.windows_10.as_ref();
                    sqlx::query(include_str!("sql/register_detail.sql"))
                        .bind(target)
                        .bind(info.os_version[0])
                        .bind(info.os_version[1])
                        .bind(info.os_version[2])
                        .bind(info.os_service_pack[0])
                        .bind(info.os_service_pack[1])
                        .bind(info.os_locale)
                        .bind(info.computer_manufacturer)
                        .bind(info.computer_model)
                        .bind(info.bios_version)
                        .bind(info.bios_name)
                        .bind(sql_time(info.bios_release_date))
                        .bind(info.processor_architecture)
                        .bind(info.suite_mask)
                        .bind(info.old_product_type)
                        .bind(info.new_product_type)
                        .bind(info.system_metrics)
                        .bind(version)
                        .bind(modern.map(|info| info.os_description.clone()))
                        .bind(modern.map(|info| info.oem.clone()))
                        .bind(modern.map(|info| info.device_type.clone()))
                        .bind(modern.map(|info| info.firmware_version.clone()))
                        .bind(modern.map(|info| info.mobile_operator.clone()))
                        .execute(&mut *c)
                        .await?;
                    sqlx::query("DELETE FROM tbTargetInTargetGroup WHERE TargetID = ?").bind(target).execute(&mut *c).await?;
                    sqlx::query(
                        "INSERT INTO tbTargetInTargetGroup (TargetID, TargetGroupID)
                         VALUES (?1, coalesce((SELECT TargetGroupID FROM tbTargetGroup WHERE TargetGroupName = ?2), ?3))",
                    )
                    .bind(target)
                    .bind(target_group)
                    .bind(UNASSIGNED_COMPUTERS.to_string())
                    .execute(c)
                    .await
                })
            })
            .await?;
        Ok(())
    }

    /// Notes that a computer has synchronised.
    pub(crate) async fn synchronised(&self, client_id: &str) -> Result<(), SusdbError> {
        let (client_id, now) = (client_id.to_owned(), sql_time(self.now()));
        self.db
            .write("note a synchronisation", |c| {
                Box::pin(
                    sqlx::query("UPDATE tbComputerTarget SET LastSyncTime = ? WHERE ComputerID = ?")
                        .bind(now)
                        .bind(client_id)
                        .execute(c),
                )
            })
            .await?;
        Ok(())
    }
}
