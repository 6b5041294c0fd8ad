//! The settings of the kernel, and the reader that every system reads its settings with.
//!
//! The names are the same in the Worker's variables, in the environment and in `.dev.vars`. All
//! settings are read once, and every problem is reported at once. A typo never becomes a weaker
//! setting.

mod internal_services;
mod webhook_settings;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::kernel::model::origin::{AppOrigin, Origin, is_domain, is_loopback};
use crate::kernel::model::webhook::Webhook;

pub use internal_services::InternalKey;

/// The environment of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    /// A developer's machine.
    Development,
    /// Everywhere else.
    Production,
}

/// The checked settings of the kernel.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENVIRONMENT`: `development` or `production`; has no default.
    pub environment: Environment,
    /// `ALLOWED_ORIGINS`: web origins that may call with cookies, separated by commas.
    pub allowed_origins: Vec<Origin>,
    /// The origins of apps in `ALLOWED_ORIGINS`. Their pages may call without cookies.
    pub app_origins: Vec<AppOrigin>,
    /// `RATE_LIMITS`: true if requests are counted per address.
    pub rate_limits: bool,
    /// `WEBHOOK_URL` and `WEBHOOK_SECRETS`: the receiver of security events, if there is one.
    pub webhook: Option<Webhook>,
    /// `INTERNAL_SERVICES`: the allowed values of `X-Internal-Service`.
    pub internal_services: Vec<String>,
    /// `INTERNAL_API_KEY`: one key, or several during a rotation.
    pub internal_keys: Vec<InternalKey>,
    /// `D1_REPLICAS`: true if a D1 replica may answer reads of a caller's own data. Has no effect
    /// natively.
    pub d1_replicas: bool,
}

impl Config {
    /// Reads the settings of the kernel. The reader keeps the problems.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let development = reader.is_development();
        // Test suites, benchmarks and browsers on a developer's machine share one address.
        let default = if development { "off" } else { "on" };
        let (app_origins, allowed_origins) = reader.origins(development);
        Self {
            environment: reader.environment.unwrap_or(Environment::Production),
            allowed_origins,
            app_origins,
            rate_limits: reader.word("RATE_LIMITS", "`on` or `off`", default, on_or_off, true),
            webhook: reader.webhook(development),
            internal_services: reader.services(),
            internal_keys: reader.internal_keys(development),
            d1_replicas: reader.word("D1_REPLICAS", "`on` or `off`", "off", on_or_off, true),
        }
    }

    /// Returns true if `presented` is one of the internal keys. Takes the same time for every wrong
    /// value.
    #[must_use]
    pub fn is_internal_key(&self, presented: &[u8]) -> bool {
        InternalKey::is_among(&self.internal_keys, presented)
    }

    /// Returns true if `origin` is one of the allowed web origins, or in development a page of the
    /// developer's machine on any port.
    #[must_use]
    pub fn allows_origin(&self, origin: &[u8]) -> bool {
        let mut listed = self.allowed_origins.iter();
        listed.any(|allowed| allowed.as_str().as_bytes() == origin)
            || (self.environment == Environment::Development && is_loopback(origin))
    }

    /// Returns true if `origin` is the origin of an allowed app.
    #[must_use]
    pub fn allows_app_origin(&self, origin: &[u8]) -> bool {
        let mut listed = self.app_origins.iter();
        listed.any(|allowed| allowed.as_str().as_bytes() == origin)
    }
}

/// All problems of a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is invalid:\n  - {}", .0.join("\n  - "))]
pub struct ConfigError(pub Vec<String>);

/// Reads settings one by one and collects every problem.
pub(crate) struct Reader<'a> {
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) problems: Vec<String>,
    pub(crate) environment: Option<Environment>,
}

impl<'a> Reader<'a> {
    /// Reads `ENVIRONMENT`, on which the defaults of other settings depend.
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let mut reader = Self {
            lookup,
            problems: Vec::new(),
            environment: None,
        };
        reader.environment = reader.read_environment();
        reader
    }

    /// Returns true if `ENVIRONMENT` is `development`.
    pub(crate) fn is_development(&self) -> bool {
        self.environment == Some(Environment::Development)
    }

    /// Returns true if `ENVIRONMENT` is `production`.
    pub(crate) fn is_production(&self) -> bool {
        self.environment == Some(Environment::Production)
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn problem(&mut self, name: &str, problem: &str) {
        self.problems.push(format!("{name} {problem}"));
    }

    fn read_environment(&mut self) -> Option<Environment> {
        match self.get("ENVIRONMENT").as_deref() {
            Some("development") => Some(Environment::Development),
            Some("production") => Some(Environment::Production),
            Some(_) => {
                self.problem("ENVIRONMENT", "must be `development` or `production`");
                None
            }
            None => {
                self.problem(
                    "ENVIRONMENT",
                    "is not set: it must be `development` or `production`",
                );
                None
            }
        }
    }

    pub(crate) fn text(&mut self, name: &str, default: Option<&str>) -> String {
        match (self.get(name), default) {
            (Some(value), _) if value.len() <= 255 => value,
            (Some(_), _) => {
                self.problem(name, "is longer than 255 bytes");
                String::new()
            }
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                let example = match name {
                    "RP_ID" => {
                        "is not set: it is the domain of your users' pages, such as hamrah.app"
                    }
                    "JWT_ISSUER" => "is not set: it is the https URL of this service",
                    "JWT_AUDIENCE" => {
                        "is not set: it names the services that accept the tokens, such as hamrah"
                    }
                    _ => "is not set",
                };
                self.problem(name, example);
                String::new()
            }
        }
    }

    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn origins(&mut self, development: bool) -> (Vec<AppOrigin>, Vec<Origin>) {
        let named = self.list("ALLOWED_ORIGINS");
        if named.is_empty() && !development {
            self.problem(
                "ALLOWED_ORIGINS",
                "is not set: it lists the https origins of your web pages, separated by commas",
            );
        }
        let (mut apps, mut web) = (Vec::new(), Vec::new());
        for text in named {
            match AppOrigin::parse(&text) {
                Some(app) => apps.push(app),
                None => web.push(text),
            }
        }
        (
            apps,
            self.checked_origins("ALLOWED_ORIGINS", web, development),
        )
    }

    pub(crate) fn checked_origins(
        &mut self,
        name: &str,
        named: Vec<String>,
        development: bool,
    ) -> Vec<Origin> {
        let mut origins = Vec::with_capacity(named.len());
        for text in named {
            if text.contains([';', '|']) || text.contains(char::is_whitespace) {
                self.problem(
                    name,
                    &format!("has {text}: separate several origins by commas"),
                );
                continue;
            }
            match Origin::parse(&text) {
                Ok(origin) if !development && !origin.host().is_some_and(is_domain) => {
                    self.problem(name, &format!("has {text}, whose host is not a domain"));
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

    /// Reads one of a few words, spelled exactly. An empty value is a problem too.
    pub(crate) fn word<T>(
        &mut self,
        name: &str,
        words: &str,
        default: &str,
        parse: fn(&str) -> Option<T>,
        fallback: T,
    ) -> T {
        parse((self.lookup)(name).as_deref().map_or(default, str::trim)).unwrap_or_else(|| {
            self.problem(name, &format!("must be {words}"));
            fallback
        })
    }

    pub(crate) fn count(&mut self, name: &str, default: u32, allowed: RangeInclusive<u32>) -> u32 {
        let Some(value) = self.get(name) else {
            return default;
        };
        value
            .parse()
            .ok()
            .filter(|count| allowed.contains(count))
            .unwrap_or_else(|| {
                self.problem(
                    name,
                    &format!(
                        "must be a whole number from {} to {}",
                        allowed.start(),
                        allowed.end()
                    ),
                );
                default
            })
    }

    pub(crate) fn seconds(&mut self, name: &str, default: u64, most: Duration) -> Duration {
        let Some(value) = self.get(name) else {
            return Duration::from_secs(default);
        };
        match value.parse::<u64>() {
            Ok(seconds) if (60..=most.as_secs()).contains(&seconds) => Duration::from_secs(seconds),
            _ => {
                self.problem(
                    name,
                    &format!(
                        "must be a whole number of seconds from 60 to {}",
                        most.as_secs()
                    ),
                );
                Duration::from_secs(default)
            }
        }
    }
}

/// Reads `on` or `off`.
pub(crate) fn on_or_off(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}
