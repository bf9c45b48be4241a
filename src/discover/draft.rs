//! An object on its way into the catalog: all but its relationship columns, for which other objects must be known.

use serde_json::Value;

use super::property;
use super::relationship::{Columns, Lookups, Relationship};
use salesforce::Operation;
use salesforce::describe::{Describe, Field, FieldType};

/// The operations that the protocol has a sync mode for.
const OPERATIONS: [(Operation, &str); 4] = [
    (Operation::Insert, "append"),
    (Operation::Upsert, "append_dedup"),
    (Operation::Update, "update"),
    (Operation::Delete, "soft_delete"),
];

/// The property by which update and delete find their record.
const ID: &str = r#""Id":{"type":"string","maxLength":18}"#;

/// What the user may do with an object, kept as JSON text: a large org has a hundred thousand fields.
#[derive(Debug)]
pub(super) struct Draft {
    object: Box<str>,
    operations: Vec<Operation>,
    /// The members of `properties`, one after the other without commas.
    text: Box<str>,
    members: Box<[Member]>,
    relationships: Box<[Relationship]>,
    /// The matching keys of an upsert.
    keys: Box<str>,
}

/// One of the properties: where its text ends, and which operations it is for.
#[derive(Debug, Clone, Copy)]
struct Member {
    end: usize,
    insert: bool,
    update: bool,
    is_key: bool,
    is_required: bool,
}

impl Member {
    fn is_for(self, operation: Operation) -> bool {
        match operation {
            Operation::Insert => self.insert,
            Operation::Update => self.update,
            Operation::Upsert => self.insert || self.update || self.is_key,
            Operation::Delete | Operation::HardDelete => false,
        }
    }
}

impl Draft {
    /// What may be done with the object that is described.
    pub(super) fn of(describe: &Describe) -> Self {
        let (mut text, mut members, mut relationships) = (String::new(), Vec::new(), Vec::new());
        for field in &describe.fields {
            let mut member = Member {
                end: 0,
                insert: field.is_writable_by(Operation::Insert),
                update: field.is_writable_by(Operation::Update),
                is_key: is_upsert_key(field),
                is_required: field.is_required(),
            };
            if !member.is_for(Operation::Upsert) {
                continue;
            }
            text.push_str(&format!("{}:{}", Value::from(field.name.as_str()), property::schema(field)));
            member.end = text.len();
            members.push(member);
            if member.insert || member.update {
                relationships.extend(Relationship::of(field));
            }
        }
        Self {
            object: describe.name.as_str().into(),
            operations: operations(describe, &members),
            text: text.into(),
            members: members.into(),
            relationships: relationships.into(),
            keys: keys(describe).into(),
        }
    }

    /// The objects that its references may point to.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.relationships.iter().flat_map(Relationship::targets)
    }

    /// The operations of the catalog, in JSON.
    pub(super) fn operations(&self, lookups: &Lookups) -> impl Iterator<Item = String> {
        let columns: Vec<Columns> = self.relationships.iter().map(|it| it.columns(lookups)).collect();
        let modes = OPERATIONS.into_iter().filter(|(operation, _)| self.operations.contains(operation));
        modes.map(move |(operation, mode)| {
            let object = Value::from(&*self.object);
            let schema = self.schema(operation, &columns);
            let keys = match operation {
                Operation::Insert => "[]",
                Operation::Upsert => &self.keys,
                Operation::Update | Operation::Delete | Operation::HardDelete => r#"[["Id"]]"#,
            };
            format!(r#"{{"object_name":{object},"sync_mode":"{mode}","json_schema":{schema},"matching_keys":{keys}}}"#)
        })
    }

    fn schema(&self, operation: Operation, columns: &[Columns]) -> String {
        let mut properties = Vec::new();
        let mut required = Vec::new();
        if matches!(operation, Operation::Update | Operation::Delete) {
            properties.push(ID);
            required.push(r#""Id""#);
        }
        let mut is_cut = false;
        for (member, text) in self.members().filter(|(member, _)| member.is_for(operation)) {
            properties.push(text);
            // No name of a field holds a colon.
            let name = text.split_once(':').map_or(text, |(name, _)| name);
            let columns = self.columns_of(name, columns);
            if operation == Operation::Insert && member.is_required && columns.is_none_or(|it| it.members.is_empty()) {
                required.push(name);
            }
            if let Some(columns) = columns {
                properties.extend(columns.members.iter().map(String::as_str));
                is_cut |= columns.is_cut;
            }
        }
        format!(
            r#"{{"type":"object","properties":{{{}}},"required":[{}],"additionalProperties":{is_cut}}}"#,
            properties.join(","),
            required.join(","),
        )
    }

    fn members(&self) -> impl Iterator<Item = (Member, &str)> {
        let mut start = 0;
        self.members.iter().map(move |member| {
            let text = &self.text[start..member.end];
            start = member.end;
            (*member, text)
        })
    }

    /// The relationship columns of the field whose name stands in quotes.
    fn columns_of<'c>(&self, name: &str, columns: &'c [Columns]) -> Option<&'c Columns> {
        let name = name.trim_matches('"');
        let position = self.relationships.iter().position(|relationship| relationship.field() == name)?;
        columns.get(position)
    }
}

/// What the user may do and the Bulk API can carry.
fn operations(describe: &Describe, members: &[Member]) -> Vec<Operation> {
    let writes = |operation| members.iter().any(|member| member.is_for(operation));
    let is_complete =
        describe.fields.iter().all(|field| !field.is_required() || field.is_writable_by(Operation::Insert));
    let insert = describe.createable && is_complete && writes(Operation::Insert);
    let update = describe.updateable && writes(Operation::Update);
    let upsert = insert && update && members.iter().any(|member| member.is_key);
    let offered = |operation: &Operation| match operation {
        Operation::Insert => insert,
        Operation::Update => update,
        Operation::Upsert => upsert,
        Operation::Delete => describe.deletable,
        Operation::HardDelete => false,
    };
    OPERATIONS.into_iter().map(|(operation, _)| operation).filter(offered).collect()
}

/// Whether an upsert may find or create a record by the field. An external id that Salesforce numbers finds records;
/// another lookup field that nobody may write only gets in the way. A record whose `Id` is known is updated.
fn is_upsert_key(field: &Field) -> bool {
    let is_kept = field.external_id || field.is_writable_by(Operation::Upsert);
    field.is_lookup() && field.field_type != FieldType::Id && is_kept
}

/// The matching keys of an upsert, each a field of its own, external ids first.
fn keys(describe: &Describe) -> String {
    let of_kind = |external_id: bool| {
        describe.fields.iter().filter(move |field| is_upsert_key(field) && field.external_id == external_id)
    };
    let keys: Vec<[&str; 1]> = of_kind(true).chain(of_kind(false)).map(|field| [field.name.as_str()]).collect();
    Value::from(keys.iter().map(|key| Value::from(&key[..])).collect::<Vec<_>>()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operations_of(body: Value) -> Vec<Value> {
        let describe: Describe = serde_json::from_value(body).unwrap();
        let lookups = Lookups::from([("Account".to_owned(), super::super::relationship::lookups(&account()))]);
        Draft::of(&describe).operations(&lookups).map(|text| serde_json::from_str(&text).unwrap()).collect()
    }

    fn account() -> Describe {
        let key = json!({"name": "Ext__c", "type": "string", "length": 20, "externalId": true});
        serde_json::from_value(json!({"name": "Account", "fields": [key]})).unwrap()
    }

    /// A field that may be written, with `changes` over it.
    fn field(name: &str, changes: Value) -> Value {
        let mut field =
            json!({"name": name, "type": "string", "createable": true, "updateable": true, "nillable": true});
        field.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        field
    }

    fn object(rights: [bool; 3], fields: Value) -> Value {
        let [createable, updateable, deletable] = rights;
        json!({
            "name": "Odd__c", "createable": createable, "updateable": updateable, "deletable": deletable,
            "fields": fields,
        })
    }

    fn modes(operations: &[Value]) -> Vec<&str> {
        operations.iter().map(|operation| operation["sync_mode"].as_str().unwrap()).collect()
    }

    fn names(operation: &Value) -> Vec<&str> {
        operation["json_schema"]["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn an_operation_is_offered_where_it_can_succeed() {
        let plain = field("A__c", json!({}));
        let key = field("Ext__c", json!({"externalId": true}));
        let numbered = json!({"name": "No__c", "type": "string", "externalId": true, "autoNumber": true});
        let lookup = field("Email", json!({"idLookup": true}));
        let read_only_lookup = json!({"name": "Name", "type": "string", "idLookup": true});
        let file = field("Body", json!({"type": "base64", "nillable": false}));
        let id = json!({"name": "Id", "type": "id", "idLookup": true});
        for (rights, fields, expected) in [
            ([true, true, true], json!([plain, key]), &["append", "append_dedup", "update", "soft_delete"][..]),
            ([true, true, true], json!([plain, lookup]), &["append", "append_dedup", "update", "soft_delete"]),
            ([true, true, true], json!([plain, numbered]), &["append", "append_dedup", "update", "soft_delete"]),
            ([true, true, true], json!([id, plain]), &["append", "update", "soft_delete"]),
            ([true, true, true], json!([plain, read_only_lookup]), &["append", "update", "soft_delete"]),
            ([true, true, true], json!([key, file]), &["update", "soft_delete"]),
            ([true, false, false], json!([key]), &["append"]),
            ([false, true, false], json!([key]), &["update"]),
            ([false, false, true], json!([id]), &["soft_delete"]),
            ([true, true, false], json!([id]), &[]),
            ([false, false, false], json!([key]), &[]),
        ] {
            let described = object(rights, fields);
            assert_eq!(modes(&operations_of(described.clone())), expected, "{described}");
        }
    }

    #[test]
    fn each_operation_has_the_fields_that_it_may_write() {
        let operations = operations_of(object(
            [true, true, true],
            json!([
                {"name": "Id", "type": "id", "idLookup": true, "defaultedOnCreate": true},
                field("Name", json!({"nillable": false})),
                field("Parent__c", json!({"nillable": false, "updateable": false, "type": "reference"})),
                field("Stage__c", json!({"createable": false})),
                field("Active__c", json!({"type": "boolean", "nillable": false})),
                field("Owner", json!({"nillable": false, "defaultedOnCreate": true})),
                {"name": "No__c", "type": "string", "externalId": true, "autoNumber": true},
                {"name": "Total__c", "type": "currency", "calculated": true},
                field("Address__c", json!({"type": "address"})),
            ]),
        ));
        let shown: Vec<_> = operations
            .iter()
            .map(|operation| (names(operation), &operation["json_schema"]["required"], &operation["matching_keys"]))
            .collect();
        assert_eq!(
            shown,
            [
                (vec!["Name", "Parent__c", "Active__c", "Owner"], &json!(["Name", "Parent__c"]), &json!([])),
                (vec!["Name", "Parent__c", "Stage__c", "Active__c", "Owner", "No__c"], &json!([]), &json!([["No__c"]])),
                (vec!["Id", "Name", "Stage__c", "Active__c", "Owner"], &json!(["Id"]), &json!([["Id"]])),
                (vec!["Id"], &json!(["Id"]), &json!([["Id"]])),
            ]
        );
        for operation in &operations {
            assert_eq!(operation["object_name"], "Odd__c");
            assert_eq!(operation["json_schema"]["additionalProperties"], false);
        }
    }

    #[test]
    fn external_ids_are_the_first_keys() {
        let operations = operations_of(object(
            [true, true, false],
            json!([
                field("Email", json!({"idLookup": true})),
                field("B__c", json!({"externalId": true, "idLookup": true})),
                field("A__c", json!({"externalId": true})),
            ]),
        ));
        assert_eq!(operations[1]["matching_keys"], json!([["B__c"], ["A__c"], ["Email"]]));
    }

    #[test]
    fn relationship_columns_follow_their_field_and_may_take_its_place() {
        let required = |name: &str, target: &str| {
            let reference = json!({
                "type": "reference", "nillable": false, "relationshipName": name.replace("__c", "__r"),
                "referenceTo": [target],
            });
            field(name, reference)
        };
        let fields =
            json!([required("Account__c", "Account"), required("Hidden__c", "Hidden__c"), field("Z__c", json!({}))]);
        let operations = operations_of(object([true, true, false], fields));
        for (operation, expected, required) in [
            (0, vec!["Account__c", "Account__r.Ext__c", "Hidden__c", "Z__c"], json!(["Hidden__c"])),
            (1, vec!["Id", "Account__c", "Account__r.Ext__c", "Hidden__c", "Z__c"], json!(["Id"])),
        ] {
            assert_eq!(names(&operations[operation]), expected);
            assert_eq!(operations[operation]["json_schema"]["required"], required);
        }
    }

    #[test]
    fn a_cut_relationship_leaves_room_for_names_that_are_typed() {
        let fields: Vec<Value> =
            (0..200).map(|n| json!({"name": format!("K{n}__c"), "type": "string", "externalId": true})).collect();
        let target: Describe = serde_json::from_value(json!({"fields": fields})).unwrap();
        let lookups = Lookups::from([("Account".to_owned(), super::super::relationship::lookups(&target))]);
        let reference = json!({"type": "reference", "relationshipName": "A", "referenceTo": ["Account"]});
        let described = object([true, true, true], json!([field("AId", reference)]));
        let draft = Draft::of(&serde_json::from_value(described).unwrap());
        let open: Vec<bool> = draft
            .operations(&lookups)
            .map(|text| serde_json::from_str::<Value>(&text).unwrap())
            .map(|operation| operation["json_schema"]["additionalProperties"].as_bool().unwrap())
            .collect();
        assert_eq!(open, [true, true, false]);
    }
}
