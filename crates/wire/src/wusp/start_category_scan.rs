//! StartCategoryScan: which categories a limited scan is about.

use uuid::Uuid;

use super::values::{self, put_display, put_guids, required};
use super::{Call, Message, Service, Style};
use crate::xml::{Reader, Tag, Writer, XmlError};

/// The call; it carries no cookie (MS-WUSP 2.2.2.2.8, capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartCategoryScan {
    /// The wanted categories; `None` when the parameter is missing.
    pub requested_categories: Option<Vec<CategoryRelationship>>,
}

/// One category of a disjunction of conjunctions: equal indexes are joined by AND, different ones by OR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CategoryRelationship {
    /// Which conjunction this category belongs to.
    pub index_of_and_group: i32,
    /// The category.
    pub category_id: Uuid,
}

/// The answer; each list is left out when empty (capture).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartCategoryScanResponse {
    /// What to send as `FilterCategoryIds`.
    pub preferred_category_ids: Vec<Uuid>,
    /// Categories that the server does not know.
    pub requested_category_ids_in_error: Vec<Uuid>,
}

impl Call for StartCategoryScan {
    type Answer = StartCategoryScanResponse;
}

impl Message for StartCategoryScan {
    const ELEMENT: &'static str = "StartCategoryScan";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Agent;

    fn write(&self, writer: &mut Writer) {
        let Some(categories) = &self.requested_categories else {
            return;
        };
        // An empty parameter differs from a missing one, so this list is written even without members.
        writer.start("requestedCategories");
        for category in categories {
            writer.start("CategoryRelationship");
            put_display(writer, "IndexOfAndGroup", category.index_of_and_group);
            put_display(writer, "CategoryId", category.category_id);
            writer.end();
        }
        writer.end();
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut requested_categories = None;
        while let Some(child) = reader.next_child(tag)? {
            if child.local() == "requestedCategories" {
                let categories = values::list(reader, &child, "CategoryRelationship", read_relationship)?;
                requested_categories = (!values::is_nil(&child)).then_some(categories);
            }
        }
        Ok(Self { requested_categories })
    }
}

fn read_relationship<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Option<CategoryRelationship>, XmlError> {
    let mut index = None;
    let mut category_id = None;
    while let Some(child) = reader.next_child(tag)? {
        match child.local() {
            "IndexOfAndGroup" => index = values::number(reader, &child)?,
            "CategoryId" => category_id = values::guid(reader, &child)?,
            _ => {}
        }
    }
    if values::is_nil(tag) {
        return Ok(None);
    }
    Ok(Some(CategoryRelationship {
        index_of_and_group: required(index, tag, "IndexOfAndGroup")?,
        category_id: required(category_id, tag, "CategoryId")?,
    }))
}

impl Message for StartCategoryScanResponse {
    const ELEMENT: &'static str = "StartCategoryScanResponse";
    const SERVICE: Service = Service::Client;
    const STYLE: Style = Style::Wcf;

    fn write(&self, writer: &mut Writer) {
        put_guids(writer, "preferredCategoryIds", &self.preferred_category_ids);
        put_guids(writer, "requestedCategoryIdsInError", &self.requested_category_ids_in_error);
    }

    fn read<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Result<Self, XmlError> {
        let mut answer = Self { preferred_category_ids: Vec::new(), requested_category_ids_in_error: Vec::new() };
        while let Some(child) = reader.next_child(tag)? {
            match child.local() {
                "preferredCategoryIds" => answer.preferred_category_ids = values::guids(reader, &child)?,
                "requestedCategoryIdsInError" => {
                    answer.requested_category_ids_in_error = values::guids(reader, &child)?;
                }
                _ => {}
            }
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_list_and_an_empty_one_stay_apart() {
        for requested_categories in [None, Some(Vec::new())] {
            let call = StartCategoryScan { requested_categories };
            assert_eq!(StartCategoryScan::decode(call.encode().as_bytes()).unwrap(), call);
        }
    }
}
