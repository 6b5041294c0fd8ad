//! The required packages are linked into the shipped module.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that the project requires.
const CARD: [&str; 10] = [
    "worker",
    "axum",
    "serde",
    "serde_json",
    "webauthn-rs",
    "jsonwebtoken",
    "chrono",
    "uuid",
    "base64",
    "tower-http",
];

/// Returns the packages that are linked into the Worker's module, without tests and build tools.
fn shipped() -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "normal",
            "--target",
            "wasm32-unknown-unknown",
            "--prefix",
            "none",
            "--offline",
            "--locked",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let lines = String::from_utf8(tree.stdout).expect("text");
    lines
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_required_packages_are_shipped() {
    let shipped = shipped();
    let missing: Vec<_> = CARD
        .into_iter()
        .filter(|name| !shipped.contains(*name))
        .collect();
    assert!(missing.is_empty(), "not in the module: {missing:?}");
}

/// Packages of the native server and of tests. One of them in the module would show an unwanted
/// dependency or feature.
#[test]
fn packages_of_the_native_server_are_not_shipped() {
    let shipped = shipped();
    let extra: Vec<_> = [
        "sqlx", "hyper", "clap", "csv", "rustls", "proptest", "rcgen",
    ]
    .into_iter()
    .filter(|name| shipped.contains(*name))
    .collect();
    assert!(extra.is_empty(), "in the module: {extra:?}");
}
