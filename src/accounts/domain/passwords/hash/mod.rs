//! Password hashes: our own with Argon2id and a pepper (RFC 9106, stored as PHC strings), and those
//! that were imported from other services.

mod any_hash;
mod argon2_hash;
mod bcrypt_hash;
mod buffers;
mod firebase_hash;
mod pbkdf2_hash;
mod scrypt_hash;
mod text_form;

use argon2::password_hash::phc::{Decimal, Ident, Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, KeyId, ParamsBuilder, Version};
use zeroize::Zeroizing;

use crate::accounts::domain::passwords::hash::any_hash::AnyHash;
use crate::accounts::domain::passwords::hash::argon2_hash::Argon2Hash;
use crate::accounts::model::password::{Argon2Cost, Password, PasswordHash, PasswordSettings};

/// The length of a salt in bytes (RFC 9106 §3.1).
pub const SALT_BYTES: usize = 16;
/// The length of a hash in bytes.
const HASH_BYTES: usize = 32;

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
    let key = pepper.map(|(_, key)| key);
    let argon2 = argon2_hash::new(Algorithm::Argon2id, params.build().ok()?, key)?;
    let mut bytes = Zeroizing::new([0; HASH_BYTES]);
    buffers::hash_into(
        &argon2,
        settings,
        password.as_bytes(),
        salt,
        bytes.as_mut_slice(),
    )?;
    let phc = Phc {
        algorithm: Ident::new("argon2id").ok()?,
        version: Some(Version::V0x13.into()),
        params: named,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(bytes.as_slice()).ok()?),
    };
    Some(PasswordHash::from_stored(phc.to_string()))
}

/// Returns true if `password` has the hash. No password has a hash that cannot be read, is too
/// expensive, or was computed with a removed pepper.
#[must_use]
pub fn verifies(settings: &PasswordSettings, password: &Password, stored: &PasswordHash) -> bool {
    let Ok(hash) = AnyHash::parse(stored.as_str()) else {
        return false;
    };
    if is_current(settings, stored) {
        return hash.verifies(settings, password.as_bytes());
    }
    // Another service may have hashed the password in another form.
    let forms = password.forms();
    let mut matches = forms
        .iter()
        .map(|form| hash.verifies(settings, form.as_bytes()));
    matches.any(|matches| matches)
}

/// Returns true if the hash has the current cost and the first pepper.
#[must_use]
pub fn is_current(settings: &PasswordSettings, stored: &PasswordHash) -> bool {
    Argon2Hash::parse(stored.as_str()).is_ok_and(|hash| hash.is_current(settings, HASH_BYTES))
}

/// Returns the form in which a hash of another service is stored.
///
/// # Errors
/// The reason why the hash cannot be imported: no password could be verified against it, or it is
/// too expensive.
pub fn import(settings: &PasswordSettings, text: &str) -> Result<PasswordHash, &'static str> {
    let hash = AnyHash::parse(text)?;
    if let AnyHash::Argon2(hash) = &hash
        && !hash.has_known_pepper(settings)
    {
        return Err(
            "password_hash has a pepper that is not configured: add its key to PASSWORD_PEPPER",
        );
    }
    Ok(PasswordHash::from_stored(
        hash.stored_form(text).into_owned(),
    ))
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
                is_current(made_with, &stored)
                    && import(made_with, stored.as_str()).as_ref() == Ok(&stored),
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
                        && import(settings, stored.as_str()).is_err()
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
        assert!(!is_current(&settings, &known) && import(&settings, stored).is_ok());
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
            assert!(!is_current(&settings, &stored) && import(&settings, stored.as_str()).is_ok());
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
            assert!(import(&settings, &bad).is_err(), "{bad}");
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
