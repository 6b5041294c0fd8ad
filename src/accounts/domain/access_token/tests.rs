//! A token is valid only between its issue and its expiry, only with the header that this service
//! writes, and only if no character has changed.

use super::*;
use crate::accounts::model::amr::Proof;
use futures_util::FutureExt;
use proptest::prelude::*;

struct Software;

#[async_trait]
impl Signatures for Software {
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
        key.sign(message)
    }

    async fn verifies(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool> {
        Some(key.verifies(message, signature))
    }
}

fn verified(config: &Config, token: &str, now: Timestamp) -> Result<TokenSubject, TokenRefusal> {
    verify(&Software, config, token, now)
        .now_or_never()
        .expect("nothing to wait for")
}

fn config() -> Config {
    let keys = SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| {
        u8::try_from(index * 7 + 8).unwrap_or(8)
    })))
    .to_json();
    Config::for_tests(&|name| match name {
        "ENVIRONMENT" => Some("development".to_owned()),
        "INTERNAL_API_KEY" => Some("uGkH3v9sQ1xYp7Lw2ZbT5nCe8RdA4mJf".to_owned()),
        "JWT_SIGNING_KEYS" => Some(keys.clone()),
        _ => None,
    })
    .expect("a configuration")
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn token(config: &Config) -> String {
    let of = AccessTokenSession {
        user: UserId::from_random([1; 16]),
        session: SessionId::from_random([2; 16]),
        platform: Platform::Ios,
        authenticated_at: NOW,
        amr: &Amr::of(Proof::Passkey { multi_device: true }),
    };
    let new = NewAccessToken {
        session: of,
        id: EventId::from_random([3; 16]),
        issued_at: NOW,
        expires_at: Timestamp::from_millis(NOW.millis() + 3_600_000),
    };
    sign(&Software, config, &new)
        .now_or_never()
        .flatten()
        .expect("signs")
}

#[test]
fn a_token_is_valid_until_the_second_of_its_expiry() {
    let config = config();
    let token = token(&config);
    let at = |seconds: i64| {
        verified(
            &config,
            &token,
            Timestamp::from_millis(NOW.millis() + seconds * 1000),
        )
    };
    assert_eq!(
        at(0).map(|subject| subject.user),
        Ok(UserId::from_random([1; 16]))
    );
    assert!(at(3599).is_ok());
    assert_eq!(at(3600), Err(TokenRefusal::Expired));
    assert!(
        at(-60).is_ok(),
        "another machine's clock may be a little behind"
    );
    assert_eq!(at(-61), Err(TokenRefusal::NotYet));
}

/// The first assertion fails if the library writes headers otherwise. Tokens from before such a
/// change would be refused.
#[test]
fn only_the_header_that_this_service_writes_is_accepted() {
    let config = config();
    let key = config.signing_keys.current();
    let token = token(&config);
    let claims = token.split('.').nth(1).expect("claims");
    let resigned = |header: &str| {
        let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).expect("signs"));
        verified(&config, &format!("{message}.{signature}"), NOW)
    };
    let members = format!(r#""typ":"at+jwt","alg":"EdDSA","kid":"{}""#, key.kid);
    assert!(resigned(&format!("{{{members}}}")).is_ok());
    for more in ["crit", "jwk", "cty", "x5t#S256", "unknown"] {
        assert_eq!(
            resigned(&format!(r#"{{"{more}":null,{members}}}"#)),
            Err(TokenRefusal::Header),
            "{more}"
        );
    }
    let other_order = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#, key.kid);
    for spelling in [
        format!(" {{{members}}}"),
        format!("{{{members}}}\n"),
        other_order,
    ] {
        assert_eq!(
            resigned(&spelling),
            Err(TokenRefusal::Header),
            "{spelling:?}"
        );
    }
    assert_eq!(
        resigned(&format!(r#"["at+jwt","EdDSA","{}"]"#, key.kid)),
        Err(TokenRefusal::Header)
    );
}

/// A platform that can neither sign nor verify.
pub(super) struct Failing;

#[async_trait]
impl Signatures for Failing {
    async fn sign(&self, _: &SigningKey, _: &[u8]) -> Option<[u8; 64]> {
        None
    }

    async fn verifies(&self, _: &SigningKey, _: &[u8], _: &[u8; 64]) -> Option<bool> {
        None
    }
}

#[test]
fn a_fault_of_the_platform_does_not_refuse_the_token() {
    use crate::accounts::domain::authenticate::AuthenticateRejection;
    use crate::kernel::domain::failure::{Failure, Fault};
    let config = config();
    let refused = verify(&Failing, &config, &token(&config), NOW)
        .now_or_never()
        .expect("nothing to wait for");
    assert_eq!(refused, Err(TokenRefusal::Unverified));
    // The caller may try again, so the response is a 503.
    assert!(matches!(
        Failure::from(TokenRefusal::Unverified),
        Failure::Fault(Fault::Unavailable(_))
    ));
    assert!(matches!(
        Failure::from(TokenRefusal::Signature),
        Failure::Rejected(AuthenticateRejection::AccessToken(_))
    ));
}

proptest! {
    #[test]
    fn random_text_is_not_a_token(text in "\\PC{0,200}") {
        prop_assert!(verified(&config(), &text, NOW).is_err());
    }

    #[test]
    fn a_changed_token_is_not_valid(
        index in any::<proptest::sample::Index>(),
        byte in "[A-Za-z0-9_.=+/-]",
    ) {
        let config = config();
        let token = token(&config);
        let at = index.index(token.len());
        let changed = format!("{}{byte}{}", &token[..at], &token[at + 1..]);
        prop_assert!(changed == token || verified(&config, &changed, NOW).is_err());
        let longer = format!("{}{byte}{}", &token[..at], &token[at..]);
        prop_assert!(verified(&config, &longer, NOW).is_err());
        prop_assert!(verified(&config, &token[..at], NOW).is_err());
    }
}
