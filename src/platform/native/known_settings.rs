//! Names that look like a misspelled setting.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use tracing_subscriber::EnvFilter;

use crate::app::config::Config;

/// The settings that only the native server reads.
pub(super) const NATIVE: [&str; 9] = [
    "BIND",
    "DATABASE_URL",
    "LOG_FORMAT",
    "PAGES_DIR",
    "RATE_LIMIT_PUBLIC",
    "RATE_LIMIT_REFUSED_TOKENS",
    "RATE_LIMIT_SIGN_IN",
    EnvFilter::DEFAULT_ENV,
    "TRUSTED_PROXIES",
];
/// The number of letters by which a misspelled name differs at most.
const MOST_EDITS: usize = 2;
/// The length of the shortest name that is compared. Shorter names resemble each other by chance.
const SHORTEST: usize = 5;

/// A name that is no setting, and the setting that it resembles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Misspelled {
    name: String,
    setting: String,
}

impl fmt::Display for Misspelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, setting } = self;
        write!(f, "{name} is not a setting. Did you mean {setting}?")
    }
}

/// Returns the names of all settings.
fn settings() -> BTreeSet<String> {
    let names = RefCell::new(BTreeSet::from(NATIVE.map(str::to_owned)));
    for environment in ["development", "production"] {
        // Only the names count here, so the problems are left out.
        drop(Config::read(&|name| {
            names.borrow_mut().insert(name.to_owned());
            (name == "ENVIRONMENT").then(|| environment.to_owned())
        }));
    }
    names.into_inner()
}

/// Returns those names that are no settings and resemble one.
pub(super) fn misspelled(names: impl Iterator<Item = String>) -> Vec<Misspelled> {
    let known = settings();
    let unknown: BTreeSet<String> = names.filter(|name| !known.contains(name)).collect();
    let resembled = |name: &str| {
        known
            .iter()
            .find(|setting| resembles(name, setting))
            .cloned()
    };
    unknown
        .into_iter()
        .filter_map(|name| {
            let setting = resembled(&name)?;
            Some(Misspelled { name, setting })
        })
        .collect()
}

/// Returns true if the name lacks an ending of the setting, or differs by a few letters.
fn resembles(name: &str, setting: &str) -> bool {
    if name.len() < SHORTEST || setting.len() < SHORTEST {
        return false;
    }
    let name = name.to_ascii_uppercase();
    name == setting
        || (name.contains('_') && setting.starts_with(&format!("{name}_")))
        || distance(&name, setting) <= MOST_EDITS
}

/// Returns the Levenshtein distance of two texts.
pub(super) fn distance(first: &str, second: &str) -> usize {
    let mut row: Vec<usize> = (0..=second.len()).collect();
    for (index, letter) in first.bytes().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for ((other, diagonal), above) in second.bytes().zip(&row).zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(letter != other);
            left = replaced.min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_setting_is_found_and_other_variables_are_not() {
        let found = |name: &str| {
            let found = misspelled([name.to_owned()].into_iter());
            found.first().map(|found| found.setting.clone())
        };
        for (name, setting) in [
            ("RATE_LIMIT", "RATE_LIMITS"),
            ("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"),
            ("JWT_SIGNING_KEY", "JWT_SIGNING_KEYS"),
            ("PASSWORD_PEPER", "PASSWORD_PEPPER"),
            ("cookie_domain", "COOKIE_DOMAIN"),
            ("RATE_LIMIT_REFUSED_TOKEN", "RATE_LIMIT_REFUSED_TOKENS"),
            ("APP_ATTEST", "APP_ATTEST_CATEGORIES"),
        ] {
            assert_eq!(found(name).as_deref(), Some(setting), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "PORT",
            "APP_ENV",
            "NODE_ENV",
            "RUST_BACKTRACE",
            "HOSTNAME",
            "LANG",
            "RATE_LIMITS",
            "RUST_LOG",
            "BIND",
            "SHLVL",
            "PWD",
            "TERM",
            "EDITOR",
            "CARGO_HOME",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
