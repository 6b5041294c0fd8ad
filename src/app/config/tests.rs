//! Which configurations start and which are refused, and that a refusal names everything.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::*;
use crate::accounts::model::signing_keys::{SigningKey, SigningKeys};

pub(super) const KEY: &str = "uGkH3v9sQ1xYp7Lw2ZbT5nCe8RdA4mJf";

pub(super) fn production() -> HashMap<&'static str, String> {
    HashMap::from([
        ("ENVIRONMENT", "production".to_owned()),
        ("ALLOWED_ORIGINS", "https://hamrah.app".to_owned()),
        ("COOKIE_DOMAIN", ".hamrah.app".to_owned()),
        ("RP_ID", "hamrah.app".to_owned()),
        ("INTERNAL_API_KEY", KEY.to_owned()),
        (
            "JWT_SIGNING_KEYS",
            SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| {
                u8::try_from(index * 7 + 9).unwrap_or(9)
            })))
            .to_json(),
        ),
        ("JWT_ISSUER", "https://api.hamrah.app".to_owned()),
        ("JWT_AUDIENCE", "hamrah".to_owned()),
    ])
}

fn read(
    settings: &HashMap<&'static str, String>,
) -> Result<Arc<authorization::Config>, ConfigError> {
    Config::read(&|name| settings.get(name).cloned()).map(|config| config.authorization)
}

#[test]
fn a_complete_production_configuration_starts() {
    let config = read(&production()).expect("starts");
    assert_eq!(config.cookie_domain.as_deref(), Some("hamrah.app"));
    assert_eq!(config.internal_services, ["hamrah-app"]);
    assert_eq!(config.access_token_ttl, Duration::from_hours(1));
    assert_eq!(config.passkey_origins, ["https://hamrah.app"]);
    assert_eq!(config.account_url, "https://api.hamrah.app/account");
    assert!(config.attest.apps.is_empty());
    assert!(
        config.rate_limits
            && !config.step_up_passkeys
            && !config.csrf_token_required
            && !config.d1_replicas
    );
    assert!(config.is_internal_key(KEY.as_bytes()));
    assert!(!config.is_internal_key(b""));
}

#[test]
fn only_development_has_an_app_and_a_test_root_of_app_attest() {
    let pem = include_str!("../../accounts/model/attest/Apple_App_Attestation_Root_CA.pem");
    for (name, value) in [
        ("APP_ATTEST_TEST_ROOT", pem),
        ("APP_ATTEST_TEST_ROOT_KEY", "any"),
    ] {
        let mut settings = production();
        settings.insert(name, value.to_owned());
        let ConfigError(problems) = read(&settings).expect_err(name);
        assert_eq!(
            problems,
            [format!(
                "{name} must not be set in production: only Apple's root counts"
            )]
        );
    }
    let mut settings = production();
    settings.insert("ENVIRONMENT", "development".to_owned());
    let config = read(&settings).expect("starts");
    assert_eq!(config.attest.apps, ["UR6RM9YCF7.app.hamrah.ios"]);
    assert_eq!(config.attest.anchors.len(), 1, "Apple's root");
    settings.insert("APP_ATTEST_TEST_ROOT", pem.to_owned());
    let config = read(&settings).expect("starts");
    assert_eq!(
        config.attest.anchors.len(),
        2,
        "Apple's root and the test root"
    );
}

#[test]
fn production_refuses_each_missing_or_weak_setting_and_names_it() {
    for (name, value) in [
        ("ENVIRONMENT", ""),
        ("ENVIRONMENT", "Production"),
        ("ENVIRONMENT", "prod"),
        ("ALLOWED_ORIGINS", ""),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "http://hamrah.app"),
        ("ALLOWED_ORIGINS", "https://hamrah.app/"),
        ("D1_REPLICAS", "yes"),
        ("COOKIE_DOMAIN", "app"),
        ("COOKIE_DOMAIN", "hamrah.app; Secure"),
        ("RP_ID", ""),
        ("RELATED_ORIGINS", "*"),
        ("RELATED_ORIGINS", "http://hamrah.example"),
        ("RELATED_ORIGINS", "https://hamrah.example/"),
        ("ACCOUNT_URL", "http://hamrah.app/account"),
        ("ACCOUNT_URL", "javascript:alert(1)"),
        ("APPLE_TEAM_ID", "UR6RM9YCF7"),
        ("APPLE_BUNDLE_ID", "app.hamrah.ios"),
        ("APP_ATTEST_MODE", "Require"),
        ("APP_ATTEST_MODE", ""),
        ("APP_ATTEST_CATEGORIES", "4,App Store"),
        ("APP_ATTEST_CATEGORIES", ""),
        (
            "APP_ATTEST_TEST_ROOT",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ),
        ("APP_ATTEST_MODE", "on"),
        ("APP_ATTEST_MODE", "true"),
        ("APP_ATTEST_MODE", "require"),
        ("APP_ATTEST_MODE", "observe"),
        ("APP_ATTEST_ON_REFRESH", "yes"),
        ("APP_ATTEST_ON_REFRESH", "require"),
        ("APP_ATTEST_ENVIRONMENT", "development"),
        ("APP_ATTEST_ENVIRONMENT", "sandbox"),
        ("APP_ATTEST_TEST_ROOT", "-----BEGIN CERTIFICATE-----"),
        ("RATE_LIMITS", ""),
        ("RATE_LIMITS", "false"),
        ("RATE_LIMITS", "Off"),
        ("STEP_UP_PASSKEYS", "on"),
        ("STEP_UP_PASSKEYS", ""),
        ("CSRF_TOKEN", "true"),
        ("SECRETS_KEY", "c2hvcnQ"),
        ("RECENT_AUTHENTICATION_SECONDS", "86401"),
        ("INTERNAL_SERVICES", "hamrah app"),
        ("INTERNAL_API_KEY", ""),
        ("INTERNAL_API_KEY", " , "),
        ("INTERNAL_API_KEY", "short"),
        ("INTERNAL_API_KEY", "hamrah-internal-service-key-2025"),
        ("INTERNAL_API_KEY", "\"hamrah-internal-service-key-2025\""),
        ("INTERNAL_API_KEY", "hamrah-internal-service-key-2025-prod"),
        ("INTERNAL_API_KEY", "12345678901234567890123456789012"),
        ("INTERNAL_API_KEY", "0123456789abcdef0123456789abcdef"),
        ("INTERNAL_API_KEY", "INTERNAL_API_KEY_INTERNAL_API_KEY"),
        ("INTERNAL_API_KEY", "<INTERNAL_API_KEY_of_32_characters>"),
        ("INTERNAL_API_KEY", "change_me_change_me_change_me_0123"),
        ("INTERNAL_API_KEY", "dev-internal-key-do-not-use-in-prod"),
        ("INTERNAL_API_KEY", "password1234567890password123456"),
        ("INTERNAL_API_KEY", "uGkH3v9sQ1xYp7Lw2ZuGkH3v9sQ1xYp7Lw2Z"),
        ("RP_ID", "*"),
        ("RP_ID", "localhost"),
        ("RP_ID", "127.0.0.1"),
        ("COOKIE_DOMAIN", "evil.example"),
        ("COOKIE_DOMAIN", "127.0.0.1"),
        ("COOKIE_DOMAIN", "-a.-b"),
        ("COOKIE_DOMAIN", "not-hamrah.app"),
        ("JWT_ISSUER", "x"),
        ("JWT_ISSUER", "http://api.hamrah.app"),
        ("ALLOWED_ORIGINS", "https://["),
        ("ALLOWED_ORIGINS", "https://localhost:3000"),
        (
            "INTERNAL_API_KEY",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
        (
            "INTERNAL_API_KEY",
            "your-internal-api-key-goes-in-this-place-1234",
        ),
        ("JWT_SIGNING_KEYS", ""),
        ("JWT_SIGNING_KEYS", "{}"),
        ("JWT_ISSUER", ""),
        ("JWT_AUDIENCE", ""),
        ("ACCESS_TOKEN_TTL_SECONDS", "0"),
        ("ACCESS_TOKEN_TTL_SECONDS", "-1"),
        ("ACCESS_TOKEN_TTL_SECONDS", "1h"),
        ("ACCESS_TOKEN_TTL_SECONDS", "86401"),
        ("SESSION_TTL_SECONDS", "99999999999999999999"),
        ("REFRESH_TOKEN_TTL_SECONDS", "31536000"),
    ] {
        let mut settings = production();
        settings.insert(name, value.to_owned());
        let error = read(&settings)
            .expect_err(&format!("{name}={value}"))
            .to_string();
        assert!(error.contains(name), "{name}={value}: {error}");
        assert!(
            value.len() < 8 || !name.contains("KEY") || !error.contains(value.trim_matches('"')),
            "the value of {name} is repeated"
        );
    }
}

const WEBHOOK_SECRET: &str = "whsec_mH3yq0Zt9vXcBn5LkEw2RfUj7TgPaDsI8oVz6rKxYeM=";

#[test]
fn a_webhook_needs_an_address_and_good_secrets() {
    let mut settings = production();
    settings.insert("WEBHOOK_URL", "https://mail.hamrah.app/hooks".to_owned());
    settings.insert("WEBHOOK_SECRETS", WEBHOOK_SECRET.to_owned());
    let config = read(&settings).expect("starts");
    assert_eq!(
        config.webhook.as_ref().map(|webhook| webhook.secrets.len()),
        Some(1)
    );
    assert!(
        !format!("{config:?}").contains("hooks"),
        "the path may be secret"
    );
    let two = format!(
        "{WEBHOOK_SECRET}, whsec_{}",
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            Sha256::digest("2")
        )
    );
    for (name, value, starts) in [
        ("WEBHOOK_SECRETS", two.as_str(), true),
        ("WEBHOOK_SECRETS", "", false),
        ("WEBHOOK_URL", "", false),
        ("WEBHOOK_URL", "http://mail.hamrah.app/hooks", false),
        ("WEBHOOK_URL", "http://localhost:9000/hooks", false),
        ("WEBHOOK_SECRETS", &WEBHOOK_SECRET["whsec_".len()..], false),
        ("WEBHOOK_SECRETS", &format!("{two},whsec_AAAA"), false),
        (
            "WEBHOOK_SECRETS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            false,
        ),
        (
            "WEBHOOK_SECRETS",
            "whsec_dGhlIGZpbmVzdCBoYW5kbWFkZSBwaHJhc2UgZXZlciE=",
            false,
        ),
        (
            "WEBHOOK_SECRETS",
            &format!("whsec_{}", "AAECAwQF".repeat(4)),
            false,
        ),
    ] {
        let mut settings = settings.clone();
        settings.insert(name, value.to_owned());
        let read = read(&settings).map(drop).map_err(|error| error.to_string());
        assert_eq!(read.is_ok(), starts, "{name}={value}: {read:?}");
        let told = read.err().is_none_or(|error| {
            error.contains("WEBHOOK_") && (value.len() < 8 || !error.contains(value))
        });
        assert!(told, "{name}={value}");
    }
    settings.insert("ENVIRONMENT", "development".to_owned());
    settings.insert("WEBHOOK_URL", "http://localhost:9000/hooks".to_owned());
    assert!(read(&settings).is_ok());
}

#[test]
fn access_must_not_outlive_the_sign_in() {
    let mut settings = production();
    settings.insert("ACCESS_TOKEN_TTL_SECONDS", "7200".to_owned());
    settings.insert("REFRESH_TOKEN_TTL_SECONDS", "3600".to_owned());
    assert!(
        read(&settings)
            .expect_err("refused")
            .to_string()
            .contains("ACCESS_TOKEN_TTL_SECONDS")
    );
}

#[test]
fn development_is_free_to_be_simple_but_not_to_use_what_everybody_knows() {
    let mut settings = production();
    settings.insert("ENVIRONMENT", "development".to_owned());
    settings.insert("INTERNAL_API_KEY", "simple".to_owned());
    assert!(read(&settings).is_ok());
    settings.insert(
        "INTERNAL_API_KEY",
        "hamrah-internal-service-key-2025".to_owned(),
    );
    assert!(read(&settings).is_err());
}

#[test]
fn one_weak_key_among_good_ones_is_refused() {
    let mut settings = production();
    settings.insert(
        "INTERNAL_API_KEY",
        format!("{KEY},hamrah-internal-service-key-2025"),
    );
    assert!(read(&settings).is_err());
}

#[test]
fn two_keys_are_live_during_a_rotation() {
    let mut settings = production();
    settings.insert("INTERNAL_API_KEY", format!("{KEY}, b{KEY}"));
    let config = read(&settings).expect("starts");
    assert!(
        config.is_internal_key(KEY.as_bytes())
            && config.is_internal_key(format!("b{KEY}").as_bytes())
    );
    assert!(!config.is_internal_key(format!("{KEY},b{KEY}").as_bytes()));
}

#[test]
fn every_problem_is_reported_at_once() {
    let ConfigError(problems) = read(&HashMap::new()).expect_err("nothing is set");
    // The other settings depend on it.
    assert_eq!(
        problems,
        ["ENVIRONMENT is not set: it must be `development` or `production`"]
    );
    let settings = HashMap::from([("ENVIRONMENT", "production".to_owned())]);
    let ConfigError(problems) = read(&settings).expect_err("nothing else is set");
    for name in [
        "ALLOWED_ORIGINS",
        "RP_ID",
        "INTERNAL_API_KEY",
        "JWT_SIGNING_KEYS",
        "JWT_ISSUER",
        "JWT_AUDIENCE",
    ] {
        assert!(
            problems.iter().any(|p| p.starts_with(name)),
            "{name}: {problems:?}"
        );
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let settings = production();
    let printed = format!("{:?}", read(&settings).expect("starts"));
    let secret = settings["JWT_SIGNING_KEYS"]
        .split("\"d\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a private half");
    assert!(!printed.contains(KEY) && !printed.contains(secret));
}

#[test]
fn passwords_cost_what_is_configured_and_never_next_to_nothing() {
    const PEPPER: &str = "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE";
    let config = read(&production()).expect("starts");
    let cost = config.passwords.cost;
    assert_eq!(
        (
            cost.memory,
            cost.passes,
            cost.lanes,
            config.passwords.min_length
        ),
        (19_456, 2, 1, 8)
    );
    assert!(config.passwords.pepper.current().is_none() && config.passwords.breached_url.is_none());
    for (name, value, starts) in [
        ("PASSWORD_HASH_MEMORY_KIB", "7168", true),
        ("PASSWORD_HASH_MEMORY_KIB", "64", false),
        ("PASSWORD_HASH_MEMORY_KIB", "4294967295", false),
        ("PASSWORD_HASH_PASSES", "0", false),
        ("PASSWORD_HASH_LANES", "two", false),
        ("PASSWORD_MIN_LENGTH", "15", true),
        ("PASSWORD_MIN_LENGTH", "6", false),
        ("PASSWORD_HASHES_AT_ONCE", "0", false),
        ("PASSWORD_PEPPER", PEPPER, true),
        ("PASSWORD_PEPPER", "short", false),
        (
            "BREACHED_PASSWORDS_URL",
            "https://api.pwnedpasswords.com/range/",
            true,
        ),
        (
            "BREACHED_PASSWORDS_URL",
            "https://api.pwnedpasswords.com/range",
            false,
        ),
        ("BREACHED_PASSWORDS_URL", "http://localhost/", false),
        ("USER_TOKEN_TTL_SECONDS", "30", false),
        ("TOKEN_RENEW_THRESHOLD_SECONDS", "300", false),
        ("BOOTSTRAP_SECRET", KEY, true),
        ("BOOTSTRAP_SECRET", "changeme", false),
    ] {
        let mut settings = production();
        settings.insert(name, value.to_owned());
        let read = read(&settings);
        assert_eq!(read.is_ok(), starts, "{name}={value}");
        assert!(!read.is_err_and(|ConfigError(problems)| {
            problems.iter().any(|problem| problem.contains("changeme"))
        }));
    }
    let mut settings = production();
    settings.insert("BOOTSTRAP_SECRET", KEY.to_owned());
    let authorization = read(&settings).expect("starts");
    assert!(
        authorization.is_bootstrap_secret(KEY.as_bytes())
            && !authorization.is_bootstrap_secret(b"")
            && !config.is_bootstrap_secret(b"")
    );
}
