//! Functions that return a fixed value at once.

use syn::{Block, FnArg, GenericArgument, PathArguments, PathSegment, ReturnType, Signature, Type};

use super::Finder;
use crate::mutant::Form;

impl Finder<'_> {
    /// Finds the values that a function can return instead of running.
    pub(super) fn body(&mut self, signature: &Signature, block: &Block) {
        if block.stmts.is_empty() {
            return;
        }
        let values = match &signature.output {
            ReturnType::Default => vec!["()".to_owned()],
            ReturnType::Type(_, result) => {
                let is_self = matches!(&**result, Type::Path(path) if path.path.is_ident("Self"));
                let takes_self =
                    matches!(signature.inputs.first(), Some(FnArg::Receiver(me)) if me.reference.is_none());
                if is_self && takes_self { vec!["self".to_owned()] } else { values(result) }
            }
        };
        let body = self.code(block).trim_start_matches('{').trim_end_matches('}').trim();
        let mutants = values
            .into_iter()
            .filter(|value| body != value)
            .map(|value| (format!("returns `{value}`"), value))
            .collect();
        let start = self.range(block).start + 1;
        self.add(start..start, Form::Body, mutants);
    }
}

/// Values of a type that are likely to be wrong.
fn values(of: &Type) -> Vec<String> {
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    match of {
        Type::Tuple(tuple) if tuple.elems.is_empty() => texts(&["()"]),
        Type::Reference(reference) if is_str(&reference.elem) => texts(&["\"\"", "\"mutated\""]),
        Type::Path(path) => {
            let Some(segment) = path.path.segments.last() else { return vec![] };
            match segment.ident.to_string().as_str() {
                "bool" => texts(&["true", "false"]),
                "usize" | "u8" | "u16" | "u32" | "u64" | "u128" | "i32" | "i64" | "i128" => texts(&["0", "1"]),
                "String" => texts(&["String::new()", "\"mutated\".to_owned()"]),
                "Vec" => texts(&["vec![]"]),
                "BTreeMap" | "HashMap" | "BTreeSet" | "HashSet" => texts(&["Default::default()"]),
                "Duration" => texts(&["std::time::Duration::ZERO"]),
                "Option" => {
                    let some = argument(segment).map(values).unwrap_or_default();
                    // A nested option would be `Some(None)`, which hardly differs.
                    let some = some.into_iter().filter(|value| !value.contains("None"));
                    std::iter::once("None".to_owned()).chain(some.map(|value| format!("Some({value})"))).collect()
                }
                "Result" => match argument(segment) {
                    Some(ok) => values(ok).into_iter().map(|value| format!("Ok({value})")).collect(),
                    // `fmt::Result` and `io::Result` have no value of their own.
                    None if path.path.segments.len() > 1 => texts(&["Ok(())"]),
                    None => vec![],
                },
                _ => vec![],
            }
        }
        _ => vec![],
    }
}

/// Whether a type is `str`.
pub(super) fn is_str(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.is_ident("str"))
}

fn argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}
