//! Whether a destination can tell which row of a record is the newest.

use super::CatalogStream;
use super::changes::Changes;
use crate::columns::{Column, DELETED_AT};

/// Checks that the columns of an incremental stream are enough for rows of records that are deleted, and that the
/// destination orders rows by the cursor of this connector. False if there is a problem.
///
/// The protocol says of a source that defines its cursor that "any other cursor field inputs will be ignored"
/// (`airbyte_protocol.yaml`, "source_defined_cursor"). A destination that removes older rows does not ignore it.
pub(super) fn check_order(
    stream: &CatalogStream,
    changes: &Changes,
    columns: &[Column],
    problems: &mut Vec<String>,
) -> bool {
    let name = &stream.name;
    let known = problems.len();
    let theirs = stream.cursor_field.join(".");
    if !theirs.is_empty() && theirs != changes.cursor {
        let ours = &changes.cursor;
        if stream.is_deduplicated() {
            problems.push(format!(
                "The catalog names the cursor {theirs} for the stream {name}, and changes are found by {ours}: the \
                 destination would keep another row of a record than the newest. Refresh the schema of the connection, so \
                 that {ours} is the cursor."
            ));
        } else {
            tracing::warn!("{name} is read by its cursor {ours}: the {theirs} of the catalog is ignored");
        }
    }
    let is_selected = |wanted: &str| columns.iter().any(|column| column.name == wanted);
    if !is_selected(DELETED_AT) {
        return problems.len() == known;
    }
    let missing: Vec<&str> = ["Id", &changes.cursor].into_iter().filter(|wanted| !is_selected(wanted)).collect();
    if stream.is_deduplicated() && !missing.is_empty() {
        problems.push(format!(
            "The destination keeps the newest row of each record of the stream {name}, and a row that says that a record is \
             deleted has no {}. Select {} too, or deselect {DELETED_AT}.",
            missing.join(" and no "),
            missing.join(" and ")
        ));
    } else if missing.contains(&"Id") && changes.is_replicateable {
        tracing::warn!(
            "{name} is read without records that are gone for good: a row of one names it by its Id, which is not selected"
        );
    }
    problems.len() == known
}

#[cfg(test)]
mod tests {
    use airbyte::StreamName;
    use salesforce::Describe;
    use serde_json::json;

    use super::*;
    use crate::state::SyncIds;

    /// The problems of a stream of accounts with these columns and this cursor in the catalog.
    fn problems(columns: &[&str], cursor: &[&str], is_deduplicated: bool) -> Vec<String> {
        let changes = Changes { cursor: "SystemModstamp".into(), is_replicateable: true, has_bin: true };
        let fields: Vec<_> = columns.iter().map(|name| json!({"name": name, "type": "string"})).collect();
        let describe: Describe = serde_json::from_value(json!({"name": "Account", "fields": fields})).unwrap();
        let mut all = crate::columns::columns(&describe);
        if columns.contains(&DELETED_AT) {
            all.retain(|column| column.name != DELETED_AT);
            all.push(Column::deleted_at(&changes));
        }
        let stream = CatalogStream {
            name: StreamName { namespace: None, name: "Account".into() },
            columns: None,
            is_incremental: true,
            tells_deletions: true,
            cursor_field: cursor.iter().map(|name| (*name).to_owned()).collect(),
            sync: SyncIds::default(),
            primary_key: Vec::new(),
            destination_mode: is_deduplicated.then(|| "append_dedup".to_owned()),
        };
        let mut problems = Vec::new();
        assert_eq!(check_order(&stream, &changes, &all, &mut problems), problems.is_empty());
        problems
    }

    #[test]
    fn rows_of_deleted_records_have_a_key_and_an_order_where_the_destination_needs_them() {
        let all = ["Id", "SystemModstamp", DELETED_AT];
        for (columns, is_deduplicated, expected) in [
            (&all[..], true, None),
            (&all[..2], true, None),
            (&["Name"], true, None),
            (&["SystemModstamp", DELETED_AT], true, Some("has no Id. Select Id too")),
            (&["Id", DELETED_AT], true, Some("has no SystemModstamp. Select SystemModstamp too")),
            (&["Name", DELETED_AT], true, Some("has no Id and no SystemModstamp. Select Id and SystemModstamp too")),
            (&["Name", DELETED_AT], false, None),
        ] {
            let problems = problems(columns, &[], is_deduplicated);
            assert_eq!(problems.len(), usize::from(expected.is_some()), "{columns:?}: {problems:?}");
            assert!(expected.is_none_or(|part| problems[0].contains(part)), "{columns:?}: {problems:?}");
        }
    }

    #[test]
    fn another_cursor_is_an_error_where_it_decides_which_row_is_the_newest() {
        let all = ["Id", "SystemModstamp", DELETED_AT];
        for (cursor, is_deduplicated, is_problem) in [
            (&[][..], true, false),
            (&["SystemModstamp"], true, false),
            (&["LastModifiedDate"], true, true),
            (&["SystemModstamp", "more"], true, true),
            (&["LastModifiedDate"], false, false),
        ] {
            let problems = problems(&all, cursor, is_deduplicated);
            assert_eq!(!problems.is_empty(), is_problem, "{cursor:?} {is_deduplicated}");
            let names_both =
                |problem: &String| problem.contains(&cursor.join(".")) && problem.contains("by SystemModstamp");
            assert!(problems.iter().all(names_both), "{problems:?}");
        }
    }
}
