//! Company, family, two products, a classification, two detectoids, three updates, a bundle and its part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use crate::{Approval, CatalogueEntry};

pub(crate) const COMPANY: u128 = 1;
pub(crate) const FAMILY: u128 = 2;
pub(crate) const PRODUCT: u128 = 3;
pub(crate) const OTHER_PRODUCT: u128 = 4;
pub(crate) const SECURITY: u128 = 5;
pub(crate) const X64: u128 = 6;
pub(crate) const ARM: u128 = 7;
pub(crate) const FIRST: u128 = 8;
pub(crate) const SECOND: u128 = 9;
pub(crate) const FOR_ARM: u128 = 10;
pub(crate) const BUNDLE: u128 = 11;
pub(crate) const PART: u128 = 12;

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0xC0FF_EE00_0000_4000_8000_0000_0000_0000 + number)
}

pub(crate) fn name(number: u128) -> String {
    format!("Example {number}")
}

pub(crate) fn digest(number: u128) -> [u8; 20] {
    [u8::try_from(number).unwrap(); 20]
}

fn entry(number: u128, kind: &str, inside: &str, rest: &str) -> CatalogueEntry {
    let deployable =
        if matches!(number, FIRST | SECOND | FOR_ARM | BUNDLE) { " ExplicitlyDeployable=\"true\"" } else { "" };
    let core = format!(
        "<UpdateIdentity UpdateID=\"{}\" RevisionNumber=\"100\" /><Properties UpdateType=\"{kind}\"{deployable} />{inside}<ApplicabilityRules><IsInstalled><True /></IsInstalled></ApplicabilityRules>",
        id(number)
    );
    CatalogueEntry {
        core,
        extended: format!("<ExtendedProperties DefaultPropertiesLanguage=\"en\" />{rest}"),
        localized: ["en", "de"].map(|language| (language.to_owned(), localized(number, language))).into(),
        approval: Approval::NotApproved,
        local_id: Some(u32::try_from(20 - number).unwrap()),
    }
}

fn localized(number: u128, language: &str) -> String {
    format!("<LocalizedProperties><Language>{language}</Language><Title>{}</Title></LocalizedProperties>", name(number))
}

fn category(number: u128, parent: Option<u128>, kind: &str) -> CatalogueEntry {
    let handler = format!(
        "<HandlerSpecificData type=\"cat:Category\"><CategoryInformation CategoryType=\"{kind}\" ProhibitsSubcategories=\"false\" /></HandlerSpecificData>"
    );
    let inside = parent.map_or_else(String::new, |parent| relationships(&[parent], &[], ""));
    entry(number, "Category", &inside, &handler)
}

fn update(number: u128, categories: &[u128], needs: &[u128], more: &str) -> CatalogueEntry {
    let file = format!(
        "<Files><File Digest=\"{}\" DigestAlgorithm=\"SHA1\" FileName=\"example{number}.cab\" Size=\"25\" Modified=\"2013-01-01T00:00:00Z\" PatchingType=\"SelfContained\" /></Files>",
        STANDARD.encode(digest(number))
    );
    entry(number, "Software", &relationships(categories, needs, more), &file)
}

fn relationships(categories: &[u128], needs: &[u128], more: &str) -> String {
    let identity = |number: &u128| format!("<UpdateIdentity UpdateID=\"{}\" />", id(*number));
    let needs: String = needs.iter().map(identity).collect();
    let categories: String = categories
        .iter()
        .map(|number| format!("<AtLeastOne IsCategory=\"true\">{}</AtLeastOne>", identity(number)))
        .collect();
    format!("<Relationships><Prerequisites>{needs}{categories}</Prerequisites>{more}</Relationships>")
}

pub(crate) fn entries() -> Vec<CatalogueEntry> {
    let part =
        format!("<BundledUpdates><UpdateIdentity UpdateID=\"{}\" RevisionNumber=\"100\" /></BundledUpdates>", id(PART));
    vec![
        category(COMPANY, None, "Company"),
        category(FAMILY, Some(COMPANY), "ProductFamily"),
        category(PRODUCT, Some(FAMILY), "Product"),
        category(OTHER_PRODUCT, Some(FAMILY), "Product"),
        category(SECURITY, None, "UpdateClassification"),
        entry(X64, "Detectoid", "", ""),
        entry(ARM, "Detectoid", "", ""),
        // Named before it comes: the order of an import does not matter.
        update(BUNDLE, &[PRODUCT, SECURITY], &[X64], &part),
        update(FIRST, &[PRODUCT, SECURITY], &[X64], ""),
        update(SECOND, &[PRODUCT, SECURITY], &[X64], ""),
        update(FOR_ARM, &[PRODUCT, SECURITY], &[ARM], ""),
        update(PART, &[], &[X64], ""),
    ]
}

/// The next revision of an update.
pub(crate) fn revised(number: u128) -> CatalogueEntry {
    let found = entries().into_iter().find(|entry| entry.core.contains(&id(number).to_string()));
    let mut entry = found.unwrap();
    entry.core = entry.core.replacen("RevisionNumber=\"100\"", "RevisionNumber=\"101\"", 1);
    entry.local_id = None;
    entry
}
