//! The source files of a program or library: those that its modules name, without the modules of tests.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::error::{Error, Result};
use crate::find::is_of_tests;

/// A source file with its syntax tree.
pub(crate) struct Source {
    /// The path of the file.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// The tree of the text.
    pub(crate) tree: syn::File,
}

/// Reads a file and, below it, the files of its modules.
///
/// # Errors
/// A file is missing or is no Rust.
pub(crate) fn read(path: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    read_file(path, &folder, sources)
}

/// `folder` is where the modules of the file are.
fn read_file(path: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let text = fs::read_to_string(path).map_err(|error| Error::of_file(path, "read", &error))?;
    let tree = syn::parse_file(&text).map_err(|error| {
        let line = error.span().start().line;
        Error::new(format!("{}:{line} is no Rust that this tool reads: {error}.", path.display()))
    })?;
    // Its place is before its modules, as a reader meets them.
    let modules = files_of(&tree.items, path, folder);
    sources.push(Source { path: path.to_owned(), text, tree });
    for (path, folder) in modules {
        read_file(&path, &folder, sources)?;
    }
    Ok(())
}

/// The files of modules, each with the folder of its own modules.
fn files_of(items: &[Item], path: &Path, folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut files = vec![];
    for item in items {
        let Item::Mod(module) = item else { continue };
        if is_of_tests(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        let below = folder.join(&name);
        if let Some((_, items)) = &module.content {
            files.extend(files_of(items, path, &below));
        } else if let Some(other) = other_path(module) {
            let file = path.parent().unwrap_or(Path::new("")).join(other);
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            files.push((file, folder));
        } else {
            let beside = folder.join(format!("{name}.rs"));
            let file = if beside.is_file() { beside } else { below.join("mod.rs") };
            files.push((file, below));
        }
    }
    files
}

/// The value of `#[path = "..."]`.
fn other_path(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}
