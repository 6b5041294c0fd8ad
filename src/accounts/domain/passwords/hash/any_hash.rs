//! The hashes that a password is verified against: our own, and those of other services.

use std::borrow::Cow;

use crate::accounts::domain::passwords::hash::argon2_hash::Argon2Hash;
use crate::accounts::domain::passwords::hash::bcrypt_hash::BcryptHash;
use crate::accounts::domain::passwords::hash::firebase_hash::FirebaseHash;
use crate::accounts::domain::passwords::hash::pbkdf2_hash::Pbkdf2Hash;
use crate::accounts::domain::passwords::hash::scrypt_hash::ScryptHash;
use crate::accounts::model::password::PasswordSettings;

/// A hash that some password has, of acceptable cost.
pub(super) enum AnyHash {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
    Scrypt(ScryptHash),
    Firebase(FirebaseHash),
    Pbkdf2(Pbkdf2Hash),
}

/// A form in which hashes are written.
struct HashForm {
    /// The start of a hash of this form.
    start: &'static str,
    read: fn(&str) -> Result<AnyHash, &'static str>,
}

/// The accepted forms. A text with no such start may be of the form of better-auth, which has none.
const FORMS: [HashForm; 12] = [
    // Stored forms.
    HashForm {
        start: "$argon2",
        read: |text| Argon2Hash::parse(text).map(AnyHash::Argon2),
    },
    HashForm {
        start: "$2",
        read: |text| BcryptHash::parse(text).map(AnyHash::Bcrypt),
    },
    HashForm {
        start: "$scrypt$",
        read: |text| ScryptHash::parse_phc(text).map(AnyHash::Scrypt),
    },
    HashForm {
        start: "$firebase-scrypt$",
        read: |text| FirebaseHash::parse(text).map(AnyHash::Firebase),
    },
    // PHC strings and passlib, which calls PBKDF2 with SHA-1 `pbkdf2`.
    HashForm {
        start: "$pbkdf2",
        read: |text| Pbkdf2Hash::parse_phc(text).map(AnyHash::Pbkdf2),
    },
    // Django, `PASSWORD_HASHERS`.
    HashForm {
        start: "pbkdf2_",
        read: |text| Pbkdf2Hash::parse_django(text).map(AnyHash::Pbkdf2),
    },
    HashForm {
        start: "argon2$argon2",
        read: |text| Argon2Hash::parse(without_django_name(text)).map(AnyHash::Argon2),
    },
    HashForm {
        start: "bcrypt$",
        read: |text| BcryptHash::parse(without_django_name(text)).map(AnyHash::Bcrypt),
    },
    HashForm {
        start: "bcrypt_sha256$",
        read: |text| BcryptHash::parse(text).map(AnyHash::Bcrypt),
    },
    HashForm {
        start: "scrypt$",
        read: |text| ScryptHash::parse_django(text).map(AnyHash::Scrypt),
    },
    // Werkzeug, `generate_password_hash`.
    HashForm {
        start: "scrypt:",
        read: |text| ScryptHash::parse_werkzeug(text).map(AnyHash::Scrypt),
    },
    HashForm {
        start: "pbkdf2:",
        read: |text| Pbkdf2Hash::parse_werkzeug(text).map(AnyHash::Pbkdf2),
    },
];

impl AnyHash {
    /// Reads a hash.
    ///
    /// # Errors
    /// The reason why no password could be verified against it, or why it is too expensive.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match FORMS.iter().find(|form| text.starts_with(form.start)) {
            Some(form) => (form.read)(text),
            None => ScryptHash::parse_better_auth(text).map(Self::Scrypt),
        }
    }

    /// Returns the form in which the hash of the text is stored.
    pub(super) fn stored_form<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self {
            Self::Scrypt(hash) => hash.to_text().into(),
            Self::Pbkdf2(hash) => hash.to_text().into(),
            Self::Argon2(_) | Self::Bcrypt(_) | Self::Firebase(_) => {
                without_django_name(text).into()
            }
        }
    }

    /// Returns true if the password has this hash.
    pub(super) fn verifies(&self, settings: &PasswordSettings, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => hash.verifies(settings, password),
            Self::Bcrypt(hash) => hash.verifies(password),
            Self::Scrypt(hash) => hash.verifies(password),
            Self::Firebase(hash) => hash.verifies(password),
            Self::Pbkdf2(hash) => hash.verifies(password),
        }
    }
}

/// Returns the hash without the name that Django writes before a PHC string and a bcrypt hash.
fn without_django_name(text: &str) -> &str {
    text.strip_prefix("bcrypt$")
        .or_else(|| text.strip_prefix("argon2"))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the reason for which a hash is refused.
    fn reason(text: &str) -> &'static str {
        AnyHash::parse(text).err().unwrap_or("accepted")
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let salted = "$ABEiM0RVZneImaq7zN3u/w$RbSJJbgjv0pZ6M/FL0/ndidiX8ITb9xm6y+RhgNBO9w";
        let hex = "00112233445566778899aabbccddeeff";
        let sample = "$42xEC+ixf3L2lwc$ABEiM0RVZneImaq7zN3u/w$AAEiM0RVZneImaq7zN3u/w";
        for (text, expected) in [
            (String::new(), "a form that is not accepted"),
            ("zebra-77".to_owned(), "a form that is not accepted"),
            // MD5 of crypt, SHA-512 of crypt, phpass, and a bare SHA-256.
            ("$1$salt$hash".to_owned(), "a form that is not accepted"),
            ("$6$salt$hash".to_owned(), "a form that is not accepted"),
            ("$P$B12345678".to_owned(), "a form that is not accepted"),
            (hex.repeat(2), "a form that is not accepted"),
            (format!("{hex}:{hex}"), "a form that is not accepted"),
            (
                format!("x{}:{}", &hex[1..], hex.repeat(4)),
                "a form that is not accepted",
            ),
            ("$2x$05$".to_owned(), "version 2a, 2b or 2y"),
            (
                "$2b$13$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK".to_owned(),
                "a bcrypt cost of 4 to 12",
            ),
            (
                "$argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHQ$/7CgKi5juaC9kY9e3nhgDeSYQiAyOttc67b"
                    .to_owned(),
                "version 19",
            ),
            (
                "$argon2d$v=19$m=256,p=1$c29tZXNhbHQ$/7CgKi5juaC9kY9e3nhgDeSYQiAyOttc67b"
                    .to_owned(),
                "m, t and p once",
            ),
            (format!("$scrypt$ln=14,r=8{salted}"), "ln, r and p once"),
            (
                format!("$scrypt$ln=14,r=8,p=1,p=1{salted}"),
                "ln, r and p once",
            ),
            (format!("$scrypt$ln=17,r=8,p=1{salted}"), "at most 64 MiB"),
            (format!("$scrypt$ln=14,r=8,p=8{salted}"), "524288"),
            (format!("$scrypt$ln=0,r=8,p=1{salted}"), "at most 64 MiB"),
            (format!("$scrypt$ln=14,r=0,p=1{salted}"), "at most 64 MiB"),
            (format!("$scrypt$ln=99,r=8,p=1{salted}"), "at most 64 MiB"),
            ("$scrypt$ln=14,r=8,p=1$$AA".to_owned(), "salt of 1 to 256"),
            (
                "$scrypt$ln=14,r=8,p=1$AAAA$AAAA".to_owned(),
                "hash of 16 to 128",
            ),
            (format!("scrypt:32767:8:1$salt${hex}"), "a power of two"),
            (format!("scrypt:131072:8:1$salt${hex}"), "at most 64 MiB"),
            (format!("scrypt$salt$16384$8${hex}"), "N, r, p and the hash"),
            (
                format!("$firebase-scrypt$ln=14,r=8,p=1{sample}"),
                "ln and r once",
            ),
            (
                format!("$firebase-scrypt$ln=18,r=8{sample}"),
                "at most 64 MiB",
            ),
            (
                format!("$firebase-scrypt$ln=14,r=8$42xEC$AAAA${hex}"),
                "salt of 1 to 256",
            ),
            (
                format!("$firebase-scrypt$ln=14,r=8$42xE$AAAA${hex}"),
                "a signer key as long",
            ),
            (format!("$pbkdf2-sha256$l=32{salted}"), "the parameter i"),
            (format!("$pbkdf2-sha256$i=1,i=1{salted}"), "the parameter i"),
            (
                format!("$pbkdf2-sha256$i=1000,l=20{salted}"),
                "the length of the hash",
            ),
            (
                format!("$pbkdf2-md5$i=1000,l=32{salted}"),
                "SHA-1, SHA-256 or SHA-512",
            ),
            (format!("$pbkdf2-sha256$i=0,l=32{salted}"), "1500000"),
            (format!("$pbkdf2-sha256$i=1500001,l=32{salted}"), "1500000"),
            (format!("$pbkdf2-sha1$i=750001,l=32{salted}"), "1500000"),
            (format!("$pbkdf2-sha512$500001{salted}"), "500000"),
            (
                format!("pbkdf2_sha256$many$salt${hex}"),
                "iterations as a number",
            ),
            (
                format!("pbkdf2_sha256$4294967296$salt${hex}"),
                "iterations as a number",
            ),
            (
                format!("pbkdf2_md5$1000$salt${hex}"),
                "SHA-1, SHA-256 or SHA-512",
            ),
        ] {
            let reason = reason(&text);
            assert!(reason.contains(expected), "{text}: {reason}");
        }
    }

    #[test]
    fn stored_forms_describe_themselves() {
        for (text, stored) in [
            (
                format!("00112233:{}", "00".repeat(64)),
                format!("$scrypt$ln=14,r=16,p=1$MDAxMTIyMzM${}", "A".repeat(86)),
            ),
            (
                format!("scrypt:32768:8:1$00112233${}", "00".repeat(64)),
                format!("$scrypt$ln=15,r=8,p=1$MDAxMTIyMzM${}", "A".repeat(86)),
            ),
            (
                format!("pbkdf2_sha256$1000$00112233${}=", "A".repeat(43)),
                format!("$pbkdf2-sha256$i=1000,l=32$MDAxMTIyMzM${}", "A".repeat(43)),
            ),
        ] {
            for text in [text, stored.clone()] {
                let hash = AnyHash::parse(&text).expect("a hash");
                assert_eq!(hash.stored_form(&text), stored);
            }
        }
        let unchanged = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK";
        for text in [unchanged.to_owned(), format!("bcrypt${unchanged}")] {
            let hash = AnyHash::parse(&text).expect("a hash");
            assert_eq!(hash.stored_form(&text), unchanged);
        }
    }
}
