//! Ids as types, so that a session id cannot be passed for a user id.

/// Length of a UUID in its hyphenated form, the only accepted form.
pub(crate) const HYPHENATED: usize = 36;

/// Declares the type of an id.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Makes a random id (UUID version 4, RFC 9562 §5.4) from 16 bytes of entropy.
            #[must_use]
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// Reads the hyphenated form in either case. Returns `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == $crate::kernel::model::ids::HYPHENATED)
                    .then(|| uuid::Uuid::try_parse(text).ok().map(Self))
                    .flatten()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0.hyphenated())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an id"))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}
pub(crate) use uuid_id;

uuid_id! {
    /// The id of an account, in lower case with hyphens. It never changes.
    UserId
}
uuid_id! {
    /// The id of a session. Session token, access token (`sid`) and refresh tokens share it. Not a
    /// secret.
    SessionId
}
uuid_id! {
    /// The id of an event in the log.
    EventId
}
uuid_id! {
    /// The id of a challenge, which can be used once.
    ChallengeId
}
uuid_id! {
    /// The id of a linked identity of an account at a provider.
    IdentityId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(
            UserId::parse(id).map(|id| id.to_string()).as_deref(),
            Some(id)
        );
        assert_eq!(
            UserId::parse(&id.to_uppercase())
                .map(|id| id.to_string())
                .as_deref(),
            Some(id)
        );
        for other in [
            "",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "../../etc/passwd",
        ] {
            assert_eq!(UserId::parse(other), None, "{other}");
        }
    }
}
