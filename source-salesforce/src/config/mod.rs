//! The configuration: the text that the user wrote becomes a [`Config`] that breaks no rule.
//!
//! The crate `connector` checks the text against `spec.json` and finds the sign-in, for every connector. `streams` checks
//! the settings of single streams, and `criteria` which objects are offered.

mod criteria;
mod streams;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;
use serde_json::Value;

use airbyte::Result;
use connector::config::document::{self, Rules};
use connector::config::raw_text::RawText;
use connector::config::unknown_keys::UnknownKey;
use connector::config::violations::Violations;
use connector::config::{SignInKeys, non_blank, schema};
use salesforce::{OAuthFlow, SignIn};

use crate::moment::Moment;
pub(crate) use criteria::Criteria;
pub(crate) use streams::StreamSettings;

const SPEC: &str = include_str!("../../spec.json");

/// The keys whose loss changes how fast or how a sync runs, and neither its records nor their values.
const HARMLESS: [&str; 8] = [
    "api",
    "force_use_bulk_api",
    "lookback_window",
    "max_page_rows",
    "max_parallel_pages",
    "max_parallel_streams",
    "preserve_na_values",
    "stream_slice_step",
];

const DEFAULT_MAX_PARALLEL_STREAMS: f64 = 3.0;

const DEFAULT_MAX_PARALLEL_PAGES: f64 = 3.0;

/// The specification of the connector, as the `spec` command prints it.
///
/// # Errors
/// A defect: the specification is built into the connector.
pub(crate) fn spec() -> Result<Value> {
    schema::parse(SPEC)
}

/// Which API reads the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Api {
    /// REST for few records and for objects that the Bulk API does not know, else a query job.
    #[default]
    Auto,
    /// A query job.
    Bulk,
    /// REST calls.
    Rest,
}

/// A valid configuration: it breaks no rule.
#[derive(Clone)]
pub(crate) struct Config {
    sign_in: SignIn,
    api: Api,
    streams: Vec<StreamSettings>,
    criteria: Criteria,
    max_parallel_streams: usize,
    max_parallel_pages: usize,
    max_page_rows: Option<usize>,
    start_date: Option<Moment>,
    end_date: Option<Moment>,
    lookback: SignedDuration,
    refresh_every: Option<SignedDuration>,
    unknown_keys: Vec<UnknownKey>,
    text: RawText,
}

/// The keys as they are. Every key is optional, so that one broken key does not hide what is wrong with the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawConfig {
    /// The sign-in keys that are not in `credentials`.
    #[serde(flatten)]
    sign_in: SignInKeys,
    credentials: Option<SignInKeys>,
    api: Option<Api>,
    force_use_bulk_api: Option<bool>,
    streams: Option<Vec<Option<streams::RawStream>>>,
    streams_criteria: Option<Vec<Option<criteria::RawCriterion>>>,
    // The schema accepts `5.0` as a whole number.
    max_parallel_streams: Option<f64>,
    max_parallel_pages: Option<f64>,
    max_page_rows: Option<f64>,
    start_date: Option<String>,
    end_date: Option<String>,
    lookback_window: Option<String>,
    refresh_formulas_every: Option<String>,
}

impl Config {
    /// Reads and checks the text of a configuration.
    ///
    /// # Errors
    /// The text is not a JSON object, or breaks rules: one error lists them all. It never repeats a value, because the
    /// value may be a secret.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut json = document::read(text)?;
        choose_flow(&mut json);
        let mut violations = Violations::default();
        let rules = Rules { spec: &spec()?, harmless: &HARMLESS, is_strict: false };
        let (raw, unknown_keys): (RawConfig, _) = document::check(json, &rules, &mut violations)?;
        let sign_in = document::sign_in(raw.credentials, raw.sign_in, &mut violations);
        let streams = streams::validate(raw.streams.unwrap_or_default(), &mut violations);
        let criteria = criteria::validate(raw.streams_criteria.unwrap_or_default(), &mut violations);
        let forced = raw.force_use_bulk_api.unwrap_or_default();
        if forced && raw.api == Some(Api::Rest) {
            violations.add("force_use_bulk_api", "contradicts `api`, which is `rest`: remove one of them");
        }
        for (index, settings) in streams.iter().enumerate() {
            if forced && settings.api == Some(Api::Rest) {
                let key = format!("streams[{index}].api");
                violations.add(key, "is `rest`, which contradicts `force_use_bulk_api`: remove one of them");
            }
        }
        let mut date = |key, text| non_blank(text).and_then(|text: String| date(key, &text, &mut violations));
        let (start_date, end_date) = (date("start_date", raw.start_date), date("end_date", raw.end_date));
        if start_date.zip(end_date).is_some_and(|(start, end)| end <= start) {
            violations.add("end_date", "must be later than `start_date`");
        }
        let lookback = non_blank(raw.lookback_window).and_then(|time| lookback(&time, &mut violations));
        let refresh_every = refresh_every("refresh_formulas_every", raw.refresh_formulas_every, &mut violations);
        let sign_in = document::valid(sign_in, violations)?;
        let api = if forced { Api::Bulk } else { raw.api.unwrap_or_default() };
        // The schema bounds these numbers.
        let max_parallel_streams = raw.max_parallel_streams.unwrap_or(DEFAULT_MAX_PARALLEL_STREAMS) as usize;
        // Salesforce chooses the rows of the pages that it lists, so whoever chose a number gets other pages.
        let usual = if raw.max_page_rows.is_some() { 1.0 } else { DEFAULT_MAX_PARALLEL_PAGES };
        let max_parallel_pages = raw.max_parallel_pages.unwrap_or(usual) as usize;
        let max_page_rows = raw.max_page_rows.map(|rows| rows as usize);
        Ok(Self {
            sign_in,
            api,
            streams,
            criteria,
            max_parallel_streams,
            max_parallel_pages,
            max_page_rows,
            start_date,
            end_date,
            lookback: lookback.unwrap_or_default(),
            refresh_every,
            unknown_keys,
            text: RawText::new(text),
        })
    }

    pub(crate) fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Whether the sign-in flow is the one that Salesforce deprecates.
    pub(crate) fn uses_password_flow(&self) -> bool {
        matches!(self.sign_in.flow, OAuthFlow::Password { .. })
    }

    /// The keys that the specification does not have, and that mean nothing.
    pub(crate) fn unknown_keys(&self) -> &[UnknownKey] {
        &self.unknown_keys
    }

    /// The settings of single streams.
    pub(crate) fn streams(&self) -> &[StreamSettings] {
        &self.streams
    }

    /// The settings of a stream, if it has any. The case of a name does not matter, as for Salesforce.
    pub(crate) fn stream(&self, name: &str) -> Option<&StreamSettings> {
        self.streams.iter().find(|settings| settings.stream.eq_ignore_ascii_case(name))
    }

    /// The API that reads a stream.
    pub(crate) fn api_of(&self, name: &str) -> Api {
        self.stream(name).and_then(|settings| settings.api).unwrap_or(self.api)
    }

    /// Which objects are offered as streams.
    pub(crate) fn criteria(&self) -> &Criteria {
        &self.criteria
    }

    /// How many streams are read at the same time.
    pub(crate) fn max_parallel_streams(&self) -> usize {
        self.max_parallel_streams
    }

    /// How many pages of a query job are read at the same time.
    pub(crate) fn max_parallel_pages(&self) -> usize {
        self.max_parallel_pages
    }

    /// The most records of a page, if the user chose it.
    pub(crate) fn max_page_rows(&self) -> Option<usize> {
        self.max_page_rows
    }

    /// What keys of Airbyte's own connector would change, and do not here.
    pub(crate) fn unused(&self) -> Option<String> {
        let dates = match (self.start_date, self.end_date) {
            (None, None) => return None,
            (Some(_), None) => "`start_date` is",
            (None, Some(_)) => "`end_date` is",
            (Some(_), Some(_)) => "`start_date` and `end_date` are",
        };
        Some(format!(
            "{dates} not used by full refreshes: they read every record, whenever it was changed. Use the filter of a \
             stream to read fewer."
        ))
    }

    /// The change from which the first incremental sync of a stream reads.
    pub(crate) fn start_date(&self) -> Option<Moment> {
        self.start_date
    }

    /// The change before which incremental syncs stop.
    pub(crate) fn end_date(&self) -> Option<Moment> {
        self.end_date
    }

    /// How much earlier than it must each window of an incremental sync begins.
    pub(crate) fn lookback(&self) -> SignedDuration {
        self.lookback
    }

    /// How often an incremental sync reads every record of a stream again for its formulas; none if never.
    pub(crate) fn refresh_every(&self, name: &str) -> Option<SignedDuration> {
        self.stream(name).and_then(|settings| settings.refresh_every).or(self.refresh_every)
    }

    /// The configuration as the user wrote it. It holds every secret.
    pub(crate) fn text(&self) -> &RawText {
        &self.text
    }
}

/// Reads `start_date` or `end_date`.
fn date(key: &str, text: &str, violations: &mut Violations) -> Option<Moment> {
    let date = Moment::parse(text.trim());
    if date.is_none() {
        violations.add(key, "must be a date such as 2021-07-25, or a time such as 2021-07-25T00:00:00Z");
    }
    date
}

/// Reads `lookback_window`. A year has 366 days, a month 31 and a day 24 hours: one that is longer than it must be repeats
/// records, and one that is shorter loses them.
fn lookback(text: &str, violations: &mut Violations) -> Option<SignedDuration> {
    let time = text.trim().parse::<Span>().ok().and_then(|span| {
        let days = i64::from(span.get_years()) * 366 + i64::from(span.get_months()) * 31;
        let rest = span.try_years(0).and_then(|span| span.try_months(0)).ok()?;
        let rest = rest.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        SignedDuration::from_secs(days * 24 * 60 * 60).checked_add(rest)
    });
    let time = time.filter(|time| !time.is_negative());
    if time.is_none() {
        violations.add("lookback_window", "must be a duration such as PT10M or P1D");
    }
    time
}

/// Reads `refresh_formulas_every` of all streams or of one.
fn refresh_every(key: &str, text: Option<String>, violations: &mut Violations) -> Option<SignedDuration> {
    let time = duration(&non_blank(text)?).filter(|time| !time.is_zero());
    if time.is_none() {
        violations.add(key, "must be a duration such as P1D or PT12H");
    }
    time
}

/// Reads a duration. A day has 24 hours.
fn duration(text: &str) -> Option<SignedDuration> {
    let span = text.trim().parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    span.ok().filter(|time| !time.is_negative())
}

/// The names that Airbyte's own connector has for flows of this one.
const FLOWS: [(&str, &str); 2] = [("JWT", "JwtBearer"), ("client_credentials", "ClientCredentials")];

/// Names the flow as this connector does. Configurations of Airbyte's own connector need not name the one that it had
/// first.
fn choose_flow(json: &mut Value) {
    if let Some(credentials) = json.get_mut("credentials").and_then(Value::as_object_mut)
        && !credentials.contains_key("auth_type")
        && credentials.contains_key("refresh_token")
    {
        credentials.insert("auth_type".to_owned(), Value::from("Client"));
    }
    for place in ["/auth_type", "/credentials/auth_type"] {
        let Some(flow) = json.pointer_mut(place) else { continue };
        if let Some((_, name)) = FLOWS.iter().find(|(theirs, _)| flow == theirs) {
            *flow = Value::from(*name);
        }
    }
}

#[cfg(test)]
mod tests;
