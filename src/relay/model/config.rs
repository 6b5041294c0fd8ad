//! The settings of the relay.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::accounts::face;
use crate::kernel::model::base64;
use crate::kernel::model::config::{Reader, on_or_off};

/// The largest number of leading zero bits that `RELAY_POW_BITS` may ask for. A client needs about
/// 2^24 hashes for it, some ten seconds.
const MOST_POW_BITS: u32 = 24;

/// The largest number of hubs. A channel with readers at all of them calls each for a message.
const MOST_HUBS: u32 = 256;

/// The checked settings of the relay. Dereferences to the settings of accounts.
#[derive(Clone, Debug)]
pub struct Config {
    accounts: Arc<face::Config>,
    /// `RELAY`: false if the routes of the relay answer 404.
    pub enabled: bool,
    /// `RELAY_ACCESS_TOKEN_TTL_SECONDS`: the lifetime of an access token of a sign-in at the relay.
    pub access_token_ttl: Duration,
    /// `RELAY_TOTP_TWO_STEP`: true if a sign-in without the required TOTP code answers 200.
    pub totp_two_step: bool,
    /// `RELAY_POW_BITS`: the leading zero bits of the proof of work at a registration. 0 asks for
    /// none.
    pub pow_bits: u32,
    /// `RELAY_VERIFY_SIGNATURES`: false if only the lengths of keys and signatures are checked. In
    /// development only.
    pub verify_signatures: bool,
    /// `RELAY_MESSAGE_TTL_SECONDS`: the longest life of a message. `None`: messages are kept.
    pub message_ttl: Option<Duration>,
    /// `RELAY_MAX_SOCKETS`: the largest number of open sockets of an account.
    pub most_sockets: usize,
    /// `RELAY_HUBS`: the number of hubs, which hold the sockets.
    pub hubs: u32,
    /// `RELAY_EMAIL_KEY`: the key under which e-mail addresses are hashed. Without it none is kept.
    email_key: Option<EmailKey>,
}

/// The key under which e-mail addresses are hashed.
#[derive(Clone)]
struct EmailKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey(…)")
    }
}

/// The smallest length of `RELAY_EMAIL_KEY` in bytes.
const EMAIL_KEY_BYTES: usize = 32;

impl Deref for Config {
    type Target = face::Config;

    fn deref(&self) -> &face::Config {
        &self.accounts
    }
}

impl Config {
    /// Reads the settings of the relay. The reader collects the problems, also if the settings of
    /// accounts are unusable. In that case the result is `None`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        accounts: Option<Arc<face::Config>>,
    ) -> Option<Self> {
        let words = "`on` or `off`";
        let enabled = reader.word("RELAY", words, "on", on_or_off, true);
        let access_token_ttl = reader.seconds(
            "RELAY_ACCESS_TOKEN_TTL_SECONDS",
            86400,
            Duration::from_hours(30 * 24),
        );
        let totp_two_step = reader.word("RELAY_TOTP_TWO_STEP", words, "off", on_or_off, false);
        let pow_bits = reader.count("RELAY_POW_BITS", 0, 0..=MOST_POW_BITS);
        let verify_signatures =
            reader.word("RELAY_VERIFY_SIGNATURES", words, "on", on_or_off, true);
        if !verify_signatures && !reader.is_development() {
            reader.problem("RELAY_VERIFY_SIGNATURES", "must be `on` in production");
        }
        let message_ttl = reader.get("RELAY_MESSAGE_TTL_SECONDS").map(|_| {
            let longest = Duration::from_hours(10 * 365 * 24);
            reader.seconds("RELAY_MESSAGE_TTL_SECONDS", 0, longest)
        });
        let most_sockets = reader.count("RELAY_MAX_SOCKETS", 5, 1..=100);
        let most_sockets = usize::try_from(most_sockets).unwrap_or_default();
        let hubs = reader.count("RELAY_HUBS", 16, 1..=MOST_HUBS);
        let email_key = reader.get("RELAY_EMAIL_KEY").and_then(|text| {
            let key = base64::decode(&text).filter(|key| key.len() >= EMAIL_KEY_BYTES);
            if key.is_none() {
                reader.problem(
                    "RELAY_EMAIL_KEY",
                    "must be the base64 of at least 32 random bytes",
                );
            }
            key.map(|key| EmailKey(Zeroizing::new(key)))
        });
        Some(Self {
            accounts: accounts?,
            enabled,
            access_token_ttl,
            totp_two_step,
            pow_bits,
            verify_signatures,
            message_ttl,
            most_sockets,
            hubs,
            email_key,
        })
    }

    /// Returns the hash of an e-mail address in lower case: HMAC-SHA-256 under `RELAY_EMAIL_KEY`.
    /// `None` without a key.
    #[must_use]
    pub fn email_hash(&self, email: &str) -> Option<String> {
        let key = self.email_key.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
        mac.update(email.trim().to_lowercase().as_bytes());
        Some(base64::encode(mac.finalize().into_bytes()))
    }
}
