//! Finds the mutants of a source text.
//!
//! This file walks the syntax tree and leaves out what has no mutants: tests, constants, patterns, types and macros.
//! The modules know which mutants a piece of code has.

mod calls;
mod conditions;
pub(crate) mod constants;
mod functions;
mod literals;
mod operators;
mod patterns;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Signature, Stmt};

use crate::mutant::{Form, Mutant, Number, Site, line_of, on_one_line};
use constants::Constants;

/// The mutants that are found so far, in all files.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All mutants; the place of one is its number.
    pub(crate) mutants: Vec<Mutant>,
    /// The mutants of a constant, by its name: they are switched on at each use.
    of_constants: BTreeMap<String, Vec<Number>>,
}

impl Found {
    fn add(&mut self, mutant: Mutant) -> Number {
        self.mutants.push(mutant);
        (self.mutants.len() - 1) as Number
    }
}

/// Finds the mutants of one file, adds them to `found`, and returns their sites.
pub(crate) fn find(file: &str, text: &str, tree: &syn::File, constants: &Constants, found: &mut Found) -> Vec<Site> {
    let mut finder = Finder {
        file,
        text,
        constants,
        found,
        sites: vec![],
        function: vec![],
        conditions: BTreeSet::new(),
        needed: BTreeSet::new(),
    };
    finder.visit_file(tree);
    finder.sites
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            let condition = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
            return condition.contains("test") && !condition.contains("not");
        }
        path.segments.last().is_some_and(|segment| segment.ident == "test")
    })
}

struct Finder<'a> {
    file: &'a str,
    text: &'a str,
    constants: &'a Constants,
    found: &'a mut Found,
    sites: Vec<Site>,
    /// The names of the modules, types and functions around the code.
    function: Vec<String>,
    /// The conditions that are tried as true or false, where a negation would be the same.
    conditions: BTreeSet<(usize, usize)>,
    /// Statements that cannot be left out.
    needed: BTreeSet<(usize, usize)>,
}

impl<'a> Finder<'a> {
    fn range(&self, code: &impl Spanned) -> Range<usize> {
        code.span().byte_range()
    }

    fn place(&self, code: &impl Spanned) -> (usize, usize) {
        let range = self.range(code);
        (range.start, range.end)
    }

    fn code(&self, code: &impl Spanned) -> &'a str {
        &self.text[self.range(code)]
    }

    /// The code of `whole` in which `part` is replaced.
    fn with(&self, whole: &impl Spanned, part: &impl Spanned, replacement: &str) -> String {
        let (whole, part) = (self.range(whole), self.range(part));
        format!("{}{replacement}{}", &self.text[whole.start..part.start], &self.text[part.end..whole.end])
    }

    /// Adds a site with mutants, each described and with its code.
    fn add(&mut self, range: Range<usize>, form: Form, mutants: Vec<(String, String)>) {
        if mutants.is_empty() {
            return;
        }
        let line = line_of(self.text, range.start);
        let function = self.function.join("::");
        let mutants = mutants
            .into_iter()
            .map(|(what, code)| {
                let mutant = Mutant { file: self.file.to_owned(), line, function: function.clone(), what };
                (self.found.add(mutant), code)
            })
            .collect();
        self.sites.push(Site { start: range.start, end: range.end, form, mutants });
    }

    /// Adds an expression with the code of its mutants.
    fn replace(&mut self, expression: &impl Spanned, mutants: Vec<String>) {
        let original = on_one_line(self.code(expression));
        let described =
            mutants.into_iter().map(|code| (format!("`{original}` -> `{}`", on_one_line(&code)), code)).collect();
        self.add(self.range(expression), Form::Value, described);
    }

    fn function(&mut self, signature: &Signature, block: &Block, attributes: &[Attribute]) {
        // A constant function may run in the compiler, where nothing is switched.
        if is_of_tests(attributes) || signature.constness.is_some() {
            return;
        }
        self.function.push(signature.ident.to_string());
        self.body(signature, block);
        visit::visit_block(self, block);
        self.function.pop();
    }

    fn inside(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.function.push(name);
        visit(self);
        self.function.pop();
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    // Without mutants: code that runs in the compiler, and what is no code.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_item_macro(&mut self, _: &'ast syn::ItemMacro) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_item_struct(&mut self, _: &'ast syn::ItemStruct) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    fn visit_expr_repeat(&mut self, expression: &'ast syn::ExprRepeat) {
        // The length is a constant.
        self.visit_expr(&expression.expr);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_of_tests(&module.attrs) {
            self.inside(module.ident.to_string(), |finder| visit::visit_item_mod(finder, module));
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let is_debug = |path: &syn::Path| path.segments.last().is_some_and(|segment| segment.ident == "Debug");
        // What `Debug` shows is for people.
        if is_of_tests(&block.attrs) || block.trait_.as_ref().is_some_and(|(_, path, _)| is_debug(path)) {
            return;
        }
        let name = on_one_line(self.code(&*block.self_ty));
        self.inside(name, |finder| visit::visit_item_impl(finder, block));
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block, &function.attrs);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block, &function.attrs);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(&function.sig, block, &function.attrs);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if is_of_tests(&local.attrs) {
            return;
        }
        // The block of `let ... else` has to leave.
        if let Some((_, diverge)) = local.init.as_ref().and_then(|init| init.diverge.as_ref())
            && let Expr::Block(block) = &**diverge
            && let Some(last) = block.block.stmts.last()
        {
            self.needed.insert(self.place(last));
        }
        visit::visit_local(self, local);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.statement(statement);
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_if(&mut self, expression: &'ast syn::ExprIf) {
        self.never(&expression.cond);
        self.condition(&expression.cond);
        visit::visit_expr_if(self, expression);
    }

    fn visit_expr_while(&mut self, expression: &'ast syn::ExprWhile) {
        self.condition(&expression.cond);
        visit::visit_expr_while(self, expression);
    }

    fn visit_expr_match(&mut self, expression: &'ast syn::ExprMatch) {
        self.arms(expression);
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_binary(&mut self, expression: &'ast syn::ExprBinary) {
        self.binary(expression);
        visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast syn::ExprUnary) {
        self.unary(expression);
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_call(&mut self, expression: &'ast syn::ExprCall) {
        self.call(expression);
        visit::visit_expr_call(self, expression);
    }

    fn visit_expr_method_call(&mut self, expression: &'ast syn::ExprMethodCall) {
        self.method_call(expression);
        // The arguments of these are sentences for people.
        if ["expect", "context", "with_context"].iter().any(|name| expression.method == name) {
            self.visit_expr(&expression.receiver);
        } else {
            visit::visit_expr_method_call(self, expression);
        }
    }

    fn visit_expr_lit(&mut self, expression: &'ast syn::ExprLit) {
        self.literal(expression);
    }

    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        self.constant(expression);
    }

    fn visit_expr_macro(&mut self, expression: &'ast syn::ExprMacro) {
        self.matches(expression);
    }
}

#[cfg(test)]
mod tests;
