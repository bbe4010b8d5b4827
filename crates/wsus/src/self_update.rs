//! `/SelfUpdate/wuident.cab`: a real cabinet with `wuident.txt`, signed by the world's signer.

use std::io::{Cursor, Write as _};

use cmsim_net::pki::CertifiedKey;
use cmsim_wire::wusp::self_update::{Directive, SignedFile, Wuident};
use time::{Date, Month, PrimitiveDateTime, Time};

/// What the server offers: nothing newer for the systems whose agents still ask, no support for Windows 2000
/// (inferred; a literal file is not published).
pub(crate) fn offer() -> Wuident {
    let up_to_date = ["5.1", "5.2", "6.0", "6.1", "6.2", "6.3"];
    let os = up_to_date.map(|version| (version.to_owned(), Directive::Skip)).into_iter();
    Wuident { os: os.chain([("5.0".to_owned(), Directive::Unsupported)]).collect() }
}

/// The cabinet, with a fixed file time so that equal contents are equal bytes. `None` if it could not be built, which
/// takes a lack of memory.
pub(crate) fn cabinet(wuident: &Wuident) -> Option<Vec<u8>> {
    let date = Date::from_calendar_date(2012, Month::June, 2).ok()?;
    let mut builder = cab::CabinetBuilder::new();
    builder
        .add_folder(cab::CompressionType::MsZip)
        .add_file("wuident.txt")
        .set_datetime(PrimitiveDateTime::new(date, Time::MIDNIGHT));
    let mut writer = builder.build(Cursor::new(Vec::new())).ok()?;
    while let Some(mut file) = writer.next_file().ok()? {
        file.write_all(wuident.encode().as_bytes()).ok()?;
    }
    writer.finish().ok().map(Cursor::into_inner)
}

/// Appends the signer's signature to a file.
pub(crate) fn sign(content: Vec<u8>, signer: &CertifiedKey) -> Vec<u8> {
    let signature = signer.key.sign_sha256(&content);
    let chain = signer.chain.iter().map(|certificate| certificate.to_vec()).collect();
    SignedFile { content, chain, signature }.encode()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_cabinet_holds_the_offer_and_is_the_same_every_time() {
        let bytes = cabinet(&offer()).unwrap();
        assert_eq!(cabinet(&offer()).unwrap(), bytes);
        let mut cabinet = cab::Cabinet::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        cabinet.read_file("wuident.txt").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(Wuident::decode(&text).unwrap(), offer());
        assert_eq!(offer().directive("6.1"), Some(&Directive::Skip));
    }
}
