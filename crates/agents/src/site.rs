//! What the client knows about its site and itself, as it lies in registry and WMI.

use cmsim_wire::ccm::client_id::SmsId;
use cmsim_wire::hresult::HResult;

use crate::framework::{Machine, instance};
use crate::settings;

/// Registry key with the assigned site (docs).
pub const MOBILE_CLIENT: &str = r"HKLM\SOFTWARE\Microsoft\SMS\Mobile Client";
/// Registry key with the client's ports (docs).
pub const CCM: &str = r"HKLM\SOFTWARE\Microsoft\CCM";
/// Namespace of the client's identity and authority (docs).
pub const ROOT_CCM: &str = r"root\ccm";

/// The site a client belongs to and the management point it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Site code.
    pub code: String,
    /// Fully qualified name of the management point.
    pub management_point: String,
    /// Whether the management point is spoken to over TLS.
    pub https: bool,
    /// Port of the management point.
    pub port: u32,
}

impl Site {
    /// The site of a machine: `AssignedSiteCode` and the `SMS_Authority` of that site; `None` for an unassigned client.
    #[must_use]
    pub fn read(machine: &dyn Machine) -> Option<Self> {
        let code = machine.registry(MOBILE_CLIENT, "AssignedSiteCode")?.text()?.to_owned();
        let authority = format!("SMS:{code}");
        let authorities = machine.wmi(ROOT_CCM, "SMS_Authority").ok()?;
        let found = authorities.iter().find(|row| settings::text(row, "Name") == Some(authority.as_str()))?;
        let management_point = settings::text(found, "CurrentManagementPoint")?.to_owned();
        let number = |name: &str| machine.registry(CCM, name).and_then(|value| value.number());
        let https = number("HttpsState").is_some_and(|state| state & 1 == 1);
        let port = if https { number("HttpsPort").unwrap_or(443) } else { number("HttpPort").unwrap_or(80) };
        Some(Self { code, management_point, https, port })
    }

    /// `SMS:PS1`, the name of the site as a source of policy.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("SMS:{}", self.code)
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// `http://host`, with the port unless it is the scheme's own.
    #[must_use]
    pub fn base_url(&self) -> String {
        let standard = if self.https { 443 } else { 80 };
        let (scheme, host, port) = (self.scheme(), &self.management_point, self.port);
        if port == standard { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
    }

    /// Another management point becomes the current one.
    ///
    /// # Errors
    /// What WMI says.
    pub fn move_to(&self, management_point: &str, machine: &mut dyn Machine) -> Result<(), HResult> {
        let row = instance([("Name", self.authority().into()), ("CurrentManagementPoint", management_point.into())]);
        machine.put_wmi(ROOT_CCM, "SMS_Authority", &["Name"], row)
    }
}

/// The client's id, if it has one.
#[must_use]
pub fn client_id(machine: &dyn Machine) -> Option<SmsId> {
    let rows = machine.wmi(ROOT_CCM, "CCM_Client").ok()?;
    settings::text(rows.first()?, "ClientId")?.parse().ok()
}

/// Gives the client an id.
///
/// # Errors
/// What WMI says.
pub fn set_client_id(id: SmsId, machine: &mut dyn Machine) -> Result<(), HResult> {
    // The class is a singleton: without key properties every instance replaces the one before.
    machine.put_wmi(ROOT_CCM, "CCM_Client", &[], instance([("ClientId", id.to_string().into())]))
}
