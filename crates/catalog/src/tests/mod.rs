mod coherence;
mod scan;
mod windows_11;
mod windows_7;

use crate::Catalogue;

/// Another stream of numbers for every seed.
pub(super) fn stream(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

pub(super) fn seven(seed: u64) -> Catalogue {
    crate::windows_7(&mut stream(seed))
}

pub(super) fn eleven(seed: u64) -> Catalogue {
    crate::windows_11(&mut stream(seed))
}
