//! Nested objects, which name a related record.

use super::*;

/// A column that names the related account by a member of the nested object `Account`.
fn of_account(member: &str) -> Column {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let source = SourceColumn::nested("Account", member);
    Column::new(source, format!("Account.{member}"), PLAIN, types).of_reference("AccountId")
}

#[test]
fn a_null_object_clears_its_reference_once() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.nest("Account");
    let null = r#"{"n":"x","Account":null}"#;
    assert!(matches!(convert(&mut converter, null), Ok(Converted::NullObject(name)) if name == "Account"));
    let clearing = converter.columns().with(Column::clearing("Account", "AccountId"));
    converter.set_columns(Arc::new(clearing));
    assert_eq!(csv_of(&mut converter, null), "x,#N/A\n");
    assert_eq!(csv_of(&mut converter, r#"{"n":"x"}"#), "x,\n");

    // A member that names the record takes the place of the column.
    let named = converter.columns().with(of_account("Ext__c"));
    converter.set_columns(Arc::new(named.with(of_account("Code__c"))));
    assert_eq!(csv_of(&mut converter, r#"{"n":"x","Account":{"Ext__c":"A-1"}}"#), "x,A-1,\n");
    assert_eq!(csv_of(&mut converter, null), "x,#N/A,\n");
    // The last value of a name counts.
    assert_eq!(csv_of(&mut converter, r#"{"n":"x","Account":{"Code__c":"c"},"Account":null}"#), "x,#N/A,\n");
}

#[test]
fn a_null_object_clears_its_own_reference_and_no_other() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    for (object, field) in [("Account", "AccountId"), ("Parent", "ParentId")] {
        converter.nest(object);
        converter.set_columns(Arc::new(converter.columns().with(Column::clearing(object, field))));
    }
    for (json, row) in [
        (r#"{"n":"x","Account":null}"#, "x,#N/A,\n"),
        (r#"{"n":"x","Parent":null}"#, "x,,#N/A\n"),
        (r#"{"Parent":null,"n":"x","Account":null}"#, "x,#N/A,#N/A\n"),
        (r#"{"n":"x"}"#, "x,,\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), row, "{json}");
    }
    // The other reference is still cleared when the one has a column of its own.
    converter.set_columns(Arc::new(converter.columns().with(of_account("Ext__c"))));
    for (json, row) in [
        (r#"{"n":"x","Account":{"Ext__c":"A-1"},"Parent":null}"#, "x,#N/A,A-1\n"),
        (r#"{"n":"x","Account":null}"#, "x,,#N/A\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), row, "{json}");
    }
}

#[test]
fn a_null_object_changes_nothing_where_another_column_fills_the_reference() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.nest("Account");
    converter.keep_null("Account");
    assert_eq!(csv_of(&mut converter, r#"{"n":"x","Account":null}"#), "x\n");
    let mut ignoring = Converter::new(columns(&["n"]), NullHandling::Ignore);
    ignoring.nest("Account");
    assert_eq!(csv_of(&mut ignoring, r#"{"n":"x","Account":null}"#), "x\n");
}

#[test]
fn a_nested_object_without_the_key_of_its_record_is_rejected() {
    let columns = Columns::new(vec![of_account("Ext__c")], None);
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Ignore);
    converter.describe(&SourceColumn::nested("Account", "Name"));
    for (json, row) in [
        (r#"{"Account":{"Name":"x","Ext__c":"A-1"}}"#, Some("A-1\n")),
        (r#"{"Account":{"Name":null}}"#, Some("\"\"\n")),
        (r#"{"Account":{}}"#, Some("\"\"\n")),
        (r#"{"Account":{"Name":"x","Ext__c":null}}"#, Some("\"\"\n")),
        (r#"{"Account":{"Name":"x"}}"#, None),
    ] {
        match row {
            Some(row) => assert_eq!(csv_of(&mut converter, json), row, "{json}"),
            None => {
                let converted = convert(&mut converter, json).unwrap();
                let found = matches!(&converted, Converted::Rejected(it) if it.code == RejectionCode::NoRelatedKey);
                assert!(found, "{json}: {converted:?}");
            }
        }
    }
}

#[test]
fn a_null_key_beside_a_description_clears_the_reference() {
    let columns = Columns::new(vec![of_account("Ext__c")], None);
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Clear);
    converter.describe(&SourceColumn::nested("Account", "Name"));
    for json in [r#"{"Account":{"Name":"x","Ext__c":null}}"#, r#"{"Account":{"Ext__c":null,"Name":"x"}}"#] {
        assert_eq!(csv_of(&mut converter, json), "#N/A\n", "{json}");
    }
}

#[test]
fn a_null_object_also_clears_the_fields_of_the_record_that_its_members_go_to() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let to = |member: &str, field: &str| Column::new(SourceColumn::nested("Account", member), field, PLAIN, types);
    let of_another = Column::new(SourceColumn::nested("Owner", "City"), "City", PLAIN, types);
    let columns = vec![to("Name", "Company__c"), of_another, to("Phone", "Phone")];
    let mut converter = Converter::new(Arc::new(Columns::new(columns, None)), NullHandling::Clear);
    let null = r#"{"Account":null}"#;
    assert_eq!(csv_of(&mut converter, null), "#N/A,,#N/A\n");
    converter.set_columns(Arc::new(converter.columns().with(of_account("Ext__c"))));
    assert_eq!(csv_of(&mut converter, null), "#N/A,,#N/A,#N/A\n");
}

#[test]
fn a_member_that_goes_to_another_field_does_not_name_the_related_record() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let company = Column::new(SourceColumn::nested("Account", "Name"), "Company__c", PLAIN, types);
    let columns = Columns::new(vec![company, of_account("Ext__c")], None);
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Ignore);
    converter.describe(&SourceColumn::nested("Account", "Phone"));
    let [name, phone, key] = [r#""Name":"x""#, r#""Phone":"1""#, r#""Ext__c":"A-1""#];
    for [first, second, third] in [
        [name, phone, key],
        [name, key, phone],
        [phone, name, key],
        [phone, key, name],
        [key, name, phone],
        [key, phone, name],
    ] {
        let json = format!(r#"{{"Account":{{{first},{second},{third}}}}}"#);
        assert_eq!(csv_of(&mut converter, &json), "x,A-1\n", "{json}");
    }
    assert_eq!(csv_of(&mut converter, r#"{"Account":{"Name":"x"}}"#), "x,\n");
    let converted = convert(&mut converter, r#"{"Account":{"Name":"x","Phone":"1"}}"#).unwrap();
    assert!(matches!(converted, Converted::Rejected(it) if it.code == RejectionCode::NoRelatedKey));
}

#[test]
fn a_reference_is_cleared_once_and_only_where_no_other_column_fills_it() {
    let id = Column::new(SourceColumn::top("AccountId"), "AccountId", PLAIN, of_account("x").types());
    let columns = vec![id.of_reference("accountid"), of_account("Ext__c"), of_account("Code__c")];
    let mut converter = Converter::new(Arc::new(Columns::new(columns, None)), NullHandling::Clear);
    for (json, row) in [
        (r#"{"AccountId":"001","Account":null}"#, "001,,\n"),
        (r#"{"Account":null,"AccountId":"001"}"#, "001,,\n"),
        (r#"{"AccountId":null,"Account":{"Ext__c":"A-1"}}"#, ",A-1,\n"),
        (r#"{"Account":{"Code__c":"c","Ext__c":null},"AccountId":""}"#, ",,c\n"),
        (r#"{"AccountId":null,"Account":null}"#, "#N/A,,\n"),
        (r#"{"Account":null}"#, ",#N/A,\n"),
        (r#"{"Account":{"Code__c":null,"Ext__c":null}}"#, ",#N/A,\n"),
        // Two values are for Salesforce to judge.
        (r#"{"AccountId":"001","Account":{"Ext__c":"A-1","Code__c":null}}"#, "001,A-1,\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), row, "{json}");
    }
}

#[test]
fn a_nested_object_fills_the_columns_of_its_relationship() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let owner = Column::new(SourceColumn::nested("Account", "Ext__c"), "Account.Ext__c", PLAIN, types);
    let columns = Columns::new(vec![owner, Column::new(SourceColumn::top("Name"), "Name", PLAIN, types)], None);
    let mut converter = Converter::new(Arc::new(columns), NullHandling::Ignore);
    assert_eq!(csv_of(&mut converter, r#"{"Name":"n","Account":{"Ext__c":"A-1"}}"#), "A-1,n\n");
    assert_eq!(csv_of(&mut converter, r#"{"Name":"n","Account":null}"#), ",n\n");
    let mut clearing = Converter::new(Arc::clone(converter.columns()), NullHandling::Clear);
    assert_eq!(csv_of(&mut clearing, r#"{"Name":"n","Account":null}"#), "#N/A,n\n");
    let other = r#"{"Account":{"Code__c":"x"}}"#;
    assert!(
        matches!(convert(&mut converter, other), Ok(Converted::NewColumn(path)) if path == SourceColumn::nested("Account", "Code__c"))
    );
    let wrong = r#"{"Account":"A-1"}"#;
    assert!(
        matches!(convert(&mut converter, wrong), Ok(Converted::Rejected(rejection)) if rejection.code == RejectionCode::NotAnObject)
    );
    let marker = r##"{"Name":"#N/A","Account":null}"##;
    assert!(
        matches!(convert(&mut converter, marker), Ok(Converted::Rejected(rejection)) if rejection.code == RejectionCode::NullMarker)
    );
}

/// Either is enough: that the column fills the reference, or that its header names a field of the related record.
#[test]
fn a_column_names_the_related_record_by_its_reference_or_by_its_header() {
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let column =
        |member: &str, header: &str| Column::new(SourceColumn::nested("Account", member), header, PLAIN, types);
    for (named, member) in [
        (column("Id", "AccountId").of_reference("AccountId"), "Id"),
        (column("Ext__c", "Account.Ext__c"), "Ext__c"),
        (of_account("Ext__c"), "Ext__c"),
    ] {
        let mut converter = Converter::new(Arc::new(Columns::new(vec![named], None)), NullHandling::Ignore);
        converter.describe(&SourceColumn::nested("Account", "Name"));
        assert_eq!(
            csv_of(&mut converter, &format!(r#"{{"Account":{{"Name":"x","{member}":"1"}}}}"#)),
            "1\n",
            "{member}"
        );
        let unnamed = convert(&mut converter, r#"{"Account":{"Name":"x"}}"#).unwrap();
        assert!(matches!(unnamed, Converted::Rejected(it) if it.code == RejectionCode::NoRelatedKey), "{member}");
    }
}

#[test]
fn a_null_object_that_changes_nothing_changes_nothing_with_further_columns_either() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.keep_null("Account");
    let types = JsonTypes { text: true, ..JsonTypes::default() };
    let further = converter.columns().with(Column::new(SourceColumn::top("m"), "m", PLAIN, types));
    converter.set_columns(Arc::new(further));
    assert_eq!(csv_of(&mut converter, r#"{"n":"x","Account":null}"#), "x,\n");
}

/// The id of the related record took the place of the column that cleared the reference.
#[test]
fn a_null_object_without_a_column_is_reported_again() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.nest("Account");
    converter.set_columns(Arc::new(converter.columns().with(Column::clearing("Account", "AccountId"))));
    let null = r#"{"n":"x","Account":null}"#;
    assert_eq!(csv_of(&mut converter, null), "x,#N/A\n");
    let id = Column::new(SourceColumn::top("AccountId"), "AccountId", PLAIN, JsonTypes::default());
    converter.set_columns(Arc::new(converter.columns().with(id.of_reference("AccountId"))));
    assert!(matches!(convert(&mut converter, null), Ok(Converted::NullObject(name)) if name == "Account"));
    converter.keep_null("Account");
    assert_eq!(csv_of(&mut converter, null), "x,\n");
}

#[test]
fn a_column_of_the_object_is_cleared_where_its_null_changed_nothing_before() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.keep_null("Account");
    converter.set_columns(Arc::new(converter.columns().with(of_account("Ext__c"))));
    assert_eq!(csv_of(&mut converter, r#"{"n":"x","Account":null}"#), "x,#N/A\n");
}

#[test]
fn a_column_that_clears_a_reference_takes_no_value() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Clear);
    converter.nest("Account");
    converter.set_columns(Arc::new(converter.columns().with(Column::clearing("Account", "AccountId"))));
    let json = r#"{"n":"x","Account":{"Ext__c":"A-1"}}"#;
    let source = SourceColumn::nested("Account", "Ext__c");
    assert!(matches!(convert(&mut converter, json), Ok(Converted::NewColumn(path)) if path == source));
    converter.ignore(&source);
    assert_eq!(csv_of(&mut converter, json), "x,\n");
}

#[test]
fn each_nested_object_has_its_own_members() {
    let of = |object: &str, member: &str| {
        Column::new(SourceColumn::nested(object, member), format!("{object}.{member}"), PLAIN, JsonTypes::default())
            .of_reference(&format!("{object}Id"))
    };
    let all = vec![of("Account", "Key__c"), of("Owner", "Key__c"), of("Owner", "Email")];
    let mut converter = Converter::new(Arc::new(Columns::new(all, None)), NullHandling::Clear);
    for (json, row) in [
        (r#"{"Account":{"Key__c":"a"},"Owner":{"Key__c":"b"}}"#, "a,b,\n"),
        (r#"{"Owner":{"Email":"c"},"Account":{"Key__c":"a"}}"#, "a,,c\n"),
        (r#"{"Owner":null,"Account":{"Key__c":"a"}}"#, "a,#N/A,\n"),
        (r#"{"Owner":{"Email":"c"},"Account":null}"#, "#N/A,,c\n"),
    ] {
        assert_eq!(csv_of(&mut converter, json), row, "{json}");
    }
    let unknown = convert(&mut converter, r#"{"Account":{"Email":"c"}}"#);
    assert!(matches!(unknown, Ok(Converted::NewColumn(path)) if path == SourceColumn::nested("Account", "Email")));
}

#[test]
fn a_value_that_becomes_an_object_is_read_as_one_from_the_next_record_on() {
    let mut converter = Converter::new(columns(&["n"]), NullHandling::Ignore);
    converter.ignore(&SourceColumn::top("Account"));
    let json = r#"{"n":"x","Account":{"Ext__c":"A-1"}}"#;
    assert_eq!(csv_of(&mut converter, json), "x\n");
    converter.nest("Account");
    assert!(
        matches!(convert(&mut converter, json), Ok(Converted::NewColumn(path)) if path == SourceColumn::nested("Account", "Ext__c"))
    );
}
