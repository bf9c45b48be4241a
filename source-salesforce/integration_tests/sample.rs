//! Records with values of every type, and what the source is to say of them.

use std::collections::BTreeMap;

use fastrand::Rng;
use salesforce_sim::SimulatedOrg;
use serde_json::{Map, Value, json};

/// The type of a column.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    LongText,
    Integer,
    Number,
    Boolean,
    Date,
    Moment,
    Time,
}

/// An object whose records are read.
pub(crate) struct Sample {
    pub(crate) object: &'static str,
    /// A column that names each record.
    pub(crate) key: &'static str,
    /// A checkbox by which a filter can choose records.
    pub(crate) flag: Option<&'static str>,
    columns: &'static [(&'static str, Kind)],
    /// The address of its records.
    address: Option<&'static str>,
    /// Whether a record can refer to one before it.
    has_parent: bool,
}

/// Objects with every type of field. Archived tasks are read by another scope than other records, and attachments by REST
/// alone.
pub(crate) const SAMPLES: [Sample; 6] = [
    Sample {
        object: "Account",
        key: "External_Id__c",
        flag: Some("Is_Key_Account__c"),
        columns: &[
            ("Name", Kind::Text),
            ("Type", Kind::Text),
            ("Phone", Kind::Text),
            ("Website", Kind::Text),
            ("Sic", Kind::Text),
            ("Description", Kind::LongText),
            ("AnnualRevenue", Kind::Number),
            ("NumberOfEmployees", Kind::Integer),
            ("Score__c", Kind::Number),
            ("Discount__c", Kind::Number),
            ("Is_Key_Account__c", Kind::Boolean),
            ("Customer_Since__c", Kind::Date),
            ("Last_Order_At__c", Kind::Moment),
            ("Opens_At__c", Kind::Time),
            ("Channels__c", Kind::Text),
            ("Tax_Number__c", Kind::Text),
        ],
        address: Some("Billing"),
        has_parent: false,
    },
    Sample {
        object: "Contact",
        key: "External_Id__c",
        flag: Some("HasOptedOutOfEmail"),
        columns: &[
            ("LastName", Kind::Text),
            ("FirstName", Kind::Text),
            ("Title", Kind::Text),
            ("Description", Kind::LongText),
            ("Birthdate", Kind::Date),
            ("HasOptedOutOfEmail", Kind::Boolean),
        ],
        address: Some("Mailing"),
        has_parent: true,
    },
    Sample {
        object: "Subscription__c",
        key: "Billing_Email__c",
        flag: Some("Auto_Renew__c"),
        columns: &[
            ("Subscription_Number__c", Kind::Number),
            ("Starts_On__c", Kind::Date),
            ("Renews_At__c", Kind::Moment),
            ("Reminder_Time__c", Kind::Time),
            ("Discount__c", Kind::Number),
            ("Auto_Renew__c", Kind::Boolean),
            ("Features__c", Kind::Text),
        ],
        address: None,
        has_parent: false,
    },
    Sample {
        object: "Task",
        key: "Subject",
        flag: None,
        columns: &[("Description", Kind::LongText), ("ActivityDate", Kind::Date), ("Status", Kind::Text)],
        address: None,
        has_parent: false,
    },
    Sample {
        object: "Invoice__c",
        key: "External_Id__c",
        flag: None,
        columns: &[("Amount__c", Kind::Number), ("Due_Date__c", Kind::Date), ("Notes__c", Kind::LongText)],
        address: None,
        has_parent: false,
    },
    Sample { object: "Attachment", key: "Name", flag: None, columns: &[], address: None, has_parent: false },
];

/// The column that names the parent of a record.
const PARENT_KEY: &str = "ReportsTo.External_Id__c";

/// Texts that a reader could take for something else.
const TEXTS: [&str; 16] = [
    "Example Ltd",
    " blanks at both ends ",
    "N/A",
    "#N/A",
    "null",
    "0123",
    "1e3",
    "true",
    "two\nlines, \"quotes\" and ; , \\ '",
    "\"",
    "Zoë 東京 😀",
    "\u{1}\u{7f}",
    "=1+1",
    "a\tb",
    "A;B",
    "\u{feff}mark",
];

/// A record as it is in the org.
pub(crate) struct Sampled {
    /// What the source says of it, by column.
    pub(crate) expected: Map<String, Value>,
    pub(crate) is_flagged: bool,
}

impl Sample {
    /// The names of its columns, without the key.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(self.address.map(|prefix| format!("{prefix}Address")));
        names.extend(self.has_parent.then(|| PARENT_KEY.to_owned()));
        names.push("Id".to_owned());
        names
    }

    /// Inserts records, and a few deleted ones. Returns those that are to be read, by their keys.
    pub(crate) fn insert(&self, org: &SimulatedOrg, count: usize, random: &mut Rng) -> BTreeMap<String, Sampled> {
        let mut parent = None;
        let mut records = BTreeMap::new();
        for number in 0..count {
            let key = format!("{}-{number}@example.com", self.object.to_lowercase());
            let (texts, mut expected) = self.values(&key, parent.as_ref(), random);
            let values: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let id = org.insert(self.object, &values).unwrap();
            if random.u8(..20) == 0 {
                org.recycle(self.object, &id);
                continue;
            }
            expected.insert("Id".to_owned(), json!(id));
            parent = Some((id, key.clone()));
            let is_flagged = self.flag.is_some_and(|flag| expected[flag] == true);
            records.insert(key, Sampled { expected, is_flagged });
        }
        records
    }

    /// The values of a record, as texts in the org and as the source says them.
    fn values(
        &self,
        key: &str,
        parent: Option<&(String, String)>,
        random: &mut Rng,
    ) -> (Vec<(String, String)>, Map<String, Value>) {
        let mut texts = vec![(self.key.to_owned(), key.to_owned())];
        let mut expected = Map::from_iter([(self.key.to_owned(), json!(key))]);
        for (name, kind) in self.columns {
            let (text, value) = value(*kind, random);
            texts.extend(text.map(|text| ((*name).to_owned(), text)));
            expected.insert((*name).to_owned(), value);
        }
        if self.has_parent {
            let parent = parent.filter(|_| random.bool());
            texts.extend(parent.map(|(id, _)| ("ReportsToId".to_owned(), id.clone())));
            expected.insert(PARENT_KEY.to_owned(), json!(parent.map(|(_, key)| key)));
        }
        if let Some(prefix) = self.address {
            let mut address = json!({"state": null, "postalCode": null, "country": null, "longitude": null});
            for (part, kind) in [("Street", Kind::Text), ("City", Kind::Text), ("Latitude", Kind::Number)] {
                let (text, value) = if random.u8(..3) == 0 { (None, Value::Null) } else { value(kind, random) };
                texts.extend(text.map(|text| (format!("{prefix}{part}"), text)));
                address[part.to_lowercase()] = value;
            }
            let has_part = address.as_object().unwrap().values().any(|part| !part.is_null());
            expected.insert(format!("{prefix}Address"), if has_part { address } else { Value::Null });
        }
        (texts, expected)
    }
}

/// A value, as a text in the org and as the source says it. A checkbox is never null.
fn value(kind: Kind, random: &mut Rng) -> (Option<String>, Value) {
    if !matches!(kind, Kind::Boolean) && random.u8(..6) == 0 {
        return (None, Value::Null);
    }
    match kind {
        Kind::Text => same(TEXTS[random.usize(..TEXTS.len())].to_owned()),
        Kind::LongText if random.u8(..8) == 0 => same("long text, ".repeat(random.usize(1..1_500))),
        Kind::LongText => same(random.choose_multiple(TEXTS.iter(), 3).into_iter().copied().collect()),
        Kind::Integer => {
            let number = random.i64(-99_999_999..=99_999_999);
            (Some(number.to_string()), json!(number))
        }
        Kind::Number => {
            let text = format!("{}.{:02}", random.i64(-999_999_999_999..=999_999_999_999), random.u8(..100));
            let number: f64 = text.parse().unwrap();
            (Some(text), json!(number))
        }
        Kind::Boolean => {
            let is_set = random.bool();
            (Some(is_set.to_string()), json!(is_set))
        }
        Kind::Date => same(date(random)),
        Kind::Moment => same(format!("{}T{}Z", date(random), time(random))),
        Kind::Time => {
            let time = time(random);
            (Some(format!("{time}Z")), json!(time))
        }
    }
}

fn same(text: String) -> (Option<String>, Value) {
    let value = json!(text);
    (Some(text), value)
}

fn date(random: &mut Rng) -> String {
    format!("{:04}-{:02}-{:02}", random.u16(1_700..=4_000), random.u8(1..=12), random.u8(1..=28))
}

fn time(random: &mut Rng) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", random.u8(..24), random.u8(..60), random.u8(..60), random.u16(..1_000))
}

/// Whether a value is the expected one. A number can have another text, such as `8.2E11`, and is the same number then.
pub(crate) fn is_equal(read: &Value, expected: &Value) -> bool {
    match (read, expected) {
        (Value::Number(read), Value::Number(expected)) if expected.is_f64() => read.as_f64() == expected.as_f64(),
        (Value::Object(read), Value::Object(expected)) => {
            read.len() == expected.len()
                && expected.iter().all(|(name, value)| read.get(name).is_some_and(|read| is_equal(read, value)))
        }
        _ => read == expected,
    }
}
