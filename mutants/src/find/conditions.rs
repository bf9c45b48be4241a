//! Conditions that are always true or false, and statements that are left out.

use syn::{BinOp, Expr, Stmt};

use super::Finder;
use crate::mutant::{Form, on_one_line};

impl Finder<'_> {
    /// Tries a condition as true and false, or each part of it as the value that leaves the decision to the others.
    pub(super) fn condition(&mut self, condition: &Expr) {
        match peeled(condition) {
            Expr::Let(_) => {}
            part if is_logic(part) => self.parts(part),
            _ => self.constant_condition(condition, &["true", "false"]),
        }
    }

    /// Tries the parts of `a && b` as true and those of `a || b` as false.
    pub(super) fn parts(&mut self, condition: &Expr) {
        let Expr::Binary(binary) = peeled(condition) else { return };
        let neutral = match binary.op {
            BinOp::And(_) => "true",
            BinOp::Or(_) => "false",
            _ => return,
        };
        for part in [&*binary.left, &*binary.right] {
            if is_logic(part) {
                self.parts(part);
            } else if !matches!(peeled(part), Expr::Let(_)) {
                self.constant_condition(part, &[neutral]);
            }
        }
    }

    fn constant_condition(&mut self, condition: &Expr, values: &[&str]) {
        if !matches!(peeled(condition), Expr::Lit(_)) && self.conditions.insert(self.place(condition)) {
            self.replace(condition, values.iter().map(|value| (*value).to_owned()).collect());
        }
    }

    /// Whether an expression is tried as true and false already.
    pub(super) fn is_condition(&self, expression: &impl syn::spanned::Spanned) -> bool {
        self.conditions.contains(&self.place(expression))
    }

    /// Tries a condition with `let` as one that never matches.
    pub(super) fn never(&mut self, condition: &Expr) {
        if has_let(condition) {
            let what = format!("never `if {}`", on_one_line(self.code(condition)));
            self.add(self.range(condition), Form::Never, vec![(what, String::new())]);
        }
    }

    /// Leaves out a statement that does something.
    pub(super) fn statement(&mut self, statement: &Stmt) {
        let Stmt::Expr(expression, Some(_)) = statement else { return };
        let acts = match expression {
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Try(_) | Expr::Await(_) => true,
            Expr::Assign(_) | Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
            Expr::Binary(binary) => matches!(
                binary.op,
                BinOp::AddAssign(_)
                    | BinOp::SubAssign(_)
                    | BinOp::MulAssign(_)
                    | BinOp::BitOrAssign(_)
                    | BinOp::BitAndAssign(_)
            ),
            _ => false,
        };
        if acts && !self.needed.contains(&self.place(statement)) {
            let what = format!("without `{}`", on_one_line(self.code(statement)));
            self.add(self.range(statement), Form::Statement, vec![(what, String::new())]);
        }
    }
}

/// An expression without the parentheses around it.
pub(super) fn peeled(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(inner) => peeled(&inner.expr),
        Expr::Group(inner) => peeled(&inner.expr),
        _ => expression,
    }
}

fn is_logic(expression: &Expr) -> bool {
    matches!(peeled(expression), Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)))
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}
