//! A type name has one meaning in the crate, macros are few, and no parameter is a tuple.

use std::collections::BTreeMap;
use std::fs;

use super::sources::{files, product_code};

/// Names that may repeat, because each system has its own application state, settings and ports.
const ONE_PER_SYSTEM: [&str; 3] = ["App", "Config", "Ports"];

/// Returns the names of the structs, enums and traits that a text declares.
fn declared_types(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code.lines() {
        let line = line.trim_start();
        let line = line
            .strip_prefix("pub(crate) ")
            .or(line.strip_prefix("pub(super) "))
            .unwrap_or(line);
        let line = line.strip_prefix("pub ").unwrap_or(line);
        for keyword in ["struct ", "enum ", "trait "] {
            if let Some(rest) = line.strip_prefix(keyword) {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
                found.extend(Some(name).filter(|name| !name.is_empty()));
            }
        }
    }
    found
}

#[test]
fn a_type_name_has_one_meaning() {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files("src", "rs") {
        for name in declared_types(&product_code(&path)) {
            seen.entry(name)
                .or_default()
                .push(path.display().to_string());
        }
    }
    seen.retain(|name, paths| paths.len() > 1 && !ONE_PER_SYSTEM.contains(&name.as_str()));
    assert!(
        seen.is_empty(),
        "type names with several meanings: {seen:#?}"
    );
}

#[test]
fn few_macros_are_left() {
    let count = |path: &std::path::PathBuf| {
        fs::read_to_string(path)
            .expect("a text")
            .matches("macro_rules!")
            .count()
    };
    let macros: usize = files("src", "rs").iter().map(count).sum();
    assert!(
        macros <= 8,
        "{macros} macros, but at most 8 are allowed: expand and remove one that only joins texts"
    );
}

/// A tuple as a parameter hides several parameters without names.
#[test]
fn no_function_has_a_tuple_as_a_parameter() {
    let mut found = Vec::new();
    for path in files("src", "rs") {
        let code = product_code(&path);
        for (at, _) in code.match_indices("fn ") {
            let signature: String = code[at..]
                .chars()
                .take_while(|c| !matches!(c, '{' | ';'))
                .collect();
            let Some((_, parameters)) = signature.split_once('(') else {
                continue;
            };
            let parameters = parameters.split("->").next().unwrap_or_default();
            for parameter in parameters.split(": ").skip(1) {
                let kind = parameter.trim_start_matches(['&', ' ']);
                if kind.starts_with('(')
                    && !kind.starts_with("()")
                    && code[..at].ends_with([' ', '\n'])
                {
                    found.push(format!(
                        "{}: fn {}",
                        path.display(),
                        &signature[3..signature.len().min(60)]
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
