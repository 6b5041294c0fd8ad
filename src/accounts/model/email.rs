//! E-mail addresses with one spelling each.
//!
//! Only ASCII is accepted, as in browsers' e-mail fields. Full-width and look-alike letters are
//! refused and not folded, so that two addresses that look equal are equal (docs/decisions/0009).

use std::fmt;

use crate::kernel::model::ids::UserId;

/// The largest number of characters of an address (RFC 5321 §4.5.3.1.3, without the brackets).
const MAX_BYTES: usize = 254;
/// The largest number of characters before the `@` (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// The domain of placeholders.
const PLACEHOLDER_DOMAIN: &str = "people.invalid";

/// An address in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address by the grammar of HTML's e-mail fields (HTML §4.10.5.1.5), with a dot in
    /// the domain. Trims the text and lowers its case. A placeholder is not an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        if text.len() > MAX_BYTES || !text.is_ascii() {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        let local_ok = (1..=MAX_LOCAL_BYTES).contains(&local.len())
            && local
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
        let labels_ok = domain.contains('.') && domain.split('.').all(is_label);
        let email = Self(text.to_ascii_lowercase());
        (local_ok && labels_ok && !email.is_placeholder()).then_some(email)
    }

    /// Returns the placeholder of an account without an address. The top-level domain `invalid`
    /// cannot receive mail (RFC 2606 §2).
    #[must_use]
    pub fn placeholder(user: UserId) -> Self {
        Self(format!("{user}@{PLACEHOLDER_DOMAIN}"))
    }

    /// Returns true for the placeholder of an account without an address.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        self.0
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain == PLACEHOLDER_DOMAIN)
    }

    /// Returns the address, or `None` for a placeholder.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        (!self.is_placeholder()).then_some(self.as_str())
    }

    /// Returns an address that was read from the database, unchecked.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the address in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    /// Prints nothing of the address, because an address must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Returns true for a label of a domain name: 1 to 63 letters, digits and inner hyphens (RFC 1123
/// §2.1).
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(
            Email::parse(" Ada.Love+x@Example.COM ")
                .map(|e| e.0)
                .as_deref(),
            Some("ada.love+x@example.com")
        );
    }

    #[test]
    fn twins_and_nonsense_are_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "1b4e28ba-2fa1-41d2-883f-0016d3cca427@People.Invalid",
            "a@b..c",
            "a@-b.c",
            "a b@c.de",
            "a@b.c@d.e",
            "a＠b.com",
            "аda@example.com",
            "a\u{200B}@b.com",
            "a@b.com\0",
            "a@b.com\n",
            "\"a\"@b.com",
            "İ@b.com",
            &long,
        ] {
            assert_eq!(Email::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(text in "[ -~]{0,30}@[ -~]{0,30}") {
            if let Some(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Some(email.clone()));
                prop_assert_eq!(email.as_str().to_ascii_lowercase(), email.as_str());
            }
        }
    }
}
