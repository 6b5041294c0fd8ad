//! Names, ids, kinds of people and identity documents, and the permissions of the service `auth`.

use crate::authorization::model::script;
use crate::kernel::model::{normal_form, text};

/// The maximum length of the name of a role, a permission or a service, and of a username, in
/// characters.
const NAME_CHARS: usize = 64;
/// The maximum length of the description of a service, in characters.
const DESCRIPTION_CHARS: usize = 500;
/// The maximum length of the number of an identity document, in characters.
const DOCUMENT_CHARS: usize = 20;
/// The smallest id of a built-in service, role or permission. Other ids are smaller.
pub const BUILT_IN: i64 = 1_000_000_001;
/// The id of the built-in service `auth`, which is the authorization service itself.
pub const BUILT_IN_SERVICE: i64 = BUILT_IN;
/// The id of the built-in role `auth.administrator`, which allows everything.
pub const BUILT_IN_ROLE: i64 = BUILT_IN;
/// The id of the built-in permission `auth.administer`, which allows everything.
pub const BUILT_IN_PERMISSION: i64 = BUILT_IN;

/// A permission in the built-in service `auth`, which an endpoint requires of its caller
/// (migrations/0012).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthPermission {
    /// Allows everything, including changes of grants in the service `auth`.
    Administer,
    /// Allows reading people.
    ReadPeople,
    /// Allows creating, changing and deleting people who have no grants in `auth`.
    WritePeople,
    /// Allows reading services, roles, permissions and grants, and checks about other people.
    ReadPolicy,
    /// Allows changing services, roles, permissions and grants that do not concern `auth`.
    WritePolicy,
    /// Allows reading the change log.
    ReadChanges,
}

impl AuthPermission {
    /// All permissions of the service `auth`.
    pub const ALL: [Self; 6] = [
        Self::Administer,
        Self::ReadPeople,
        Self::WritePeople,
        Self::ReadPolicy,
        Self::WritePolicy,
        Self::ReadChanges,
    ];

    /// Returns the id of the permission in the table of permissions.
    #[must_use]
    pub const fn id(self) -> i64 {
        BUILT_IN_PERMISSION
            + match self {
                Self::Administer => 0,
                Self::ReadPeople => 1,
                Self::WritePeople => 2,
                Self::ReadPolicy => 3,
                Self::WritePolicy => 4,
                Self::ReadChanges => 5,
            }
    }

    /// Returns the name of the permission.
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

/// Reads the name of a role, a permission or a service: 1 to 64 letters, digits and signs of one
/// script in the normal form NFKC, trimmed, not a number, and without look-alikes. Names that
/// differ in case are different names.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let name = text::name(text)?;
    let ok = name.chars().count() <= NAME_CHARS
        && !looks_like_a_number(&normal_form::folded(&name))
        && script::is_plain(&name);
    ok.then_some(name)
}

/// Reads the name of a new role, permission or service. Refuses `auth` and names that start with
/// `auth.`, because they are reserved for what is built in.
#[must_use]
pub fn new_name(text: &str) -> Option<String> {
    name(text).filter(|name| {
        let lower = name.to_lowercase();
        lower != "auth" && !lower.starts_with("auth.")
    })
}

/// Reads a username: 1 to 64 letters, digits and `._@+-`, and not a number, because a number is an
/// id. Usernames that differ in case are different usernames.
#[must_use]
pub fn username(text: &str) -> Option<String> {
    let ok = (1..=NAME_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
        && !looks_like_a_number(text);
    ok.then(|| text.to_owned())
}

/// Reads the description of a service: at most 500 printable characters, trimmed.
#[must_use]
pub fn description(text: &str) -> Option<String> {
    let text = text.trim();
    (text.chars().count() <= DESCRIPTION_CHARS && !text.chars().any(char::is_control))
        .then(|| text.to_owned())
}

/// Checks whether a reader could take `text` for an id.
#[must_use]
pub fn looks_like_a_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.".contains(&b))
}

/// Reads an id: a whole number from 1, below 2^53.
#[must_use]
pub fn id(text: &str) -> Option<i64> {
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain
        .then(|| text.parse().ok())
        .flatten()
        .filter(|id| (1..1_i64 << 53).contains(id))
}

/// Reads a person type: `N` for a natural person or `J` for a legal person.
#[must_use]
pub fn person_type(text: &str) -> Option<String> {
    ["N", "J"].contains(&text).then(|| text.to_owned())
}

/// Reads the type of an identity document: `DNI`, `CE` or `RUC`.
#[must_use]
pub fn document_type(text: &str) -> Option<String> {
    ["DNI", "CE", "RUC"]
        .contains(&text)
        .then(|| text.to_owned())
}

/// Reads the number of an identity document: 1 to 20 letters and digits.
#[must_use]
pub fn document_number(text: &str) -> Option<String> {
    ((1..=DOCUMENT_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then(|| text.to_owned())
}

/// A reference to a person or a service: by id, or by username or service name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdOrName {
    /// The id.
    Id(i64),
    /// The username of a person, or the name of a service.
    Name(String),
}

impl IdOrName {
    /// Reads a reference to a person: an id or a username.
    #[must_use]
    pub fn person(text: &str) -> Option<Self> {
        Self::read(text, username)
    }

    /// Reads a reference to a service: an id or a name.
    #[must_use]
    pub fn service(text: &str) -> Option<Self> {
        Self::read(text, name)
    }

    fn read(text: &str, read_name: fn(&str) -> Option<String>) -> Option<Self> {
        id(text)
            .map(Self::Id)
            .or_else(|| read_name(text).map(Self::Name))
    }
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
        fn no_text_is_both_an_id_and_a_name(text in "\\PC{0,70}") {
            let is_name = name(&text).is_some() || username(&text).is_some();
            prop_assert!(!(id(&text).is_some() && is_name));
        }
    }
}
