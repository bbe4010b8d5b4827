//! Randomness that is the same for the same seed and label, on every machine and version.

use rand_core::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The seed of a scenario, from which every random stream is derived by label.
///
/// Streams are independent: adding a draw to one label changes no other label's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed for a number as a user writes it.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(Sha256::digest(number.to_le_bytes()).into())
    }

    /// The seed of a part of the world, such as one host.
    #[must_use]
    pub fn child(&self, label: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(label.as_bytes());
        Self(hash.finalize().into())
    }

    /// The stream of random numbers that belongs to `label`.
    #[must_use]
    pub fn stream(&self, label: &str) -> SimRng {
        SimRng(Pcg64::from_seed(self.child(label).0))
    }
}

/// A stream of random numbers. The generator is a named, portable one (PCG), so values never change between releases.
#[derive(Clone, Debug)]
pub struct SimRng(Pcg64);

impl SimRng {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `low` up to, not including, `high`; `low` if the range is empty.
    pub fn below(&mut self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low);
        if width == 0 {
            return low;
        }
        // Multiply-shift: the bias is below 2^-32 for every width in use, and each call draws once.
        low + u64::try_from((u128::from(self.next_u64()) * u128::from(width)) >> 64).unwrap_or(0)
    }

    /// True with probability `p` (0 never, 1 always). Draws once whatever `p` is.
    pub fn chance(&mut self, p: f64) -> bool {
        let unit = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < p
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A random (version 4) GUID.
    pub fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_stable_across_releases() {
        let mut rng = Seed::new(1).stream("thread-ids");
        assert_eq!([rng.next_u64(), rng.next_u64()], GOLDEN);
    }

    const GOLDEN: [u64; 2] = [16_180_119_620_133_967_720, 1_800_242_756_476_495_365];

    #[test]
    fn labels_are_independent_and_seeds_differ() {
        let first = Seed::new(1).stream("a").next_u64();
        assert_ne!(first, Seed::new(1).stream("b").next_u64());
        assert_ne!(first, Seed::new(2).stream("a").next_u64());
        assert_eq!(first, Seed::new(1).stream("a").next_u64());
    }

    #[test]
    fn below_stays_in_range_and_reaches_both_ends() {
        let mut rng = Seed::new(7).stream("range");
        let drawn: Vec<u64> = (0..200).map(|_| rng.below(3, 6)).collect();
        assert!(drawn.iter().all(|n| (3..6).contains(n)));
        assert!((3..6).all(|n| drawn.contains(&n)));
        assert_eq!(rng.below(9, 9), 9);
    }

    #[test]
    fn chance_zero_never_and_one_always() {
        let mut rng = Seed::new(7).stream("chance");
        assert!((0..1000).all(|_| !rng.chance(0.0)));
        assert!((0..1000).all(|_| rng.chance(1.0)));
    }

    #[test]
    fn guids_say_version_four() {
        assert_eq!(Seed::new(1).stream("ids").uuid().get_version_num(), 4);
    }
}
