//! The settings of accounts.

mod attest_settings;
mod password_settings;

use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::model::attest;
use crate::accounts::model::password;
use crate::accounts::model::secrets_key::SecretsKeys;
use crate::accounts::model::signing_keys::SigningKeys;
use crate::kernel::model::config;
use crate::kernel::model::config::Reader;
use crate::kernel::model::origin::{Origin, is_domain, is_public_suffix, is_within};
use crate::kernel::model::text;

/// The longest lifetime of a web session, however often it is used.
pub const SESSION_ABSOLUTE_LIMIT: Duration = Duration::from_hours(90 * 24);
/// The longest lifetime of a chain of refresh tokens, however often it is refreshed.
pub const REFRESH_ABSOLUTE_LIMIT: Duration = Duration::from_hours(180 * 24);
/// How long a caller who lost the response may repeat a refresh.
pub const REFRESH_REPEAT_WINDOW: Duration = Duration::from_secs(30);
/// How long the event log keeps refreshes of token pairs. Every device causes one per hour, so they
/// are by far the most events. All other events stay as long as the account.
pub const REFRESH_EVENTS_KEPT: Duration = Duration::from_hours(90 * 24);
/// How recent the last authentication must be for actions that cannot be undone.
const RECENT_AUTHENTICATION_SECONDS: u64 = 600;
/// The number of sign-ups that a network may make at once: a class of a school, behind one address.
const SIGN_UPS_PER_NETWORK: u32 = 60;

/// The checked settings of accounts. Dereferences to the kernel's settings.
#[derive(Clone, Debug)]
pub struct Config {
    kernel: Arc<config::Config>,
    /// `COOKIE_DOMAIN`: the domain that shares the session cookie with its subdomains, without the
    /// leading dot. Unset: the cookie is host-only.
    pub cookie_domain: Option<String>,
    /// `RP_ID`: the WebAuthn relying party.
    pub rp_id: String,
    /// `RP_NAME`: the relying party's name for users.
    pub rp_name: String,
    /// `RELATED_ORIGINS`: further origins that may use the relying party's passkeys, separated by
    /// commas (WebAuthn Level 3 §5.11).
    pub related_origins: Vec<Origin>,
    /// All origins from which passkeys are accepted: the relying party's own, which the iOS app's
    /// passkeys also have, the allowed origins and the related ones.
    pub passkey_origins: Vec<String>,
    /// `ACCOUNT_URL`: the account page, on which users change how they sign in.
    pub account_url: String,
    /// The settings of App Attest, with the application ids of the iOS apps.
    pub attest: attest::AttestSettings,
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
    /// `RECENT_AUTHENTICATION_SECONDS`: how long a sign-in counts as recent for sensitive actions.
    pub recent_authentication: Duration,
    /// `SECRETS_KEY`: the keys that encrypt TOTP secrets. Unset: TOTP is not available.
    pub secrets_keys: Option<SecretsKeys>,
    /// The settings of passwords.
    pub passwords: password::PasswordSettings,
    /// `SIGN_UPS_PER_NETWORK`: the number of sign-ups that a network may make at once. `None` if
    /// they are not counted.
    pub sign_ups_per_network: Option<NonZeroU32>,
    /// `STEP_UP_PASSKEYS`: true if adding or removing a passkey needs a recent sign-in.
    pub step_up_passkeys: bool,
    /// `CSRF_TOKEN`: true if a browser's unsafe request with a cookie needs a CSRF token.
    pub csrf_token_required: bool,
}

impl Deref for Config {
    type Target = config::Config;

    fn deref(&self) -> &config::Config {
        &self.kernel
    }
}

impl Config {
    /// Reads the settings of accounts. The reader collects the problems. Returns `None` if there
    /// are no signing keys.
    pub(crate) fn read(reader: &mut Reader<'_>, kernel: Arc<config::Config>) -> Option<Self> {
        let (development, production) = (reader.is_development(), reader.is_production());
        let cookie_domain = reader.cookie_domain();
        let rp_id = reader.text("RP_ID", development.then_some("localhost"));
        let rp_name = reader.text("RP_NAME", Some("Hamrah"));
        let related_origins = reader.related_origins(development);
        let attest = reader.attest(production);
        let signing_keys = reader.signing_keys();
        let jwt_issuer = reader.text("JWT_ISSUER", development.then_some("http://localhost"));
        let account_url = reader.account_url(development, &jwt_issuer);
        let jwt_audience = reader.text("JWT_AUDIENCE", development.then_some("hamrah"));
        let access_token_ttl =
            reader.seconds("ACCESS_TOKEN_TTL_SECONDS", 3600, Duration::from_hours(24));
        let refresh_token_ttl = reader.seconds(
            "REFRESH_TOKEN_TTL_SECONDS",
            30 * 86400,
            REFRESH_ABSOLUTE_LIMIT,
        );
        let session_ttl = reader.seconds("SESSION_TTL_SECONDS", 30 * 86400, SESSION_ABSOLUTE_LIMIT);
        let recent_authentication = reader.seconds(
            "RECENT_AUTHENTICATION_SECONDS",
            RECENT_AUTHENTICATION_SECONDS,
            Duration::from_hours(24),
        );
        let secrets_keys = reader.secrets_keys(development);
        let csrf_token_required = reader.word(
            "CSRF_TOKEN",
            "`off` or `require`",
            "off",
            off_or_require,
            true,
        );
        let step_up_passkeys = reader.word(
            "STEP_UP_PASSKEYS",
            "`off` or `require`",
            "off",
            off_or_require,
            true,
        );
        let passwords = reader.passwords(development);
        // Test suites and browsers on a developer's machine share one address.
        let default = if development { 0 } else { SIGN_UPS_PER_NETWORK };
        let sign_ups_per_network = reader.count("SIGN_UPS_PER_NETWORK", default, 0..=1_000_000);
        if production {
            reader.check_names(&rp_id, cookie_domain.as_deref(), &jwt_issuer);
        }
        if access_token_ttl > refresh_token_ttl {
            reader.problem(
                "ACCESS_TOKEN_TTL_SECONDS",
                "must not be longer than REFRESH_TOKEN_TTL_SECONDS: access ends with the session",
            );
        }
        Some(Self {
            passkey_origins: passkey_origins(&rp_id, &kernel.allowed_origins, &related_origins),
            kernel,
            cookie_domain,
            rp_id,
            rp_name,
            related_origins,
            account_url,
            attest,
            signing_keys: signing_keys?,
            jwt_issuer,
            jwt_audience,
            access_token_ttl,
            refresh_token_ttl,
            session_ttl,
            recent_authentication,
            secrets_keys,
            passwords,
            sign_ups_per_network: NonZeroU32::new(sign_ups_per_network),
            step_up_passkeys,
            csrf_token_required,
        })
    }
}

#[cfg(test)]
impl Config {
    /// Reads the settings for a unit test.
    pub(crate) fn for_tests(lookup: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let mut reader = Reader::new(lookup);
        let kernel = Arc::new(config::Config::read(&mut reader));
        Self::read(&mut reader, kernel)
    }
}

impl Reader<'_> {
    fn related_origins(&mut self, development: bool) -> Vec<Origin> {
        let named = self.list("RELATED_ORIGINS");
        self.checked_origins("RELATED_ORIGINS", named, development)
    }

    fn account_url(&mut self, development: bool, issuer: &str) -> String {
        let default = if development {
            "/account".to_owned()
        } else {
            format!("{}/account", issuer.trim_end_matches('/'))
        };
        let Some(url) = self.get("ACCOUNT_URL") else {
            return default;
        };
        if !development && (text::picture(&url).is_none() || url.contains('#')) {
            self.problem(
                "ACCOUNT_URL",
                "must be an https URL without a fragment, such as https://api.hamrah.app/account",
            );
        }
        url
    }

    fn cookie_domain(&mut self) -> Option<String> {
        let value = self.get("COOKIE_DOMAIN")?;
        let domain = value.strip_prefix('.').unwrap_or(&value);
        if is_domain(domain) {
            return Some(domain.to_owned());
        }
        self.problem(
            "COOKIE_DOMAIN",
            &format!("must be a domain such as .hamrah.app{BARE_DOMAIN}, not {value}"),
        );
        None
    }

    /// Checks settings for production: names that browsers and other services use must be real, and
    /// the cookie must not be sent beyond the relying party.
    fn check_names(&mut self, rp_id: &str, cookie_domain: Option<&str>, issuer: &str) {
        let is_rp = is_domain(rp_id);
        if !rp_id.is_empty() && !is_rp {
            self.problem(
                "RP_ID",
                &format!("must be a domain such as hamrah.app{BARE_DOMAIN}, not {rp_id}"),
            );
        } else if is_rp && is_public_suffix(rp_id) {
            self.problem(
                "RP_ID",
                "is a public suffix, which browsers refuse: name the domain of your own below it",
            );
        } else if is_rp && cookie_domain.is_some_and(|domain| !is_within(domain, rp_id)) {
            self.problem(
                "COOKIE_DOMAIN",
                &format!(
                    "must be RP_ID ({rp_id}) or below it, because every host that it covers \
                     receives the session cookie. Leave it unset if one host needs the cookie"
                ),
            );
        }
        let host = issuer
            .strip_prefix("https://")
            .map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
        if !issuer.is_empty() && !host.is_some_and(is_domain) {
            self.problem(
                "JWT_ISSUER",
                &format!(
                    "must be an https URL with a domain in lower case, such as \
                     https://api.hamrah.app (RFC 8414 §2), not {issuer}"
                ),
            );
        }
    }

    fn signing_keys(&mut self) -> Option<SigningKeys> {
        let Some(json) = self.get("JWT_SIGNING_KEYS") else {
            self.problem(
                "JWT_SIGNING_KEYS",
                "is not set (a JWK set with an Ed25519 key; `hamrah-api keys generate` makes one)",
            );
            return None;
        };
        SigningKeys::parse(&json)
            .map_err(|problem| self.problem("JWT_SIGNING_KEYS", &problem))
            .ok()
    }

    fn secrets_keys(&mut self, development: bool) -> Option<SecretsKeys> {
        let text = self.get("SECRETS_KEY")?;
        SecretsKeys::parse(&text, development)
            .map_err(|problem| self.problem("SECRETS_KEY", problem))
            .ok()
    }
}

/// What a setting that names a domain leaves out.
const BARE_DOMAIN: &str = ", in lower case and without scheme, port, slash and wildcard";

fn off_or_require(word: &str) -> Option<bool> {
    match word {
        "off" => Some(false),
        "require" => Some(true),
        _ => None,
    }
}

/// The relying party's own origin is also the origin of an app with this associated domain.
fn passkey_origins(rp_id: &str, allowed: &[Origin], related: &[Origin]) -> Vec<String> {
    let own = format!("https://{rp_id}");
    let configured = allowed
        .iter()
        .chain(related)
        .map(|origin| origin.as_str().to_owned());
    let others: Vec<_> = configured.filter(|origin| *origin != own).collect();
    std::iter::once(own).chain(others).collect()
}
