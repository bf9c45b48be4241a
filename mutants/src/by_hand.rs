//! Breaks that a person wrote: where a rule has a corner, an edit by hand finds it sooner than thousands by machine.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::mutant::{Form, Mutant, Number, Site, line_of, on_one_line};
use crate::workspace::text;

/// A break of a list.
#[derive(Debug)]
pub(crate) struct Break {
    /// The line of the list, from 1.
    line: usize,
    /// The path of the file that is broken, from the root.
    file: String,
    /// The code that is broken. It occurs once in the file.
    old: String,
    /// The code that stands in for it.
    new: String,
    /// The rule that is broken.
    rule: String,
}

/// Reads a list of breaks, a JSON object in each line.
///
/// # Errors
/// A line has another form.
pub(crate) fn read(list: &str) -> Result<Vec<Break>> {
    let lines = list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(place, line)| {
            let line_number = place + 1;
            let value: Value = serde_json::from_str(line)
                .map_err(|error| Error::new(format!("Line {line_number} of the list is no JSON: {error}.")))?;
            let part = |name: &str| text(&value[name]).to_owned();
            let read =
                Break { line: line_number, file: part("file"), old: part("old"), new: part("new"), rule: part("rule") };
            if read.file.is_empty() || read.old.trim().is_empty() || read.rule.is_empty() {
                return Err(Error::new(format!(
                    "Line {line_number} of the list needs `file`, `old`, `new` and `rule`."
                )));
            }
            Ok(read)
        })
        .collect()
}

/// The files that are broken must be among those that are compiled.
///
/// # Errors
/// One is not.
pub(crate) fn check_files(breaks: &[Break], is_compiled: impl Fn(&str) -> bool) -> Result<()> {
    match breaks.iter().find(|one| !is_compiled(&one.file)) {
        Some(Break { line, file, .. }) => {
            Err(Error::new(format!("Line {line} of the list names {file}, which is no source file of the workspace.")))
        }
        None => Ok(()),
    }
}

/// Adds the breaks of a file to `mutants`, and returns their sites.
///
/// # Errors
/// The code is not in the file or more than once, or two breaks overlap in part.
pub(crate) fn sites(breaks: &[Break], file: &str, source: &str, mutants: &mut Vec<Mutant>) -> Result<Vec<Site>> {
    let mut sites: Vec<Site> = vec![];
    for Break { line, old, new, rule, .. } in breaks.iter().filter(|one| one.file == file) {
        let error = |why: &str| Error::new(format!("Line {line} of the list: {why}."));
        let places: Vec<usize> = source.match_indices(old.as_str()).map(|(place, _)| place).collect();
        let [start] = places[..] else {
            return Err(error(&format!("`{}` is in {file} {} times and not once", on_one_line(old), places.len())));
        };
        let end = start + old.len();
        let crosses = |site: &Site| {
            let (first, second) = if (site.start, site.end) < (start, end) {
                ((site.start, site.end), (start, end))
            } else {
                ((start, end), (site.start, site.end))
            };
            first.0 < second.0 && second.0 < first.1 && first.1 < second.1
        };
        if sites.iter().any(crosses) {
            return Err(error("the code overlaps in part with that of another line"));
        }
        let what = format!("{rule} `{}` -> `{}`", on_one_line(old), on_one_line(new));
        let line = line_of(source, start);
        mutants.push(Mutant { file: file.to_owned(), line, function: String::new(), what });
        let number = (mutants.len() - 1) as Number;
        sites.push(Site { start, end, form: form(old, new, &source[end..]), mutants: vec![(number, new.clone())] });
    }
    Ok(sites)
}

/// How a break is switched: whole statements stand without brackets, where an `if` in brackets would need a semicolon.
fn form(old: &str, new: &str, rest: &str) -> Form {
    if new.trim().is_empty() {
        Form::Statement
    } else if old.ends_with(';') || old.ends_with('}') && !rest.trim_start().starts_with(['.', '?']) {
        Form::Statements
    } else {
        Form::Value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn f() -> u8 {\n    g(1);\n    if a && b { c() } else { d() }\n}\n";

    fn sites_of(list: &str) -> Result<(Vec<Site>, Vec<Mutant>)> {
        let mut mutants = vec![];
        let sites = sites(&read(list)?, "a.rs", SOURCE, &mut mutants)?;
        Ok((sites, mutants))
    }

    #[test]
    fn a_break_is_switched_where_its_code_is() {
        let list = r#"{"file":"a.rs","old":"g(1);","new":"","rule":"g is called."}

            {"file":"a.rs","old":"a && b","new":"a","rule":"b counts."}
            {"file":"b.rs","old":"x","new":"y","rule":"of another file"}
            {"file":"a.rs","old":"if a && b { c() } else { d() }","new":"c()","rule":"d is called."}"#;
        let (sites, mutants) = sites_of(list).unwrap();
        let forms: Vec<Form> = sites.iter().map(|site| site.form).collect();
        assert_eq!(forms, [Form::Statement, Form::Value, Form::Statements]);
        assert_eq!(sites[1].mutants, [(1, "a".to_owned())]);
        assert_eq!(&SOURCE[sites[1].start..sites[1].end], "a && b");
        assert_eq!((mutants[1].line, &*mutants[1].what), (3, "b counts. `a && b` -> `a`"));
    }

    #[test]
    fn what_cannot_be_switched_is_said_with_its_line() {
        for (list, expected) in [
            ("\n{", "Line 2 of the list is no JSON"),
            (r#"{"file":"a.rs","old":"a"}"#, "Line 1 of the list needs `file`"),
            (r#"{"file":"a.rs","old":"q","new":"","rule":"r"}"#, "`q` is in a.rs 0 times"),
            (r#"{"file":"a.rs","old":"()","new":"","rule":"r"}"#, "`()` is in a.rs 3 times"),
            (
                "{\"file\":\"a.rs\",\"old\":\"a && b\",\"new\":\"\",\"rule\":\"r\"}\n\
                 {\"file\":\"a.rs\",\"old\":\"b { c() }\",\"new\":\"\",\"rule\":\"r\"}",
                "Line 2 of the list: the code overlaps in part",
            ),
        ] {
            let error = sites_of(list).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let breaks = read(r#"{"file":"a.rs","old":"a","new":"","rule":"r"}"#).unwrap();
        assert!(check_files(&breaks, |file| file == "a.rs").is_ok());
        let error = check_files(&breaks, |_| false).unwrap_err().to_string();
        assert!(error.contains("Line 1 of the list names a.rs"), "{error}");
    }
}
