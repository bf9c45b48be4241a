//! Patterns that match less: arms of `match`, and the parts of a pattern in `matches!`.

use syn::parse::ParseStream;
use syn::{Arm, Expr, ExprMacro, ExprMatch, Pat, Token};

use super::Finder;
use crate::mutant::{Form, on_one_line};

impl Finder<'_> {
    /// Tries guards as true and false, and leaves out arms if the last arm takes what they took.
    pub(super) fn arms(&mut self, expression: &ExprMatch) {
        for arm in &expression.arms {
            if let Some((_, guard)) = &arm.guard {
                self.condition(guard);
            }
        }
        let Some((last, arms)) = expression.arms.split_last() else { return };
        if !takes_everything(last) {
            return;
        }
        for arm in arms.iter().filter(|arm| arm.guard.is_none()) {
            let what = format!("without the arm `{}`", on_one_line(self.code(&arm.pat)));
            let end = self.range(&arm.pat).end;
            self.add(end..end, Form::Arm, vec![(what, String::new())]);
        }
    }

    /// Leaves out each part of the pattern of `matches!`, and its guard.
    pub(super) fn matches(&mut self, expression: &ExprMacro) {
        if !expression.mac.path.is_ident("matches") {
            return;
        }
        let Ok((pattern, guard)) = expression.mac.parse_body_with(pattern_and_guard) else { return };
        let mut mutants = vec![];
        if let Pat::Or(or) = &pattern {
            for left_out in 0..or.cases.len() {
                let rest = or.cases.iter().enumerate().filter(|(place, _)| *place != left_out);
                let rest: Vec<&str> = rest.map(|(_, case)| self.code(case)).collect();
                mutants.push(self.with(expression, &pattern, &rest.join(" | ")));
            }
        }
        if let Some(guard) = &guard {
            mutants.push(self.with(expression, guard, "true"));
        }
        self.replace(expression, mutants);
    }
}

fn takes_everything(arm: &Arm) -> bool {
    let is_name = |name: String| name.starts_with(char::is_lowercase);
    arm.guard.is_none()
        && match &arm.pat {
            Pat::Wild(_) => true,
            Pat::Ident(name) => name.subpat.is_none() && is_name(name.ident.to_string()),
            _ => false,
        }
}

fn pattern_and_guard(input: ParseStream<'_>) -> syn::Result<(Pat, Option<Expr>)> {
    input.parse::<Expr>()?;
    input.parse::<Token![,]>()?;
    let pattern = Pat::parse_multi_with_leading_vert(input)?;
    let guard = if input.peek(Token![if]) {
        input.parse::<Token![if]>()?;
        Some(input.parse()?)
    } else {
        None
    };
    input.parse::<Option<Token![,]>>()?;
    Ok((pattern, guard))
}
