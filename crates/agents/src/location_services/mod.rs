//! Location Services: asks the management point where the servers are (LocationServices.log, ClientLocation.log).

mod management_point;

use std::collections::BTreeMap;

use cmsim_logs::Evidence::{Article, Field, Inferred};
use cmsim_logs::Log;
use cmsim_wire::ccm::cim_time;
use cmsim_wire::ccm::endpoint;
use cmsim_wire::location::{
    BoundaryGroup, BoundaryGroups, ClientLocation, SubnetAddress, WsusLocationReply, WsusLocationRequest,
};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use management_point::{Errors, THRESHOLD, Verdict};

use crate::framework::{
    Agent, AgentId, Context, Endpoint, Input, Location, LogLine, Machine, Message, Outgoing, Process, ReplyBody,
    SourceKey, WmiValue, braced, instance, wmi_datetime,
};
use crate::settings::{self, SoftwareUpdates};
use crate::site::Site;

/// Namespace of the agent (docs).
pub const NAMESPACE: &str = r"root\ccm\LocationServices";
/// Class of the requests under way (inferred; that they are persisted is the article's).
const REQUESTS: &str = "CCM_WSUSLocationRequest";

/// The agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationServices {
    /// Message under way to the location request it carries.
    waiting: BTreeMap<Uuid, Uuid>,
    errors: Errors,
}

impl Agent for LocationServices {
    fn handle(&mut self, input: Input, cx: &mut Context<'_>) {
        match input {
            Input::Start => Self::start(cx),
            Input::Message(Message::RequestWsusLocations { request, source }) => self.request(request, &source, cx),
            Input::Message(Message::Reply(reply)) => self.replied(&reply, cx),
            Input::Message(Message::Undelivered(message)) => {
                // The asker has its own time-out; the request just ends here.
                if let Some(request) = self.waiting.remove(&message) {
                    Self::forget(request, cx);
                }
            }
            Input::Message(Message::ManagementPointFailed(_)) => self.management_point_failed(cx),
            Input::Message(_) | Input::Timer(_) | Input::Http { .. } => {}
        }
    }
}

impl LocationServices {
    fn start(cx: &mut Context<'_>) {
        let place = cx.machine.place();
        if let (Some(forest), Some(domain)) = (&place.forest, &place.domain) {
            cx.info(Field, "lsad.cpp:842", format!("Current AD forest name is {forest}, domain name is {domain}"));
            client_location(cx, "lsad.cpp:842", format!("Current AD forest name is {forest}, domain name is {domain}"));
            if !place.on_internet {
                client_location(cx, "lsad.cpp:1081", "Domain joined client is in Intranet".to_owned());
            }
        }
        if let Some(site) = &place.ad_site {
            cx.info(Field, "lsad.cpp:656", format!("Current AD site of machine is {site}"));
        }
    }

    /// A WSUS location request: built from where the machine is, persisted, sent.
    fn request(&mut self, request: Uuid, source: &SourceKey, cx: &mut Context<'_>) {
        let content = braced(source.id);
        cx.info(Article, "lswsuslocation.cpp:118", "CCCMWSUSLocation::GetLocationsAsyncEx");
        cx.info(
            Article,
            "lswsuslocation.cpp:152",
            format!(
                "Attempting to persist WSUS location request for ContentID='{content}' and ContentVersion='{}'",
                source.version
            ),
        );
        let row = instance([
            ("RequestID", braced(request).into()),
            ("ContentID", content.clone().into()),
            ("ContentVersion", source.version.into()),
            ("RequestTime", wmi_datetime(cx.now).into()),
        ]);
        match cx.machine.put_wmi(NAMESPACE, REQUESTS, &["RequestID"], row) {
            Ok(()) => cx.info(Article, "lswsuslocation.cpp:171", "Persisted WSUS location request"),
            Err(code) => {
                cx.error(
                    Inferred,
                    "lswsuslocation.cpp:174",
                    format!("Failed to persist WSUS location request. Error {code:#010x}"),
                );
            }
        }
        cx.info(
            Article,
            "lswsuslocation.cpp:203",
            format!("Attempting to send WSUS Location Request for ContentID='{content}'"),
        );
        let Some(site) = Site::read(cx.machine) else {
            cx.error(
                Inferred,
                "lswsuslocation.cpp:216",
                "Client is not assigned to a site, cannot send WSUS location request",
            );
            return;
        };
        let body = WsusLocationRequest {
            content_id: source.id,
            content_version: source.version,
            assigned_site: site.code,
            client: whereabouts(cx.machine),
        }
        .to_xml();
        cx.info(Article, "lswsuslocation.cpp:241", format!("WSUSLocationRequest : {body}"));
        let message = cx.new_guid();
        cx.info(
            Article,
            "lswsuslocation.cpp:266",
            format!("Created and Sent Location Request '{}' for package {content}", braced(request)),
        );
        self.waiting.insert(message, request);
        cx.tell(
            AgentId::CcmMessaging,
            Message::Send(Outgoing {
                id: message,
                endpoint: endpoint::MP_LOCATION_MANAGER.to_owned(),
                reply_to: Some(Endpoint::LsReplyLocations),
                body,
                file_type: None,
                signed: true,
                expires_minutes: SoftwareUpdates::read(cx.machine).location_timeout / 60,
            }),
        );
    }

    fn replied(&mut self, reply: &ReplyBody, cx: &mut Context<'_>) {
        cx.info(Article, "replylocationsendpoint.cpp:122", "Processing Location reply message");
        let parsed = match WsusLocationReply::parse(&reply.body) {
            Ok(parsed) => parsed,
            Err(why) => {
                // A reply nobody can read answers nothing: the asker's time-out ends the wait.
                cx.error(
                    Inferred,
                    "replylocationsendpoint.cpp:140",
                    format!("Failed to parse Location reply message: {why}"),
                );
                return;
            }
        };
        cx.info(Article, "lswsuslocation.cpp:322", format!("WSUSLocationReply : {}", reply.body));
        let Some(request) = self.waiting.remove(&reply.to) else { return };
        Self::forget(request, cx);
        cx.info(Article, "lsutils.cpp:1402", "Calling back with the following WSUS locations");
        let mut locations = Vec::new();
        for record in parsed.records() {
            cx.info(
                Article,
                "lsutils.cpp:1416",
                format!("WSUS Path='{}', Server='{}', Version='{}'", record.url, record.server_name, record.version),
            );
            locations.push(Location {
                url: record.url.clone(),
                server: record.server_name.clone(),
                version: record.version,
            });
        }
        cx.info(
            Article,
            "replylocationsendpoint.cpp:238",
            format!("Calling back with locations for WSUS request {}", braced(request)),
        );
        cx.tell(AgentId::ScanAgent, Message::WsusLocations { request, locations });
    }

    fn forget(request: Uuid, cx: &mut Context<'_>) {
        // An instance that cannot be deleted is only an old row.
        let _ = cx.machine.delete_wmi(NAMESPACE, REQUESTS, &instance([("RequestID", braced(request).into())]));
    }

    fn management_point_failed(&mut self, cx: &mut Context<'_>) {
        match self.errors.one_more(cx.now) {
            Verdict::Ignored => cx.info(
                Field,
                "lsutils.cpp:2251",
                format!(
                    "Ignoring MP error during post-rotation flush period of {} seconds.",
                    management_point::FLUSH.as_secs()
                ),
            ),
            Verdict::Counted(count) => Self::counted(count, cx),
            Verdict::Move(count) => {
                Self::counted(count, cx);
                cx.warn(Field, "lsutils.cpp:2301", "Assigned MP error threshold reached, moving to next MP.");
                Self::rotate(cx);
            }
        }
    }

    fn counted(count: usize, cx: &mut Context<'_>) {
        cx.warn(
            Field,
            "lsutils.cpp:2287",
            format!("{count} assigned MP errors in the last 10 minutes, threshold is {THRESHOLD}."),
        );
    }

    /// Takes the management point after the current one in the list of candidates; a lone one stays.
    fn rotate(cx: &mut Context<'_>) {
        let Some(site) = Site::read(cx.machine) else { return };
        let candidates: Vec<String> = cx
            .machine
            .wmi(NAMESPACE, "SMS_ActiveMPCandidate")
            .unwrap_or_default()
            .iter()
            .filter_map(|row| settings::text(row, "MP").map(str::to_owned))
            .collect();
        let at = candidates.iter().position(|name| name.eq_ignore_ascii_case(&site.management_point));
        let index = at.map_or(0, |at| (at + 1) % candidates.len());
        let Some(next) = candidates.get(index) else { return };
        let build = cx.machine.profile().site_build;
        client_location(
            cx,
            "lsad.cpp:7128",
            format!(
                "Rotating assigned management point, new management point [{}] is: {next} ({build}) with capabilities: <Capabilities SchemaVersion=\"1.0\"/>",
                index + 1
            ),
        );
        if !next.eq_ignore_ascii_case(&site.management_point) && site.move_to(next, cx.machine).is_ok() {
            client_location(
                cx,
                "lsad.cpp:7190",
                format!("Assigned MP changed from <{}> to <{next}>.", site.management_point),
            );
        }
    }
}

/// A line of ClientLocation.log.
fn client_location(cx: &mut Context<'_>, source: &'static str, text: String) {
    let line = cx.line(Log::ClientLocation, "ClientLocation", Process::CcmExec, Field, text);
    cx.log(LogLine { source, component: None, ..line });
}

/// `ClientLocationInfo` of a machine. Addresses that are none are left out.
fn whereabouts(machine: &dyn Machine) -> ClientLocation {
    let place = machine.place();
    let address = |interface: &crate::framework::Interface| {
        Some(SubnetAddress { subnet: interface.subnet.parse().ok()?, address: interface.address.parse().ok()? })
    };
    ClientLocation {
        on_internet: place.on_internet,
        ad_site: place.ad_site.clone(),
        forest: place.forest.clone(),
        domain: place.domain.clone(),
        addresses: place.interfaces.iter().filter_map(address).collect(),
        boundary_groups: settings::boundary_groups_decide(machine).then(|| boundary_groups(machine)).flatten(),
    }
}

/// The cached boundary groups of a client of the current branch (field: such location requests carry them).
fn boundary_groups(machine: &dyn Machine) -> Option<BoundaryGroups> {
    let cache = machine.wmi(NAMESPACE, "BoundaryGroupCache").ok()?.into_iter().next()?;
    let list = |name| match cache.get(name) {
        Some(WmiValue::List(items)) => items.iter().filter_map(WmiValue::text).collect(),
        _ => Vec::new(),
    };
    let retrieved = cim_time::parse(settings::text(&cache, "CacheToken")?)?;
    let local = retrieved - SignedDuration::from_mins(i64::from(machine.bias_minutes()));
    let groups = list("BoundaryGroupIDs").into_iter().zip(list("BoundaryGroupGUIDs"));
    Some(BoundaryGroups {
        retrieved: local.to_zoned(TimeZone::UTC).datetime(),
        on_vpn: false,
        groups: groups
            .filter_map(|(id, guid): (&str, &str)| {
                Some(BoundaryGroup { id: id.parse().ok()?, guid: guid.parse().ok()?, flag: 0 })
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;
    use crate::framework::RegistryValue;
    use crate::site;
    use crate::testing::{TestMachine, run, tells, texts};

    const SOURCE: Uuid = uuid!("c2d17964-bbdd-4339-b9f3-12d7205b39cc");
    const REQUEST: Uuid = uuid!("11111111-2222-3333-4444-555555555555");
    const REPLY: &str = r#"<WSUSLocationReply SchemaVersion="1.00"><Sites><Site><MPSite SiteCode="PS1"/><LocationRecords><LocationRecord WSUSURL="http://PS1SITE.CONTOSO.COM:8530" ServerName="PS1SITE.CONTOSO.COM" Version="38"/><LocationRecord WSUSURL="https://PS1SYS.CONTOSO.COM:8531" ServerName="PS1SYS.CONTOSO.COM" Version="38"/></LocationRecords></Site></Sites></WSUSLocationReply>"#;

    fn assigned() -> TestMachine {
        let mut machine = TestMachine::new();
        machine.set_registry(site::MOBILE_CLIENT, "AssignedSiteCode", RegistryValue::Text("PS1".into())).unwrap();
        let row = instance([("Name", "SMS:PS1".into()), ("CurrentManagementPoint", "PS1SYS.CONTOSO.COM".into())]);
        machine.put_wmi(site::ROOT_CCM, "SMS_Authority", &["Name"], row).unwrap();
        machine
    }

    /// Golden: steps 1.3 and 1.8 of the guide, with the AD site spelled as in its profiler line.
    #[test]
    fn a_request_and_its_reply_word_for_word() {
        let (mut agent, mut machine) = (LocationServices::default(), assigned());
        let ask = Message::RequestWsusLocations { request: REQUEST, source: SourceKey { id: SOURCE, version: 38 } };
        let effects = run(AgentId::LocationServices, &mut agent, Input::Message(ask), &mut machine);
        let content = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";
        assert_eq!(
            texts(&effects),
            [
                "CCCMWSUSLocation::GetLocationsAsyncEx".to_owned(),
                format!(
                    "Attempting to persist WSUS location request for ContentID='{content}' and ContentVersion='38'"
                ),
                "Persisted WSUS location request".to_owned(),
                format!("Attempting to send WSUS Location Request for ContentID='{content}'"),
                format!(
                    r#"WSUSLocationRequest : <WSUSLocationRequest SchemaVersion="1.00"><Content ID="{content}" Version="38"/><AssignedSite SiteCode="PS1"/><ClientLocationInfo OnInternet="0"><ADSite Name="CM12-R2-PS1"/><Forest Name="CONTOSO.COM"/><Domain Name="CONTOSO.COM"/><IPAddresses><IPAddress SubnetAddress="192.168.2.0" Address="192.168.2.62"/></IPAddresses></ClientLocationInfo></WSUSLocationRequest>"#
                ),
                format!("Created and Sent Location Request '{}' for package {content}", braced(REQUEST)),
            ]
        );
        let (to, Message::Send(sent)) = tells(&effects).remove(0) else { panic!("a message is sent") };
        assert_eq!((to, sent.reply_to), (AgentId::CcmMessaging, Some(Endpoint::LsReplyLocations)));
        assert_eq!(machine.wmi(NAMESPACE, REQUESTS).unwrap().len(), 1);

        let thawed: LocationServices = serde_json::from_str(&serde_json::to_string(&agent).unwrap()).unwrap();
        let mut agent = thawed;
        let reply = ReplyBody { to: sent.id, id: Uuid::nil(), body: REPLY.into() };
        let effects = run(AgentId::LocationServices, &mut agent, Input::Message(Message::Reply(reply)), &mut machine);
        assert_eq!(
            texts(&effects),
            [
                "Processing Location reply message".to_owned(),
                format!("WSUSLocationReply : {REPLY}"),
                "Calling back with the following WSUS locations".to_owned(),
                "WSUS Path='http://PS1SITE.CONTOSO.COM:8530', Server='PS1SITE.CONTOSO.COM', Version='38'".to_owned(),
                "WSUS Path='https://PS1SYS.CONTOSO.COM:8531', Server='PS1SYS.CONTOSO.COM', Version='38'".to_owned(),
                format!("Calling back with locations for WSUS request {}", braced(REQUEST)),
            ]
        );
        assert!(
            matches!(&tells(&effects)[0], (AgentId::ScanAgent, Message::WsusLocations { request: REQUEST, locations }) if locations.len() == 2)
        );
        assert_eq!(machine.wmi(NAMESPACE, REQUESTS).unwrap(), []);
    }

    #[test]
    fn a_client_of_the_current_branch_names_its_boundary_groups() {
        let mut machine = assigned();
        machine.profile = cmsim_wire::profile::Profile::windows_11();
        assert_eq!(whereabouts(&machine).boundary_groups, None, "nothing cached yet");
        let row = instance([
            ("BoundaryGroupIDs", WmiValue::List(vec!["5".into()])),
            ("BoundaryGroupGUIDs", WmiValue::List(vec!["8f1d2c3b-4a59-4687-9081-a2b3c4d5e6f7".into()])),
            ("CacheToken", "20140120171700.000000+000".into()),
        ]);
        machine.put_wmi(NAMESPACE, "BoundaryGroupCache", &[], row).unwrap();
        let block = whereabouts(&machine).boundary_groups.unwrap();
        assert_eq!(block.groups[0].id, 5);
        assert_eq!(block.retrieved.to_string(), "2014-01-20T12:17:00");
        machine.profile = cmsim_wire::profile::Profile::windows_7();
        assert_eq!(whereabouts(&machine).boundary_groups, None);
    }

    #[test]
    fn five_errors_lead_to_the_next_management_point() {
        let (mut agent, mut machine) = (LocationServices::default(), assigned());
        for name in ["PS1SYS.CONTOSO.COM", "PS1MP2.CONTOSO.COM"] {
            machine.put_wmi(NAMESPACE, "SMS_ActiveMPCandidate", &["MP"], instance([("MP", name.into())])).unwrap();
        }
        let mut last = Vec::new();
        for _ in 0..5 {
            let input = Input::Message(Message::ManagementPointFailed(cmsim_wire::hresult::HResult(0x8007_2EE7)));
            last = run(AgentId::LocationServices, &mut agent, input, &mut machine);
        }
        assert_eq!(
            texts(&last)[..2],
            [
                "5 assigned MP errors in the last 10 minutes, threshold is 5.",
                "Assigned MP error threshold reached, moving to next MP."
            ]
        );
        assert_eq!(Site::read(&machine).unwrap().management_point, "PS1MP2.CONTOSO.COM");
    }

    #[test]
    fn a_damaged_reply_calls_nobody_back() {
        let (mut agent, mut machine) = (LocationServices::default(), assigned());
        let reply = ReplyBody { to: Uuid::nil(), id: Uuid::nil(), body: "<WSUSLocationReply".into() };
        let effects = run(AgentId::LocationServices, &mut agent, Input::Message(Message::Reply(reply)), &mut machine);
        assert_eq!(tells(&effects), []);
    }
}
