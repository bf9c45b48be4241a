//! Calls of functions of the standard library that are swapped for similar ones or left out.

use syn::{Expr, ExprCall, ExprLit, ExprMethodCall, Lit};

use super::Finder;

/// Methods whose last argument is a closure that returns a condition.
const TAKE_A_CONDITION: [&str; 13] = [
    "all",
    "any",
    "filter",
    "find",
    "is_none_or",
    "is_ok_and",
    "is_some_and",
    "partition",
    "position",
    "retain",
    "rposition",
    "skip_while",
    "take_while",
];

/// Methods whose first argument is the beginning of a text, or what divides it.
const TAKE_A_TEXT: [&str; 4] = ["split_once", "starts_with", "strip_prefix", "trim_start_matches"];

impl Finder<'_> {
    /// Turns `Some(value)` into `None`.
    pub(super) fn call(&mut self, expression: &ExprCall) {
        if matches!(&*expression.func, Expr::Path(path) if path.path.is_ident("Some")) {
            self.replace(expression, vec!["None".to_owned()]);
        }
    }

    /// Swaps a method, and tries its arguments.
    pub(super) fn method_call(&mut self, expression: &ExprMethodCall) {
        let method = expression.method.to_string();
        let mutants = self.other_methods(expression, &method);
        self.replace(expression, mutants);
        if TAKE_A_CONDITION.contains(&method.as_str())
            && let Some(Expr::Closure(closure)) = expression.args.last()
            && !matches!(&*closure.body, Expr::Block(_))
        {
            self.condition(&closure.body);
        }
        if TAKE_A_TEXT.contains(&method.as_str())
            && let Some(argument @ Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) = expression.args.first()
            && let text = text.value()
            && text.chars().count() > 1
        {
            let first: String = text.chars().take(1).collect();
            self.replace(argument, vec![format!("{first:?}")]);
        }
    }

    fn other_methods(&self, expression: &ExprMethodCall, method: &str) -> Vec<String> {
        let other = |name: &str| vec![self.with(expression, &expression.method, name)];
        let receiver = self.code(&*expression.receiver);
        // Where the result is a condition, true and false cover its opposite.
        let unless_condition = |mutants: Vec<String>| if self.is_condition(expression) { vec![] } else { mutants };
        match method {
            "min" => other("max"),
            "max" => other("min"),
            "any" => unless_condition(other("all")),
            "all" => unless_condition(other("any")),
            "is_some" => unless_condition(other("is_none")),
            "is_none" => unless_condition(other("is_some")),
            "is_empty" => unless_condition(vec![format!("!{}", self.code(expression))]),
            "starts_with" => [other("ends_with"), other("contains")].concat(),
            "ends_with" => other("contains"),
            "first" => other("last"),
            "last" => other("first"),
            "saturating_sub" => other("saturating_add"),
            "saturating_add" => other("saturating_sub"),
            "trim" | "trim_start" | "trim_end" | "or" | "or_else" => vec![receiver.to_owned()],
            // Bytes have the first of the two and characters the second; what does not compile is dropped.
            "to_ascii_lowercase" | "to_lowercase" | "to_ascii_uppercase" | "to_uppercase" => {
                vec![format!("{receiver}.to_owned()"), format!("{receiver}.to_string()")]
            }
            _ => vec![],
        }
    }
}
