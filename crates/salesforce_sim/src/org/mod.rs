//! The state of the org, which all calls share.

mod allowance;
mod clock;
mod job;
mod query_job;
mod request;
mod sign_in_state;
mod transaction;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use allowance::DailyAllowance;
pub(crate) use clock::Clock;
use jiff::Timestamp;
pub(crate) use job::{Job, JobRequest, RowOutcome, ShownStatus};
pub use job::{JobState, Operation};
pub(crate) use query_job::{FoundRows, QueryJob, QueryRequest};
pub use request::Request;
pub(crate) use sign_in_state::SignInState;
use transaction::OpenTransaction;
pub(crate) use transaction::{ChangeKind, update};

use crate::{
    fault::Faults,
    query::Cursor,
    random_work::RandomWork,
    schema::{Field, Object, standard_objects, with_person_accounts},
    settings::Settings,
    store::{Stamp, Tables},
};

/// The URLs of the org.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    /// Stands for `login.salesforce.com`.
    pub(crate) login: String,
    /// My Domain of the org.
    pub(crate) my_domain: String,
    /// The `instance_url` of token answers.
    pub(crate) instance: String,
}

/// Everything the org knows.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) settings: Settings,
    pub(crate) hosts: Hosts,
    pub(crate) sign_in: SignInState,
    pub(crate) allowance: DailyAllowance,
    pub(crate) clock: Clock,
    pub(crate) tables: Tables,
    /// The transactions that have not ended.
    transactions: Vec<OpenTransaction>,
    next_transaction: usize,
    /// The user of the integration, who owns records without an owner.
    pub(crate) user_id: String,
    /// Jobs by the first 15 characters of their id.
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) next_job: usize,
    /// Query jobs by the first 15 characters of their id.
    pub(crate) query_jobs: BTreeMap<String, QueryJob>,
    /// What queries with more than a page found, by the id in their locators.
    pub(crate) cursors: HashMap<String, Cursor>,
    pub(crate) next_cursor: usize,
    pub(crate) faults: Faults,
    pub(crate) requests: Vec<Request>,
    /// When the schema last changed.
    pub(crate) schema_changed: Timestamp,
}

/// A handle to the org for everything that serves it.
#[derive(Debug, Clone)]
pub(crate) struct SharedOrg {
    org: Arc<Mutex<Org>>,
    /// What people do between the requests. Whoever needs both locks this first.
    work: Arc<Mutex<Option<RandomWork>>>,
}

impl SharedOrg {
    pub(crate) fn new(org: Org) -> Self {
        Self { org: Arc::new(Mutex::new(org)), work: Arc::default() }
    }

    /// Locks the org. It stays usable after a panic of another holder.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Org> {
        let mut org = self.org.lock().unwrap_or_else(PoisonError::into_inner);
        org.tables.now = org.clock.stamp();
        org
    }

    /// Lets people do something between two requests, if they work.
    pub(crate) fn work(&self) {
        if let Some(work) = &mut *self.lock_work() {
            work.between_requests(self);
        }
    }

    /// Locks the work, after what is being done.
    pub(crate) fn lock_work(&self) -> MutexGuard<'_, Option<RandomWork>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Org {
    /// An org with its schema, one user and one queue.
    pub(crate) fn new(settings: Settings, hosts: Hosts) -> Self {
        let mut tables = Tables::default();
        let extra = (1..=settings.extra_objects).map(extra_object);
        let has_people = |object: &Object| settings.person_accounts && object.name == "Account";
        standard_objects().into_iter().chain(settings.objects.iter().cloned()).chain(extra).for_each(|object| {
            tables.add(if has_people(&object) { with_person_accounts(object) } else { object });
        });
        let mut org = Self {
            sign_in: SignInState::new(&settings),
            allowance: DailyAllowance {
                requests_used: 0,
                requests_max: settings.daily_requests,
                batches_used: 0,
                batches_max: settings.daily_batches,
                query_jobs_used: 0,
                query_jobs_max: settings.daily_query_jobs,
                query_bytes_used: 0,
                query_kilobytes_max: settings.daily_query_kilobytes,
            },
            settings,
            hosts,
            clock: Clock::start(),
            tables,
            transactions: Vec::new(),
            next_transaction: 0,
            user_id: String::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            query_jobs: BTreeMap::new(),
            cursors: HashMap::new(),
            next_cursor: 0,
            faults: Faults::default(),
            requests: Vec::new(),
            schema_changed: Timestamp::now(),
        };
        org.insert_first_records();
        org
    }

    /// Inserts the records that every org has: the user of the integration, and a queue.
    fn insert_first_records(&mut self) {
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
        self.tables.user.clone_from(&self.user_id);
        let organization =
            [("Name", "Simulated Org"), ("InstanceName", "SIM0"), ("OrganizationType", "Developer Edition")];
        self.insert("Organization", &organization);
        self.insert("Group", &[("Name", "Support"), ("DeveloperName", "Support"), ("Type", "Queue")]);
    }

    /// Adds a record without any check and returns its id; `None` if the object does not exist. A value of `CreatedDate`,
    /// `LastModifiedDate` or `SystemModstamp` sets the stamp.
    pub(crate) fn insert(&mut self, object: &str, values: &[(&str, &str)]) -> Option<String> {
        let position = self.tables.position(object)?;
        let now = self.clock.stamp();
        let table = self.tables.at_mut(position);
        table.begin(now);
        let record = table.insert(transaction::cells(table, values));
        for (name, value) in values {
            Stamp::parse(value).map(|stamp| table.set_stamp(record, name, stamp));
        }
        Some(table.id(record))
    }

    /// Makes the locators of all pages expire, those of queries and of query jobs.
    pub(crate) fn expire_locators(&mut self) {
        self.cursors.clear();
        self.query_jobs.values_mut().for_each(|job| job.locators_expired += 1);
    }

    /// A job by the first 15 characters of its id.
    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.get(id)
    }
}

/// One of the objects that [`Settings::extra_objects`] adds.
fn extra_object(number: usize) -> Object {
    Object::custom(&format!("Extra_{number:04}__c"))
        .field(Field::text("External_Id__c", 40).external_id().unique())
        .field(Field::currency("Amount__c", 16, 2))
        .field(Field::date("Day__c"))
        .field(Field::picklist("Status__c", &["New", "Done"]))
        .field(Field::reference("Account__c", &["Account"]))
}
