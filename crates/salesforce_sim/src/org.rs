//! The state of the org, which all calls share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    fault::Faults,
    http::Request,
    ingest::Job,
    schema::{Field, Object, standard_objects},
    settings::Settings,
    sign_in::SignIn,
    store::{Cells, Tables},
};

/// Where the org is reached.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    /// `login.salesforce.com` of this simulation.
    pub(crate) login: String,
    /// My Domain of the org.
    pub(crate) my_domain: String,
    /// What token answers name as `instance_url`.
    pub(crate) instance: String,
}

/// What the org still lets its clients do today.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) requests_used: u64,
    pub(crate) requests_max: u64,
    pub(crate) batches_used: u64,
    pub(crate) batches_max: u64,
}

impl Allowance {
    /// Counts a request; false when there is none left.
    pub(crate) fn take_request(&mut self) -> bool {
        let is_left = self.requests_used < self.requests_max;
        self.requests_used += u64::from(is_left);
        is_left
    }

    /// Counts a batch; false when there is none left.
    pub(crate) fn take_batch(&mut self) -> bool {
        let is_left = self.batches_used < self.batches_max;
        self.batches_used += u64::from(is_left);
        is_left
    }
}

/// Everything the org knows.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) settings: Settings,
    pub(crate) hosts: Hosts,
    pub(crate) sign_in: SignIn,
    pub(crate) allowance: Allowance,
    pub(crate) tables: Tables,
    pub(crate) user_id: String,
    /// Jobs by the first 15 characters of their id.
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) next_job: usize,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<Request>,
    /// When the schema last changed.
    pub(crate) schema_changed: Timestamp,
}

/// The org, as everything that serves it holds it.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<Org>>);

impl Shared {
    pub(crate) fn new(org: Org) -> Self {
        Self(Arc::new(Mutex::new(org)))
    }

    /// The org, for this caller alone. A panic elsewhere does not make it unusable.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Org> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Org {
    /// An org with its schema, one user and one queue.
    pub(crate) fn new(settings: Settings, hosts: Hosts) -> Self {
        let mut tables = Tables::default();
        let extra = (1..=settings.extra_objects).map(extra_object);
        standard_objects().into_iter().chain(settings.objects.iter().cloned()).chain(extra).for_each(|object| {
            tables.add(object);
        });
        let mut org = Self {
            sign_in: SignIn::new(&settings),
            allowance: Allowance {
                requests_used: 0,
                requests_max: settings.daily_requests,
                batches_used: 0,
                batches_max: settings.daily_batches,
            },
            settings,
            hosts,
            tables,
            user_id: String::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            faults: Faults::default(),
            requests: Vec::new(),
            schema_changed: Timestamp::now(),
        };
        org.populate();
        org
    }

    /// The records that every org has: the user of the integration, and a queue.
    fn populate(&mut self) {
        let username = self.settings.credentials.username.clone();
        let user = [
            ("Username", username.as_str()),
            ("Email", username.as_str()),
            ("LastName", "Integration"),
            ("Name", "Integration"),
            ("Alias", "integ"),
            ("IsActive", "true"),
        ];
        self.user_id = self.insert("User", &user).unwrap_or_default();
        self.insert("Group", &[("Name", "Support"), ("DeveloperName", "Support"), ("Type", "Queue")]);
    }

    /// Adds a record as it is, without any check, and gives its id.
    pub(crate) fn insert(&mut self, object: &str, values: &[(&str, &str)]) -> Option<String> {
        let position = self.tables.position(object)?;
        let table = self.tables.at_mut(position);
        let cells = values.iter().filter_map(|(name, value)| {
            let field = table.object.position(name)?;
            Some((u16::try_from(field).ok()?, *value))
        });
        let cells = Cells::pack(cells);
        let record = table.insert(cells);
        Some(table.id(record))
    }

    /// A job by the first 15 characters of its id.
    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.get(id)
    }
}

/// One of the objects that make a large org large.
fn extra_object(number: usize) -> Object {
    Object::custom(&format!("Extra_{number:04}__c"))
        .field(Field::text("External_Id__c", 40).external_id().unique())
        .field(Field::currency("Amount__c", 16, 2))
        .field(Field::date("Day__c"))
        .field(Field::picklist("Status__c", &["New", "Done"]))
        .field(Field::reference("Account__c", &["Account"]))
}
