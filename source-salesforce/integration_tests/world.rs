//! A simulated org, and what a platform passes to the connector.

use salesforce_sim::{Credentials, Nature, Settings, SimulatedOrg};
use serde_json::{Map, Value, json};

use crate::connector::{Connector, HASTE, Run};

/// A simulated org.
pub(crate) struct World {
    pub(crate) org: SimulatedOrg,
    /// How many times faster the waits of a connector pass.
    pub(crate) haste: u32,
}

impl World {
    /// A harsh org: it does all the time what documents allow and readers do not expect.
    pub(crate) async fn new() -> Self {
        Self::with(Settings { nature: Nature::harsh(), ..Settings::default() }).await
    }

    /// An org that does nothing unexpected.
    pub(crate) async fn kind() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self { org: SimulatedOrg::start(settings).await.unwrap(), haste: HASTE }
    }

    /// Adds so many contacts, with the last names `Person 0`, `Person 1` and so on.
    pub(crate) fn add_contacts(&self, count: usize) {
        for number in 0..count {
            self.org.insert("Contact", &[("LastName", &*format!("Person {number}"))]).unwrap();
        }
    }

    /// The same with waits that pass so many times faster than in a sync.
    pub(crate) fn hastened(self, haste: u32) -> Self {
        Self { haste, ..self }
    }

    /// A configuration that works, with the keys of `changes`; null removes a key.
    pub(crate) fn config(&self, changes: Value) -> Value {
        let credentials = Credentials::default();
        let mut config = json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "domain_url": self.org.url(),
        });
        for (key, value) in changes.as_object().unwrap() {
            config[key] = value.clone();
        }
        config.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        config
    }

    pub(crate) async fn check(&self, changes: Value) -> Run {
        let connector = Connector::start("check", &[("--config", &self.config(changes))], self.haste);
        blocking(move || connector.wait()).await
    }

    pub(crate) async fn discover(&self, changes: Value) -> Run {
        let connector = Connector::start("discover", &[("--config", &self.config(changes))], self.haste);
        blocking(move || connector.wait()).await
    }

    pub(crate) async fn read(&self, changes: Value, catalog: &Value) -> Run {
        self.read_on(changes, catalog, &json!([])).await
    }

    /// Reads from states on.
    pub(crate) async fn read_on(&self, changes: Value, catalog: &Value, states: &Value) -> Run {
        let connector = self.start_read(changes, catalog, states);
        blocking(move || connector.wait()).await
    }

    pub(crate) fn start_read(&self, changes: Value, catalog: &Value, states: &Value) -> Connector {
        let config = self.config(changes);
        Connector::start("read", &[("--config", &config), ("--catalog", catalog), ("--state", states)], self.haste)
    }
}

/// Runs blocking work without blocking the org of the test.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A catalog with streams and their selected columns.
pub(crate) fn catalog(streams: &[(&str, &[&str])]) -> Value {
    let stream = |(name, columns): &(&str, &[&str])| {
        let properties: Map<String, Value> = columns.iter().map(|column| ((*column).to_owned(), json!({}))).collect();
        json!({
            "stream": {
                "name": name,
                "json_schema": {"type": "object", "properties": properties},
                "supported_sync_modes": ["full_refresh"],
            },
            "sync_mode": "full_refresh",
            "destination_sync_mode": "append",
        })
    };
    json!({"streams": streams.iter().map(stream).collect::<Vec<_>>()})
}

/// A catalog with the last names of contacts.
pub(crate) fn contacts() -> Value {
    catalog(&[("Contact", &["LastName"])])
}

/// The same catalog as a platform sends it in a sync.
pub(crate) fn in_sync(mut catalog: Value, sync: u64, generation: u64) -> Value {
    for stream in catalog["streams"].as_array_mut().unwrap() {
        stream["sync_id"] = json!(sync);
        stream["generation_id"] = json!(generation);
        stream["minimum_generation_id"] = json!(0);
    }
    catalog
}

/// The last names of so many contacts, sorted.
pub(crate) fn names(count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count).map(|number| format!("Person {number}")).collect();
    names.sort();
    names
}

pub(crate) fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// The same without repeated names.
pub(crate) fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

/// The same catalog with incremental syncs.
pub(crate) fn incremental(mut catalog: Value) -> Value {
    for stream in catalog["streams"].as_array_mut().unwrap() {
        stream["sync_mode"] = json!("incremental");
        stream["stream"]["supported_sync_modes"] = json!(["full_refresh", "incremental"]);
        stream["stream"]["source_defined_cursor"] = json!(true);
    }
    catalog
}
