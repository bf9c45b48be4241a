//! The answers of `check` and `discover` for a person.

/// What `check` found, a sentence a line: first what keeps a sync from running.
pub(crate) fn check_answer(failures: &[&str], facts: &[&str]) -> String {
    let mut text =
        if failures.is_empty() { "The connection works.\n" } else { "The connection does not work.\n" }.to_owned();
    for failure in failures {
        text.push_str(&format!("  problem: {failure}\n"));
    }
    for fact in facts {
        text.push_str(&format!("  {fact}\n"));
    }
    text
}

/// The objects that records can be loaded into: the name of each, its operations, and the fields that find its records.
pub(crate) fn discover_answer<'a>(objects: impl Iterator<Item = (&'a str, String, String)>) -> String {
    let rows: Vec<_> = objects.collect();
    let width = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or_default();
    let name = width(&mut rows.iter().map(|row| row.0.len())).max("object".len());
    let operations = width(&mut rows.iter().map(|row| row.1.len())).max("operations".len());
    let mut text = format!("{:<name$}  {:<operations$}  keys\n", "object", "operations");
    for (object, of_object, keys) in &rows {
        text.push_str(format!("{object:<name$}  {of_object:<operations$}  {keys}").trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "{} objects. With --log-format json: their fields, as a message of the protocol.\n",
        rows.len()
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_first_what_does_not_work() {
        assert_eq!(check_answer(&[], &["Signed in."]), "The connection works.\n  Signed in.\n");
        let text = check_answer(&["No bucket.", "No object."], &["Signed in."]);
        assert_eq!(text, "The connection does not work.\n  problem: No bucket.\n  problem: No object.\n  Signed in.\n");
    }

    #[test]
    fn objects_are_a_table() {
        let rows = [
            ("Account", "insert, update".to_owned(), "Id, External_Id__c".to_owned()),
            ("Case", "insert".to_owned(), String::new()),
        ];
        assert_eq!(
            discover_answer(rows.into_iter()),
            "object   operations      keys\n\
             Account  insert, update  Id, External_Id__c\n\
             Case     insert\n\
             2 objects. With --log-format json: their fields, as a message of the protocol.\n"
        );
    }

    #[test]
    fn a_column_is_as_wide_as_its_heading() {
        assert_eq!(
            discover_answer([("Ab", "delete".to_owned(), "Id".to_owned())].into_iter()),
            "object  operations  keys\n\
             Ab      delete      Id\n\
             1 objects. With --log-format json: their fields, as a message of the protocol.\n"
        );
    }
}
