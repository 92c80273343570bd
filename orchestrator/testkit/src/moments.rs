//! When tests kill something: a few fixed moments, or many drawn from a seed.
//!
//! `LANDFALL_SOAK=ROUNDS:SEED` asks for the many. The same seed gives the same moments everywhere; another test gets
//! others from it. Kills nothing itself.

use crate::skip::variable;

/// Moments of one test under one setting.
#[derive(Debug, Clone)]
pub struct Moments {
    soak: Option<Soak>,
    state: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Soak {
    rounds: usize,
    seed: u64,
}

impl Moments {
    /// As `LANDFALL_SOAK` says; the name keeps tests of one seed apart.
    ///
    /// # Panics
    /// When the variable is not of that form.
    pub fn of(test: &str) -> Self {
        Self::from_setting(test, variable("LANDFALL_SOAK").as_deref())
    }

    fn from_setting(test: &str, setting: Option<&str>) -> Self {
        let soak = setting.map(|text| {
            let read = || {
                let (rounds, seed) = text.split_once(':')?;
                Some(Soak { rounds: rounds.parse().ok().filter(|rounds| *rounds > 0)?, seed: seed.parse().ok()? })
            };
            read().unwrap_or_else(|| panic!("LANDFALL_SOAK is {text:?}, not ROUNDS:SEED"))
        });
        let seed = soak.map_or(0, |soak| soak.seed);
        // FNV-1a of the name.
        let name = test
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { soak, state: name ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// Whether many moments are asked for.
    pub fn is_soak(&self) -> bool {
        self.soak.is_some()
    }

    /// Fractions of an undisturbed run: a few at equal distances, or many at random for each round, some of them close
    /// after the end.
    pub fn fractions(&mut self, few: u32, many: usize) -> Vec<f64> {
        match self.soak {
            None => (1..=few).map(|number| f64::from(number) / f64::from(few + 1)).collect(),
            Some(Soak { rounds, .. }) => {
                (0..rounds * many).map(|_| (self.next() >> 11) as f64 / (1u64 << 53) as f64 * 1.05).collect()
            }
        }
    }

    /// Counts of something that is told or seen: the few, or many below `end` for each round.
    pub fn counts(&mut self, few: &[usize], many: usize, end: usize) -> Vec<usize> {
        match self.soak {
            None => few.to_vec(),
            Some(Soak { rounds, .. }) => {
                (0..rounds * many).map(|_| (self.next() % end.max(1) as u64) as usize).collect()
            }
        }
    }

    /// The next number; splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_seed_the_moments_are_few_and_fixed() {
        let mut moments = Moments::from_setting("a", None);
        assert_eq!(moments.fractions(3, 20), [0.25, 0.5, 0.75]);
        assert_eq!(moments.counts(&[1, 7], 20, 30), [1, 7]);
        assert!(!moments.is_soak());
    }

    #[test]
    fn a_seed_gives_the_same_many_to_one_test_and_others_to_another() {
        let draw = |test: &str, setting: &str| Moments::from_setting(test, Some(setting)).fractions(3, 20);
        assert_eq!(draw("a", "1:7"), draw("a", "1:7"));
        assert_ne!(draw("a", "1:7"), draw("a", "1:8"));
        assert_ne!(draw("a", "1:7"), draw("b", "1:7"));
        assert_eq!(draw("a", "1:7").len(), 20);
        assert_eq!(draw("a", "3:7").len(), 60);
        let all = draw("a", "50:7");
        assert!(all.iter().all(|point| (0.0..1.05).contains(point)));
        let early = all.iter().filter(|point| **point < 0.525).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
        let counts = Moments::from_setting("a", Some("50:7")).counts(&[], 20, 12);
        assert!((0..12).all(|count| counts.contains(&count)) && counts.iter().all(|count| *count < 12));
    }

    #[test]
    fn another_form_is_refused() {
        for setting in ["7", "0:7", "a:7", "1:b", ":"] {
            assert!(std::panic::catch_unwind(|| Moments::from_setting("a", Some(setting))).is_err(), "{setting}");
        }
    }
}
