//! Origins and domains in the settings that do not fit each other. The service starts with them,
//! and browsers refuse to use them.

use crate::app::config::Config;
use crate::kernel::model::config::Environment;
use crate::kernel::model::origin::{is_domain, is_within};
use crate::platform::native::known_settings::distance;

/// The letters by which a scheme differs at most from the one that was meant.
const MOST_EDITS: usize = 2;

/// The way out if no page can use passkeys.
const REMEDY: &str = "Set RP_ID to the domain of your pages, or correct the origins if passkeys \
                      exist already";

/// Returns the problems, each as one sentence with its remedy.
pub(super) fn origin_problems(config: &Config) -> Vec<String> {
    let (kernel, accounts) = (&config.kernel, &config.accounts);
    let is_production = kernel.environment == Environment::Production;
    let own: Vec<&str> = accounts.jwt_issuer.split('/').take(3).collect();
    let own = own.join("/");
    let no_pages = is_production && !kernel.allows_origin(own.as_bytes());
    let rp_id = &accounts.rp_id;
    let mut problems = Vec::new();
    match (has_no_passkeys(config), no_pages) {
        (true, true) => problems.push(format!(
            "ALLOWED_ORIGINS has no origin at or below RP_ID ({rp_id}), and lacks {own}, the \
             origin of JWT_ISSUER: no page can use passkeys, and the pages /account and /admin of \
             the service cannot call it. {REMEDY}"
        )),
        (true, false) => problems.push(format!(
            "RP_ID is {rp_id}, but no origin in ALLOWED_ORIGINS or RELATED_ORIGINS is that domain \
             or below it: no page can use passkeys. {REMEDY}"
        )),
        (false, true) => problems.push(format!(
            "ALLOWED_ORIGINS lacks {own}, the origin of JWT_ISSUER: the pages /account and /admin \
             of the service cannot call it"
        )),
        (false, false) => {}
    }
    let host = own.rsplit('/').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    if let Some(domain) = &accounts.cookie_domain
        && is_production
        && is_domain(host)
        && !is_within(host, domain)
    {
        problems.push(format!(
            "COOKIE_DOMAIN is {domain}, which does not cover {host}, the host of JWT_ISSUER: \
             browsers drop the session cookie"
        ));
    }
    for origin in &kernel.app_origins {
        let (scheme, host) = origin.as_str().split_once("://").unwrap_or_default();
        if is_domain(host) && distance(scheme, "https") <= MOST_EDITS {
            problems.push(format!(
                "ALLOWED_ORIGINS has {}, which counts as the origin of an app: did you mean \
                 https://{host}?",
                origin.as_str()
            ));
        }
    }
    problems
}

/// Returns true if no page can use passkeys.
fn has_no_passkeys(config: &Config) -> bool {
    let (kernel, accounts) = (&config.kernel, &config.accounts);
    let is_of_rp = |host: &str| is_within(host, &accounts.rp_id);
    let mut allowed = kernel.allowed_origins.iter();
    let is_related = |origin: &String| {
        *origin != format!("https://{}", accounts.rp_id) && !kernel.allows_origin(origin.as_bytes())
    };
    // Every origin of localhost is allowed in development.
    let is_production = kernel.environment == Environment::Production;
    (is_production || accounts.rp_id != "localhost")
        && !kernel.allowed_origins.is_empty()
        && !allowed.any(|origin| origin.host().is_some_and(is_of_rp))
        && !accounts.passkey_origins.iter().any(is_related)
}

/// Returns a sentence for each origin whose pages cannot use passkeys although others can.
pub(super) fn origins_without_passkeys(config: &Config) -> Vec<String> {
    let (kernel, rp_id) = (&config.kernel, &config.accounts.rp_id);
    if has_no_passkeys(config) || kernel.environment == Environment::Development {
        return Vec::new();
    }
    let origins = kernel.allowed_origins.iter();
    let is_outside = |host: &str| !is_within(host, rp_id);
    let outside = origins.filter(|origin| origin.host().is_some_and(is_outside));
    let related = &config.accounts.related_origins;
    let outside = outside.filter(|origin| !related.iter().any(|it| it.as_str() == origin.as_str()));
    outside
        .map(|origin| {
            format!(
                "{} is not at or below RP_ID ({rp_id}): its pages cannot use passkeys. If they \
                 should, correct RP_ID before the first passkey is made",
                origin.as_str()
            )
        })
        .collect()
}
