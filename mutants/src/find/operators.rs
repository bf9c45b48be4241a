//! Operators that are swapped or left out.

use syn::{BinOp, Expr, ExprBinary, ExprUnary, UnOp};

use super::Finder;

impl Finder<'_> {
    /// Swaps a binary operator for those that differ from it in one case or in all.
    pub(super) fn binary(&mut self, expression: &ExprBinary) {
        self.parts(&Expr::Binary(expression.clone()));
        // The second of two is the opposite, which a condition that is true or false covers.
        let (near, opposite) = match expression.op {
            BinOp::Eq(_) => (None, Some("!=")),
            BinOp::Ne(_) => (None, Some("==")),
            BinOp::Lt(_) => (Some("<="), Some(">=")),
            BinOp::Le(_) => (Some("<"), Some(">")),
            BinOp::Gt(_) => (Some(">="), Some("<=")),
            BinOp::Ge(_) => (Some(">"), Some("<")),
            BinOp::Add(_) => (Some("-"), None),
            BinOp::Sub(_) => (Some("+"), None),
            BinOp::Mul(_) => (Some("/"), None),
            BinOp::Div(_) => (Some("*"), None),
            BinOp::Rem(_) => (Some("/"), None),
            BinOp::AddAssign(_) => (Some("-="), None),
            BinOp::SubAssign(_) => (Some("+="), None),
            BinOp::BitOr(_) => (Some("&"), None),
            BinOp::BitAnd(_) => (Some("|"), None),
            BinOp::Shl(_) => (Some(">>"), None),
            BinOp::Shr(_) => (Some("<<"), None),
            _ => (None, None),
        };
        let opposite = opposite.filter(|_| !self.is_condition(expression));
        let swapped = [near, opposite].into_iter().flatten();
        let mutants = swapped.map(|operator| self.with(expression, &expression.op, operator)).collect();
        self.replace(expression, mutants);
    }

    /// Leaves out a negation.
    pub(super) fn unary(&mut self, expression: &ExprUnary) {
        let negates = matches!(expression.op, UnOp::Not(_) | UnOp::Neg(_));
        if negates && !matches!(&*expression.expr, Expr::Lit(_)) && !self.is_condition(expression) {
            let positive = self.code(&*expression.expr).to_owned();
            self.replace(expression, vec![positive]);
        }
    }
}
