//! Random faults of requests, the same for the same seed.

use std::{collections::HashMap, time::Duration};

use fastrand::Rng;

use super::{Answer, Effect, Truncation};
use crate::route::Endpoint;

/// Faults of random requests, of every kind that a client should survive without help: error answers, HTML pages, cut
/// connections, lost and truncated answers, and delays.
///
/// The effect on the n-th request to an endpoint depends on the seed alone, not on other requests at the same time.
#[derive(Debug)]
pub struct RandomFaults {
    rate: f64,
    seed: u64,
    of_reading: bool,
    seen: HashMap<Endpoint, u64>,
}

impl RandomFaults {
    /// Faults of this share of all requests, from 0 to 1.
    pub fn new(rate: f64, seed: u64) -> Self {
        Self { rate, seed, of_reading: false, seen: HashMap::new() }
    }

    /// The same, and half of the faults of queries and of their pages are those that a reader should find and may not
    /// survive: wrong counts, records that are left out, pages that end early or expire.
    #[must_use]
    pub fn of_reading(self) -> Self {
        Self { of_reading: true, ..self }
    }

    /// Counts a request and returns the effect on it.
    pub(super) fn effect_on(&mut self, endpoint: Endpoint) -> Option<Effect> {
        let number = self.seen.entry(endpoint).or_default();
        *number += 1;
        let mut random = Rng::with_seed(self.seed ^ (endpoint as u64) << 32 ^ *number << 40);
        let is_hit = random.f64() < self.rate;
        let is_of_reading = is_hit && self.of_reading && is_reading(endpoint) && random.bool();
        is_hit.then(|| if is_of_reading { reading_effect(&mut random) } else { effect(&mut random) })
    }
}

/// Whether requests to an endpoint read records, or name their pages.
fn is_reading(endpoint: Endpoint) -> bool {
    use Endpoint::{Query, QueryAll, QueryJobPages, QueryJobResults, QueryMore};
    matches!(endpoint, Query | QueryAll | QueryMore | QueryJobResults | QueryJobPages)
}

fn reading_effect(random: &mut Rng) -> Effect {
    const COUNT: &str = "Sforce-NumberOfRecords";
    match random.u8(..9) {
        0 => Effect::Header(COUNT.to_owned(), None),
        1 => Effect::Header(COUNT.to_owned(), Some(random.u8(..50).to_string())),
        2 => Effect::Header("Sforce-Locator".to_owned(), Some("null".to_owned())),
        3 => Effect::Truncated(random.usize(..4_000), Truncation::Unnoticed),
        4 => Effect::SessionsEnded,
        5 => Effect::LocatorsExpired,
        6 => Effect::RecordLeftOut,
        7 => Answer::error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.").into(),
        _ => Answer::error(400, "QUERY_TIMEOUT", "Your query request was running for too long.").into(),
    }
}

fn effect(random: &mut Rng) -> Effect {
    match random.u8(..15) {
        0 => Answer::status(503).into(),
        1 => Answer::status(500).into(),
        2 => Answer::html(503).into(),
        3 => Answer::html(502).into(),
        4 => Answer::empty(406).into(),
        5 => Answer::empty(429).retry_after(1).into(),
        6 => Effect::Cut,
        7 | 8 => Effect::LostAnswer,
        9 => Effect::Truncated(random.usize(..4_000), Truncation::Chunked),
        10 => Effect::Truncated(random.usize(..4_000), Truncation::Length),
        11 => Effect::Replaced(Answer::html(200)),
        12 => Answer::html(200).into(),
        13 => Answer::html(404).into(),
        _ => Effect::Delayed(Duration::from_millis(random.u64(..500))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(rate: f64, seed: u64, endpoints: &[Endpoint]) -> Vec<String> {
        let mut faults = RandomFaults::new(rate, seed);
        (0..1_000)
            .flat_map(|_| endpoints.iter().map(|at| format!("{:?}", faults.effect_on(*at))).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn a_seed_decides_the_faults_of_an_endpoint_whatever_other_requests_there_are() {
        let alone = effects(0.2, 7, &[Endpoint::JobInfo]);
        let mixed = effects(0.2, 7, &[Endpoint::JobInfo, Endpoint::JobCreate]);
        assert_eq!(alone, mixed.iter().step_by(2).cloned().collect::<Vec<_>>());
        assert_ne!(alone, effects(0.2, 8, &[Endpoint::JobInfo]));
        assert_ne!(alone, effects(0.2, 7, &[Endpoint::JobCreate]));
    }

    #[test]
    fn only_calls_that_read_records_have_the_faults_of_reading() {
        let effects = |endpoint| {
            let mut faults = RandomFaults::new(1.0, 5).of_reading();
            (0..500).map(|_| format!("{:?}", faults.effect_on(endpoint))).collect::<Vec<_>>()
        };
        let pages = effects(Endpoint::QueryJobResults);
        let kinds = [
            "\"Sforce-NumberOfRecords\", None",
            "\"Sforce-NumberOfRecords\", Some",
            "\"Sforce-Locator\", Some",
            "Unnoticed",
            "SessionsEnded",
            "LocatorsExpired",
            "RecordLeftOut",
            "ConcurrentPerOrgLongTxn",
            "QUERY_TIMEOUT",
        ];
        let has = |effects: &[String], kind: &str| effects.iter().any(|effect| effect.contains(kind));
        for kind in kinds {
            assert!(has(&pages, kind) && !has(&effects(Endpoint::JobInfo), kind), "{kind}");
        }
        assert!(has(&pages, "LostAnswer"), "the other faults stay");
    }

    #[test]
    fn the_share_of_faults_is_the_rate_and_every_kind_occurs() {
        let share = |rate| effects(rate, 1, &[Endpoint::JobInfo]).iter().filter(|effect| *effect != "None").count();
        assert_eq!((share(0.0), share(1.0)), (0, 1_000));
        assert!((150..250).contains(&share(0.2)), "{}", share(0.2));
        let effects = effects(1.0, 1, &[Endpoint::JobInfo]);
        for kind in [
            "status: 503",
            "status: 406",
            "retry_after: Some(1)",
            "Cut",
            "LostAnswer",
            "Chunked",
            "Length",
            "Delayed",
            "Replaced",
        ] {
            assert!(effects.iter().any(|effect| effect.contains(kind)), "{kind}");
        }
    }
}
