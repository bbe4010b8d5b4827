//! Many updates of one sort: so many installed, needed and not applicable ones, over some components.

use cmsim_wire::update::Clause;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::category;
use crate::builder::{Builder, Payload, Update};
use crate::classification;
use crate::draw::patch_day;
use crate::fit::Want;

/// What updates of one sort have in common.
pub(super) struct Series<'a> {
    pub(super) classification: Uuid,
    pub(super) product: Uuid,
    /// Components the updates belong to in turn; may be empty.
    pub(super) components: &'a [&'a str],
    pub(super) needs: Vec<Clause>,
    pub(super) title: &'a dyn Fn(&str, u32) -> String,
    pub(super) german: Option<&'a dyn Fn(u32) -> String>,
    pub(super) installed: usize,
    pub(super) needed: usize,
    pub(super) not_applicable: usize,
    /// Every so manieth update supersedes the older ones of its component.
    pub(super) chain: Option<usize>,
    /// Article numbers.
    pub(super) articles: (u32, u32),
}

/// One update of a series, for the maker of its payloads.
pub(super) struct Member<'a> {
    pub(super) index: usize,
    pub(super) kb: u32,
    pub(super) component: &'a str,
    pub(super) created: Timestamp,
    pub(super) want: Want,
}

impl Series<'_> {
    /// Adds the series, oldest first; gives the ids of the updates that are installed or needed.
    pub(super) fn add(
        &self,
        builder: &mut Builder<'_>,
        make: &mut dyn FnMut(&mut Builder<'_>, &Member<'_>) -> Vec<Payload>,
    ) -> Vec<Uuid> {
        let mut found: Vec<(usize, Uuid)> = Vec::new();
        for index in 0..self.installed + self.needed + self.not_applicable {
            let want = match index {
                _ if index < self.installed => Want::Installed,
                _ if index < self.installed + self.needed => Want::Needed,
                _ => Want::NotApplicable,
            };
            let turn = if self.components.is_empty() { 0 } else { index % self.components.len() };
            let component = self.components.get(turn).copied().unwrap_or_default();
            let created = self.created(builder, index, want);
            let member =
                Member { index, kb: builder.article(self.articles.0, self.articles.1), component, created, want };
            let payloads = make(builder, &member);
            let chained = self.chain.is_some_and(|every| index % every == 0) && want != Want::NotApplicable;
            let older = found.iter().filter(|(of, _)| chained && *of == turn).map(|(_, id)| *id);
            let supersedes = older.collect();
            let update = self.update(builder, &member, supersedes);
            if want != Want::NotApplicable {
                found.push((turn, update.id));
            }
            builder.bundle(update, &payloads);
        }
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Installed updates run up to November 2013, needed ones are of the last two patch days.
    fn created(&self, builder: &mut Builder<'_>, index: usize, want: Want) -> Timestamp {
        match want {
            Want::Installed => {
                let months = i16::try_from(index * 32 / self.installed).unwrap_or(0) + 3;
                patch_day(2011 + months / 12, i8::try_from(months % 12).unwrap_or(0) + 1)
            }
            Want::Needed if index.is_multiple_of(2) => patch_day(2013, 12),
            Want::Needed => patch_day(2014, 1),
            Want::NotApplicable => {
                let month = i8::try_from(builder.draw.small(1, 13)).unwrap_or(1);
                patch_day(i16::try_from(builder.draw.small(2010, 2014)).unwrap_or(2013), month)
            }
        }
    }

    fn update(&self, builder: &mut Builder<'_>, member: &Member<'_>, supersedes: Vec<Uuid>) -> Update {
        let security = self.classification == classification::SECURITY_UPDATES;
        let mut products = vec![self.product];
        products.extend(Some(member.component).filter(|name| !name.is_empty()).map(category));
        Update {
            id: builder.draw.guid(),
            revision: 100 + builder.draw.small(0, 6),
            title: (self.title)(member.component, member.kb),
            german: self.german.map(|title| title(member.kb)),
            description: if security { SECURITY } else { QUALITY },
            kb: member.kb,
            bulletin: security.then(|| bulletin(builder, member.created)),
            severity: security.then(|| ["Important", "Critical", "Important", "Moderate"][member.index % 4]),
            classification: self.classification,
            products,
            needs: self.needs.clone(),
            supersedes,
            created: member.created,
            declined: false,
        }
    }
}

/// Description of security updates.
pub(super) const SECURITY: &str =
    "Closes a way in which an attacker could take control of the system or read data on it.";
/// Description of other updates.
pub(super) const QUALITY: &str = "Resolves known problems. The article with the same number lists them.";

/// A bulletin number of the year.
pub(super) fn bulletin(builder: &mut Builder<'_>, created: Timestamp) -> String {
    let year = created.to_zoned(TimeZone::UTC).year() % 100;
    let number = builder.draw.small(1, if year == 14 { 5 } else { 107 });
    format!("MS{year:02}-{number:03}")
}
