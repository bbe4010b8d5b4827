//! Core fragments taken apart once, however many machines of a process have them.
//!
//! Thousands of machines scan against the same catalogue. What a text means does not depend on who asks, so machines on
//! one thread share text and meaning; what nobody has any more is forgotten.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use cmsim_wire::update::{CoreFragment, FragmentError};

/// Entries after which the forgotten ones are looked for; several catalogues.
const MANY: usize = 20_000;

thread_local! {
    static KNOWN: RefCell<BTreeMap<Arc<str>, Weak<CoreFragment>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A fragment's text and what it says.
pub(super) fn shared(text: &Arc<str>) -> Result<(Arc<str>, Arc<CoreFragment>), FragmentError> {
    let known = KNOWN.with_borrow(|known| {
        let (text, core) = known.get_key_value(text)?;
        Some((Arc::clone(text), core.upgrade()?))
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let core = Arc::new(CoreFragment::decode(text)?);
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MANY {
            known.retain(|_, core| core.strong_count() > 0);
        }
        known.insert(Arc::clone(text), Arc::downgrade(&core));
    });
    Ok((Arc::clone(text), core))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATEGORY: &str = concat!(
        r#"<UpdateIdentity UpdateID="0fa1201d-4330-4fa8-8ae9-b877473b6441" RevisionNumber="100" />"#,
        r#"<Properties UpdateType="Category" /><Relationships />"#,
    );

    #[test]
    fn equal_texts_share_one_meaning_as_long_as_somebody_has_it() {
        let (text, first) = shared(&CATEGORY.into()).unwrap();
        let (same_text, second) = shared(&CATEGORY.into()).unwrap();
        assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&text, &same_text));
        assert_eq!(*first, CoreFragment::decode(CATEGORY).unwrap());
        drop((first, second));
        assert_eq!(shared(&CATEGORY.into()).unwrap().1.identity.revision, 100);
    }

    #[test]
    fn what_cannot_be_read_is_no_fragment() {
        assert!(shared(&"<Update".into()).is_err());
    }
}
