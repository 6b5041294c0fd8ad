//! `hamrah-api doctor`: says what is wrong with the configuration and the database, all of it.

use super::settings::Settings;
use super::sqlite::Sqlite;
use crate::model::config::ConfigError;
use crate::model::secrets_key::SecretsKeys;
use crate::store::{self, Db, totp};

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
        println!("secret         note   {name} is not set; the first `hamrah-api serve` generates it");
    }
    println!(
        "configuration  ok     {:?}, {} web origins, {} internal keys",
        config.environment,
        config.allowed_origins.len(),
        config.internal_keys.len()
    );
    println!("App Attest     ok     {}", config.attest);
    if let Some(webhook) = &config.webhook {
        println!("webhook        ok     {} secrets", webhook.secrets.len());
    }
    let generated = settings.generated.contains(&"JWT_SIGNING_KEYS");
    for (index, key) in config.signing_keys.iter().enumerate().filter(|_| !generated) {
        let role = if index == 0 { "signs" } else { "verifies" };
        println!("signing key    ok     {} {role}", key.kid);
    }
    match &config.secrets_keys {
        Some(keys) => println!("secrets key    ok     1 seals, {} more open", keys.retired().count()),
        None => println!("secrets key    note   SECRETS_KEY is not set: there is no TOTP"),
    }
    match examine_database(&settings.database_url, config.secrets_keys.as_ref()).await {
        Ok(retired) => {
            println!("database       ok     {}", settings.database_url);
            for (index, secrets) in retired.iter().enumerate() {
                let verdict = if *secrets == 0 { "it can be taken out" } else { "`hamrah-api serve` seals them anew" };
                println!("secrets key    note   number {} has sealed {secrets} secrets: {verdict}", index + 2);
            }
            true
        }
        Err(problem) => {
            println!("database       WRONG  {}: {problem}", settings.database_url);
            false
        }
    }
}

/// Gives how many secrets each older key has sealed.
async fn examine_database(url: &str, keys: Option<&SecretsKeys>) -> Result<Vec<i64>, String> {
    // Looking must not create: a missing file is what has to be told.
    let file = url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default();
    if !url.contains(":memory:") && !std::path::Path::new(file).exists() {
        return Err("there is no such file; `hamrah-api serve` or `hamrah-api migrate` makes it".to_owned());
    }
    let database = Sqlite::open(url).await.map_err(|error| error.to_string())?;
    let check = |sql| store::Statement { sql, params: Vec::new() };
    let integrity = database.batch(vec![check("SELECT integrity_check AS found FROM pragma_integrity_check")]).await;
    let integrity = integrity.map_err(|error| error.to_string())?;
    match integrity.first().and_then(|rows| rows.first()).and_then(|row| row.text("found").ok()) {
        Some(found) if found == "ok" => {}
        Some(found) => return Err(format!("the file is damaged: {found}")),
        None => return Err("the integrity check gave no answer".to_owned()),
    }
    store::ping(&database).await.map_err(|error| format!("{error}; `hamrah-api migrate` applies the migrations"))?;
    let mut sealed = Vec::new();
    for (from, to) in keys.into_iter().flat_map(SecretsKeys::retired) {
        let count = totp::count_between(&database, &from, &to).await;
        sealed.push(count.map_err(|error| format!("{error}; `hamrah-api migrate` applies the migrations"))?);
    }
    Ok(sealed)
}
