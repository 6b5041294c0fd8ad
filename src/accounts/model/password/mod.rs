//! Passwords: the accepted ones, and their normal form (NIST SP 800-63B-4 §3.1.1).
//!
//! Passwords are compared in Unicode's normal form NFC, so that a password is the same on every
//! keyboard.

mod common;
mod settings;

use std::fmt;

use zeroize::Zeroizing;

use crate::kernel::model::normal_form;

pub use settings::{Argon2Cost, PasswordSettings, Pepper};

/// The largest number of characters of a password in its normal form. A longer password is refused,
/// never cut.
pub const MOST_CHARS: usize = 256;
/// The smallest value of `PASSWORD_MIN_LENGTH`, in characters.
pub const FEWEST_CHARS: usize = 8;
/// The largest number of bytes of a text that is normalized. No normal form of 256 characters needs
/// more.
const MOST_BYTES: usize = 16 * MOST_CHARS;

/// A password in its normal form. It is never printed.
#[derive(Clone)]
pub struct Password {
    normal: Zeroizing<String>,
    /// The text as the client sent it.
    sent: Zeroizing<String>,
}

/// The reason for which a new password is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// The password has fewer than `min` or more than [`MOST_CHARS`] characters.
    #[error("the password is too short or too long")]
    Length {
        /// The smallest number of characters that the server accepts.
        min: usize,
    },
    /// The password is one that attackers try first.
    #[error("the password is among those that are tried first")]
    Common,
}

impl Password {
    /// Returns a password to verify, or `None` if the text cannot be a password.
    #[must_use]
    pub fn presented(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let normal: Zeroizing<String> = Zeroizing::new(normal_form::nfc(text));
        (1..=MOST_CHARS)
            .contains(&normal.chars().count())
            .then(|| Self {
                normal,
                sent: Zeroizing::new(text.to_owned()),
            })
    }

    /// Returns a new password of at least `fewest` characters. Passwords that attackers try first
    /// are refused, and so are those made of a text in `about`, such as the user's name and
    /// address.
    ///
    /// # Errors
    /// [`Unfit`]
    pub fn chosen(text: &str, fewest: usize, about: &[&str]) -> Result<Self, Unfit> {
        let min = fewest.max(FEWEST_CHARS);
        let chosen = Self::presented(text).ok_or(Unfit::Length { min })?;
        if chosen.normal.chars().count() < min {
            return Err(Unfit::Length { min });
        }
        if common::is_common(&chosen.normal, about) {
            Err(Unfit::Common)
        } else {
            Ok(chosen)
        }
    }

    /// Returns the bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// Returns the forms in which another service may have hashed the password: NFC, the text as it
    /// was sent, and NFKC, each once.
    #[must_use]
    pub fn forms(&self) -> Vec<Zeroizing<String>> {
        let mut forms = vec![self.normal.clone()];
        let compatible = Zeroizing::new(normal_form::nfkc(&self.sent));
        for form in [self.sent.clone(), compatible] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The stored hash of a password: a PHC string of Argon2id, or an imported hash of another service.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Returns a hash that was computed here or read from the database, unchecked.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_password_has_eight_to_256_characters_in_its_normal_form() {
        let chosen = |text: &str| {
            Password::chosen(text, FEWEST_CHARS, &[]).map(|password| password.normal.len())
        };
        assert_eq!(chosen("zebra-7"), Err(Unfit::Length { min: 8 }));
        assert_eq!(chosen("zebra-77"), Ok(8));
        assert_eq!(
            chosen(&"zé".repeat(128)),
            Ok(384),
            "256 characters are not 256 bytes"
        );
        assert_eq!(chosen(&"zé".repeat(129)), Err(Unfit::Length { min: 8 }));
        // An e with a combining acute is one character once it is normal.
        assert_eq!(chosen(&"ze\u{301}".repeat(128)), Ok(384));
        assert_eq!(
            chosen("e\u{301}e\u{301}e\u{301}e\u{301}abc"),
            Err(Unfit::Length { min: 8 })
        );
        assert!(chosen("گذرواژه‌ی‌من").is_ok());
        assert_eq!(
            Password::chosen("fourteen chars", 15, &[]).err(),
            Some(Unfit::Length { min: 15 })
        );
    }

    #[test]
    fn one_password_has_one_normal_form() {
        let of =
            |text: &str| Password::presented(text).map(|password| password.as_bytes().to_vec());
        assert_eq!(of("cafe\u{301}-au-lait"), of("café-au-lait"));
        assert_ne!(
            of("ﬁnance-team"),
            of("finance-team"),
            "compatible is not the same: nothing that was typed is lost"
        );
        assert_eq!(of(""), None);
        assert!(!format!("{:?}", Password::presented("zebra-77")).contains("zebra"));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for bad in [
            "password",
            "PassWord1",
            "12345678",
            "qwertyuiop",
            "aaaaaaaa",
            "abcdefgh",
            "87654321",
            "ada@example.com",
            "hamrah2026!",
            "iloveyou",
        ] {
            assert_eq!(
                Password::chosen(bad, 8, &["ada@example.com", "hamrah"]).err(),
                Some(Unfit::Common),
                "{bad}"
            );
        }
        for good in [
            "correct horse battery",
            "adm1-hash",
            "editor1-hash",
            "xkcd-936-staple",
            "!?$%&/()=+",
        ] {
            // A person may have no address or no name.
            assert!(
                Password::chosen(good, 8, &["adm1", "editor1", ""]).is_ok(),
                "{good}"
            );
        }
    }

    #[test]
    fn a_name_is_refused_with_and_without_its_marks() {
        let about = ["María López", "Nguyễn Ái"];
        for bad in [
            "maria lopez",
            "María López",
            "mari\u{301}a-lopez",
            "MARIALOPEZ99",
            "nguyenai1",
        ] {
            let chosen = Password::chosen(bad, 5, &about);
            assert_eq!(chosen.err(), Some(Unfit::Common), "{bad}");
        }
        assert!(Password::chosen("maria lopez zebra", 8, &about).is_ok());
        let plain = ["Maria Lopez"];
        assert!(Password::chosen("maría lópez", 8, &plain).is_err());
    }

    proptest! {
        #[test]
        fn nothing_from_outside_panics(text in "\\PC{0,300}") {
            let _ = Password::chosen(&text, 8, &["ada"]);
        }
    }
}
