//! The house rules that a compiler does not check: the direction of the layers, the size of files, and that generated files are fresh.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may use of the crate.
const MAY_USE: [(&str, &[&str]); 4] = [
    ("model", &["model"]),
    ("store", &["model", "store"]),
    ("domain", &["model", "store", "domain"]),
    ("http", &["model", "store", "domain", "http"]),
];

/// Words that a layer must not know.
const MUST_NOT_KNOW: [(&str, &[&str]); 4] = [
    (
        "model",
        &[
            "axum", "sqlx", "worker::", "tokio", "http::", "SELECT ", "INSERT ", "async fn",
        ],
    ),
    ("store", &["axum", "sqlx", "worker::", "tokio", "http::"]),
    (
        "domain",
        &[
            "axum",
            "sqlx",
            "worker::",
            "tokio",
            "http::",
            "SELECT ",
            "INSERT ",
            "UPDATE ",
            "DELETE FROM",
        ],
    ),
    (
        "http",
        &[
            "sqlx",
            "worker::",
            "tokio",
            "SELECT ",
            "INSERT ",
            "UPDATE ",
            "DELETE FROM",
            "SystemTime",
            "Instant::",
        ],
    ),
];

const LAYERS: [&str; 5] = ["model", "store", "domain", "http", "platform"];
const MOST_LINES: usize = 400;

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("benches/build")
            {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a text");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn layers_know_only_what_is_below_them() {
    for (layer, may_use) in MAY_USE {
        for path in files(&format!("src/{layer}"), "rs") {
            let code = code(&path);
            for other in LAYERS.iter().filter(|other| !may_use.contains(other)) {
                assert!(
                    !code.contains(&format!("crate::{other}")),
                    "{} uses {other}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn layers_do_not_know_what_is_not_theirs() {
    for (layer, words) in MUST_NOT_KNOW {
        for path in files(&format!("src/{layer}"), "rs") {
            let code = code(&path);
            for word in words {
                // `crate::http` and `super::http` are layers, and checked above.
                let found = code
                    .match_indices(word)
                    .any(|(at, _)| !code[..at].ends_with("::"));
                assert!(!found, "{} knows {word}", path.display());
            }
        }
    }
}

#[test]
fn platforms_hold_no_sql_and_no_routes() {
    for path in files("src/platform", "rs") {
        let code = code(&path);
        for word in ["INSERT ", "UPDATE ", "DELETE FROM", ".route("] {
            assert!(!code.contains(word), "{} knows {word}", path.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    let rust = [
        "src",
        "tests",
        "clients/rust/src",
        "clients/rust/tests",
        "clients/rust/examples",
    ];
    let scripts = ["scripts", "benches", "tests", "clients/typescript"];
    let types = files("clients/typescript", "ts")
        .into_iter()
        .filter(|path| !path.ends_with("schema.ts"));
    let rust = rust.into_iter().flat_map(|folder| files(folder, "rs"));
    let scripts = scripts.into_iter().flat_map(|folder| files(folder, "mjs"));
    for path in rust.chain(scripts).chain(files("web", "ts")).chain(types) {
        let lines = fs::read_to_string(&path).expect("a text").lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_migration_is_compiled_in() {
    let mut names: Vec<String> = files("migrations", "sql")
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    let compiled = hamrah_api::platform::native::migrations::FILES
        .map(|(number, name, _)| format!("{number:04}_{name}.sql"));
    assert_eq!(names, compiled);
}

/// A trigger tells the webhook of every kind but one, also of those that are added later.
#[test]
fn every_kind_of_event_is_described_to_receivers_of_webhooks() {
    let (records, page) = (
        fs::read_to_string("src/accounts/model/records.rs").expect("records"),
        fs::read_to_string("docs/WEBHOOKS.md").expect("a page"),
    );
    let names = records
        .split("impl EventKind")
        .nth(1)
        .and_then(|rest| rest.split("\n}\n").next())
        .expect("the names");
    let kinds: Vec<&str> = names
        .lines()
        .filter(|line| line.contains("=> \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for kind in kinds.into_iter().filter(|kind| *kind != "tokens_refreshed") {
        assert!(
            page.contains(&format!("`{kind}`")),
            "docs/WEBHOOKS.md does not describe {kind}"
        );
    }
}

#[test]
fn the_description_is_fresh_and_complete() {
    let document = hamrah_api::app::openapi::document();
    let kept = fs::read_to_string("openapi.json").expect("openapi.json");
    assert!(
        kept == format!("{document:#}\n"),
        "openapi.json is stale: make openapi"
    );
    let page = fs::read_to_string("public/docs.html").expect("docs.html");
    assert!(
        page == hamrah_api::platform::native::html(&document),
        "public/docs.html is stale: make openapi"
    );
    let mut described = 0;
    for route in hamrah_api::app::routes::table() {
        let method = route.method.as_str().to_lowercase();
        assert!(
            document["paths"][route.path][&method].is_object(),
            "{method} {} is not described",
            route.path
        );
        described += 1;
    }
    let operations: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(
        described, operations,
        "something is described that is no route"
    );
}

/// Schemas of the description are called as their types are, wherever those stand: two of one name would be one.
#[test]
fn wire_structs_have_names_of_their_own() {
    let mut seen = std::collections::BTreeMap::new();
    for path in files("src/http", "rs") {
        let text = fs::read_to_string(&path).expect("a text");
        let lines: Vec<&str> = text.lines().collect();
        for (index, _) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains("derive(") && line.contains("ToSchema"))
        {
            let is_declaration = |line: &&&str| line.contains("struct ") || line.contains("enum ");
            let declared = lines[index + 1..]
                .iter()
                .find(is_declaration)
                .expect("a declaration");
            let name = declared
                .trim_start_matches("pub ")
                .split_once(' ')
                .expect("a name")
                .1
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned();
            let before = seen.insert(name.clone(), path.clone());
            assert!(
                before.is_none(),
                "{name} is in {} and {}",
                path.display(),
                before.unwrap_or_default().display()
            );
        }
    }
    assert!(seen.len() > 50);
}
