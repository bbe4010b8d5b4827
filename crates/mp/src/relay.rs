//! MP_RelayEndpoint: turns state messages into files for the site. It never answers; what it could not store it
//! reports as a failure, so that the client keeps the message.

use cmsim_logs::{Evidence, Log};
use cmsim_sim::SimRng;
use cmsim_wire::ccm::envelope::Received;
use cmsim_wire::ccm::state_report::StateReport;
use cmsim_wire::ccm::text;
use cmsim_world::DiskError;

use crate::point::ManagementPoint;
use crate::scribe::Scribe;

/// The message property that names the kind of file (docs; its spelling inferred).
const FILE_TYPE: &str = "FileType";

/// The kind of file of state messages (article).
const STATE_MESSAGES: &str = "SMX";

/// Characters of a relayed file's name: eight, capitals and digits (article's names).
const NAME_CHARACTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Stores a message. The file holds the message's text as UTF-16 with mark.
pub(crate) fn relay(mp: &ManagementPoint, message: &Received) -> Result<(), DiskError> {
    let scribe = Scribe::new(mp.host(), Log::MpRelay);
    scribe.info(
        "mprelay.cpp:127",
        Evidence::Article,
        "Mp Message Handler: start message processing for Relay------------------------------",
    );
    let kind = file_type(message);
    scribe.info("mprelay.cpp:143", Evidence::Article, format!("Mp Message Handler: FileType={kind}"));
    if !kind.eq_ignore_ascii_case(STATE_MESSAGES) {
        scribe.error("mprelay.cpp:151", Evidence::Inferred, format!("Inv-Relay Task: Unknown file type '{kind}'"));
        return Ok(());
    }
    scribe.info("mprelay.cpp:162", Evidence::Article, format!("Message Body : \n{}", message.body));
    scribe.info("mprelay.cpp:197", Evidence::Article, "Inv-Relay Task: Processing message body");
    let outbox = mp.settings().outbox.state_messages();
    scribe.info("mprelay.cpp:214", Evidence::Article, format!("Relay: Outbox dir: {outbox}"));
    // A damaged report is relayed too: the State System is the one that judges it.
    if let Some(priority) = StateReport::parse(&message.body).ok().and_then(|report| report.machine.priority) {
        scribe.info("mprelay.cpp:229", Evidence::Article, format!("Priority in the message = {priority}"));
    }
    scribe.info("mprelay.cpp:236", Evidence::Article, format!("State Priority Directory = {outbox}"));
    let disk = mp.host().disk();
    let path = loop {
        let path = format!(r"{outbox}\{}.SMX", mp.random(name));
        if !disk.exists(&path) {
            break path;
        }
    };
    match disk.write(&path, &text::utf16le_with_mark(&message.body)) {
        Ok(()) => {
            scribe.info("mprelay.cpp:281", Evidence::Article, "Inv-Relay: Task completed successfully");
            Ok(())
        }
        Err(error) => {
            let code = error.hresult();
            scribe.error(
                "mprelay.cpp:288",
                Evidence::Inferred,
                format!("Inv-Relay: Task failed to write {path}, error {code:#010x}"),
            );
            Err(error)
        }
    }
}

/// The kind of file: what the message says, or what its content shows.
fn file_type(message: &Received) -> String {
    let named = message.header.property(FILE_TYPE).map(str::to_owned);
    let is_report = || message.body.contains(StateReport::CONTENT);
    named.unwrap_or_else(|| if is_report() { STATE_MESSAGES.to_owned() } else { String::new() })
}

fn name(random: &mut SimRng) -> String {
    (0..8)
        .map(|_| {
            let index = random.below(0, NAME_CHARACTERS.len() as u64);
            usize::try_from(index).map_or('A', |index| char::from(NAME_CHARACTERS[index]))
        })
        .collect()
}
