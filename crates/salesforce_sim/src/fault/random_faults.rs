//! Faults of requests at random, the same for the same seed.

use std::{collections::HashMap, time::Duration};

use super::{Answer, Effect, Truncation};
use crate::http::Endpoint;

/// A mix of everything that a client should get over by itself, for a share of all requests.
///
/// What happens to the n-th request to an endpoint depends on the seed alone, not on what other requests are under way.
#[derive(Debug)]
pub struct RandomFaults {
    rate: f64,
    seed: u64,
    seen: HashMap<Endpoint, u64>,
}

impl RandomFaults {
    /// A share between 0 and 1 of the requests, chosen by a seed.
    pub fn new(rate: f64, seed: u64) -> Self {
        Self { rate, seed, seen: HashMap::new() }
    }

    pub(super) fn meet(&mut self, endpoint: Endpoint) -> Option<Effect> {
        let number = self.seen.entry(endpoint).or_default();
        *number += 1;
        let mut random = Random::new(self.seed ^ (endpoint as u64) << 32 ^ *number << 40);
        // The upper 53 bits are a number below 1 that a float holds exactly.
        let share = (random.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        (share < self.rate).then(|| effect(&mut random))
    }
}

fn effect(random: &mut Random) -> Effect {
    match random.below(12) {
        0 => Answer::status(503).into(),
        1 => Answer::status(500).into(),
        2 => Answer::html(503).into(),
        3 => Answer::html(502).into(),
        4 => Answer::empty(406).into(),
        5 => Answer::empty(429).retry_after(1).into(),
        6 => Effect::Cut,
        7 | 8 => Effect::LostAnswer,
        9 => Effect::Truncated(usize::try_from(random.below(4_000)).unwrap_or(0), Truncation::Chunked),
        10 => Effect::Truncated(usize::try_from(random.below(4_000)).unwrap_or(0), Truncation::Length),
        _ => Effect::Delayed(Duration::from_millis(random.below(500))),
    }
}

/// One number after the other from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(rate: f64, seed: u64, endpoints: &[Endpoint]) -> Vec<String> {
        let mut faults = RandomFaults::new(rate, seed);
        (0..1_000)
            .flat_map(|_| endpoints.iter().map(|at| format!("{:?}", faults.meet(*at))).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_whatever_else_is_asked() {
        let alone = met(0.2, 7, &[Endpoint::JobInfo]);
        let beside = met(0.2, 7, &[Endpoint::JobInfo, Endpoint::JobCreate]);
        assert_eq!(alone, beside.iter().step_by(2).cloned().collect::<Vec<_>>());
        assert_ne!(alone, met(0.2, 8, &[Endpoint::JobInfo]));
        assert_ne!(alone, met(0.2, 7, &[Endpoint::JobCreate]));
    }

    #[test]
    fn the_rate_is_kept_and_every_kind_comes() {
        let share = |rate| met(rate, 1, &[Endpoint::JobInfo]).iter().filter(|effect| *effect != "None").count();
        assert_eq!((share(0.0), share(1.0)), (0, 1_000));
        assert!((150..250).contains(&share(0.2)), "{}", share(0.2));
        let met = met(1.0, 1, &[Endpoint::JobInfo]);
        for kind in
            ["status: 503", "status: 406", "retry_after: Some(1)", "Cut", "LostAnswer", "Chunked", "Length", "Delayed"]
        {
            assert!(met.iter().any(|effect| effect.contains(kind)), "{kind}");
        }
    }
}
