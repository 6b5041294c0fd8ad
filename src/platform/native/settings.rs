//! The settings of the native server, from the environment and, in development, from a file that
//! git ignores.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::accounts::model::signing_keys::{SigningKey, SigningKeys};
use crate::app::config::{Config, IN_QUOTES, without_quotes};
use crate::kernel::domain::Entropy;
use crate::kernel::model::config::ConfigError;
use crate::kernel::model::webhook::WebhookSecret;
use crate::platform::native::attest::authority::TestRoot;
use crate::platform::native::dev_vars;
use crate::platform::native::known_settings;
use crate::platform::native::known_settings::Misspelled;
use crate::platform::native::ports::SystemEntropy;
use crate::platform::native::proxies::Proxies;
use crate::platform::native::rate_limits::Quotas;

/// The setting with the certificate of the test root of App Attest.
pub(super) const TEST_ROOT: &str = "APP_ATTEST_TEST_ROOT";
/// The setting with the private key of that root. Only `attest make` uses it.
const TEST_ROOT_KEY: &str = "APP_ATTEST_TEST_ROOT_KEY";
/// The secrets that development generates.
const SECRETS: [&str; 4] = [
    "INTERNAL_API_KEY",
    "JWT_SIGNING_KEYS",
    "SECRETS_KEY",
    "BOOTSTRAP_SECRET",
];

/// The end of a message about an address that other machines reach.
const OTHER_MACHINES: &str = ". LOCAL_HTTPS_SETUP.md says how phones and other machines reach a \
     server in development";

/// The file of development secrets. `wrangler dev` reads it too.
const DEVELOPMENT_FILE: &str = ".dev.vars";

/// The checked settings of the native server.
#[derive(Debug)]
pub(super) struct NativeSettings {
    /// The settings of all systems.
    pub(super) config: Config,
    /// `DATABASE_URL`.
    pub(super) database_url: String,
    /// `BIND`.
    pub(super) bind: SocketAddr,
    /// `RATE_LIMIT_SIGN_IN`, `RATE_LIMIT_PUBLIC` and `RATE_LIMIT_REFUSED_TOKENS`.
    pub(super) quotas: Quotas,
    /// `TRUSTED_PROXIES`.
    pub(super) proxies: Proxies,
    /// `PAGES_DIR`, the folder of the account page and the admin page.
    pub(super) pages: PathBuf,
    /// `APP_ATTEST_TEST_ROOT` and `APP_ATTEST_TEST_ROOT_KEY`, if both are set.
    pub(super) test_root: Option<[String; 2]>,
    /// The names of the secrets that this run generated, because they were missing.
    pub(super) generated: Vec<&'static str>,
    /// Names that are no settings and resemble one.
    pub(super) misspelled: Vec<Misspelled>,
}

/// The treatment of secrets that are missing in development.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// They are generated and written to the development file.
    Keep,
    /// They are generated for this run only. Commands that only read use it.
    Forget,
}

/// Reads all settings.
///
/// # Errors
/// Every problem with the settings.
pub(super) fn read(missing: Missing) -> Result<NativeSettings, ConfigError> {
    let set = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    let mut problems = Vec::new();
    for name in known_settings::NATIVE {
        if set(name).is_some_and(|value| without_quotes(&value).is_some()) {
            problems.push(format!("{name} {IN_QUOTES}"));
        }
    }
    // The quotes are a problem already, and the text between them is checked too.
    let native = |name: &str| {
        let value = set(name)?;
        let inner = without_quotes(&value).map(str::to_owned);
        inner.or(Some(value)).filter(|inner| !inner.is_empty())
    };
    let bind_text = native("BIND").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let bind = bind_text.parse::<SocketAddr>().map_err(|_| {
        problems.push("BIND must be an address and a port, such as 127.0.0.1:8080".to_owned());
    });
    // An address that cannot be read is a problem already, and says nothing about the network.
    let loopback = bind.is_ok_and(|bind| bind.ip().is_loopback()) || bind.is_err();

    let environment = environment(&set, loopback).map_err(|problem| {
        // The other settings depend on it.
        let found = problems.iter().cloned().chain([problem]);
        let names = known_settings::misspelled(names_of_variables());
        with_hints(found.collect(), &names)
    })?;
    let development = environment == "development";
    if development && !loopback {
        problems.push(format!(
            "BIND must be a loopback address while ENVIRONMENT is development{OTHER_MACHINES}"
        ));
    }
    let database_url = native("DATABASE_URL").unwrap_or_else(|| "sqlite:hamrah.db".to_owned());
    problems.extend(database_problem(&database_url));
    let mut kept = HashMap::new();
    let mut generated = Vec::new();
    if development {
        kept = dev_vars::read(Path::new(DEVELOPMENT_FILE)).map_err(|problem| {
            // Without the file, every setting in it would seem to be missing.
            let found = problems.iter().cloned().chain([problem]);
            ConfigError(found.collect())
        })?;
    }
    if development {
        let is_missing = |name: &str| set(name).is_none() && !kept.contains_key(name);
        let mut wanted: Vec<&'static str> = SECRETS
            .into_iter()
            .filter(|name| is_missing(name))
            .collect();
        // The two belong together. A developer may have a root of their own.
        if is_missing(TEST_ROOT) && is_missing(TEST_ROOT_KEY) {
            wanted.extend([TEST_ROOT, TEST_ROOT_KEY]);
        }
        match generate(
            (missing == Missing::Keep && problems.is_empty())
                .then_some(Path::new(DEVELOPMENT_FILE)),
            &wanted,
        ) {
            Ok(new) => kept.extend(new),
            Err(problem) => {
                problems.push(format!("{DEVELOPMENT_FILE} cannot be written: {problem}"));
            }
        }
        generated = wanted;
    }
    // In development the server's own origin is allowed by default, whatever its port.
    let lookup = |name: &str| match name {
        "ENVIRONMENT" => Some(environment.clone()),
        "ALLOWED_ORIGINS" => set(name).or_else(|| kept.get(name).cloned()),
        // Keeps a value that is set and empty, because for some settings empty differs from unset.
        name => set(name)
            .or_else(|| kept.get(name).cloned())
            .or_else(|| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())),
    };
    let quotas = Quotas::read(&native).map_err(|more| problems.extend(more));
    let proxies = Proxies::parse(&native("TRUSTED_PROXIES").unwrap_or_default()).map_err(|wrong| {
        problems.push(format!(
            "TRUSTED_PROXIES has {wrong}, which is not an address or a range such as 10.0.0.0/8"
        ));
    });
    let names = names_of_variables().chain(kept.keys().cloned());
    let misspelled = known_settings::misspelled(names);
    let test_root = lookup(TEST_ROOT).zip(lookup(TEST_ROOT_KEY));
    let config = Config::read(&lookup).map_err(|ConfigError(more)| problems.extend(more));
    match (config, bind, quotas, proxies) {
        (Ok(config), Ok(bind), Ok(quotas), Ok(proxies)) if problems.is_empty() => {
            let pages = native("PAGES_DIR")
                .unwrap_or_else(|| "dist".to_owned())
                .into();
            Ok(NativeSettings {
                config,
                database_url,
                bind,
                quotas,
                proxies,
                pages,
                test_root: test_root.map(<[String; 2]>::from),
                generated,
                misspelled,
            })
        }
        _ => Err(with_hints(problems, &misspelled)),
    }
}

/// Returns the error of problems. A misspelled name is often their cause, so it comes with them.
fn with_hints(mut problems: Vec<String>, misspelled: &[Misspelled]) -> ConfigError {
    problems.extend(misspelled.iter().map(ToString::to_string));
    ConfigError(problems)
}

/// Returns the names of the environment's variables.
fn names_of_variables() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// Returns the environment.
///
/// A developer can start the server without settings. An operator who opens it to the network, or
/// who configures it for users, has to set `ENVIRONMENT`.
fn environment(set: &dyn Fn(&str) -> Option<String>, loopback: bool) -> Result<String, String> {
    let configured = ["ALLOWED_ORIGINS", "COOKIE_DOMAIN", "RP_ID", "JWT_ISSUER"]
        .into_iter()
        .find(|name| set(name).is_some());
    match (set("ENVIRONMENT"), loopback, configured) {
        (Some(environment), _, _) => Ok(environment),
        (None, true, None) => Ok("development".to_owned()),
        (None, true, Some(name)) => Err(format!(
            "ENVIRONMENT is not set although {name} is. Choose `development` or `production`"
        )),
        // Development would be refused at this address.
        (None, false, _) => Err(format!(
            "ENVIRONMENT is not set although BIND is not a loopback address. Set it to \
             `production`{OTHER_MACHINES}"
        )),
    }
}

/// Returns the file of a database, or `None` if the database is in memory.
fn database_file(url: &str) -> Option<&Path> {
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let file = file.split('?').next().unwrap_or_default();
    (!url.contains(":memory:")).then(|| Path::new(file))
}

/// Returns true if the file of a database is missing. Commands that must not create it ask before
/// they open the database.
pub(super) fn is_absent(url: &str) -> bool {
    database_file(url).is_some_and(|file| !file.exists())
}

/// Returns the problem of a `DATABASE_URL` that cannot be opened.
fn database_problem(url: &str) -> Option<String> {
    if !url.starts_with("sqlite:") {
        return Some(
            "DATABASE_URL must be `sqlite:` and the path of a file, such as sqlite:hamrah.db: \
             other databases are not supported"
                .to_owned(),
        );
    }
    let file = database_file(url)?;
    if file.is_dir() {
        return Some(format!(
            "DATABASE_URL names {}, which is a folder: add the name of a file",
            file.display()
        ));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.is_dir()).then(|| {
        format!(
            "DATABASE_URL names a file in {}, which is not a folder: make the folder first, or \
             name another",
            folder.display()
        )
    })
}

/// Generates an internal key or an encryption key of 256 bits.
///
/// # Errors
/// The CSPRNG failed.
pub(super) fn fresh_key() -> Result<String, String> {
    Ok(URL_SAFE_NO_PAD.encode(entropy()?))
}

/// Generates a JWK set with one signing key.
///
/// # Errors
/// The CSPRNG failed.
pub(super) fn fresh_signing_keys() -> Result<String, String> {
    Ok(SigningKeys::single(SigningKey::from_seed(entropy()?)).to_json())
}

/// Generates a webhook secret of 256 bits.
///
/// # Errors
/// The CSPRNG failed.
pub(super) fn fresh_webhook_secret() -> Result<String, String> {
    Ok(WebhookSecret::text(&entropy()?))
}

fn entropy() -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    SystemEntropy
        .fill(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Generates secrets, and appends them to a file that only its owner may read.
fn generate(
    keep: Option<&Path>,
    names: &[&'static str],
) -> Result<HashMap<String, String>, String> {
    let mut new = HashMap::new();
    let mut text = String::new();
    let root = if names.contains(&TEST_ROOT) {
        Some(TestRoot::generate().map_err(|error| error.to_string())?)
    } else {
        None
    };
    for name in names {
        let value = match (*name, &root) {
            ("JWT_SIGNING_KEYS", _) => fresh_signing_keys()?,
            // On one line. The file needs no line breaks in a value.
            (TEST_ROOT, Some(root)) => root
                .pem()
                .map_err(|error| error.to_string())?
                .replace('\n', ""),
            (TEST_ROOT_KEY, Some(root)) => root.key(),
            _ => fresh_key()?,
        };
        let _ = writeln!(text, "{name}='{value}'");
        new.insert((*name).to_owned(), value);
    }
    if let (Some(path), false) = (keep, names.is_empty()) {
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| error.to_string())?;
    }
    Ok(new)
}
