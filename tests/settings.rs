//! `docs/reference/configuration.md` lists every setting that the code reads, and no other.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hamrah_api::app::config::Config;
use hamrah_api::kernel::model::config::ConfigError;
use hamrah_api::platform::native::rate_limits::Quotas;

const PAGE: &str = "docs/reference/configuration.md";

/// Settings that only the Worker uses, although the shared configuration reads them.
const EDGE_ONLY: [&str; 1] = ["D1_REPLICAS"];

/// Names in documents that look like settings and are variables of scripts, tools or examples.
const NOT_SETTINGS: [&str; 15] = [
    "CARGO_INCREMENTAL",
    "CHROMIUM_BIN",
    "COSE_KEY",
    "ESBUILD_BIN",
    "HAMRAH_WORKERD",
    "NODE_EXTRA_CA_CERTS",
    "PUBLIC_KEY",
    "PUBLIC_RATE_LIMITER",
    "REFRESH_EVENTS_KEPT",
    "REFUSED_TOKENS_RATE_LIMITER",
    "SIGN_IN_RATE_LIMITER",
    "SSL_CERT_FILE",
    "WASM_BINDGEN_BIN",
    "WASM_OPT_BIN",
    "WRANGLER_REGISTRY_PATH",
];

/// A row of the page.
#[derive(Debug)]
struct Row {
    value: String,
    default: String,
    place: String,
    secret: String,
}

fn text(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_constant(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Returns every file below a folder with the ending `.{extension}`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|found| found == extension));
    here.chain(
        folders
            .iter()
            .flat_map(|folder| self::files(folder, extension)),
    )
    .collect()
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in text(PAGE).lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, value, default, place, secret, meaning] = cells[..] else {
            panic!("{line} has not six cells")
        };
        assert!(
            meaning.ends_with('.'),
            "{name} has no sentence for its meaning"
        );
        let row = Row {
            value: value.into(),
            default: default.into(),
            place: place.into(),
            secret: secret.into(),
        };
        let name = name.trim_matches('`').to_owned();
        assert!(
            rows.insert(name.clone(), row).is_none(),
            "{name} has two rows"
        );
    }
    rows
}

/// Returns the problems that both readers report for a value of one setting, in production.
fn problems(name: &str, value: &str) -> Vec<String> {
    let settings = [("ENVIRONMENT", "production"), (name, value)];
    let lookup = |name: &str| {
        settings
            .iter()
            .find(|(set, _)| *set == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let shared = Config::read(&lookup)
        .err()
        .map_or_else(Vec::new, |ConfigError(problems)| problems);
    let native = Quotas::read(&lookup).err().unwrap_or_default();
    [shared, native].concat()
}

/// Returns the names that both targets read, in any environment.
fn shared() -> BTreeSet<String> {
    let names = RefCell::new(BTreeSet::new());
    for environment in [None, Some("development"), Some("production")] {
        let _ = Config::read(&|name| {
            names.borrow_mut().insert(name.to_owned());
            environment
                .filter(|_| name == "ENVIRONMENT")
                .map(str::to_owned)
        });
    }
    names.into_inner()
}

/// Returns the names that the native server reads by itself: capitals in a call such as
/// `native("BIND")` or `var("LOG_FORMAT")`.
fn native() -> BTreeSet<String> {
    const CALLS: [&str; 4] = ["native(\"", "var(\"", "var_os(\"", "number(\""];
    let mut names = BTreeSet::from([tracing_subscriber::EnvFilter::DEFAULT_ENV.to_owned()]);
    for path in files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platform/native"),
        "rs",
    ) {
        let code = text(path);
        for call in CALLS {
            let found = code
                .split(call)
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('"')?.0));
            names.extend(found.filter(|name| is_constant(name)).map(str::to_owned));
        }
    }
    names
}

#[test]
fn every_setting_has_a_row_and_every_row_a_setting() {
    let (shared, native) = (shared(), native());
    assert!(
        shared.len() > 35 && native.len() > 7,
        "{shared:?} {native:?}"
    );
    let read: BTreeSet<_> = shared.union(&native).cloned().collect();
    let described: BTreeSet<_> = rows().into_keys().collect();
    let missing: Vec<_> = read.difference(&described).collect();
    let unread: Vec<_> = described.difference(&read).collect();
    assert!(missing.is_empty(), "{PAGE} has no row for {missing:?}");
    assert!(
        unread.is_empty(),
        "{PAGE} describes {unread:?}, which the code does not read"
    );
}

#[test]
fn the_page_says_where_a_setting_is_read() {
    let shared = shared();
    for (name, row) in rows() {
        let place = if EDGE_ONLY.contains(&name.as_str()) {
            "edge"
        } else if shared.contains(&name) {
            "both"
        } else {
            "native"
        };
        assert_eq!(row.place, place, "{name}");
    }
}

#[test]
fn secrets_are_marked_and_appear_in_no_public_file() {
    let rows = rows();
    let secrets: Vec<_> = rows
        .iter()
        .filter(|(_, row)| row.secret == "yes")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        secrets,
        [
            "APP_ATTEST_TEST_ROOT_KEY",
            "BOOTSTRAP_SECRET",
            "INTERNAL_API_KEY",
            "JWT_SIGNING_KEYS",
            "PASSWORD_PEPPER",
            "RELAY_EMAIL_KEY",
            "SECRETS_KEY",
            "WEBHOOK_SECRETS"
        ]
    );
    assert!(
        rows.values()
            .all(|row| matches!(row.secret.as_str(), "yes" | "no"))
    );
    for name in variables() {
        assert!(
            !secrets.contains(&name.as_str()),
            "{name} is in wrangler.toml"
        );
    }
}

#[test]
fn documented_ranges_match_the_code() {
    let mut ranges = 0;
    for (name, row) in rows() {
        let Some((least, rest)) = row.value.split_once(" to ") else {
            continue;
        };
        let (Ok(least), Ok(most)) = (
            least.parse::<u64>(),
            rest.split([',', ';'])
                .next()
                .unwrap_or_default()
                .parse::<u64>(),
        ) else {
            continue;
        };
        let default: u64 = row
            .default
            .parse()
            .unwrap_or_else(|_| panic!("{name} has no number as its default"));
        assert!(
            (least..=most).contains(&default),
            "{name}: the default is outside of the range"
        );
        let refuses = |value: u64| {
            problems(&name, &value.to_string()).iter().any(|problem| {
                problem.starts_with(&format!("{name} ")) && problem.contains("whole number")
            })
        };
        assert!(
            !refuses(least) && !refuses(most),
            "{name}: an end of the range is refused"
        );
        assert!(refuses(most + 1), "{name}: more than {most} is accepted");
        assert!(
            least == 0 || refuses(least - 1),
            "{name}: less than {least} is accepted"
        );
        ranges += 1;
    }
    assert!(ranges > 12, "{ranges} ranges");
}

/// Returns the variables of `wrangler.toml`, in each environment, with the commented ones.
fn variables() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut in_variables = false;
    for line in text("wrangler.toml").lines() {
        if line.starts_with('[') {
            in_variables = line.ends_with("vars]");
        } else if let Some((name, _)) = line
            .trim_start_matches("# ")
            .split_once(" = ")
            .filter(|_| in_variables)
        {
            names.insert(name.to_owned());
        }
    }
    assert!(names.len() > 8, "{names:?}");
    names
}

#[test]
fn wrangler_toml_sets_only_settings_that_exist() {
    let rows = rows();
    for name in variables() {
        assert!(
            rows.contains_key(&name),
            "wrangler.toml sets {name}, which has no row in {PAGE}"
        );
    }
}

#[test]
fn documents_name_only_settings_that_exist() {
    let rows = rows();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["README.md", "CHANGELOG.md", "LOCAL_HTTPS_SETUP.md"].map(|name| root.join(name));
    for path in pages.into_iter().chain(files(&root.join("docs"), "md")) {
        let page = text(&path);
        for code in page.split('`').skip(1).step_by(2) {
            let name = code.split('=').next().unwrap_or_default();
            let known = rows.contains_key(name) || NOT_SETTINGS.contains(&name);
            assert!(
                !is_constant(name) || !name.contains('_') || known,
                "{} names {name}, which has no row in {PAGE}",
                path.display()
            );
        }
    }
}
