//! The three procedures behind a location reply.

use std::net::IpAddr;

use cmsim_db::Exec;
use cmsim_wire::guid::Braced;
use cmsim_wire::location::{ClientLocation, LocationRecord};
use cmsim_wire::profile::SiteGeneration;
use serde_json::json;
use uuid::Uuid;

use crate::handle::{SiteDb, SiteDbError};

/// A site whose management points serve the clients of the assigned site.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MpSite {
    /// Site code.
    #[sqlx(rename = "SiteCode")]
    pub site_code: String,
    /// 1 secondary, 2 primary.
    #[sqlx(rename = "SiteType")]
    pub site_type: i64,
}

/// Where a client is, in terms of the site: result of `MP_GetSiteInfoUnified` (columns inferred).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteInfo {
    /// Site whose boundaries the client is in; `None` if its boundary groups assign no site.
    pub resident_site: Option<String>,
    /// Boundary groups of the client, by id with GUID.
    pub groups: Vec<(i64, Uuid)>,
}

/// Arguments of `MP_GetWSUSServerLocations`, in the procedure's order (article; the meaning of the two site codes
/// and of the last argument is inferred).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsusLocationQuery {
    /// Unique id of the update source.
    pub source: Uuid,
    /// Content version the client needs at least.
    pub content_version: u32,
    /// Site the client is assigned to.
    pub assigned_site: String,
    /// Site whose boundaries it is in.
    pub resident_site: String,
    /// Whether it is on the Internet.
    pub on_internet: bool,
    /// Its forest; empty for a workgroup.
    pub forest: String,
    /// Its boundary groups. Only a current-branch site looks at them, as a seventh argument (inferred).
    pub boundary_groups: Vec<i64>,
}

/// One software update point that a client may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsusServerLocation {
    /// Site of the software update point.
    pub site_code: String,
    /// The record as the reply carries it.
    pub record: LocationRecord,
}

impl SiteDb {
    /// `MP_GetMPSitesFromAssignedSite`: the site and its secondary sites; empty for an unknown code.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_mp_sites_from_assigned_site(&self, site_code: &str) -> Result<Vec<MpSite>, SiteDbError> {
        self.traced(Exec::new("MP_GetMPSitesFromAssignedSite").text(site_code));
        let site_code = site_code.to_owned();
        self.read("MP_GetMPSitesFromAssignedSite", |c| {
            Box::pin(
                sqlx::query_as(include_str!("procedures/MP_GetMPSitesFromAssignedSite.sql"))
                    .bind(site_code)
                    .fetch_all(c),
            )
        })
        .await
    }

    /// `MP_GetSiteInfoUnified`: which boundary groups, and through them which site, the client is in.
    /// The trace shows the location as the client's message carries it.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_site_info_unified(&self, client: &ClientLocation) -> Result<SiteInfo, SiteDbError> {
        self.traced(Exec::new("MP_GetSiteInfoUnified").text(client.to_xml()));
        let addresses: Vec<_> = client
            .addresses
            .iter()
            .map(|place| {
                json!({
                    "subnet": place.subnet.to_string(),
                    "address": place.address.to_string(),
                    "number": ipv4_number(place.address),
                })
            })
            .collect();
        let addresses = serde_json::Value::from(addresses).to_string();
        let ad_site = client.ad_site.clone().unwrap_or_default();
        let rows: Vec<(i64, String, i64, Option<String>)> = self
            .read("MP_GetSiteInfoUnified", |c| {
                Box::pin(
                    sqlx::query_as(include_str!("procedures/MP_GetSiteInfoUnified.sql"))
                        .bind(addresses)
                        .bind(ad_site)
                        .fetch_all(c),
                )
            })
            .await?;
        Ok(SiteInfo {
            resident_site: rows.iter().find_map(|(_, _, _, site)| site.clone()),
            groups: rows.iter().filter_map(|(id, guid, _, _)| Some((*id, guid.parse::<Braced>().ok()?.0))).collect(),
        })
    }

    /// `MP_GetWSUSServerLocations`: the software update points for a client, in the order of the reply.
    /// The rules are those of the site's generation.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_wsus_server_locations(
        &self,
        query: &WsusLocationQuery,
    ) -> Result<Vec<WsusServerLocation>, SiteDbError> {
        let source = Braced(query.source).to_string();
        let groups = serde_json::Value::from(query.boundary_groups.clone()).to_string();
        let on_internet = i64::from(query.on_internet);
        let call = Exec::new("MP_GetWSUSServerLocations")
            .text(&source)
            .text(query.content_version)
            .text(&query.assigned_site)
            .text(&query.resident_site)
            .text(on_internet)
            .text(&query.forest);
        let (call, sql) = match self.generation() {
            SiteGeneration::Cm2012R2 => (call, include_str!("procedures/MP_GetWSUSServerLocations.sql")),
            SiteGeneration::CurrentBranch => {
                (call.text(&groups), include_str!("procedures/MP_GetWSUSServerLocations.CurrentBranch.sql"))
            }
        };
        self.traced(call);
        let query = query.clone();
        let rows: Vec<(String, String, String, u32)> = self
            .read("MP_GetWSUSServerLocations", move |c| {
                Box::pin(
                    sqlx::query_as(sql)
                        .bind(source)
                        .bind(query.content_version)
                        .bind(query.assigned_site)
                        .bind(query.resident_site)
                        .bind(on_internet)
                        .bind(query.forest)
                        .bind(groups)
                        .fetch_all(c),
                )
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|(site_code, url, server_name, version)| WsusServerLocation {
                site_code,
                record: LocationRecord { url, server_name, version },
            })
            .collect())
    }
}

/// An IPv4 address as the number that range boundaries compare.
pub(crate) fn ipv4_number(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(address) => Some(address.to_bits()),
        IpAddr::V6(_) => None,
    }
}
