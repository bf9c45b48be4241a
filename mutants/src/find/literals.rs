//! Literals with another value, and constants with another value at each use.

use syn::{ExprLit, ExprPath, Lit};

use super::Finder;
use super::constants::Kind;
use crate::mutant::{Form, Mutant, Site};

impl Finder<'_> {
    /// Changes the value of a literal.
    pub(super) fn literal(&mut self, expression: &ExprLit) {
        let code = self.code(expression);
        let mutant = match &expression.lit {
            Lit::Bool(value) => (!value.value).to_string(),
            Lit::Int(number) if number.base10_digits() == "0" => format!("1{}", number.suffix()),
            Lit::Int(_) => format!("({code} + 1)"),
            Lit::Float(_) => format!("({code} + 1.0)"),
            Lit::Char(value) if value.value() == '~' => "'!'".to_owned(),
            Lit::Char(_) => "'~'".to_owned(),
            Lit::Byte(value) if value.value() == b'~' => "b'!'".to_owned(),
            Lit::Byte(_) => "b'~'".to_owned(),
            // A text with spaces is a sentence for people.
            Lit::Str(text) if text.value().is_empty() || is_sentence(&text.value()) => return,
            Lit::Str(_) => "\"mutated\"".to_owned(),
            Lit::ByteStr(bytes) => format!("b\"{}\"", "~".repeat(bytes.value().len())),
            _ => return,
        };
        self.replace(expression, vec![mutant]);
    }

    /// Changes the value of a constant where it is used. A mutant is on at all uses at once.
    pub(super) fn constant(&mut self, expression: &ExprPath) {
        let Some(segment) = expression.path.segments.last() else { return };
        let name = segment.ident.to_string();
        let Some(constant) = self.constants.get(&name) else { return };
        let code = self.code(expression);
        let values = match constant.kind {
            Kind::Integer => vec![format!("{code}.wrapping_mul(2).wrapping_add(1)"), format!("{code} / 2")],
            Kind::Duration => vec![format!("{code} * 5"), format!("{code} / 5")],
            Kind::Text => vec!["\"mutated\"".to_owned()],
            Kind::Other => return,
        };
        if !self.found.of_constants.contains_key(&name) {
            let numbers = values
                .iter()
                .map(|value| {
                    let what = format!("constant `{name}` -> `{}`", value.replacen(code, &name, 1));
                    let (file, line) = (constant.file.clone(), constant.line);
                    self.found.add(Mutant { file, line, function: String::new(), what })
                })
                .collect();
            self.found.of_constants.insert(name.clone(), numbers);
        }
        let mutants = self.found.of_constants[&name].iter().copied().zip(values).collect();
        let range = self.range(expression);
        self.sites.push(Site { start: range.start, end: range.end, form: Form::Value, mutants });
    }
}

fn is_sentence(text: &str) -> bool {
    text.len() > 3 && text.contains(char::is_whitespace)
}
