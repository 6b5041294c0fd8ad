//! Finds the modules of the crate and what each imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::sources::{files, product_code};

/// The path of a module, such as `accounts::domain::tokens`; the crate's root is empty.
pub type Module = Vec<String>;

/// Returns every module below `src` with the modules that its product code imports.
pub fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let paths = files("src", "rs");
    let modules: BTreeSet<Module> = paths.iter().map(|path| module_of(path)).collect();
    let imports_of = |path: &std::path::PathBuf| {
        let module = module_of(path);
        let code = product_code(path);
        let used = used_paths(&code, &module);
        let imported = used
            .iter()
            .filter_map(|path| longest_module(path, &modules));
        let imported = imported.filter(|imported| *imported != module).collect();
        (module, imported)
    };
    paths.iter().map(imports_of).collect()
}

/// Returns every path of the crate that `code` names, absolute, in `use` declarations and
/// elsewhere.
pub fn used_paths(code: &str, module: &Module) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate", "super", "self"] {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for path in expand(&code[at..]) {
                found.push(absolute(&path, module));
            }
        }
    }
    found
}

fn module_of(path: &Path) -> Module {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let relative = path
        .strip_prefix(root)
        .expect("a file below src")
        .with_extension("");
    let mut parts: Module = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        parts.pop();
    }
    parts
}

fn longest_module(path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].to_vec())
        .find(|path| modules.contains(path))
}

fn absolute(path: &[String], module: &Module) -> Vec<String> {
    let mut base = module.clone();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("crate") => {
            base.clear();
            rest = &rest[1..];
        }
        Some("self") => rest = &rest[1..],
        _ => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
    }
    base.extend(rest.iter().filter(|part| *part != "self").cloned());
    base
}

/// Returns the paths of the use tree, or the one path, at the start of `text`.
fn expand(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    expand_into(&mut text.chars().peekable(), &[], &mut paths);
    paths
}

fn expand_into(
    text: &mut std::iter::Peekable<std::str::Chars<'_>>,
    prefix: &[String],
    paths: &mut Vec<Vec<String>>,
) {
    let mut path = prefix.to_vec();
    let mut name = String::new();
    loop {
        match text.peek().copied() {
            Some(c) if c.is_alphanumeric() || c == '_' => {
                name.push(c);
                text.next();
            }
            Some(':') => {
                text.next();
                if text.next_if_eq(&':').is_none() {
                    break;
                }
                path.push(std::mem::take(&mut name));
            }
            Some('{') if name.is_empty() => {
                text.next();
                loop {
                    while text.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
                    if text.next_if_eq(&'}').is_some() || text.peek().is_none() {
                        return;
                    }
                    expand_into(text, &path, paths);
                    // Skips an alias, up to the next entry of the list.
                    while text.next_if(|c| !matches!(c, ',' | '}')).is_some() {}
                }
            }
            _ => break,
        }
    }
    if !name.is_empty() {
        path.push(name);
    }
    paths.push(path);
}

#[test]
fn a_use_tree_yields_every_path() {
    let module = vec![
        "accounts".to_owned(),
        "domain".to_owned(),
        "tokens".to_owned(),
    ];
    let code = "use crate::kernel::{a::B, c::{self, D as E}};\nuse super::users::F;\nself::g();";
    let found: Vec<String> = used_paths(code, &module)
        .into_iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = [
        "kernel::a::B",
        "kernel::c",
        "kernel::c::D",
        "accounts::domain::users::F",
        "accounts::domain::tokens::g",
    ];
    assert_eq!(found, expected);
}
