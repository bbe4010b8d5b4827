//! Set-up: the site, its servers, boundaries and update source, as their owners have configured them.

use std::net::Ipv4Addr;

use cmsim_wire::guid::Braced;
use uuid::Uuid;

use crate::handle::{SiteDb, SiteDbError};

mod components;
mod records;

pub use records::{
    BoundaryGroupRecord, BoundaryRecord, ClientConnection, SiteInformation, SiteRecord, SiteRole, SiteSystemRecord,
    SiteType, SoftwareUpdatePointRecord, UpdateSourceRecord,
};

impl SiteDb {
    /// Adds a site with the component properties of a new installation.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if the code is taken.
    pub async fn add_site(&self, site: &SiteRecord) -> Result<(), SiteDbError> {
        let row = site.clone();
        self.write("add site", |c| {
            Box::pin(
                sqlx::query(
                    "INSERT INTO Sites (SiteCode, SiteName, ReportToSite, SiteType, BuildNumber, Version, SiteServer,
                        InstallDir, Settings, DefaultMP, Capabilities)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(row.site_code)
                .bind(row.name)
                .bind(row.parent)
                .bind(row.site_type.number())
                .bind(row.build)
                .bind(row.version)
                .bind(row.server)
                .bind(row.install_dir)
                .bind(row.client_settings)
                .bind(row.default_mp)
                .bind(row.capabilities)
                .execute(c),
            )
        })
        .await?;
        for (component, name, value1, value2) in components::DEFAULTS {
            self.set_component_property(&site.site_code, component, name, value1, value2).await?;
        }
        Ok(())
    }

    /// `MP_GetSiteInfo`: version, client settings and default management point of a site, or `None`.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_site_info(&self, site_code: &str) -> Result<Option<SiteInformation>, SiteDbError> {
        self.traced(cmsim_db::Exec::new("MP_GetSiteInfo").text(site_code));
        let site_code = site_code.to_owned();
        self.read("MP_GetSiteInfo", |c| {
            Box::pin(sqlx::query_as(include_str!("procedures/MP_GetSiteInfo.sql")).bind(site_code).fetch_optional(c))
        })
        .await
    }

    /// Sets a property of a site component as in the site control file.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn set_component_property(
        &self,
        site_code: &str,
        component: &str,
        name: &str,
        value1: &str,
        value2: &str,
    ) -> Result<(), SiteDbError> {
        let [site_code, component, name, value1, value2] =
            [site_code, component, name, value1, value2].map(str::to_owned);
        self.write("component property", |c| {
            Box::pin(async move {
                sqlx::query("INSERT OR IGNORE INTO SC_Component (SiteCode, ComponentName) VALUES (?, ?)")
                    .bind(&site_code)
                    .bind(&component)
                    .execute(&mut *c)
                    .await?;
                sqlx::query(
                    "INSERT INTO SC_Component_Property (ComponentID, Name, Value1, Value2)
                     SELECT ID, ?3, ?4, ?5 FROM SC_Component WHERE SiteCode = ?1 AND ComponentName = ?2
                     ON CONFLICT (ComponentID, Name) DO UPDATE SET Value1 = excluded.Value1, Value2 = excluded.Value2",
                )
                .bind(site_code)
                .bind(component)
                .bind(name)
                .bind(value1)
                .bind(value2)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// The two values of a component property, or `None`.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn component_property(
        &self,
        site_code: &str,
        component: &str,
        name: &str,
    ) -> Result<Option<(String, String)>, SiteDbError> {
        let [site_code, component, name] = [site_code, component, name].map(str::to_owned);
        self.read("component property", |c| {
            Box::pin(
                sqlx::query_as(
                    "SELECT p.Value1, p.Value2 FROM SC_Component_Property p JOIN SC_Component k ON k.ID = p.ComponentID
                     WHERE k.SiteCode = ? AND k.ComponentName = ? AND p.Name = ?",
                )
                .bind(site_code)
                .bind(component)
                .bind(name)
                .fetch_optional(c),
            )
        })
        .await
    }

    /// Adds a role on a server.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if the server has that role already.
    pub async fn add_site_system(&self, system: &SiteSystemRecord) -> Result<(), SiteDbError> {
        let row = system.clone();
        self.write("add site system", |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO SysResList (SiteCode, RoleName, ServerName, ServerRemoteName, InternetEnabled, SslState,
                        DomainFQDN, ForestFQDN, IISPreferredPort, IISSslPreferredPort, NALPath)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(&row.site_code)
                .bind(row.role.name())
                .bind(&row.server)
                .bind(&row.server)
                .bind(row.internet)
                .bind(if row.ssl { 63 } else { 0 })
                .bind(&row.domain)
                .bind(&row.forest)
                .bind(row.http_port)
                .bind(row.https_port)
                .bind(row.nal_path())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Adds the update source of a site.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if its id is taken.
    pub async fn add_update_source(&self, source: &UpdateSourceRecord) -> Result<(), SiteDbError> {
        let (row, now) = (source.clone(), self.now());
        self.write("add update source", |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO CI_UpdateSources (UpdateSource_UniqueID, UpdateSourceName, UpdateSourceVersion,
                        SourceSite, DateCreated, DateModified)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                )
                .bind(Braced(row.unique_id).to_string())
                .bind(&row.name)
                .bind(row.content_version.to_string())
                .bind(&row.site_code)
                .bind(now)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Adds a software update point to those that locations name.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if the server is listed already.
    pub async fn add_software_update_point(&self, point: &SoftwareUpdatePointRecord) -> Result<(), SiteDbError> {
        let row = point.clone();
        self.write("add software update point", |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO WSUSServerLocations (SiteCode, UpdateSource_UniqueID, ServerName, WSUSURL,
                        ContentVersion, ForestFQDN, ClientConnection)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(&row.site_code)
                .bind(Braced(row.source).to_string())
                .bind(&row.server)
                .bind(&row.url)
                .bind(row.content_version)
                .bind(&row.forest)
                .bind(row.connection.number())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Adds a boundary and returns its id.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if there is an equal one.
    pub async fn add_boundary(&self, boundary: &BoundaryRecord, display_name: &str) -> Result<i64, SiteDbError> {
        let (row, display_name, now) = (boundary.clone(), display_name.to_owned(), self.now());
        self.write("add boundary", |c| {
            Box::pin(async move {
                let range = row.range();
                sqlx::query_scalar(
                    "INSERT INTO BoundaryEx (BoundaryType, Value, DisplayName, NumericValueLow, NumericValueHigh,
                        CreatedOn, ModifiedOn)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) RETURNING BoundaryID",
                )
                .bind(row.type_number())
                .bind(row.value())
                .bind(display_name)
                .bind(range.map(|(low, _)| Ipv4Addr::to_bits(low)))
                .bind(range.map(|(_, high)| Ipv4Addr::to_bits(high)))
                .bind(now)
                .fetch_one(c)
                .await
            })
        })
        .await
    }

    /// Adds a boundary group with its boundaries and servers and returns its id.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if a name is taken or a boundary does not exist.
    pub async fn add_boundary_group(&self, group: &BoundaryGroupRecord) -> Result<i64, SiteDbError> {
        let (row, now) = (group.clone(), self.now());
        self.write("add boundary group", |c| {
            Box::pin(async move {
                let id: i64 = sqlx::query_scalar(
                    "INSERT INTO BoundaryGroup (GroupGUID, Name, DefaultSiteCode, Flags, CreatedOn, ModifiedOn)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING GroupID",
                )
                .bind(row.unique_id.to_string())
                .bind(&row.name)
                .bind(&row.assigned_site)
                .bind(row.site_default)
                .bind(now)
                .fetch_one(&mut *c)
                .await?;
                for boundary in &row.boundaries {
                    sqlx::query("INSERT INTO BoundaryGroupMembers (GroupID, BoundaryID) VALUES (?, ?)")
                        .bind(id)
                        .bind(boundary)
                        .execute(&mut *c)
                        .await?;
                }
                for system in &row.systems {
                    sqlx::query(
                        "INSERT INTO BoundaryGroupSiteSystems (GroupID, ServerNALPath, SiteCode, ServerName)
                         VALUES (?, ?, ?, ?)",
                    )
                    .bind(id)
                    .bind(records::nal_path(system, &row.systems_site))
                    .bind(&row.systems_site)
                    .bind(system)
                    .execute(&mut *c)
                    .await?;
                }
                Ok(id)
            })
        })
        .await
    }

    /// Lets clients of one group use the software update points of another after some minutes; `None` for never.
    ///
    /// # Errors
    /// [`SiteDbError::Database`], among others if a group does not exist.
    pub async fn relate_boundary_groups(
        &self,
        from: i64,
        to: i64,
        update_point_minutes: Option<u32>,
    ) -> Result<(), SiteDbError> {
        self.write("relate boundary groups", move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO BoundaryGroupRelationships (SourceGroupID, DestinationGroupID, FallbackSUP)
                     VALUES (?1, ?2, ?3)
                     ON CONFLICT (SourceGroupID, DestinationGroupID) DO UPDATE SET FallbackSUP = excluded.FallbackSUP",
                )
                .bind(from)
                .bind(to)
                .bind(update_point_minutes.map_or(-1, i64::from))
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// Resource id of the client with that id.
    ///
    /// # Errors
    /// [`SiteDbError::Missing`] if there is none.
    pub async fn resource_id(&self, client_id: &str) -> Result<i64, SiteDbError> {
        let name = client_id.to_owned();
        let id: Option<i64> = self
            .read("resource id", |c| {
                Box::pin(
                    sqlx::query_scalar("SELECT ItemKey FROM System_DISC WHERE SMS_Unique_Identifier0 = ?")
                        .bind(name)
                        .fetch_optional(c),
                )
            })
            .await?;
        id.ok_or_else(|| SiteDbError::Missing { what: "client", name: client_id.to_owned() })
    }

    /// Unique id of the update source of a site, if it has one.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn update_source_id(&self, site_code: &str) -> Result<Option<Uuid>, SiteDbError> {
        let site_code = site_code.to_owned();
        let id: Option<String> = self
            .read("update source id", |c| {
                Box::pin(
                    sqlx::query_scalar("SELECT UpdateSource_UniqueID FROM CI_UpdateSources WHERE SourceSite = ?")
                        .bind(site_code)
                        .fetch_optional(c),
                )
            })
            .await?;
        Ok(id.and_then(|text| Some(text.parse::<Braced>().ok()?.0)))
    }
}
