//! The imports between systems and layers, and the words that layers must not know.

use std::path::Path;

use super::imports::imports;
use super::sources::{code, files, product_code};

/// The systems, with the other systems that each may use.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("kernel", &[]),
    ("accounts", &["kernel"]),
    ("authorization", &["kernel", "accounts"]),
    ("relay", &["kernel", "accounts"]),
    ("app", &["kernel", "accounts", "authorization", "relay"]),
    (
        "platform",
        &["kernel", "accounts", "authorization", "relay", "app"],
    ),
];

/// The layers inside a system, with the other layers that each may use, in its own system and in
/// others.
const LAYERS: [(&str, &[&str]); 4] = [
    ("model", &[]),
    ("store", &["model"]),
    ("domain", &["model", "store"]),
    ("http", &["model", "domain"]),
];

/// The items of a store that `http` may use: the errors of the database, which become responses,
/// and the ping of `/ready`.
const STORE_ITEMS_OF_HTTP: [&str; 3] = [
    "kernel::store::StoreError",
    "kernel::store::Precondition",
    "kernel::store::ping",
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

const SYSTEMS_WITH_LAYERS: [&str; 4] = ["kernel", "accounts", "authorization", "relay"];

/// The module through which the relay uses accounts.
const DOOR_OF_ACCOUNTS: [&str; 2] = ["accounts", "face"];

#[test]
fn the_top_level_names_the_systems() {
    let mut folders: Vec<String> =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
            .expect("src")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_dir())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
    folders.sort();
    let mut systems = MAY_USE.map(|(system, _)| system);
    systems.sort_unstable();
    assert_eq!(folders, systems);
}

#[test]
fn systems_use_only_the_systems_that_they_may() {
    for (module, imported) in imports() {
        let Some(system) = module.first() else {
            continue;
        };
        let Some((_, may_use)) = MAY_USE.iter().find(|(name, _)| name == system) else {
            continue;
        };
        for other in imported.iter().filter_map(|other| other.first()) {
            let allowed = other == system || may_use.contains(&other.as_str());
            assert!(allowed, "{} uses {other}", module.join("::"));
        }
    }
}

#[test]
fn the_relay_uses_accounts_through_their_door() {
    for (module, imported) in imports() {
        if module.first().is_none_or(|system| system != "relay") {
            continue;
        }
        for other in imported {
            let in_accounts = other.first().is_some_and(|system| system == "accounts");
            assert!(
                !in_accounts || other == DOOR_OF_ACCOUNTS,
                "{} uses {}",
                module.join("::"),
                other.join("::")
            );
        }
    }
}

#[test]
fn layers_use_only_the_layers_below_them() {
    let layer_of = |module: &[String]| {
        let in_system = module
            .first()
            .is_some_and(|system| SYSTEMS_WITH_LAYERS.contains(&system.as_str()));
        module.get(1).filter(|_| in_system).cloned()
    };
    for system in SYSTEMS_WITH_LAYERS {
        for (layer, may_use) in LAYERS {
            for path in files(&format!("src/{system}/{layer}"), "rs") {
                let module = vec![system.to_owned(), layer.to_owned(), "any".to_owned()];
                for used in super::imports::used_paths(&product_code(&path), &module) {
                    let Some(other) = layer_of(&used) else {
                        continue;
                    };
                    let excepted =
                        layer == "http" && STORE_ITEMS_OF_HTTP.contains(&used.join("::").as_str());
                    let known = LAYERS.iter().any(|(name, _)| *name == other);
                    let allowed = other == layer || may_use.contains(&other.as_str()) || excepted;
                    assert!(
                        allowed || !known,
                        "{} uses {}",
                        path.display(),
                        used.join("::")
                    );
                }
            }
        }
    }
}

#[test]
fn layers_do_not_know_foreign_words() {
    for system in SYSTEMS_WITH_LAYERS {
        for (layer, words) in MUST_NOT_KNOW {
            for path in files(&format!("src/{system}/{layer}"), "rs") {
                let code = code(&path);
                for word in words {
                    // `crate::kernel::http` is a layer, which the test above checks.
                    let found = code
                        .match_indices(word)
                        .any(|(at, _)| !code[..at].ends_with("::"));
                    assert!(!found, "{} knows {word}", path.display());
                }
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
