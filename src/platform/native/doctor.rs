//! `hamrah-api doctor`: says what is wrong with the configuration and the database, all of it.

use crate::accounts::model::password::Pepper;
use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::store::{passwords, totp};
use crate::kernel::model::config::ConfigError;
use crate::kernel::store;
use crate::kernel::store::{Db, StoreError};
use crate::platform::native::settings::Settings;
use crate::platform::native::sqlite::Sqlite;

/// Prints what was found; `true` if everything is in order.
pub(super) async fn examine(settings: Result<Settings, ConfigError>) -> bool {
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
    match examine_database(&settings.database_url).await {
        Ok(Kept { sealed, hashed }) => {
            println!("database       ok     {}", settings.database_url);
            // Both, so that all is told.
            let secrets = examine_secrets(config.accounts.secrets_keys.as_ref(), &sealed);
            examine_passwords(&config.accounts.passwords.pepper, &hashed) && secrets
        }
        Err(problem) => {
            println!("database       WRONG  {}: {problem}", settings.database_url);
            false
        }
    }
}

/// A setting that is `off` or `require`.
const fn required(set: bool) -> &'static str {
    if set { "require" } else { "off" }
}

/// Tells what each key has sealed; `false` if there is a secret that none of them opens.
fn examine_secrets(keys: Option<&SecretsKeys>, sealed: &[(String, i64)]) -> bool {
    if keys.is_none() {
        println!("secrets key    note   SECRETS_KEY is not set: there is no TOTP");
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
            "secrets key    WRONG  {count} TOTP secrets are sealed with {key}, which is not in SECRETS_KEY: their codes are refused"
        );
    }
    lost.is_empty()
}

/// Tells how many passwords there are under each key; `false` if there is one under a key that is not there.
fn examine_passwords(pepper: &Pepper, hashed: &[(Option<String>, i64)]) -> bool {
    let mut fine = true;
    for (key, count) in hashed {
        match key {
            None => println!("passwords      ok     {count} under no key"),
            Some(key) if pepper.of(key).is_some() => {
                println!("passwords      ok     {count} under {key}")
            }
            Some(key) => {
                fine = false;
                println!(
                    "passwords      WRONG  {count} were hashed with {key}, which is not in PASSWORD_PEPPER: they are refused"
                );
            }
        }
    }
    fine
}

/// What keys of the configuration are needed for.
struct Kept {
    /// How many TOTP secrets each key has sealed.
    sealed: Vec<(String, i64)>,
    /// How many passwords there are under each key.
    hashed: Vec<(Option<String>, i64)>,
}

/// Looks at the database, and gives what keys are needed for.
async fn examine_database(url: &str) -> Result<Kept, String> {
    // Looking must not create: a missing file is what has to be told.
    let file = url
        .trim_start_matches("sqlite:")
        .trim_start_matches("//")
        .split('?')
        .next()
        .unwrap_or_default();
    if !url.contains(":memory:") && !std::path::Path::new(file).exists() {
        return Err(
            "there is no such file; `hamrah-api serve` or `hamrah-api migrate` makes it".to_owned(),
        );
    }
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
