//! Decoys: made-up passkeys for an e-mail address without passkeys. The decoys of an address never
//! change, so a request does not reveal which addresses have an account.

use crate::accounts::domain::derived::derive;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::model::signing_keys::SigningKey;
use crate::accounts::model::signing_keys::SigningKeys;
use crate::accounts::store::passkeys::Descriptor;
use crate::kernel::model::base64;

const LABEL: &[u8] = b"hamrah-api passkey decoy v1";
/// The purpose of the mark at the end of a decoy's id. Only this service can recognise the mark.
/// Without it, an attacker could register the id and so learn that it belongs to a decoy.
const MARK_LABEL: &[u8] = b"hamrah-api passkey decoy mark v1";
const MARK_BYTES: usize = 8;
/// The lengths of ids that common authenticators create.
const LENGTHS: [usize; 4] = [16, 20, 32, 32];
/// The transports that common clients report. The iOS app reports none.
const TRANSPORTS: [&[&str]; 4] = [
    &["hybrid", "internal"],
    &["internal"],
    &["internal", "hybrid"],
    &[],
];

/// Returns the decoys of an address: one, or sometimes two.
pub(super) fn decoys(key: &SigningKey, email: &Email) -> Vec<Descriptor> {
    let decoy = |number: u8| -> Option<(u8, Descriptor)> {
        let message = [email.as_str().as_bytes(), &[0, number]].concat();
        let shape = derive(key, LABEL, &message)?;
        let id = derive(key, LABEL, &[message.as_slice(), b"id"].concat())?;
        let [first, second, third, ..] = shape;
        let length = LENGTHS.get(usize::from(first % 4))?;
        let transports = TRANSPORTS
            .get(usize::from(second % 4))?
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let body = id.get(..length.checked_sub(MARK_BYTES)?)?;
        let mark = mark(key, body)?;
        Some((
            third,
            Descriptor {
                id: CredentialId::from_bytes(&[body, &mark].concat())?,
                transports,
            },
        ))
    };
    let (Some((dice, first)), Some((_, second))) = (decoy(0), decoy(1)) else {
        return Vec::new();
    };
    if dice < 64 {
        vec![first, second]
    } else {
        vec![first]
    }
}

/// Returns the mark for the body of an id.
fn mark(key: &SigningKey, body: &[u8]) -> Option<[u8; MARK_BYTES]> {
    derive(key, MARK_LABEL, body)?.first_chunk().copied()
}

/// Returns true if an id belongs to a decoy. Its registration fails as if an account had it.
pub(super) fn is_decoy(keys: &SigningKeys, id: &CredentialId) -> bool {
    let bytes = base64::decode(id.as_str()).unwrap_or_default();
    let Some((body, end)) = bytes.split_last_chunk::<MARK_BYTES>() else {
        return false;
    };
    keys.iter().any(|key| mark(key, body).as_ref() == Some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoys_are_stable_and_plausible() {
        let key = SigningKey::from_seed([7; 32]);
        let of = |number: usize| {
            decoys(
                &key,
                &Email::parse(&format!("a{number}@example.com")).expect("an address"),
            )
        };
        let mut counts = [0; 3];
        for number in 0..200 {
            assert_eq!(of(number), of(number));
            assert_ne!(of(number).first(), of(number + 1).first());
            counts[of(number).len()] += 1;
        }
        let keys = SigningKeys::single(key.clone());
        assert!(of(1).iter().all(|decoy| is_decoy(&keys, &decoy.id)));
        assert!(!is_decoy(
            &keys,
            &CredentialId::from_bytes(&[7; 32]).expect("an id")
        ));
        assert!(
            counts[0] == 0 && counts[1] > 100 && counts[2] > 10,
            "{counts:?}"
        );
    }
}
