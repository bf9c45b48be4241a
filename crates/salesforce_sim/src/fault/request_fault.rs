//! Which requests a fault meets.

use super::Effect;
use crate::http::Endpoint;

/// A fault of requests to one endpoint. Requests are counted from the moment at which the org is given it.
///
/// ```
/// use salesforce_sim::{Answer, Endpoint, Effect, RequestFault};
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
    /// What happens to the next request to an endpoint.
    pub fn new(endpoint: Endpoint, effect: impl Into<Effect>) -> Self {
        Self { endpoint, effect: effect.into(), first: 1, times: 1, seen: 0 }
    }

    /// Begins with the n-th request; the first one is 1.
    #[must_use]
    pub fn starting_at(self, first: usize) -> Self {
        Self { first: first.max(1), ..self }
    }

    /// Meets so many requests in a row.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Meets all requests from the first one on.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Counts a request; what happens to it, if it is one of those.
    pub(super) fn meet(&mut self, endpoint: Endpoint) -> Option<Effect> {
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
    fn requests_are_met_by_endpoint_and_number() {
        let next = || RequestFault::new(Endpoint::JobInfo, Effect::Cut);
        for (mut fault, met) in [
            (next(), [true, false, false, false, false]),
            (next().starting_at(3), [false, false, true, false, false]),
            (next().starting_at(2).times(2), [false, true, true, false, false]),
            (next().times(0), [false; 5]),
            (next().always(), [true; 5]),
            (next().always().starting_at(4), [false, false, false, true, true]),
        ] {
            let seen = met.map(|_| {
                assert!(fault.meet(Endpoint::JobList).is_none());
                fault.meet(Endpoint::JobInfo).is_some()
            });
            assert_eq!(seen, met, "{fault:?}");
        }
    }
}
