//! Policies: what the management point reads and what the Policy Provider writes.

use cmsim_db::Exec;

use crate::handle::{SiteDb, SiteDbError};

/// One row of `MP_GetMachinePolicyAssignments` (columns from a public tool that calls it).
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AssignmentRow {
    /// Id of the assignment, `{…}`.
    #[sqlx(rename = "PolicyAssignmentID")]
    pub policy_assignment_id: String,
    /// Version such as `40.00`.
    #[sqlx(rename = "Version")]
    pub version: String,
    /// When the assignment changed last, UTC text. The newest is the cookie of a reply.
    #[sqlx(rename = "LastUpdateTime")]
    pub last_update_time: String,
    /// The `PolicyAssignment` element, FF FE and UTF-16LE.
    #[sqlx(rename = "Body")]
    pub body: Vec<u8>,
    /// Whether the assignment was withdrawn.
    #[sqlx(rename = "IsTombstoned")]
    pub is_tombstoned: bool,
    /// Signature of the body, hex; empty if unsigned.
    #[sqlx(rename = "BodySignature")]
    pub body_signature: String,
    /// CryptoAPI number of the hash algorithm.
    #[sqlx(rename = "HashAlgId")]
    pub hash_alg_id: u32,
    /// Object id of the signature algorithm.
    #[sqlx(rename = "HashAlgOID")]
    pub hash_alg_oid: String,
    /// 1 while the assignment is rebuilt; such rows are not returned.
    #[sqlx(rename = "InProcess")]
    pub in_process: bool,
    /// Whether the site is in maintenance; always false.
    #[sqlx(rename = "SiteMaintenance")]
    pub site_maintenance: bool,
    /// Approval of the client: 0 not approved, 1 approved (inferred).
    #[sqlx(rename = "ClientStatus")]
    pub client_status: i64,
}

/// Result of `MP_GetPolicyBody`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PolicyBody {
    /// The policy document, FF FE and UTF-16LE.
    #[sqlx(rename = "Body")]
    pub body: Vec<u8>,
    /// Its length in bytes.
    #[sqlx(rename = "BodyLen")]
    pub body_len: i64,
    /// Bits as on the wire: 2 needs authentication, 4 secret, 16 whole.
    #[sqlx(rename = "PolicyFlags")]
    pub policy_flags: u32,
}

/// A row of `SettingsPolicy`: which policy carries which source (article).
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SettingsPolicyRow {
    /// Policy id, `{…}`.
    #[sqlx(rename = "PolicyID")]
    pub policy_id: String,
    /// Assignment id, `{…}`.
    #[sqlx(rename = "PolicyAssignmentID")]
    pub policy_assignment_id: String,
    /// What the source looked like when the policy was made.
    #[sqlx(rename = "SourceCRC")]
    pub source_crc: String,
    /// Number of the assignment.
    #[sqlx(rename = "PADBID")]
    pub padbid: i64,
}

/// A policy as the Policy Provider publishes it, new or in a new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicy {
    /// What the policy is about: the site code for its update source (field).
    pub source_id: String,
    /// `UpdateSource`, or another kind of source.
    pub source_type: String,
    /// What the source looks like now.
    pub source_crc: String,
    /// Policy id, `{…}`.
    pub policy_id: String,
    /// Version such as `40.00`.
    pub version: String,
    /// Category, such as `UpdateSource`.
    pub category: String,
    /// Bits as on the wire.
    pub flags: u32,
    /// The policy document, FF FE and UTF-16LE.
    pub body: Vec<u8>,
    /// SHA-256 of the document, hex.
    pub body_hash: String,
    /// Assignment id, `{…}`.
    pub policy_assignment_id: String,
    /// The `PolicyAssignment` element, FF FE and UTF-16LE.
    pub assignment: Vec<u8>,
    /// SHA-256 of the assignment, hex.
    pub assignment_hash: String,
    /// Signature of the assignment, hex; empty if unsigned.
    pub assignment_signature: String,
}

impl SiteDb {
    /// `MP_GetMachinePolicyAssignments`: what changed for a client since `cookie` (a `last_update_time`), or
    /// everything without one. Clients that are not registered, or blocked, get nothing.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_machine_policy_assignments(
        &self,
        client_id: &str,
        cookie: Option<&str>,
    ) -> Result<Vec<AssignmentRow>, SiteDbError> {
        let (client_id, cookie) = (client_id.to_owned(), cookie.unwrap_or_default().to_owned());
        self.traced(Exec::new("MP_GetMachinePolicyAssignments").text(&client_id).text(&cookie));
        self.read("MP_GetMachinePolicyAssignments", |c| {
            Box::pin(
                sqlx::query_as(include_str!("procedures/MP_GetMachinePolicyAssignments.sql"))
                    .bind(client_id)
                    .bind(cookie)
                    .fetch_all(c),
            )
        })
        .await
    }

    /// `MP_GetPolicyBody`: one version of a policy, or `None`.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn mp_get_policy_body(&self, policy_id: &str, version: &str) -> Result<Option<PolicyBody>, SiteDbError> {
        self.traced(Exec::new("MP_GetPolicyBody").text(policy_id).text(version));
        let (policy_id, version) = (policy_id.to_owned(), version.to_owned());
        self.read("MP_GetPolicyBody", |c| {
            Box::pin(
                sqlx::query_as(include_str!("procedures/MP_GetPolicyBody.sql"))
                    .bind(policy_id)
                    .bind(version)
                    .fetch_optional(c),
            )
        })
        .await
    }

    /// The policy that carries a source, as the Policy Provider looks it up.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn settings_policy(
        &self,
        source_id: &str,
        source_type: &str,
    ) -> Result<Option<SettingsPolicyRow>, SiteDbError> {
        self.traced(format!(
            "select PolicyID, PolicyAssignmentID, SourceCRC, PADBID from SettingsPolicy where SourceID = N'{source_id}' \
             and SourceType = N'{source_type}'"
        ));
        let (source_id, source_type) = (source_id.to_owned(), source_type.to_owned());
        self.read("SettingsPolicy", |c| {
            Box::pin(
                sqlx::query_as(
                    "SELECT PolicyID, PolicyAssignmentID, SourceCRC, PADBID FROM SettingsPolicy
                     WHERE SourceID = ? AND SourceType = ?",
                )
                .bind(source_id)
                .bind(source_type)
                .fetch_optional(c),
            )
        })
        .await
    }

    /// The version of a policy, or `None` if there is no such policy.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn policy_version(&self, policy_id: &str) -> Result<Option<String>, SiteDbError> {
        self.traced(format!("select Version from Policy where PolicyID = N'{policy_id}'"));
        let policy_id = policy_id.to_owned();
        self.read("Policy", |c| {
            Box::pin(
                sqlx::query_scalar("SELECT Version FROM Policy WHERE PolicyID = ?").bind(policy_id).fetch_optional(c),
            )
        })
        .await
    }

    /// Writes a policy, its assignment and its row of `SettingsPolicy`, and targets every machine of the site;
    /// returns the PADBID.
    ///
    /// # Errors
    /// [`SiteDbError::Database`].
    pub async fn publish_policy(&self, policy: &NewPolicy) -> Result<i64, SiteDbError> {
        let (new, now) = (policy.clone(), self.now());
        let padbid: i64 = self
            .write("publish policy", |c| {
                Box::pin(async move {
                    sqlx::query(include_str!("procedures/publish_policy.policy.sql"))
                        .bind(&new.policy_id)
                        .bind(&new.version)
                        .bind(&new.body)
                        .bind(new.flags)
                        .bind(&new.category)
                        .bind(&new.body_hash)
                        .execute(&mut *c)
                        .await?;
                    let padbid = sqlx::query_scalar(include_str!("procedures/publish_policy.assignment.sql"))
                        .bind(&new.policy_assignment_id)
                        .bind(&new.version)
                        .bind(&new.policy_id)
                        .bind(&new.assignment)
                        .bind(&new.assignment_hash)
                        .bind(&new.assignment_signature)
                        .bind(&now)
                        .fetch_one(&mut *c)
                        .await?;
                    sqlx::query(include_str!("procedures/publish_policy.source.sql"))
                        .bind(&new.source_id)
                        .bind(&new.source_type)
                        .bind(&new.policy_id)
                        .bind(&new.policy_assignment_id)
                        .bind(&new.source_crc)
                        .bind(padbid)
                        .execute(&mut *c)
                        .await?;
                    sqlx::query(include_str!("procedures/publish_policy.target.sql"))
                        .bind(padbid)
                        .bind(&now)
                        .execute(&mut *c)
                        .await?;
                    Ok(padbid)
                })
            })
            .await?;
        // What the provider's driver asks the server before it binds the two blobs (article).
        let id = &policy.policy_id;
        self.traced(format!(
            "exec sp_describe_undeclared_parameters N'UPDATE Policy SET Body = @P1 where PolicyID = N''{id}'''"
        ));
        self.traced(format!(
            "exec sp_describe_undeclared_parameters N'UPDATE PolicyAssignment SET Body = @P1 where PADBID = {padbid}'"
        ));
        Ok(padbid)
    }
}
