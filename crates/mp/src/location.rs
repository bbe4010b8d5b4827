//! MP_LocationManager: which software update points may a client use, and what is its site like?

use cmsim_logs::{Evidence, Log};
use cmsim_sitedb::{SiteDbError, WsusLocationQuery, WsusServerLocation};
use cmsim_wire::ccm::mp_list::Capabilities;
use cmsim_wire::ccm::site_information::{OperationalSettings, SiteInformationReply, SiteInformationRequest};
use cmsim_wire::location::{SiteLocations, WsusLocationReply, WsusLocationRequest};
use cmsim_wire::xml::XmlError;
use thiserror::Error;

use crate::point::ManagementPoint;
use crate::scribe::Scribe;

/// Why a location message has no answer.
#[derive(Debug, Error)]
pub(crate) enum LocationError {
    #[error(transparent)]
    Message(#[from] XmlError),
    #[error("there is no site '{0}'")]
    UnknownSite(String),
    #[error(transparent)]
    Database(#[from] SiteDbError),
}

/// Answers a message to the endpoint; `None` for a request it does not know.
pub(crate) async fn answer(mp: &ManagementPoint, body: &str) -> Result<Option<String>, SiteDbError> {
    let scribe = Scribe::new(mp.host(), Log::MpLocation);
    scribe.info("mplocationmanager.cpp:318", Evidence::Article, format!("MP LM: Message Body : {body}"));
    let answered = if body.contains("<WSUSLocationRequest") {
        update_points(mp, &scribe, body).await
    } else if body.contains("<SiteInformationRequest") {
        site_information(mp, body).await
    } else {
        scribe.error("mplocationmanager.cpp:366", Evidence::Inferred, "MP LM: Unknown location request");
        return Ok(None);
    };
    match answered {
        Ok(reply) => {
            scribe.info("mplocationmanager.cpp:431", Evidence::Docs, format!("MP LM: Reply message body:\n{reply}"));
            Ok(Some(reply))
        }
        Err(LocationError::Message(error)) => {
            scribe.error(
                "mplocationmanager.cpp:325",
                Evidence::Inferred,
                format!("MP LM: Failed to parse the message body, {error}"),
            );
            Ok(None)
        }
        Err(LocationError::UnknownSite(site)) => {
            scribe.error("mplocationmanager.cpp:372", Evidence::Inferred, format!("MP LM: there is no site '{site}'"));
            Ok(None)
        }
        Err(LocationError::Database(error)) => {
            scribe.database_error(&error);
            Err(error)
        }
    }
}

/// Three procedures, in the order of the article's SQL trace.
async fn update_points(mp: &ManagementPoint, scribe: &Scribe, body: &str) -> Result<String, LocationError> {
    let request = WsusLocationRequest::parse(body)?;
    let assigned = &request.assigned_site;
    let sites = mp.db().mp_get_mp_sites_from_assigned_site(assigned).await?;
    let place = mp.db().mp_get_site_info_unified(&request.client).await?;
    scribe.info("mplocationmanager.cpp:377", Evidence::Article, "MP LM: calling MP_GetWSUSServerLocations");
    // A client outside every boundary is treated as one of its assigned site (inferred).
    let resident = place.resident_site.unwrap_or_else(|| assigned.clone());
    let query = WsusLocationQuery {
        source: request.content_id,
        content_version: request.content_version,
        assigned_site: assigned.clone(),
        resident_site: resident.clone(),
        on_internet: request.client.on_internet,
        forest: request.client.forest.clone().unwrap_or_default(),
        boundary_groups: place.groups.iter().map(|(id, _)| *id).collect(),
    };
    let locations = mp.db().mp_get_wsus_server_locations(&query).await?;
    let reply = match reply(locations) {
        reply if reply.sites.is_empty() => {
            let site = if sites.iter().any(|site| site.site_code == resident) { &resident } else { assigned };
            mp.settings().empty_reply.reply(site)
        }
        reply => reply,
    };
    Ok(reply.to_xml())
}

/// The reply for rows of the procedure: one entry per site, sites and records in the rows' order.
fn reply(locations: Vec<WsusServerLocation>) -> WsusLocationReply {
    let mut sites: Vec<SiteLocations> = Vec::new();
    for WsusServerLocation { site_code, record } in locations {
        match sites.iter_mut().find(|site| site.site_code == site_code) {
            Some(site) => site.records.get_or_insert_default().push(record),
            None => sites.push(SiteLocations { site_code, records: Some(vec![record]) }),
        }
    }
    WsusLocationReply { sites }
}

async fn site_information(mp: &ManagementPoint, body: &str) -> Result<String, LocationError> {
    let request = SiteInformationRequest::parse(body)?;
    let Some(site) = mp.db().mp_get_site_info(&request.site_code).await? else {
        return Err(LocationError::UnknownSite(request.site_code));
    };
    let stored = OperationalSettings::parse(&site.settings).ok();
    let reply = SiteInformationReply {
        settings: stored.unwrap_or_else(|| mp.settings().operational_settings(&site.version)),
        site_code: site.site_code,
        version: site.version,
        build_number: site.build,
        default_mp: site.default_mp,
        capabilities: Capabilities::parse(&site.capabilities).unwrap_or_default(),
    };
    Ok(reply.to_xml())
}

#[cfg(test)]
mod tests {
    use cmsim_wire::location::LocationRecord;

    use super::*;

    #[test]
    fn records_are_grouped_by_site_in_their_order() {
        let location = |site: &str, url: &str| WsusServerLocation {
            site_code: site.to_owned(),
            record: LocationRecord { url: url.to_owned(), server_name: String::new(), version: 1 },
        };
        let reply = reply(vec![location("PS1", "a"), location("SS1", "b"), location("PS1", "c")]);
        let shape: Vec<_> = reply.sites.iter().map(|site| (site.site_code.as_str(), site.records.as_ref())).collect();
        assert_eq!(shape.iter().map(|(site, _)| *site).collect::<Vec<_>>(), ["PS1", "SS1"]);
        assert_eq!(reply.records().map(|record| record.url.as_str()).collect::<String>(), "acb");
    }
}
