//! Which requests a fault affects.

use super::Effect;
use crate::route::Endpoint;

/// What goes wrong with requests to one endpoint. The count of requests begins when the fault is injected.
///
/// ```
/// use salesforce_sim::{Answer, Effect, Endpoint, RequestFault};
///
/// let next = RequestFault::new(Endpoint::JobCreate, Effect::LostAnswer);
/// let second_and_third = RequestFault::new(Endpoint::JobInfo, Answer::status(503)).starting_at(2).times(2);
/// let every = RequestFault::new(Endpoint::Token, Effect::Cut).always();
/// ```
#[derive(Debug, Clone)]
pub struct RequestFault {
    endpoint: Endpoint,
    effect: Effect,
    first: usize,
    times: usize,
    seen: usize,
}

impl RequestFault {
    /// Affects the next request to an endpoint.
    pub fn new(endpoint: Endpoint, effect: impl Into<Effect>) -> Self {
        Self { endpoint, effect: effect.into(), first: 1, times: 1, seen: 0 }
    }

    /// Begins with the n-th request. The next request is the first.
    #[must_use]
    pub fn starting_at(self, first: usize) -> Self {
        Self { first: first.max(1), ..self }
    }

    /// Affects this many requests in a row.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Affects every request from the first one on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Counts a request and returns the effect on it.
    pub(super) fn effect_on(&mut self, endpoint: Endpoint) -> Option<Effect> {
        if endpoint != self.endpoint {
            return None;
        }
        self.seen += 1;
        let since_first = self.seen.checked_sub(self.first)?;
        (since_first < self.times).then(|| self.effect.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_affects_requests_by_endpoint_and_number() {
        let next = || RequestFault::new(Endpoint::JobInfo, Effect::Cut);
        for (mut fault, affected) in [
            (next(), [true, false, false, false, false]),
            (next().starting_at(3), [false, false, true, false, false]),
            (next().starting_at(2).times(2), [false, true, true, false, false]),
            (next().times(0), [false; 5]),
            (next().always(), [true; 5]),
            (next().always().starting_at(4), [false, false, false, true, true]),
        ] {
            let seen = affected.map(|_| {
                assert!(fault.effect_on(Endpoint::JobList).is_none());
                fault.effect_on(Endpoint::JobInfo).is_some()
            });
            assert_eq!(seen, affected, "{fault:?}");
        }
    }
}
