//! Decoys: made-up passkeys for an e-mail address without passkeys. The decoys of an address stay
//! until the key of decoys is rotated, so a request does not reveal which addresses have an
//! account.

use crate::accounts::domain::derived::derive_from;
use crate::accounts::model::config::Config;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::model::signing_keys::SigningKey;
use crate::accounts::store::passkeys::Descriptor;
use crate::kernel::model::base64;

const LABEL: &[u8] = b"hamrah-api passkey decoy v1";
/// The purpose of the mark at the end of a decoy's id. Only this service can recognise the mark.
/// Without it, an attacker could register the id and so learn that it belongs to a decoy.
const MARK_LABEL: &[u8] = b"hamrah-api passkey decoy mark v1";
const MARK_BYTES: usize = 8;
/// The most decoys of an address.
const MOST: u8 = 5;

/// The form of the passkeys of one kind of authenticator.
struct Kind {
    /// The length of an id.
    length: usize,
    /// The transports that the client reports. The iOS app reports none.
    transports: &'static [&'static str],
}

const fn kind(length: usize, transports: &'static [&'static str]) -> Kind {
    Kind { length, transports }
}

/// Common authenticators, each as often as 16 accounts have it.
const KINDS: [Kind; 16] = [
    // Password managers of phones and of browsers.
    kind(20, &["hybrid", "internal"]),
    kind(20, &["hybrid", "internal"]),
    kind(20, &["hybrid", "internal"]),
    kind(20, &["internal", "hybrid"]),
    kind(16, &["hybrid", "internal"]),
    kind(16, &["hybrid", "internal"]),
    kind(16, &["internal", "hybrid"]),
    kind(16, &["internal", "hybrid"]),
    kind(16, &["internal"]),
    kind(16, &[]),
    kind(20, &[]),
    kind(20, &[]),
    // Computers.
    kind(32, &["internal"]),
    kind(32, &["internal"]),
    // Security keys.
    kind(48, &["usb"]),
    kind(64, &["nfc", "usb"]),
];

/// Returns how many passkeys an account has. Most accounts have one, and few have many.
const fn number(dice: u8) -> u8 {
    match dice {
        0..160 => 1,
        160..220 => 2,
        220..242 => 3,
        242..251 => 4,
        251..=255 => MOST,
    }
}

/// The keys of decoys. Signing keys are rotated regularly, and changed decoys would tell an address
/// without an account. So the keys are those of `SECRETS_KEY`, if it is set.
pub(super) struct DecoyKeys<'a>(Vec<&'a [u8; 32]>);

impl<'a> DecoyKeys<'a> {
    /// Returns the keys, the current one first.
    pub(super) fn of(config: &'a Config) -> Self {
        if let Some(keys) = &config.secrets_keys {
            return Self(keys.bytes().collect());
        }
        let keys = config.signing_keys.iter();
        Self(keys.filter_map(SigningKey::seed).collect())
    }

    /// Returns the decoys of an address. The work is the same for each number of them.
    pub(super) fn decoys(&self, email: &Email) -> Vec<Descriptor> {
        let Some(key) = self.0.first() else {
            return Vec::new();
        };
        let message = email.as_str().as_bytes();
        let dice = derive_from(key, LABEL, message).map_or(0, |[dice, ..]| dice);
        let made: Vec<Descriptor> = (0..MOST)
            .filter_map(|index| decoy(key, &[message, &[0, index]].concat()))
            .collect();
        made.into_iter().take(usize::from(number(dice))).collect()
    }

    /// Returns true if an id belongs to a decoy. Its registration fails as if an account had it.
    pub(super) fn is_decoy(&self, id: &CredentialId) -> bool {
        let bytes = base64::decode(id.as_str()).unwrap_or_default();
        let Some((body, end)) = bytes.split_last_chunk::<MARK_BYTES>() else {
            return false;
        };
        let mut keys = self.0.iter();
        keys.any(|key| mark(key, body).as_ref() == Some(end))
    }
}

/// Returns the decoy that a message names.
fn decoy(key: &[u8; 32], message: &[u8]) -> Option<Descriptor> {
    let [die, ..] = derive_from(key, LABEL, message)?;
    let part = |name: &[u8]| derive_from(key, LABEL, &[message, name].concat());
    // The longest id is of both parts.
    let id = [part(b"id")?, part(b"id2")?].concat();
    let kind = KINDS.get(usize::from(die) % KINDS.len())?;
    let body = id.get(..kind.length.checked_sub(MARK_BYTES)?)?;
    Some(Descriptor {
        id: CredentialId::from_bytes(&[body, &mark(key, body)?].concat())?,
        transports: kind
            .transports
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    })
}

/// Returns the mark for the body of an id.
fn mark(key: &[u8; 32], body: &[u8]) -> Option<[u8; MARK_BYTES]> {
    derive_from(key, MARK_LABEL, body)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoys_are_stable_and_plausible() {
        let keys = DecoyKeys(vec![&[7; 32]]);
        let of = |number: usize| {
            let email = Email::parse(&format!("a{number}@example.com"));
            keys.decoys(&email.expect("an address"))
        };
        let (mut counts, mut lengths) = ([0; 6], [0; 65]);
        for number in 0..400 {
            assert_eq!(of(number), of(number));
            assert_ne!(of(number).first(), of(number + 1).first());
            counts[of(number).len()] += 1;
            for decoy in of(number) {
                assert!(keys.is_decoy(&decoy.id));
                let id = base64::decode(decoy.id.as_str()).expect("base64");
                lengths[id.len()] += 1;
            }
        }
        let other = CredentialId::from_bytes(&[7; 32]).expect("an id");
        assert!(!keys.is_decoy(&other));
        assert!(
            counts[0] == 0 && counts[1] > 200 && counts.iter().skip(1).all(|count| *count > 0),
            "{counts:?}"
        );
        for length in [16, 20, 32, 48, 64] {
            assert!(lengths[length] > 5, "{length}");
        }
    }
}
