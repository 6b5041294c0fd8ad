//! Password hashes: Argon2id with a pepper (RFC 9106, stored as PHC strings), and imported bcrypt
//! hashes of other services.

use argon2::password_hash::phc::{Decimal, Ident, Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, KeyId, Params, ParamsBuilder, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::bcrypt_hash::{BCRYPT_COSTS, BcryptHash};
use crate::accounts::model::password::{Argon2Cost, Password, PasswordHash, PasswordSettings};

/// The length of a salt in bytes (RFC 9106 §3.1).
pub const SALT_BYTES: usize = 16;
/// The length of a hash in bytes.
const HASH_BYTES: usize = 32;
/// The maximum length of an imported hash in bytes.
const MOST_HASH_BYTES: usize = 64;

/// Hashes a password with the cost and pepper of the settings. Returns `None` if Argon2 refuses
/// them, which the checks of the settings rule out.
#[must_use]
pub fn hash(
    settings: &PasswordSettings,
    password: &Password,
    salt: &[u8; SALT_BYTES],
) -> Option<PasswordHash> {
    let Argon2Cost {
        memory,
        passes,
        lanes,
    } = settings.cost;
    let mut params = ParamsBuilder::new();
    params
        .m_cost(memory)
        .t_cost(passes)
        .p_cost(lanes)
        .output_len(HASH_BYTES);
    let mut named = ParamsString::new();
    for (name, value) in [("m", memory), ("t", passes), ("p", lanes)] {
        named.add_decimal(name, Decimal::from(value)).ok()?;
    }
    let pepper = settings.pepper.current();
    if let Some((id, _)) = pepper {
        params.keyid(id.parse::<KeyId>().ok()?);
        named
            .add_str("keyid", argon2::password_hash::phc::Value::new(id).ok()?)
            .ok()?;
    }
    let bytes = derive(
        password.as_bytes(),
        salt,
        params.build().ok()?,
        pepper.map(|(_, key)| key),
        HASH_BYTES,
    )?;
    let phc = Phc {
        algorithm: Ident::new("argon2id").ok()?,
        version: Some(Version::V0x13.into()),
        params: named,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(&bytes).ok()?),
    };
    Some(PasswordHash::from_stored(phc.to_string()))
}

/// Returns true if `password` has the hash. No password has a hash that cannot be read, is too
/// expensive, or was computed with a removed pepper.
#[must_use]
pub fn verifies(settings: &PasswordSettings, password: &Password, stored: &PasswordHash) -> bool {
    if is_current(settings, stored) {
        return verifies_form(settings, password.as_bytes(), stored.as_str());
    }
    // Another service may have hashed the password in another form.
    let forms = password.forms();
    let mut matches = forms
        .iter()
        .map(|form| verifies_form(settings, form.as_bytes(), stored.as_str()));
    matches.any(|matches| matches)
}

fn verifies_form(settings: &PasswordSettings, password: &[u8], stored: &str) -> bool {
    match BcryptHash::parse(stored) {
        Some(hash) => hash.verifies(password),
        None => verifies_argon2(settings, password, stored).unwrap_or(false),
    }
}

/// Returns true if the hash has the current cost and the first pepper.
#[must_use]
pub fn is_current(settings: &PasswordSettings, stored: &PasswordHash) -> bool {
    let Some((_, params)) = read(stored.as_str()) else {
        return false;
    };
    let cost = Argon2Cost {
        memory: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    };
    cost == settings.cost
        && params.output_len() == Some(HASH_BYTES)
        && key_id(stored.as_str()) == settings.pepper.current().map(|(id, _)| id)
}

/// Returns the reason why a hash of another service cannot be imported, or `None` if it can: it can
/// be read and is not too expensive.
#[must_use]
pub fn refusal(settings: &PasswordSettings, stored: &str) -> Option<&'static str> {
    if stored.starts_with("$2") {
        return match BcryptHash::parse(stored) {
            None => Some("password_hash must be a bcrypt hash of version 2a, 2b or 2y"),
            Some(hash) if !BCRYPT_COSTS.contains(&hash.cost) => {
                Some("password_hash must have a bcrypt cost of 4 to 12")
            }
            Some(_) => None,
        };
    }
    if !stored.starts_with("$argon2id$") {
        return Some("password_hash must be an Argon2id or bcrypt hash");
    }
    if !has_parameters_once(stored) {
        return Some("password_hash must have each of the parameters m, t and p once");
    }
    if read(stored).is_none() {
        return Some(
            "password_hash must be a PHC string of Argon2id, version 19, of acceptable cost",
        );
    }
    key_id(stored)
        .is_some_and(|id| settings.pepper.of(id).is_none())
        .then_some("password_hash must have a configured pepper")
}

/// Returns true if the PHC string of Argon2 names memory, passes and lanes, each once. The library
/// fills in a missing one.
fn has_parameters_once(stored: &str) -> bool {
    let parameters = stored.split('$').nth(3).unwrap_or_default();
    ["m", "t", "p"].iter().all(|name| {
        let named = parameters
            .split(',')
            .filter(|each| each.split('=').next() == Some(name));
        named.count() == 1
    })
}

fn verifies_argon2(settings: &PasswordSettings, password: &[u8], stored: &str) -> Option<bool> {
    let (phc, params) = read(stored)?;
    let pepper = match key_id(stored) {
        Some(id) => Some(settings.pepper.of(id)?),
        None => None,
    };
    let (salt, expected) = (phc.salt?, phc.hash?);
    let bytes = derive(password, &salt, params, pepper, expected.len())?;
    Some(bytes.as_slice().ct_eq(expected.as_bytes()).into())
}

/// Reads a PHC string: Argon2id of version 1.3 with salt and hash, and not too expensive.
fn read(stored: &str) -> Option<(Phc, Params)> {
    let phc = Phc::new(stored).ok()?;
    let params = Params::try_from(&phc).ok()?;
    let cost = Argon2Cost {
        memory: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    };
    let ok = phc.algorithm.as_str() == "argon2id"
        && phc.version == Some(Version::V0x13.into())
        && phc.salt.is_some()
        && phc
            .hash
            .as_ref()
            .is_some_and(|hash| (16..=MOST_HASH_BYTES).contains(&hash.len()))
        && params.data().is_empty()
        && has_parameters_once(stored)
        && cost.is_bearable();
    ok.then_some((phc, params))
}

/// Returns the id of the pepper in a hash.
fn key_id(stored: &str) -> Option<&str> {
    stored
        .split('$')
        .nth(3)?
        .split(',')
        .find_map(|param| param.strip_prefix("keyid="))
}

fn derive(
    password: &[u8],
    salt: &[u8],
    params: Params,
    pepper: Option<&Zeroizing<[u8; 32]>>,
    length: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let argon2 = match pepper {
        Some(key) => {
            Argon2::new_with_secret(key.as_slice(), Algorithm::Argon2id, Version::V0x13, params)
                .ok()?
        }
        None => Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
    };
    let mut bytes = Zeroizing::new(vec![0; length]);
    argon2.hash_password_into(password, salt, &mut bytes).ok()?;
    Some(bytes)
}

/// Returns a hash that no password has and that costs as much as a real one, for accounts that do
/// not exist.
#[must_use]
pub fn decoy(settings: &PasswordSettings) -> PasswordHash {
    let Argon2Cost {
        memory,
        passes,
        lanes,
    } = settings.cost;
    let key = settings
        .pepper
        .current()
        .map(|(id, _)| format!(",keyid={id}"))
        .unwrap_or_default();
    let (salt, hash) = ("A".repeat(22), "A".repeat(43));
    PasswordHash::from_stored(format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}{key}${salt}${hash}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::model::password::Pepper;

    const FIRST: &str = "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE";
    const SECOND: &str = "Zp4rW7aTq9LmX2cVb8NfHk3sJd6yGu1oEiRwQzTxYv0";

    fn with_pepper(text: &str) -> PasswordSettings {
        let cost = Argon2Cost {
            memory: 64,
            passes: 1,
            lanes: 1,
        };
        let pepper = if text.is_empty() {
            Pepper::default()
        } else {
            Pepper::parse(text, true).expect("a pepper")
        };
        PasswordSettings {
            cost,
            pepper,
            min_length: 8,
            at_once: 8,
            breached_url: None,
        }
    }

    fn password(text: &str) -> Password {
        Password::presented(text).expect("a password")
    }

    #[test]
    fn a_hash_is_verified_by_its_password_and_its_pepper_only() {
        let (none, one) = (with_pepper(""), with_pepper(FIRST));
        let rotated = with_pepper(&format!("{SECOND},{FIRST}"));
        let zebra = password("zebra-77");
        for (made_with, kept, lost) in [
            (&none, vec![&none, &one, &rotated], vec![]),
            (&one, vec![&one, &rotated], vec![&none]),
        ] {
            let stored = hash(made_with, &zebra, &[7; 16]).expect("a hash");
            assert!(
                is_current(made_with, &stored) && refusal(made_with, stored.as_str()).is_none(),
                "{}",
                stored.as_str()
            );
            for settings in kept {
                assert!(
                    verifies(settings, &zebra, &stored)
                        && !verifies(settings, &password("zebra-78"), &stored)
                );
            }
            for settings in lost {
                assert!(
                    !verifies(settings, &zebra, &stored)
                        && refusal(settings, stored.as_str()).is_some()
                );
            }
        }
        let old = hash(&one, &zebra, &[7; 16]).expect("a hash");
        assert!(!is_current(&rotated, &old) && !is_current(&none, &old));
        assert!(
            old.as_str().contains(",keyid=")
                && hash(&none, &zebra, &[7; 16]).expect("a hash") != old
        );
    }

    #[test]
    fn a_known_hash_of_another_implementation_verifies() {
        // The reference implementation's: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l
        // 32 (test.c, version 1.3).
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                      CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let settings = with_pepper("");
        let known = PasswordHash::from_stored(stored.to_owned());
        assert!(
            verifies(&settings, &password("password"), &known)
                && !verifies(&settings, &password("passwort"), &known)
        );
        assert!(!is_current(&settings, &known) && refusal(&settings, stored).is_none());
    }

    #[test]
    fn bcrypt_is_verified_in_all_its_spellings() {
        let settings = with_pepper("");
        let made = bcrypt::hash_with_salt("adm1-hash", 4, [9; 16]).expect("a hash");
        for version in [
            bcrypt::Version::TwoA,
            bcrypt::Version::TwoB,
            bcrypt::Version::TwoY,
        ] {
            let stored = PasswordHash::from_stored(made.format_for_version(version));
            assert!(
                verifies(&settings, &password("adm1-hash"), &stored)
                    && !verifies(&settings, &password("adm2-hash"), &stored)
            );
            assert!(
                !is_current(&settings, &stored) && refusal(&settings, stored.as_str()).is_none()
            );
        }
    }

    #[test]
    fn an_invalid_or_expensive_hash_matches_no_password() {
        let settings = with_pepper("");
        let salted = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for bad in [
            String::new(),
            "zebra-77".to_owned(),
            format!("$argon2id$v=19$m=4294967295,t=2,p=1{salted}"),
            format!("$argon2id$v=19$m=65536,t=4294967295,p=1{salted}"),
            format!("$argon2id$v=19$m=65536,t=2,p=16777215{salted}"),
            format!("$argon2d$v=19$m=65536,t=2,p=1{salted}"),
            format!("$argon2id$v=16$m=65536,t=2,p=1{salted}"),
            format!("$argon2id$v=19$m=65536,t=2,p=1,keyid=AAAAAAAA{salted}"),
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ".to_owned(),
            "$2b$31$CwTycUXWue0Thq9StjUM0uJ8Q1u2oQq6eF1E5W1yq3p5c9bq1y2fK".to_owned(),
            "$2b$".to_owned(),
            format!("$argon2id$v=19$t=2,p=1{salted}"),
            format!("$argon2id$v=19$m=65536,p=1{salted}"),
            format!("$argon2id$v=19$m=65536,t=2{salted}"),
            format!("$argon2id$v=19$m=65536,t=2,t=2,p=1{salted}"),
            "$5$rounds=1$x$y".to_owned(),
        ] {
            let stored = PasswordHash::from_stored(bad.clone());
            assert!(
                !verifies(&settings, &password("password"), &stored)
                    && !is_current(&settings, &stored),
                "{bad}"
            );
            assert!(refusal(&settings, &bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_decoy_matches_no_password_and_costs_the_same() {
        for settings in [with_pepper(""), with_pepper(FIRST)] {
            let decoy = decoy(&settings);
            assert!(
                is_current(&settings, &decoy)
                    && !verifies(&settings, &password("password"), &decoy)
            );
        }
    }
}
