//! Machines: discovery and registration.

use cmsim_db::Exec;
use cmsim_wire::location::SubnetAddress;
use sqlx::SqliteConnection;

use crate::handle::{SiteDb, SiteDbError};

/// What discovery knows of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveredSystem {
    /// NetBIOS name.
    pub name: String,
    /// DNS domain; empty for a workgroup.
    pub full_domain: String,
    /// NetBIOS domain or workgroup.
    pub domain_or_workgroup: String,
    /// Active Directory site; empty if none.
    pub ad_site: String,
    /// Operating system as discovery names it, such as `Microsoft Windows NT Workstation 6.1`.
    pub operating_system: String,
    /// Build of the operating system.
    pub build: String,
    /// Site it is assigned to; empty if none.
    pub assigned_site: String,
    /// Addresses with their subnets.
    pub addresses: Vec<SubnetAddress>,
}

/// A registration that the management point took, as its `.rdr` file carries it to the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The client id the server assigned, `GUID:…`.
    pub client_id: String,
    /// NetBIOS name.
    pub netbios_name: String,
    /// Full name; what follows the first dot is the domain.
    pub fqdn: String,
    /// Signing certificate, hex as in the request.
    pub signing_certificate: String,
    /// Encryption certificate, hex as in the request.
    pub encryption_certificate: String,
    /// Key type as in the request.
    pub key_type: u32,
    /// Whether the client is approved at once.
    pub approved: bool,
    /// Version of the client.
    pub client_version: String,
    /// Site the client is assigned to.
    pub site_code: String,
}

/// Result of `MP_IsClientRegistered` (columns ours).
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RegistrationState {
    /// Resource id of the machine.
    #[sqlx(rename = "ItemKey")]
    pub resource_id: i64,
    /// Signing certificate, hex.
    #[sqlx(rename = "SigningKey")]
    pub signing_certificate: String,
    /// Encryption certificate, hex.
    #[sqlx(rename = "EncryptionKey")]
    pub encryption_certificate: String,
    /// Key type.
    #[sqlx(rename = "KeyType")]
    pub key_type: u32,
    /// 0 not approved, 1 approved.
    #[sqlx(rename = "ApprovalStatus")]
    pub approval: i64,
    /// Whether an administrator blocked the client.
    #[sqlx(rename = "IsBlocked")]
    pub blocked: bool,
}

impl SiteDb {
    /// `MP_IsClientRegistered`: the keys of a client, or `None`. Client ids are `GUID:…` in any case.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_is_client_registered(&self, client_id: &str) -> Result<Option<RegistrationState>, SiteDbError> {
        self.traced(Exec::new("MP_IsClientRegistered").text(client_id));
        let client_id = client_id.to_owned();
        self.read("MP_IsClientRegistered", |c| {
            Box::pin(
                sqlx::query_as(include_str!("procedures/MP_IsClientRegistered.sql")).bind(client_id).fetch_optional(c),
            )
        })
        .await
    }

    /// Notes a machine, or what has changed about a known one; returns its resource id.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn discover(&self, system: &DiscoveredSystem) -> Result<i64, SiteDbError> {
        let (system, now) = (system.clone(), self.now());
        self.write("discovery", |c| {
            Box::pin(async move {
                let resource = upsert_system(c, &system.name, &system.full_domain, &now).await?;
                sqlx::query(
                    "UPDATE System_DISC SET Resource_Domain_OR_Workgr0 = ?2, AD_Site_Name0 = ?3,
                        Operating_System_Name_and0 = ?4, Build01 = ?5, Assigned_Site = ?6 WHERE ItemKey = ?1",
                )
                .bind(resource)
                .bind(&system.domain_or_workgroup)
                .bind(&system.ad_site)
                .bind(&system.operating_system)
                .bind(&system.build)
                .bind(&system.assigned_site)
                .execute(&mut *c)
                .await?;
                sqlx::query("DELETE FROM System_IP_ARR WHERE ItemKey = ?").bind(resource).execute(&mut *c).await?;
                for place in &system.addresses {
                    sqlx::query("INSERT OR IGNORE INTO System_IP_ARR (ItemKey, Address, Subnet) VALUES (?, ?, ?)")
                        .bind(resource)
                        .bind(place.address.to_string())
                        .bind(place.subnet.to_string())
                        .execute(&mut *c)
                        .await?;
                }
                Ok(resource)
            })
        })
        .await
    }

    /// Takes a registration into the site; returns the resource id. The machine is created if discovery does not
    /// know it. A machine that registers under a new id loses the old one.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn register_client(&self, registration: &Registration) -> Result<i64, SiteDbError> {
        let (client, now) = (registration.clone(), self.now());
        self.write("registration", |c| {
            Box::pin(async move {
                let domain = client.fqdn.split_once('.').map_or("", |(_, domain)| domain);
                let resource = upsert_system(c, &client.netbios_name, domain, &now).await?;
                sqlx::query("DELETE FROM ClientKeyData WHERE ItemKey = ?1 AND SMSID <> ?2")
                    .bind(resource)
                    .bind(&client.client_id)
                    .execute(&mut *c)
                    .await?;
                sqlx::query(
                    "UPDATE System_DISC SET SMS_Unique_Identifier0 = ?2, Client0 = 1, Client_Type0 = 1, Active0 = 1,
                        Client_Version0 = ?3, Assigned_Site = ?4 WHERE ItemKey = ?1",
                )
                .bind(resource)
                .bind(&client.client_id)
                .bind(&client.client_version)
                .bind(&client.site_code)
                .execute(&mut *c)
                .await?;
                sqlx::query(
                    "INSERT INTO ClientKeyData (SMSID, ItemKey, SigningKey, EncryptionKey, KeyType, ApprovalStatus,
                        RegistrationTime)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (SMSID) DO UPDATE SET SigningKey = excluded.SigningKey,
                        EncryptionKey = excluded.EncryptionKey, KeyType = excluded.KeyType,
                        ApprovalStatus = MAX(ApprovalStatus, excluded.ApprovalStatus),
                        RegistrationTime = excluded.RegistrationTime",
                )
                .bind(&client.client_id)
                .bind(resource)
                .bind(&client.signing_certificate)
                .bind(&client.encryption_certificate)
                .bind(client.key_type)
                .bind(client.approved)
                .bind(&now)
                .execute(&mut *c)
                .await?;
                Ok(resource)
            })
        })
        .await
    }
}

/// The resource id of the machine of that name, made if there is none.
async fn upsert_system(
    connection: &mut SqliteConnection,
    name: &str,
    full_domain: &str,
    now: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO System_DISC (Name0, Full_Domain_Name0, Creation_Date0) VALUES (?1, ?2, ?3)
         ON CONFLICT (Name0, Full_Domain_Name0) DO UPDATE SET Name0 = excluded.Name0
         RETURNING ItemKey",
    )
    .bind(name)
    .bind(full_domain)
    .bind(now)
    .fetch_one(connection)
    .await
}
