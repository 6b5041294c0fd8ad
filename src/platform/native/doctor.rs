//! `hamrah-api doctor`: reports every problem of the configuration and the database.

use crate::accounts::model::password::Pepper;
use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::{passwords, totp};
use crate::app::config::Config;
use crate::kernel::model::config::{ConfigError, Environment};
use crate::kernel::model::origin::is_within;
use crate::kernel::store;
use crate::kernel::store::{Db, StoreError};
use crate::platform::native::settings;
use crate::platform::native::settings::NativeSettings;
use crate::platform::native::sqlite::Sqlite;

/// Prints the findings. Returns true if there is no problem.
pub(super) async fn examine(settings: Result<NativeSettings, ConfigError>) -> bool {
    let settings = match settings {
        Ok(settings) => settings,
        Err(ConfigError(problems)) => {
            for problem in problems {
                println!("configuration  WRONG  {problem}");
            }
            return false;
        }
    };
    let config = &settings.config;
    for name in &settings.generated {
        println!(
            "secret         note   {name} is not set; the first `hamrah-api serve` generates it"
        );
    }
    println!(
        "configuration  ok     {:?}, {} web origins, {} internal keys",
        config.kernel.environment,
        config.kernel.allowed_origins.len(),
        config.kernel.internal_keys.len()
    );
    println!("App Attest     ok     {}", config.accounts.attest);
    if let Some(webhook) = &config.kernel.webhook {
        println!("webhook        ok     {} secrets", webhook.secrets.len());
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
        println!("signing key    ok     {} {role}", key.kid);
    }
    println!(
        "switches       ok     RATE_LIMITS={}, CSRF_TOKEN={}, STEP_UP_PASSKEYS={}",
        if config.kernel.rate_limits {
            "on"
        } else {
            "off"
        },
        required(config.accounts.csrf_token_required),
        required(config.accounts.step_up_passkeys)
    );
    let mut findings = origin_problems(config);
    findings.extend(settings.misspelled.iter().map(ToString::to_string));
    for finding in &findings {
        println!("configuration  WRONG  {finding}");
    }
    if is_absent(&settings.database_url) {
        println!(
            "database       note   {} does not exist yet; `hamrah-api serve` or `hamrah-api \
             migrate` makes it",
            settings.database_url
        );
        return findings.is_empty();
    }
    match examine_database(&settings.database_url).await {
        Ok(Kept { sealed, hashed }) => {
            println!("database       ok     {}", settings.database_url);
            // Runs all checks, so that the report is complete.
            let secrets = examine_secrets(config.accounts.secrets_keys.as_ref(), &sealed);
            examine_passwords(&config.accounts.passwords.pepper, &hashed)
                && secrets
                && findings.is_empty()
        }
        Err(problem) => {
            println!("database       WRONG  {}: {problem}", settings.database_url);
            false
        }
    }
}

/// Returns the problems of origins that do not fit other settings. The service starts with them,
/// but browsers refuse to use it.
fn origin_problems(config: &Config) -> Vec<String> {
    let (kernel, accounts) = (&config.kernel, &config.accounts);
    let mut problems = Vec::new();
    let is_of_rp = |host: &str| is_within(host, &accounts.rp_id);
    let mut allowed = kernel.allowed_origins.iter();
    let is_related = |origin: &String| {
        *origin != format!("https://{}", accounts.rp_id) && !kernel.allows_origin(origin.as_bytes())
    };
    if !kernel.allowed_origins.is_empty()
        && !allowed.any(|origin| origin.host().is_some_and(is_of_rp))
        && !accounts.passkey_origins.iter().any(is_related)
    {
        problems.push(format!(
            "RP_ID is {}, but no origin in ALLOWED_ORIGINS or RELATED_ORIGINS is that domain or \
             below it: no page can use passkeys",
            accounts.rp_id
        ));
    }
    // Every origin of localhost is allowed in development.
    let own: Vec<&str> = accounts.jwt_issuer.split('/').take(3).collect();
    let own = own.join("/");
    if kernel.environment == Environment::Production && !kernel.allows_origin(own.as_bytes()) {
        problems.push(format!(
            "ALLOWED_ORIGINS lacks {own}, the origin of JWT_ISSUER: the pages /account and /admin \
             of the service cannot call it"
        ));
    }
    problems
}

/// Returns the text of a setting with the values `off` and `require`.
const fn required(set: bool) -> &'static str {
    if set { "require" } else { "off" }
}

/// Prints how many secrets each key has sealed. Returns false if a secret has no configured key.
fn examine_secrets(keys: Option<&SecretsKeys>, sealed: &[(String, i64)]) -> bool {
    if keys.is_none() {
        println!("secrets key    note   SECRETS_KEY is not set, so TOTP is unavailable");
    }
    let ids: Vec<&str> = keys.into_iter().flat_map(SecretsKeys::ids).collect();
    for (index, id) in ids.iter().enumerate() {
        let count = sealed
            .iter()
            .find(|(key, _)| key == id)
            .map_or(0, |(_, count)| *count);
        let role = if index == 0 { "seals" } else { "opens" };
        println!("secrets key    ok     {id} {role}; {count} TOTP secrets are sealed with it");
    }
    let lost: Vec<_> = sealed
        .iter()
        .filter(|(key, _)| !ids.contains(&key.as_str()))
        .collect();
    for (key, count) in &lost {
        println!(
            "secrets key    WRONG  {count} TOTP secrets are sealed with {key}, which is not in \
             SECRETS_KEY: their codes are refused"
        );
    }
    lost.is_empty()
}

/// Prints how many passwords each pepper has hashed. Returns false if a password has no configured
/// pepper.
fn examine_passwords(pepper: &Pepper, hashed: &[(Option<String>, i64)]) -> bool {
    let mut fine = true;
    for (key, count) in hashed {
        match key {
            None => println!("passwords      ok     {count} under no key"),
            Some(key) if pepper.of(key).is_some() => {
                println!("passwords      ok     {count} under {key}");
            }
            Some(key) => {
                fine = false;
                println!(
                    "passwords      WRONG  {count} were hashed with {key}, which is not in \
                     PASSWORD_PEPPER: they are refused"
                );
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

/// Returns true if the file of a database is missing. The check must not create it.
fn is_absent(url: &str) -> bool {
    settings::database_file(url).is_some_and(|file| !file.exists())
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
