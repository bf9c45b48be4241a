//! Matches the header of an upload to fields.

use std::collections::BTreeMap;

use crate::{
    csv::cells,
    org::{JobRequest, Operation},
    schema::{FieldType, Object, is_same_name},
    store::Tables,
};

/// What a column sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// The id of the row's record.
    Id,
    /// A field of the object, by its position.
    Field(usize),
    /// A reference field. The cell has the value of a key field of the other object (Bulk API 2.0, "Relationship Fields
    /// in a Header Row").
    Relationship { field: usize, object: usize, key: usize },
}

/// The columns of an upload.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) columns: Vec<Column>,
    /// The names as the client uploaded them.
    pub(crate) names: Vec<String>,
    /// The column that names the record of a row; `None` if every row is a new record.
    pub(crate) key: Option<usize>,
}

impl Columns {
    /// Reads the header. An error fails the whole job and names the first wrong column.
    pub(crate) fn read(header: &[u8], request: &JobRequest, tables: &Tables) -> Result<Self, String> {
        let Some(table) = tables.get(&request.object) else {
            return Err(format!("InvalidBatch : Entity not found : {}", request.object));
        };
        let names: Vec<String> = cells(header, request.delimiter.1).map(|cell| cell.text().into_owned()).collect();
        if request.operation.is_delete() && (names.len() > 1 || !is_same_name(&names[0], "Id")) {
            let operation = request.operation.as_str();
            return Err(format!("InvalidBatch : The '{operation}' batch must contain only ids"));
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in &names {
            let column = column(name, &table.object, tables)?;
            if columns.contains(&column) {
                return Err(format!("InvalidBatch : Duplicate field name : {name}"));
            }
            columns.push(column);
        }
        let key = key_column(&columns, request, &table.object)?;
        Ok(Self { columns, names, key })
    }

    /// For each reference field that several columns fill, the positions of these columns.
    pub(crate) fn shared_references(&self) -> Vec<Vec<usize>> {
        let field_of = |column: &Column| match column {
            Column::Id => None,
            Column::Field(field) | Column::Relationship { field, .. } => Some(*field),
        };
        let mut positions: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, field) in self.columns.iter().enumerate().filter_map(|(at, it)| Some((at, field_of(it)?))) {
            positions.entry(field).or_default().push(position);
        }
        positions.into_values().filter(|columns| columns.len() > 1).collect()
    }

    /// For each column, whether the client spells its name in another case than the org.
    pub(crate) fn respelt(&self, object: &str, tables: &Tables) -> Vec<bool> {
        let Some(table) = tables.get(object) else { return Vec::new() };
        self.columns.iter().zip(&self.names).map(|(column, name)| column.name(&table.object, tables) != *name).collect()
    }
}

impl Column {
    /// The name as the org spells it.
    fn name(&self, object: &Object, tables: &Tables) -> String {
        match self {
            Self::Id => "Id".to_owned(),
            Self::Field(field) => object.fields[*field].name.clone(),
            Self::Relationship { field, object: target, key } => {
                let (reference, target) = (&object.fields[*field], &tables.at(*target).object);
                let prefix = if reference.is_polymorphic() { format!("{}:", target.name) } else { String::new() };
                let relationship = reference.relationship_name.as_deref().unwrap_or_default();
                format!("{prefix}{relationship}.{}", target.fields[*key].name)
            }
        }
    }
}

fn not_found(name: &str) -> String {
    format!("InvalidBatch : Field name not found : {name}")
}

fn column(name: &str, object: &Object, tables: &Tables) -> Result<Column, String> {
    if let Some((relationship, key)) = name.split_once('.') {
        return related_column(name, relationship, key, object, tables);
    }
    let field = object.position(name).ok_or_else(|| not_found(name))?;
    match object.fields[field].kind {
        FieldType::Id => Ok(Column::Id),
        // The Bulk API cannot load compound fields and files, so it does not know them.
        FieldType::Address | FieldType::Base64 => Err(not_found(name)),
        _ => Ok(Column::Field(field)),
    }
}

/// A column such as `Account.External_Id__c`, or `User:Owner.Username` if the relationship is polymorphic.
fn related_column(
    name: &str,
    relationship: &str,
    key: &str,
    object: &Object,
    tables: &Tables,
) -> Result<Column, String> {
    let (target, relationship) = match relationship.split_once(':') {
        Some((target, relationship)) => (Some(target), relationship),
        None => (None, relationship),
    };
    let mut fields = object.fields.iter();
    let has_name = |known: &Option<String>| known.as_ref().is_some_and(|known| is_same_name(known, relationship));
    let Some(field) = fields.position(|field| has_name(&field.relationship_name)) else {
        return Err(format!("InvalidBatch : Unable to find relationship: {relationship}"));
    };
    let reference = &object.fields[field];
    let target = match target {
        Some(_) if !reference.is_polymorphic() => {
            let text = "type is not needed for non polymorphic foreign key references";
            return Err(format!("InvalidBatch : {text}: {relationship}"));
        }
        Some(target) => reference.reference_to.iter().find(|known| is_same_name(known, target)),
        None if reference.is_polymorphic() => None,
        None => reference.reference_to.first(),
    };
    let object = target.and_then(|target| tables.position(target)).ok_or_else(|| not_found(name))?;
    let target = &tables.at(object).object;
    let key = target.position(key).filter(|key| target.fields[*key].is_key()).ok_or_else(|| not_found(name))?;
    Ok(Column::Relationship { field, object, key })
}

/// The column that names the record of a row.
fn key_column(columns: &[Column], request: &JobRequest, object: &Object) -> Result<Option<usize>, String> {
    let position = |wanted: &Column| columns.iter().position(|column| column == wanted);
    match (request.operation, request.external_id_field.as_deref()) {
        (Operation::Insert, _) => Ok(None),
        (Operation::Upsert, Some(field)) if !is_same_name(field, "Id") => {
            let wanted = object.position(field).map(Column::Field);
            wanted.and_then(|wanted| position(&wanted)).map(Some).ok_or_else(|| not_found(field))
        }
        // Without an `Id` column, every row of an upsert by id is a new record.
        (Operation::Upsert, _) => Ok(position(&Column::Id)),
        _ => position(&Column::Id).map(Some).ok_or_else(|| not_found("Id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::standard_objects;

    fn read(object: &str, operation: Operation, key: Option<&str>, header: &str) -> Result<Columns, String> {
        let mut tables = Tables::default();
        standard_objects().into_iter().for_each(|object| tables.add(object));
        let request = JobRequest::for_test(object, operation, key);
        Columns::read(header.as_bytes(), &request, &tables)
    }

    #[test]
    fn a_valid_header_is_accepted() {
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        for (object, operation, key, header, key_column) in [
            ("Account", Insert, None, "NAME,phone,\"Industry\"", None),
            ("Account", Insert, None, "Name,Parent.External_Id__c,Owner.Username", None),
            ("Account", Update, None, "Name,id", Some(1)),
            ("Account", Upsert, Some("external_id__c"), "Name,External_Id__c", Some(1)),
            ("Account", Upsert, Some("Id"), "Name", None),
            ("Account", Upsert, Some("id"), "Id,Name", Some(0)),
            ("Contact", Insert, None, "LastName,reportsto.EMAIL", None),
            ("Task", Insert, None, "Contact:Who.Email,Account:What.Legacy_Key__c", None),
            ("Lead", Insert, None, "LastName,Company,User:Owner.Username", None),
            ("Invoice_Line__c", Insert, None, "Invoice__r.External_Id__c", None),
            ("Invoice_Line__c", Insert, None, "Invoice__r.Name", None),
            ("Account", Delete, None, "ID", Some(0)),
            ("Account", HardDelete, None, "\"Id\"", Some(0)),
        ] {
            let columns = read(object, operation, key, header).unwrap_or_else(|error| panic!("{header}: {error}"));
            assert_eq!(columns.key, key_column, "{header}");
        }
    }

    #[test]
    fn each_part_of_a_name_has_a_spelling() {
        let mut tables = Tables::default();
        standard_objects().into_iter().for_each(|object| tables.add(object));
        for (object, header, respelt) in [
            ("Task", "Subject,Contact:Who.Email,Account:What.Legacy_Key__c", &[false; 3][..]),
            ("Task", "subject,contact:Who.Email,Account:What.legacy_key__c", &[true; 3]),
            ("Contact", "LastName,account.External_Id__c", &[false, true]),
            ("Contact", "lastName,Account.external_id__c", &[true; 2]),
        ] {
            let columns = read(object, Operation::Insert, None, header).unwrap();
            assert_eq!(columns.respelt(object, &tables), respelt, "{header}");
        }
    }

    #[test]
    fn a_wrong_header_fails_the_job() {
        use Operation::{Delete, HardDelete, Insert, Update, Upsert};
        for (object, operation, key, header, message) in [
            ("Account", Insert, None, "Name,Nme,Phne", "Field name not found : Nme"),
            ("Account", Insert, None, "\u{feff}Name,Phone", "Field name not found : \u{feff}Name"),
            ("Account", Insert, None, "Name, Phone", "Field name not found :  Phone"),
            ("Account", Insert, None, "Name,,Phone", "Field name not found : "),
            ("Account", Insert, None, "Name,BillingAddress", "Field name not found : BillingAddress"),
            ("ContentVersion", Insert, None, "Title,VersionData", "Field name not found : VersionData"),
            ("Account", Insert, None, "Name,NAME", "Duplicate field name : NAME"),
            ("Account", Update, None, "Name", "Field name not found : Id"),
            ("Account", Upsert, Some("External_Id__c"), "Name", "Field name not found : External_Id__c"),
            ("Account", Delete, None, "Id,Name", "The 'delete' batch must contain only ids"),
            ("Account", HardDelete, None, "Name", "The 'hardDelete' batch must contain only ids"),
            ("Contact", Insert, None, "Acount.External_Id__c", "Unable to find relationship: Acount"),
            ("Contact", Insert, None, "Account.Id", "Field name not found : Account.Id"),
            ("Contact", Insert, None, "Account.Phone", "Field name not found : Account.Phone"),
            ("Contact", Insert, None, "Account.Owner.Username", "Field name not found : Account.Owner.Username"),
            (
                "Contact",
                Insert,
                None,
                "Account:Account.External_Id__c",
                "type is not needed for non polymorphic foreign key references: Account",
            ),
            ("Task", Insert, None, "Who.Email", "Field name not found : Who.Email"),
            ("Task", Insert, None, "Account:Who.External_Id__c", "Field name not found : Account:Who.External_Id__c"),
        ] {
            let expected = format!("InvalidBatch : {message}");
            assert_eq!(read(object, operation, key, header).unwrap_err(), expected, "{header}");
        }
    }
}
