//! One mistake of an operator is one message, which names the setting, the mistake and the remedy.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::tests::{KEY, production};
use super::*;

/// Returns the problems of a production configuration with one changed setting.
fn problems(name: &'static str, value: &str) -> Vec<String> {
    let mut settings = production();
    settings.insert(name, value.to_owned());
    let read = Config::read(&|name| settings.get(name).cloned());
    read.err().map_or_else(Vec::new, |error| error.0)
}

#[test]
fn one_mistake_is_one_message() {
    let in_quotes = format!("\"{KEY}\"");
    let second_in_quotes = format!("{KEY},'{KEY}'");
    for (name, value, told) in [
        ("ENVIRONMENT", "\"production\"", "in quotes"),
        ("RP_ID", "'hamrah.app'", "in quotes"),
        ("RP_ID", "localhost", "must be a domain"),
        ("RP_ID", "https://hamrah.app", "without scheme"),
        ("RP_ID", "hamrah.app:443", "not hamrah.app:443"),
        ("RP_ID", ".hamrah.app", "not .hamrah.app"),
        ("COOKIE_DOMAIN", "*.hamrah.app", "not *.hamrah.app"),
        ("COOKIE_DOMAIN", "evil.example", "RP_ID (hamrah.app)"),
        ("JWT_ISSUER", "https://API.hamrah.app", "in lower case"),
        ("RP_ID", "co.uk", "public suffix"),
        ("RP_ID", "com.au", "public suffix"),
        ("RP_ID", "github.io", "public suffix"),
        ("RP_ID", "", "is not set"),
        (
            "JWT_ISSUER",
            "http://api.hamrah.app",
            "must be an https URL",
        ),
        ("INTERNAL_API_KEY", &in_quotes, "in quotes"),
        ("INTERNAL_API_KEY", &second_in_quotes, "in quotes"),
        (
            "BOOTSTRAP_SECRET",
            "“uGkH3v9sQ1xYp7Lw2ZbT5nCe8RdA4mJf”",
            "in quotes",
        ),
        (
            "ALLOWED_ORIGINS",
            "https://hamrah.app;https://b.example",
            "commas",
        ),
        (
            "ALLOWED_ORIGINS",
            "https://hamrah.app https://b.example",
            "commas",
        ),
        ("ALLOWED_ORIGINS", "javascript:alert(1)", "https://"),
        ("ALLOWED_ORIGINS", "javascript://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "data://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "blob://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "file://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "about://blank", "https://"),
        ("ALLOWED_ORIGINS", "view-source://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "vbscript://hamrah", "https://"),
        ("ALLOWED_ORIGINS", "filesystem://hamrah", "https://"),
        ("APP_ATTEST_MODE", "required", "`require`"),
        ("APP_ATTEST_ON_REFRESH", "required", "`require`"),
        ("REFRESH_TOKEN_TTL_SECONDS", "a month", "whole number"),
        ("USER_TOKEN_TTL_SECONDS", "5m", "whole number"),
    ] {
        let found = problems(name, value);
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert!(
            found[0].starts_with(name) && found[0].contains(told),
            "{name}={value}: {found:?}"
        );
    }
}

#[test]
fn a_key_of_obvious_bytes_is_refused_in_production() {
    let counting: Vec<u8> = (0..32).collect();
    let from_one: Vec<u8> = (1..=32).rev().collect();
    let twice: Vec<u8> = (0..16).chain(0..16).collect();
    for bytes in [
        b"0123456789abcdef0123456789abcdef".to_vec(),
        b"changemechangemechangemechangeme".to_vec(),
        b"a sentence of thirty-two letters".to_vec(),
        vec![0; 32],
        vec![0xA5; 32],
        counting,
        from_one,
        twice,
    ] {
        let key = STANDARD.encode(&bytes);
        for name in ["SECRETS_KEY", "PASSWORD_PEPPER"] {
            let found = problems(name, &key);
            assert_eq!(found.len(), 1, "{name} {bytes:?}");
            assert!(
                found[0].starts_with(name) && found[0].contains("random"),
                "{found:?}"
            );
            assert!(!found[0].contains(&key));
        }
    }
    for words in [
        "correct-horse-battery-staple-and-more-words",
        "correct_horse_battery_staple_and_more_words",
        "Correct-Horse-Battery-Staple-2025-more-word",
        "CORRECT-HORSE-BATTERY-STAPLE-AND-MORE-WORDS",
        "CorrectHorseBatteryStapleAndManyMoreWordsss",
    ] {
        for name in ["SECRETS_KEY", "PASSWORD_PEPPER"] {
            let found = problems(name, words);
            assert_eq!(found.len(), 1, "{name} {words}");
            assert!(found[0].contains("`hamrah-api keys generate`"), "{found:?}");
        }
    }
    for weak in ["short", "changemechangemechangemechangeme"] {
        let found = problems("INTERNAL_API_KEY", weak);
        assert!(found[0].contains("`hamrah-api keys generate`"), "{found:?}");
    }
    assert!(problems("SECRETS_KEY", "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE").is_empty());
}
