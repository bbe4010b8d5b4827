//! GetExtendedUpdateInfo and GetFileLocations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cmsim_wire::wusp::get_extended_update_info::{
    FragmentType, GetExtendedUpdateInfo, GetExtendedUpdateInfoResponse, UpdateData,
};
use cmsim_wire::wusp::get_file_locations::{FileLocation, GetFileLocations, GetFileLocationsResponse};

use super::{CallFacts, Thrown};
use crate::server::Inner;
use crate::susdb::{FragmentRequest, hex};

/// Bytes of a SHA-1.
const DIGEST: usize = 20;

impl Inner {
    pub(super) async fn get_extended_update_info(
        &self,
        call: GetExtendedUpdateInfo,
        facts: &CallFacts,
    ) -> Result<GetExtendedUpdateInfoResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        let fail = |name: &str| Thrown::parameter(name).of(&authorized.session.client_id);
        let most = usize::try_from(authorized.configuration.max_extended_updates).unwrap_or(0);
        if call.revision_ids.len() > most {
            return Err(fail("revisionIDs"));
        }
        let wants = |kind: FragmentType| call.info_types.contains(&kind);
        let wants_texts = wants(FragmentType::LocalizedProperties);
        if (wants_texts || wants(FragmentType::Eula)) && call.locales.is_empty() {
            return Err(fail("locales"));
        }
        let request = FragmentRequest {
            revisions: &call.revision_ids,
            core: wants(FragmentType::Core),
            extended: wants(FragmentType::Extended),
            locales: if wants_texts { &call.locales } else { &[] },
        };
        let found = self.susdb.fragments(request).await?;
        // All of one kind in the order asked for, then all of the next (capture).
        let kinds = [&found.core, &found.extended, &found.localized];
        let updates = kinds.into_iter().flat_map(|kind| entries(&call.revision_ids, kind)).collect();
        let mut file_locations = Vec::new();
        if request.extended {
            let files = self.susdb.files_of(&call.revision_ids).await?;
            let port = authorized.configuration.content_port;
            file_locations = files.iter().filter_map(|file| location(file, &facts.host, port)).collect();
        }
        let unknown: BTreeSet<i32> = call.revision_ids.iter().copied().filter(|id| !found.known.contains(id)).collect();
        Ok(GetExtendedUpdateInfoResponse {
            updates,
            file_locations,
            out_of_scope_revision_ids: unknown.into_iter().collect(),
        })
    }

    pub(super) async fn get_file_locations(
        &self,
        call: GetFileLocations,
        facts: &CallFacts,
    ) -> Result<GetFileLocationsResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        let digests = call.file_digests.filter(|all| all.iter().all(|digest| digest.len() == DIGEST));
        let digests = digests.ok_or_else(|| Thrown::parameter("fileDigests").of(&authorized.session.client_id))?;
        let digests: Vec<String> = digests.iter().map(|digest| hex(digest)).collect();
        let files = self.susdb.files(&digests).await?;
        let port = authorized.configuration.content_port;
        Ok(GetFileLocationsResponse {
            file_locations: files.iter().filter_map(|file| location(file, &facts.host, port)).collect(),
            new_cookie: Some(authorized.next_cookie(authorized.session.anchor)),
        })
    }
}

fn entries<'a>(ids: &'a [i32], found: &'a BTreeMap<i32, Arc<str>>) -> impl Iterator<Item = UpdateData> + 'a {
    ids.iter().filter_map(|id| found.get(id).map(|xml| UpdateData { id: *id, xml: Arc::clone(xml) }))
}

/// `/Content/<last two digits>/<SHA-1>.<extension>` in upper case on the plain port of the host that the client named
/// (capture).
fn location((digest, name): &(String, String), host: &str, port: i64) -> Option<FileLocation> {
    let upper = digest.to_uppercase();
    let folder = upper.get(upper.len().checked_sub(2)?..)?;
    let extension = name.rsplit_once('.').map_or_else(String::new, |(_, extension)| format!(".{extension}"));
    let port = if port == 80 { String::new() } else { format!(":{port}") };
    Some(FileLocation {
        file_digest: bytes(digest)?,
        url: format!("http://{host}{port}/Content/{folder}/{upper}{extension}"),
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
