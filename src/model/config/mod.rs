//! The configuration: the same names in the Worker's variables, in the environment and in `.dev.vars`.
//!
//! Read once, all of it; every problem is told at once. A typo is never a weaker setting.

mod attest_settings;
mod authorization_settings;
mod internal_services;
mod password_settings;
mod webhook_settings;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::attest;
use crate::model::origin::{Origin, is_domain, is_within};
use crate::model::password;
use crate::model::secrets_key::SecretsKeys;
use crate::model::signing_keys::SigningKeys;
use crate::model::text;
use crate::model::webhook::Webhook;

/// A web session ends after this, however often it is used.
pub const SESSION_ABSOLUTE_LIMIT: Duration = Duration::from_hours(90 * 24);
/// A chain of refresh tokens ends after this, however often it is renewed.
pub const REFRESH_ABSOLUTE_LIMIT: Duration = Duration::from_hours(180 * 24);
/// How long a caller who lost the answer may repeat a refresh.
pub const REFRESH_REPEAT_WINDOW: Duration = Duration::from_secs(30);
/// How long the event log keeps that a pair was renewed: hourly for every device, so the most by far. All other events stay with the account.
pub const REFRESH_EVENTS_KEPT: Duration = Duration::from_hours(90 * 24);
/// How recent a sign-in must be for what cannot be undone.
const RECENT_AUTHENTICATION_SECONDS: u64 = 600;

pub use authorization_settings::Authorization;
pub use internal_services::InternalKey;

/// Where the service runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    /// A developer's machine.
    Development,
    /// Everywhere else.
    Production,
}

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// `ENVIRONMENT`: `development` or `production`; has no default.
    pub environment: Environment,
    /// `ALLOWED_ORIGINS`: web origins that may call with cookies, separated by commas.
    pub allowed_origins: Vec<Origin>,
    /// `COOKIE_DOMAIN`: shares the session cookie with a domain and its subdomains, without the leading dot; unset: host-only.
    pub cookie_domain: Option<String>,
    /// `RP_ID`: the WebAuthn relying party.
    pub rp_id: String,
    /// `RP_NAME`: the relying party's name for people.
    pub rp_name: String,
    /// `RELATED_ORIGINS`: further origins that may use the relying party's passkeys, separated by commas (WebAuthn Level 3 §5.11).
    pub related_origins: Vec<Origin>,
    /// Every origin from which a passkey is accepted: the relying party's own, where the iOS app's passkeys come from too, the allowed ones
    /// and the related ones.
    pub passkey_origins: Vec<String>,
    /// `ACCOUNT_URL`: the account page, where people are sent who want to change how they sign in.
    pub account_url: String,
    /// What is configured about App Attest, with the application ids of the iOS apps.
    pub attest: attest::Settings,
    /// `RATE_LIMITS`: whether requests are counted by address; `on` or `off`, in development `off` by default.
    pub rate_limits: bool,
    /// `WEBHOOK_URL` and `WEBHOOK_SECRETS`: who is told of security events, if anybody is.
    pub webhook: Option<Webhook>,
    /// `INTERNAL_SERVICES`: names that may stand in `X-Internal-Service`.
    pub internal_services: Vec<String>,
    /// `INTERNAL_API_KEY`: one key, or several separated by commas while they are rotated.
    pub internal_keys: Vec<InternalKey>,
    /// `JWT_SIGNING_KEYS`: the JWK set.
    pub signing_keys: SigningKeys,
    /// `JWT_ISSUER`: `iss`.
    pub jwt_issuer: String,
    /// `JWT_AUDIENCE`: `aud`.
    pub jwt_audience: String,
    /// `ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl: Duration,
    /// `REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl: Duration,
    /// `SESSION_TTL_SECONDS`.
    pub session_ttl: Duration,
    /// `RECENT_AUTHENTICATION_SECONDS`: how long after proving who they are somebody may do what cannot be undone.
    pub recent_authentication: Duration,
    /// `SECRETS_KEY`: under which TOTP secrets are kept; without it there is no TOTP.
    pub secrets_keys: Option<SecretsKeys>,
    /// What is configured about passwords.
    pub passwords: password::Settings,
    /// What is configured about the authorization service.
    pub authorization: Authorization,
    /// `D1_REPLICAS`: whether reads of somebody who is signed in may be answered by a replica of D1; natively it means nothing.
    pub d1_replicas: bool,
    /// `STEP_UP_PASSKEYS`: whether adding and removing a passkey asks for a recent proof of who somebody is.
    pub step_up_passkeys: bool,
    /// `CSRF_TOKEN`: whether a browser's unsafe request with a cookie needs a CSRF token too.
    pub csrf_token_required: bool,
}

impl Config {
    /// Reads every setting through `lookup`, which answers `None` for what is not set.
    ///
    /// # Errors
    /// All problems at once, each naming its setting and never a secret.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        let environment = reader.environment();
        let development = environment == Some(Environment::Development);
        let allowed_origins = reader.origins(development);
        let cookie_domain = reader.cookie_domain();
        let rp_id = reader.text("RP_ID", development.then_some("localhost"));
        let rp_name = reader.text("RP_NAME", Some("Hamrah"));
        let related_origins = reader.related_origins(development);
        let attest = reader.attest(environment == Some(Environment::Production));
        // Suites, benchmarks and browsers on a developer's machine all come from one address.
        let usual = if development { "off" } else { "on" };
        let rate_limits = reader.word("RATE_LIMITS", "`on` or `off`", usual, on_or_off, true);
        let webhook = reader.webhook(development);
        let internal_services = reader.services();
        let internal_keys = reader.internal_keys(development);
        let signing_keys = reader.signing_keys();
        let jwt_issuer = reader.text("JWT_ISSUER", development.then_some("http://localhost"));
        let account_url = reader.account_url(development, &jwt_issuer);
        let jwt_audience = reader.text("JWT_AUDIENCE", development.then_some("hamrah"));
        let access_token_ttl = reader.seconds("ACCESS_TOKEN_TTL_SECONDS", 3600, Duration::from_hours(24));
        let refresh_token_ttl = reader.seconds("REFRESH_TOKEN_TTL_SECONDS", 30 * 86400, REFRESH_ABSOLUTE_LIMIT);
        let session_ttl = reader.seconds("SESSION_TTL_SECONDS", 30 * 86400, SESSION_ABSOLUTE_LIMIT);
        let recent_authentication =
            reader.seconds("RECENT_AUTHENTICATION_SECONDS", RECENT_AUTHENTICATION_SECONDS, Duration::from_hours(24));
        let secrets_keys = reader.secrets_keys(development);
        let off_or_require = |text: &str| match text {
            "off" => Some(false),
            "require" => Some(true),
            _ => None,
        };
        let csrf_token_required = reader.word("CSRF_TOKEN", "`off` or `require`", "off", off_or_require, true);
        let step_up_passkeys = reader.word("STEP_UP_PASSKEYS", "`off` or `require`", "off", off_or_require, true);
        let d1_replicas = reader.word("D1_REPLICAS", "`on` or `off`", "off", on_or_off, true);
        let passwords = reader.passwords(development);
        let authorization = reader.authorization(development);
        if environment == Some(Environment::Production) {
            reader.check_names(&rp_id, cookie_domain.as_deref(), &jwt_issuer);
        }
        if access_token_ttl > refresh_token_ttl {
            reader.problem("ACCESS_TOKEN_TTL_SECONDS", "must not be longer than REFRESH_TOKEN_TTL_SECONDS: access ends with the sign-in");
        }
        match (environment, signing_keys) {
            (Some(environment), Some(signing_keys)) if reader.problems.is_empty() => Ok(Self {
                environment,
                passkey_origins: passkey_origins(&rp_id, &allowed_origins, &related_origins),
                related_origins,
                account_url,
                attest,
                rate_limits,
                webhook,
                allowed_origins,
                cookie_domain,
                rp_id,
                rp_name,
                internal_services,
                internal_keys,
                signing_keys,
                jwt_issuer,
                jwt_audience,
                access_token_ttl,
                refresh_token_ttl,
                session_ttl,
                recent_authentication,
                secrets_keys,
                step_up_passkeys,
                passwords,
                authorization,
                d1_replicas,
                csrf_token_required,
            }),
            _ => Err(ConfigError(reader.problems)),
        }
    }

    /// Whether `presented` is one of the internal keys. Takes the same time for every wrong value.
    #[must_use]
    pub fn is_internal_key(&self, presented: &[u8]) -> bool {
        InternalKey::is_among(&self.internal_keys, presented)
    }

    /// Whether browsers at `origin` are ours.
    #[must_use]
    pub fn allows_origin(&self, origin: &[u8]) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.as_str().as_bytes() == origin)
    }
}

/// Every problem of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable:\n  - {}", .0.join("\n  - "))]
pub struct ConfigError(pub Vec<String>);

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn problem(&mut self, name: &str, problem: &str) {
        self.problems.push(format!("{name} {problem}"));
    }

    fn environment(&mut self) -> Option<Environment> {
        match self.get("ENVIRONMENT").as_deref() {
            Some("development") => Some(Environment::Development),
            Some("production") => Some(Environment::Production),
            Some(_) => {
                self.problem("ENVIRONMENT", "must be `development` or `production`");
                None
            }
            None => {
                self.problem("ENVIRONMENT", "is not set: it must be `development` or `production`");
                None
            }
        }
    }

    fn text(&mut self, name: &str, default: Option<&str>) -> String {
        match (self.get(name), default) {
            (Some(value), _) if value.len() <= 255 => value,
            (Some(_), _) => {
                self.problem(name, "is longer than 255 bytes");
                String::new()
            }
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                self.problem(name, "is not set");
                String::new()
            }
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn origins(&mut self, development: bool) -> Vec<Origin> {
        let mut named = self.list("ALLOWED_ORIGINS");
        if named.is_empty() {
            if !development {
                self.problem("ALLOWED_ORIGINS", "is not set");
                return Vec::new();
            }
            named = ["3000", "5173", "8080", "8787"].map(|port| format!("http://localhost:{port}")).to_vec();
        }
        self.checked_origins("ALLOWED_ORIGINS", named, development)
    }

    fn related_origins(&mut self, development: bool) -> Vec<Origin> {
        let named = self.list("RELATED_ORIGINS");
        self.checked_origins("RELATED_ORIGINS", named, development)
    }

    fn checked_origins(&mut self, name: &str, named: Vec<String>, development: bool) -> Vec<Origin> {
        let mut origins = Vec::with_capacity(named.len());
        for text in named {
            match Origin::parse(&text) {
                Ok(origin) if !development && !origin.host().is_some_and(is_domain) => {
                    self.problem(name, &format!("has {text}, whose host is no domain"));
                }
                Ok(origin) if !development && !origin.is_https() => {
                    self.problem(name, &format!("has {text}, which is not https"));
                }
                Ok(origin) => origins.push(origin),
                Err(problem) => self.problem(name, &format!("has {text}, which {problem}")),
            }
        }
        origins
    }

    /// One of a few words, to the letter: what is set and empty is none of them.
    fn word<T>(&mut self, name: &str, words: &str, default: &str, parse: fn(&str) -> Option<T>, fallback: T) -> T {
        parse((self.lookup)(name).as_deref().map_or(default, str::trim)).unwrap_or_else(|| {
            self.problem(name, &format!("must be {words}"));
            fallback
        })
    }

    fn account_url(&mut self, development: bool, issuer: &str) -> String {
        let default = if development { "/account".to_owned() } else { format!("{}/account", issuer.trim_end_matches('/')) };
        let url = self.get("ACCOUNT_URL").unwrap_or(default);
        let ok = development || (text::picture(&url).is_some() && !url.contains('#'));
        if !ok && !issuer.is_empty() {
            self.problem("ACCOUNT_URL", "must be an https URL");
        }
        url
    }

    fn cookie_domain(&mut self) -> Option<String> {
        let value = self.get("COOKIE_DOMAIN")?;
        let domain = value.strip_prefix('.').unwrap_or(&value);
        if is_domain(domain) {
            return Some(domain.to_owned());
        }
        self.problem("COOKIE_DOMAIN", "must be a domain in lower case, such as .hamrah.app");
        None
    }

    /// In production: names that browsers and other services rely on are real ones, and the cookie goes no further than the relying party.
    fn check_names(&mut self, rp_id: &str, cookie_domain: Option<&str>, issuer: &str) {
        if !rp_id.is_empty() && !is_domain(rp_id) {
            self.problem("RP_ID", "must be a domain in lower case, such as hamrah.app");
        }
        if cookie_domain.is_some_and(|domain| !is_within(domain, rp_id)) {
            self.problem("COOKIE_DOMAIN", "must be RP_ID or below it: whoever it covers gets every session");
        }
        let host = issuer.strip_prefix("https://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
        if !issuer.is_empty() && !host.is_some_and(is_domain) {
            self.problem("JWT_ISSUER", "must be an https URL (RFC 8414 §2)");
        }
    }

    fn signing_keys(&mut self) -> Option<SigningKeys> {
        let Some(json) = self.get("JWT_SIGNING_KEYS") else {
            self.problem("JWT_SIGNING_KEYS", "is not set (a JWK set with an Ed25519 key; `hamrah-api keys generate` makes one)");
            return None;
        };
        SigningKeys::parse(&json).map_err(|problem| self.problem("JWT_SIGNING_KEYS", &problem)).ok()
    }

    fn secrets_keys(&mut self, development: bool) -> Option<SecretsKeys> {
        let text = self.get("SECRETS_KEY")?;
        SecretsKeys::parse(&text, development).map_err(|problem| self.problem("SECRETS_KEY", problem)).ok()
    }

    fn count(&mut self, name: &str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
        let Some(value) = self.get(name) else { return default };
        value.parse().ok().filter(|count| allowed.contains(count)).unwrap_or_else(|| {
            self.problem(name, &format!("must be a whole number from {} to {}", allowed.start(), allowed.end()));
            default
        })
    }

    fn seconds(&mut self, name: &str, default: u64, most: Duration) -> Duration {
        let Some(value) = self.get(name) else { return Duration::from_secs(default) };
        match value.parse::<u64>() {
            Ok(seconds) if (60..=most.as_secs()).contains(&seconds) => Duration::from_secs(seconds),
            _ => {
                self.problem(name, &format!("must be a whole number of seconds from 60 to {}", most.as_secs()));
                Duration::ZERO
            }
        }
    }
}

fn on_or_off(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// The relying party's own origin is that of an app whose associated domain it is.
fn passkey_origins(rp_id: &str, allowed: &[Origin], related: &[Origin]) -> Vec<String> {
    let own = format!("https://{rp_id}");
    let configured = allowed.iter().chain(related).map(|origin| origin.as_str().to_owned());
    let others: Vec<_> = configured.filter(|origin| *origin != own).collect();
    std::iter::once(own).chain(others).collect()
}

#[cfg(test)]
mod tests;
