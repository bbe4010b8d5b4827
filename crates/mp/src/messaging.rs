//! One message exchange: bytes in, bytes out, by the endpoint that the message names.

use cmsim_logs::{Evidence, Log};
use cmsim_wire::ccm::endpoint;
use cmsim_wire::ccm::envelope::{self, Direction, Payload, Received};

use crate::point::ManagementPoint;
use crate::scribe::Scribe;
use crate::{location, policy, registration, relay};

/// How an exchange ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Status 200 with a reply message.
    Reply(Vec<u8>),
    /// Status 200 with an empty body: no reply, or none yet.
    Empty,
    /// The body is no message.
    Malformed,
    /// The management point could not do its work.
    Failed,
}

/// Takes one message to its endpoint.
pub(crate) async fn exchange(mp: &ManagementPoint, content_type: &str, body: &[u8]) -> Exchange {
    let message = match envelope::decode(content_type, body) {
        Ok(message) => message,
        Err(error) => {
            let scribe = Scribe::new(mp.host(), Log::MpFramework);
            scribe.error(
                "mpframework.cpp:188",
                Evidence::Inferred,
                format!("MP: a message could not be read, {error}"),
            );
            return Exchange::Malformed;
        }
    };
    let target = message.header.target_endpoint.clone().unwrap_or_default();
    let is = |name: &str| target.eq_ignore_ascii_case(name);
    let answered = if is(endpoint::MP_LOCATION_MANAGER) {
        location::answer(mp, &message.body).await
    } else if is(endpoint::MP_POLICY_MANAGER) {
        policy::answer(mp, &message).await
    } else if is(endpoint::MP_CLIENT_REGISTRATION) {
        registration::answer(mp, &message.body).await
    } else if is(endpoint::MP_RELAY_ENDPOINT) {
        return match relay::relay(mp, &message) {
            Ok(()) => Exchange::Empty,
            Err(_) => Exchange::Failed,
        };
    } else {
        let scribe = Scribe::new(mp.host(), Log::MpFramework);
        scribe.error("mpframework.cpp:241", Evidence::Inferred, format!("MP: there is no endpoint '{target}'"));
        return Exchange::Empty;
    };
    match answered {
        Ok(Some(reply)) => Exchange::Reply(encode(mp, &message, &reply)),
        Ok(None) => Exchange::Empty,
        Err(_) => Exchange::Failed,
    }
}

fn encode(mp: &ManagementPoint, request: &Received, reply: &str) -> Vec<u8> {
    let header = request.header.reply(mp.new_id());
    let payload = Payload::new(reply, Direction::Reply, header.zlib);
    envelope::encode(&header, &payload)
}
