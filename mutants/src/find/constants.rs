//! The constants of the workspace whose value can be changed where they are used.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{Ident, Type};

use super::functions::is_str;
use super::is_of_tests;

/// What can be done with the value of a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Integer,
    /// A time span.
    Duration,
    /// A text.
    Text,
    /// Anything else, which is left alone.
    Other,
}

/// A constant, with the place of its definition.
#[derive(Debug)]
pub(crate) struct Constant {
    /// What can be done with its value.
    pub(crate) kind: Kind,
    /// The path of the file.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

/// Constants by their names. The tool does not resolve paths: constants of one name and kind are one to it, and those
/// of several kinds are left alone.
#[derive(Debug, Default)]
pub(crate) struct Constants(BTreeMap<String, Constant>);

impl Constants {
    /// Adds the constants of a file.
    pub(crate) fn add(&mut self, file: &str, tree: &syn::File) {
        Collector { constants: self, file }.visit_file(tree);
    }

    /// The constant of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Constant> {
        self.0.get(name)
    }
}

struct Collector<'a> {
    constants: &'a mut Constants,
    file: &'a str,
}

impl Collector<'_> {
    fn put(&mut self, name: &Ident, of: &Type) {
        let kind = kind(of);
        let line = name.span().start().line;
        let new = || Constant { kind, file: self.file.to_owned(), line };
        let known = self.constants.0.entry(name.to_string()).or_insert_with(new);
        if known.kind != kind {
            known.kind = Kind::Other;
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_of_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_const(&mut self, constant: &'ast syn::ItemConst) {
        if !is_of_tests(&constant.attrs) {
            self.put(&constant.ident, &constant.ty);
        }
    }

    fn visit_impl_item_const(&mut self, constant: &'ast syn::ImplItemConst) {
        self.put(&constant.ident, &constant.ty);
    }
}

fn kind(of: &Type) -> Kind {
    match of {
        Type::Reference(reference) if is_str(&reference.elem) => Kind::Text,
        Type::Path(path) => match path.path.segments.last().map(|segment| segment.ident.to_string()).as_deref() {
            Some("usize" | "u8" | "u16" | "u32" | "u64" | "i32" | "i64") => Kind::Integer,
            Some("Duration") => Kind::Duration,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}
