//! What is configured about App Attest, and the ids of attested keys.

mod trust_anchor;

use std::fmt;

pub use trust_anchor::TrustAnchor;

use crate::kernel::model::base64;

/// `APP_ATTEST_MODE`: what an iOS app must show with its tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Nothing is looked at.
    Off,
    /// What is shown is verified and noted, and nobody is refused.
    Observe,
    /// A token issued to iOS is good only together with an assertion of its device's key.
    Require,
}

impl Mode {
    /// Reads the setting, to the letter: a typo is never a weaker mode.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "observe" => Some(Self::Observe),
            "require" => Some(Self::Require),
            _ => None,
        }
    }
}

/// Reads `APP_ATTEST_ON_REFRESH`, to the letter.
#[must_use]
pub fn on_refresh(text: &str) -> Option<bool> {
    match text {
        "off" => Some(false),
        "require" => Some(true),
        _ => None,
    }
}

/// `APP_ATTEST_ENVIRONMENT`: which of Apple's environments keys come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    /// Apps from the store, from `TestFlight` and of enterprises.
    Production,
    /// Apps that a developer runs.
    Development,
}

impl Environment {
    /// Reads the setting, to the letter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "production" => Some(Self::Production),
            "development" => Some(Self::Development),
            _ => None,
        }
    }

    /// The AAGUID of its keys.
    #[must_use]
    pub const fn aaguid(self) -> &'static [u8; 16] {
        match self {
            Self::Production => b"appattest\0\0\0\0\0\0\0",
            Self::Development => b"appattestdevelop",
        }
    }

    /// The environment that makes keys with this AAGUID.
    #[must_use]
    pub fn of(aaguid: [u8; 16]) -> Option<Self> {
        [Self::Production, Self::Development]
            .into_iter()
            .find(|environment| *environment.aaguid() == aaguid)
    }

    /// The name in the configuration and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

/// Everything that is configured about App Attest.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `APP_ATTEST_MODE`.
    pub mode: Mode,
    /// `APP_ATTEST_ON_REFRESH`: whether a refresh needs an assertion too.
    pub on_refresh: bool,
    /// `APP_ATTEST_ENVIRONMENT`.
    pub environment: Environment,
    /// Roots to which certificates may lead: Apple's, or `APP_ATTEST_TEST_ROOT`, which is never set
    /// in production.
    pub anchors: Vec<TrustAnchor>,
    /// `APP_ATTEST_CATEGORIES`: ways in which the app may have come onto the device, where it says
    /// so (iOS 27). Empty: all.
    pub categories: Vec<u32>,
    /// `APPLE_TEAM_ID` and `APPLE_BUNDLE_ID`: application ids, `<team>.<bundle>`.
    pub apps: Vec<String>,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Off => return f.write_str("off"),
            Mode::Observe => "observe",
            Mode::Require => "require",
        };
        let refresh = if self.on_refresh {
            ", refreshes too"
        } else {
            ""
        };
        let root = if self.anchors == [TrustAnchor::apple()] {
            ""
        } else {
            ", NOT Apple's root"
        };
        write!(
            f,
            "{mode}{refresh}, {} keys{root}, apps {}",
            self.environment.as_str(),
            self.apps.join(" ")
        )?;
        if self.categories.is_empty() {
            Ok(())
        } else {
            write!(f, ", categories {:?}", self.categories)
        }
    }
}

impl Settings {
    /// The application id of a bundle, if it is a configured one.
    #[must_use]
    pub fn app_of(&self, bundle: &str) -> Option<&str> {
        self.apps.iter().map(String::as_str).find(|app| {
            app.split_once('.')
                .is_some_and(|(_, known)| known == bundle)
        })
    }
}

/// An attested key's id: SHA-256 of its public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// Reads any spelling of base64; `None` unless it is of 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64::decode(text)?.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The one spelling that is kept: base64url without padding.
    #[must_use]
    pub fn text(&self) -> String {
        base64::encode(self.0)
    }
}

/// Reads `APP_ATTEST_CATEGORIES`: numbers that Apple defines, separated by commas; `None` if there
/// is anything else.
#[must_use]
pub fn categories(text: &str) -> Option<Vec<u32>> {
    const DEFINED: [u32; 7] = [1, 2, 3, 4, 5, 6, 10];
    text.split(',')
        .map(|part| {
            part.trim()
                .parse()
                .ok()
                .filter(|category| DEFINED.contains(category))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_told_by_their_aaguid() {
        assert_eq!(
            Environment::of(*b"appattestdevelop"),
            Some(Environment::Development)
        );
        assert_eq!(
            Environment::of(*Environment::Production.aaguid()),
            Some(Environment::Production)
        );
        assert_eq!(Environment::of(*b"appattestsandbox"), None);
    }

    #[test]
    fn categories_are_numbers_that_apple_defines() {
        assert_eq!(categories("2, 4"), Some(vec![2, 4]));
        for bad in ["", "4,", "7", "App Store", "-1", "4 2"] {
            assert_eq!(categories(bad), None, "{bad}");
        }
    }
}
