//! The words of the authorization service: names, kinds of people and documents, and what its own
//! endpoints ask for.

use crate::kernel::model::text;

/// Longest name of a role, a permission or a service, and longest username, in characters.
const NAME_CHARS: usize = 64;
/// Longest description of a service, in characters.
const DESCRIPTION_CHARS: usize = 500;
/// Longest number of a document.
const DOCUMENT_CHARS: usize = 20;

/// What an endpoint of the service asks of whoever calls it: a permission in the service `auth`
/// (migrations/0012).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthPermission {
    /// Everything, and who may do what in the service `auth` itself.
    Administer,
    /// Looking people up.
    ReadPeople,
    /// Making, changing and deleting people who have no say in `auth`.
    WritePeople,
    /// Looking up services, roles, permissions, and who has what; asking what others may do.
    ReadPolicy,
    /// Changing them, but for what is about `auth`.
    WritePolicy,
    /// Reading the log of changes.
    ReadChanges,
}

impl AuthPermission {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Administer,
        Self::ReadPeople,
        Self::WritePeople,
        Self::ReadPolicy,
        Self::WritePolicy,
        Self::ReadChanges,
    ];

    /// Its id in the table of permissions.
    #[must_use]
    pub const fn id(self) -> i64 {
        1_000_000_001
            + match self {
                Self::Administer => 0,
                Self::ReadPeople => 1,
                Self::WritePeople => 2,
                Self::ReadPolicy => 3,
                Self::WritePolicy => 4,
                Self::ReadChanges => 5,
            }
    }

    /// Its name there.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administer => "auth.administer",
            Self::ReadPeople => "auth.people.read",
            Self::WritePeople => "auth.people.write",
            Self::ReadPolicy => "auth.policy.read",
            Self::WritePolicy => "auth.policy.write",
            Self::ReadChanges => "auth.changes.read",
        }
    }
}

/// A name of a role, a permission or a service: 1 to 64 printable characters, trimmed, not a
/// number; names that differ in case are different ones.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let name = text::name(text)?;
    (name.chars().count() <= NAME_CHARS && !looks_like_a_number(&name)).then_some(name)
}

/// A name that something can be given: not one that is, or may become, the service's own.
#[must_use]
pub fn new_name(text: &str) -> Option<String> {
    name(text).filter(|name| {
        let lower = name.to_lowercase();
        lower != "auth" && !lower.starts_with("auth.")
    })
}

/// A username: 1 to 64 letters, digits and `._@+-`, and not a number, which would be an id. Case
/// counts.
#[must_use]
pub fn username(text: &str) -> Option<String> {
    let ok = (1..=NAME_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
        && !looks_like_a_number(text);
    ok.then(|| text.to_owned())
}

/// A description: at most 500 printable characters.
#[must_use]
pub fn description(text: &str) -> Option<String> {
    let text = text.trim();
    (text.chars().count() <= DESCRIPTION_CHARS && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
}

/// Whether somebody who reads it would take it for an id.
#[must_use]
pub fn looks_like_a_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.".contains(&b))
}

/// An id: a whole number from 1, below 2^53.
#[must_use]
pub fn id(text: &str) -> Option<i64> {
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain
        .then(|| text.parse().ok())
        .flatten()
        .filter(|id| (1..1_i64 << 53).contains(id))
}

/// What a person is: `N`, a natural one, or `J`, a legal one.
#[must_use]
pub fn person_type(text: &str) -> Option<String> {
    ["N", "J"].contains(&text).then(|| text.to_owned())
}

/// What a document is.
#[must_use]
pub fn document_type(text: &str) -> Option<String> {
    ["DNI", "CE", "RUC"]
        .contains(&text)
        .then(|| text.to_owned())
}

/// A document's number: 1 to 20 letters and digits.
#[must_use]
pub fn document_number(text: &str) -> Option<String> {
    ((1..=DOCUMENT_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then(|| text.to_owned())
}

/// The address of an account that has none: nobody can write to it (RFC 2606 §2), and nobody
/// vouches for it.
#[must_use]
pub fn no_address(user: crate::kernel::model::ids::UserId) -> String {
    format!("{user}@people.invalid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_never_taken_for_an_id() {
        for (text, is_name, is_id) in [
            ("Sales", true, false),
            ("7", false, true),
            ("-1", false, false),
            ("0", false, false),
            ("1.5", false, false),
            ("007", false, false),
            ("7up", true, false),
        ] {
            assert_eq!(
                (name(text).is_some(), id(text).is_some()),
                (is_name, is_id),
                "{text}"
            );
        }
        assert_eq!(
            (name("Service A").as_deref(), username("Service A")),
            (Some("Service A"), None)
        );
        assert_eq!(
            (id("9007199254740992"), id("99999999999999999999")),
            (None, None)
        );
        assert!(
            new_name("Authors").is_some()
                && new_name("AUTH").is_none()
                && new_name("auth.x").is_none()
                && name("auth.x").is_some()
        );
        assert!(
            username("ana@example.com").is_some()
                && username("").is_none()
                && username(&"x".repeat(65)).is_none()
        );
    }

    proptest! {
        #[test]
        fn nothing_is_both(text in "\\PC{0,70}") {
            prop_assert!(!(id(&text).is_some() && (name(&text).is_some() || username(&text).is_some())));
        }
    }
}
