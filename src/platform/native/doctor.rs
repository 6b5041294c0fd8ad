//! `hamrah-api doctor`: reports every problem of the configuration and the database.

use crate::accounts::model::password::Pepper;
use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::{passwords, totp};
use crate::kernel::model::config::ConfigError;
use crate::kernel::store;
use crate::kernel::store::{Db, StoreError};
use crate::platform::native::origins::{origin_problems, origins_without_passkeys};
use crate::platform::native::output;
use crate::platform::native::settings;
use crate::platform::native::settings::NativeSettings;
use crate::platform::native::sqlite::Sqlite;

/// Prints the findings. Returns true if there is no problem.
pub(super) async fn examine(settings: Result<NativeSettings, ConfigError>) -> bool {
    let settings = match settings {
        Ok(settings) => settings,
        Err(ConfigError(problems)) => {
            for problem in problems {
                output::line(format_args!("configuration  WRONG  {problem}"));
            }
            return false;
        }
    };
    let config = &settings.config;
    for name in &settings.generated {
        output::line(format_args!(
            "secret         note   {name} is not set; the first `hamrah-api serve` generates it"
        ));
    }
    output::line(format_args!(
        "configuration  ok     {:?}, {} web origins, {} internal keys",
        config.kernel.environment,
        config.kernel.allowed_origins.len(),
        config.kernel.internal_keys.len()
    ));
    output::line(format_args!(
        "App Attest     ok     {}",
        config.accounts.attest
    ));
    if let Some(webhook) = &config.kernel.webhook {
        output::line(format_args!(
            "webhook        ok     {} secrets",
            webhook.secrets.len()
        ));
    }
    let generated = settings.generated.contains(&"JWT_SIGNING_KEYS");
    for (index, key) in config
        .accounts
        .signing_keys
        .iter()
        .enumerate()
        .filter(|_| !generated)
    {
        let role = if index == 0 { "signs" } else { "verifies" };
        output::line(format_args!("signing key    ok     {} {role}", key.kid));
    }
    output::line(format_args!(
        "switches       ok     RATE_LIMITS={}, CSRF_TOKEN={}, STEP_UP_PASSKEYS={}",
        if config.kernel.rate_limits {
            "on"
        } else {
            "off"
        },
        required(config.accounts.csrf_token_required),
        required(config.accounts.step_up_passkeys)
    ));
    let mut findings = origin_problems(config);
    findings.extend(settings.misspelled.iter().map(ToString::to_string));
    for finding in &findings {
        output::line(format_args!("configuration  WRONG  {finding}"));
    }
    for note in origins_without_passkeys(config) {
        output::line(format_args!("configuration  note   {note}"));
    }
    if settings::is_absent(&settings.database_url) {
        output::line(format_args!(
            "database       note   {} does not exist yet; `hamrah-api serve` or `hamrah-api \
             migrate` makes it",
            settings.database_url
        ));
        return findings.is_empty();
    }
    match examine_database(&settings.database_url).await {
        Ok(Kept { sealed, hashed }) => {
            output::line(format_args!(
                "database       ok     {}",
                settings.database_url
            ));
            // Runs all checks, so that the report is complete.
            let secrets = examine_secrets(config.accounts.secrets_keys.as_ref(), &sealed);
            examine_passwords(&config.accounts.passwords.pepper, &hashed)
                && secrets
                && findings.is_empty()
        }
        Err(problem) => {
            output::line(format_args!(
                "database       WRONG  {}: {problem}",
                settings.database_url
            ));
            false
        }
    }
}

/// Returns the text of a setting with the values `off` and `require`.
const fn required(set: bool) -> &'static str {
    if set { "require" } else { "off" }
}

/// Prints how many secrets each key has sealed. Returns false if a secret has no configured key.
fn examine_secrets(keys: Option<&SecretsKeys>, sealed: &[(String, i64)]) -> bool {
    if keys.is_none() {
        output::line(format_args!(
            "secrets key    note   SECRETS_KEY is not set, so TOTP is unavailable"
        ));
    }
    let ids: Vec<&str> = keys.into_iter().flat_map(SecretsKeys::ids).collect();
    for (index, id) in ids.iter().enumerate() {
        let count = sealed
            .iter()
            .find(|(key, _)| key == id)
            .map_or(0, |(_, count)| *count);
        let role = if index == 0 { "seals" } else { "opens" };
        output::line(format_args!(
            "secrets key    ok     {id} {role}; {count} TOTP secrets are sealed with it"
        ));
    }
    let lost: Vec<_> = sealed
        .iter()
        .filter(|(key, _)| !ids.contains(&key.as_str()))
        .collect();
    for (key, count) in &lost {
        output::line(format_args!(
            "secrets key    WRONG  {count} TOTP secrets are sealed with {key}, which is not in \
             SECRETS_KEY: their codes are refused"
        ));
    }
    lost.is_empty()
}

/// Prints how many passwords each pepper has hashed. Returns false if a password has no configured
/// pepper.
fn examine_passwords(pepper: &Pepper, hashed: &[(Option<String>, i64)]) -> bool {
    let mut fine = true;
    for (key, count) in hashed {
        match key {
            None => output::line(format_args!("passwords      ok     {count} under no key")),
            Some(key) if pepper.of(key).is_some() => {
                output::line(format_args!("passwords      ok     {count} under {key}"));
            }
            Some(key) => {
                fine = false;
                output::line(format_args!(
                    "passwords      WRONG  {count} were hashed with {key}, which is not in \
                     PASSWORD_PEPPER: they are refused"
                ));
            }
        }
    }
    fine
}

/// How many rows need each configured key.
struct Kept {
    /// The number of TOTP secrets by the key that sealed them.
    sealed: Vec<(String, i64)>,
    /// The number of passwords by pepper.
    hashed: Vec<(Option<String>, i64)>,
}

/// Checks the database and returns how many rows need each key.
async fn examine_database(url: &str) -> Result<Kept, String> {
    let database = Sqlite::open(url).await.map_err(|error| error.to_string())?;
    let check = |sql| store::Statement {
        sql,
        params: Vec::new(),
    };
    let integrity = database
        .batch(vec![check(
            "SELECT integrity_check AS found FROM pragma_integrity_check",
        )])
        .await;
    let integrity = integrity.map_err(|error| error.to_string())?;
    match integrity
        .first()
        .and_then(|rows| rows.first())
        .and_then(|row| row.text("found").ok())
    {
        Some(found) if found == "ok" => {}
        Some(found) => return Err(format!("the file is damaged: {found}")),
        None => return Err("the integrity check gave no answer".to_owned()),
    }
    store::ping(&database)
        .await
        .map_err(|error| format!("{error}; `hamrah-api migrate` applies the migrations"))?;
    let behind =
        |error: StoreError| format!("{error}; `hamrah-api migrate` applies the migrations");
    let sealed = totp::count_by_key(&database).await.map_err(behind)?;
    Ok(Kept {
        sealed,
        hashed: passwords::count_by_key(&database).await.map_err(behind)?,
    })
}
