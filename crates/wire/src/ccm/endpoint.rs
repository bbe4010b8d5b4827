//! Names of messaging endpoints, the routing key of a message.

/// Answers [`super::registration::RegistrationRequest`] (field).
pub const MP_CLIENT_REGISTRATION: &str = "MP_ClientRegistration";
/// Answers location and site information requests (article).
pub const MP_LOCATION_MANAGER: &str = "MP_LocationManager";
/// Answers policy assignment requests (field).
pub const MP_POLICY_MANAGER: &str = "MP_PolicyManager";
/// Takes state reports and other relayed files; never answers (docs).
pub const MP_RELAY_ENDPOINT: &str = "MP_RelayEndpoint";
/// Client endpoint that location replies go to (article).
pub const LS_REPLY_LOCATIONS: &str = "LS_ReplyLocations";
/// Client endpoint that policy assignment replies go to (capture: client logs).
pub const POLICY_AGENT_REPLY_ASSIGNMENTS: &str = "PolicyAgent_ReplyAssignments";
/// Client endpoint that registration replies go to (field).
pub const CLIENT_REGISTRATION: &str = "ClientRegistration";
