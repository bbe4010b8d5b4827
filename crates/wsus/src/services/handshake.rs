//! GetConfig, GetAuthorizationCookie, GetCookie and RegisterComputer.

use cmsim_wire::wusp::get_authorization_cookie::{GetAuthorizationCookie, GetAuthorizationCookieResponse};
use cmsim_wire::wusp::get_config::{
    AuthPlugInInfo, ConfigurationProperty, GetConfig, GetConfigResponse, MAX_EXTENDED_UPDATES, PROTOCOL_VERSION,
};
use cmsim_wire::wusp::get_cookie::{GetCookie, GetCookieResponse};
use cmsim_wire::wusp::register_computer::{RegisterComputer, RegisterComputerResponse};
use cmsim_wire::wusp::{AuthorizationCookie, Cookie, ErrorCode, ProtocolVersion};

use super::{CallFacts, Thrown};
use crate::cookie::{Authorization, Session};
use crate::server::Inner;

/// The authorisation plug-in that every server announces (capture).
const SIMPLE_TARGETING: &str = "SimpleTargeting";

/// Longest client id that is taken (MS-WUSP: 1 to 255 letters, digits and hyphens).
const CLIENT_ID: usize = 255;
/// Longest DNS or group name that is taken.
const NAME: usize = 255;

impl Inner {
    pub(super) async fn get_config(&self, call: GetConfig) -> Result<GetConfigResponse, Thrown> {
        if let Some(version) = &call.protocol_version {
            version.parse::<ProtocolVersion>().map_err(|_| Thrown::parameter("protocolVersion"))?;
        }
        let configuration = self.susdb.configuration().await?;
        let property = |name: &str, value: String| ConfigurationProperty { name: name.to_owned(), value };
        Ok(GetConfigResponse {
            last_change: configuration.last_change,
            is_registration_required: configuration.is_registration_required,
            auth_info: vec![AuthPlugInInfo {
                plug_in_id: SIMPLE_TARGETING.to_owned(),
                service_url: "SimpleAuthWebService/SimpleAuth.asmx".to_owned(),
                parameter: Some(String::new()),
            }],
            allowed_event_ids: Vec::new(),
            // Names and order from a capture.
            properties: vec![
                property(MAX_EXTENDED_UPDATES, configuration.max_extended_updates.to_string()),
                property("PackageServerShare", configuration.package_server_share),
                property(PROTOCOL_VERSION, configuration.protocol_version),
                property("IsInventoryRequired", "0".to_owned()),
                property("ClientReportingLevel", configuration.client_reporting_level.to_string()),
            ],
        })
    }

    pub(super) async fn get_authorization_cookie(
        &self,
        call: GetAuthorizationCookie,
    ) -> Result<GetAuthorizationCookieResponse, Thrown> {
        // WSUS answers a missing parameter with InternalServerError (MS-WUSP notes 50 and 51).
        let missing = || Thrown::new(ErrorCode::InternalServerError, "");
        let client_id = call.client_id.filter(|id| is_client_id(id)).ok_or_else(missing)?;
        let dns_name = call.dns_name.filter(|name| name.len() <= NAME).ok_or_else(missing)?;
        let target_group = call.target_group_name.unwrap_or_default();
        if target_group.len() > NAME {
            return Err(Thrown::parameter("targetGroupName"));
        }
        let configuration = self.susdb.configuration().await?;
        let authorization = Authorization { client_id, target_group, dns_name, issued: self.susdb.now() };
        Ok(GetAuthorizationCookieResponse {
            cookie: AuthorizationCookie {
                plug_in_id: SIMPLE_TARGETING.to_owned(),
                cookie_data: authorization.seal(&configuration.key),
            },
        })
    }

    pub(super) async fn get_cookie(&self, call: GetCookie) -> Result<GetCookieResponse, Thrown> {
        let configuration = self.susdb.configuration().await?;
        let [authorization] = &call.auth_cookies[..] else {
            return Err(Thrown::new(ErrorCode::InvalidAuthorizationCookie, "authCookies"));
        };
        let authorization = Authorization::open(&configuration.key, &authorization.cookie_data)
            .ok_or_else(|| Thrown::new(ErrorCode::InvalidAuthorizationCookie, "authCookies"))?;
        let client = &authorization.client_id;
        let protocol = call.protocol_version.as_deref().unwrap_or("1.0");
        let protocol = protocol.parse().map_err(|_| Thrown::parameter("protocolVersion").of(client))?;
        if call.last_change != configuration.last_change {
            return Err(Thrown::new(ErrorCode::ConfigChanged, "").of(client));
        }
        // A first call has no data in its old cookie (capture). An expired one still tells what the client has heard of.
        let old = call.old_cookie.and_then(|cookie| cookie.encrypted_data);
        let old = old.map(|data| Session::open(&configuration.key, configuration.server_id, &data)).transpose()?;
        let lifetime = jiff::SignedDuration::try_from(self.settings().cookie_lifetime).unwrap_or_default();
        let session = Session {
            server: configuration.server_id,
            client_id: authorization.client_id,
            target_group: authorization.target_group,
            dns_name: authorization.dns_name,
            protocol,
            expires: self.susdb.now().saturating_add(lifetime).unwrap_or(jiff::Timestamp::MAX),
            config_change: configuration.last_change,
            anchor: old.as_ref().map_or(0, |old| old.anchor),
            serial: old.as_ref().map_or(0, |old| old.serial.wrapping_add(1)),
        };
        let encrypted_data = Some(session.seal(&configuration.key));
        Ok(GetCookieResponse { cookie: Cookie { expiration: session.expires, encrypted_data } })
    }

    pub(super) async fn register_computer(
        &self,
        call: RegisterComputer,
        facts: &CallFacts,
    ) -> Result<RegisterComputerResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        let session = &authorized.session;
        let fail = |thrown: Thrown| thrown.of(&session.client_id);
        if !authorized.configuration.is_registration_required {
            return Err(fail(Thrown::new(ErrorCode::RegistrationNotRequired, "")));
        }
        let info = call.computer_info.ok_or_else(|| fail(Thrown::parameter("computerInfo")))?;
        let is_same = info.dns_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&session.dns_name));
        if !is_same {
            return Err(fail(Thrown::parameter("computerInfo.DnsName")));
        }
        self.susdb.register(&session.client_id, &session.target_group, facts.address, &info).await?;
        Ok(RegisterComputerResponse)
    }
}

fn is_client_id(id: &str) -> bool {
    (1..=CLIENT_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
