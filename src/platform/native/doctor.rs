//! `hamrah-api doctor`: reports every problem of the configuration and the database.

use crate::accounts::model::password::Pepper;
use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::{passwords, totp};
use crate::app::config::Config;
use crate::kernel::model::config::{ConfigError, Environment};
use crate::kernel::model::origin::is_within;
use crate::kernel::store;
use crate::kernel::store::{Db, StoreError};
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
    let mut findings = Vec::from_iter(origin_problem(config));
    findings.extend(settings.misspelled.iter().map(ToString::to_string));
    for finding in &findings {
        output::line(format_args!("configuration  WRONG  {finding}"));
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

/// Returns the problem of origins that do not fit other settings, as one sentence. The service
/// starts with it, but browsers refuse to use it.
pub(super) fn origin_problem(config: &Config) -> Option<String> {
    let (kernel, accounts) = (&config.kernel, &config.accounts);
    let is_of_rp = |host: &str| is_within(host, &accounts.rp_id);
    let mut allowed = kernel.allowed_origins.iter();
    let is_related = |origin: &String| {
        *origin != format!("https://{}", accounts.rp_id) && !kernel.allows_origin(origin.as_bytes())
    };
    // Every origin of localhost is allowed in development.
    let is_production = kernel.environment == Environment::Production;
    let no_passkeys = (is_production || accounts.rp_id != "localhost")
        && !kernel.allowed_origins.is_empty()
        && !allowed.any(|origin| origin.host().is_some_and(is_of_rp))
        && !accounts.passkey_origins.iter().any(is_related);
    let own: Vec<&str> = accounts.jwt_issuer.split('/').take(3).collect();
    let own = own.join("/");
    let no_pages = is_production && !kernel.allows_origin(own.as_bytes());
    let rp_id = &accounts.rp_id;
    match (no_passkeys, no_pages) {
        (true, true) => Some(format!(
            "ALLOWED_ORIGINS has no origin at or below RP_ID ({rp_id}), and lacks {own}, the \
             origin of JWT_ISSUER: no page can use passkeys, and the pages /account and /admin of \
             the service cannot call it"
        )),
        (true, false) => Some(format!(
            "RP_ID is {rp_id}, but no origin in ALLOWED_ORIGINS or RELATED_ORIGINS is that domain \
             or below it: no page can use passkeys"
        )),
        (false, true) => Some(format!(
            "ALLOWED_ORIGINS lacks {own}, the origin of JWT_ISSUER: the pages /account and /admin \
             of the service cannot call it"
        )),
        (false, false) => None,
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
