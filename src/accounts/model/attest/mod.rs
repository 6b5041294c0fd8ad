//! The settings of App Attest, and the ids of attested keys.

mod trust_anchor;

use std::fmt;

pub use trust_anchor::TrustAnchor;

use crate::kernel::model::base64;

/// `APP_ATTEST_MODE`: whether an iOS app must send assertions with its tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Assertions are ignored.
    Off,
    /// Assertions are verified and logged, and no request is refused.
    Observe,
    /// A token issued to iOS is valid only with an assertion of its device's key.
    Require,
}

impl Mode {
    /// Reads the setting exactly, so that a typo never selects a weaker mode.
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

/// Reads `APP_ATTEST_ON_REFRESH` exactly.
#[must_use]
pub fn on_refresh(text: &str) -> Option<bool> {
    match text {
        "off" => Some(false),
        "require" => Some(true),
        _ => None,
    }
}

/// `APP_ATTEST_ENVIRONMENT`: the environments of Apple that keys may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttestEnvironment {
    /// Apps from the App Store, from `TestFlight` and from enterprises.
    Production,
    /// Apps in development.
    Development,
}

impl AttestEnvironment {
    /// Reads the setting exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "production" => Some(Self::Production),
            "development" => Some(Self::Development),
            _ => None,
        }
    }

    /// Returns the AAGUID of the environment's keys.
    #[must_use]
    pub const fn aaguid(self) -> &'static [u8; 16] {
        match self {
            Self::Production => b"appattest\0\0\0\0\0\0\0",
            Self::Development => b"appattestdevelop",
        }
    }

    /// Returns the environment that creates keys with this AAGUID.
    #[must_use]
    pub fn of(aaguid: [u8; 16]) -> Option<Self> {
        [Self::Production, Self::Development]
            .into_iter()
            .find(|environment| *environment.aaguid() == aaguid)
    }

    /// Returns the name in the configuration and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

/// The settings of App Attest.
#[derive(Clone, Debug)]
pub struct AttestSettings {
    /// `APP_ATTEST_MODE`.
    pub mode: Mode,
    /// `APP_ATTEST_ON_REFRESH`: whether a refresh needs an assertion too.
    pub on_refresh: bool,
    /// `APP_ATTEST_ENVIRONMENT`.
    pub environment: AttestEnvironment,
    /// The accepted root certificates: Apple's, and in development `APP_ATTEST_TEST_ROOT`.
    pub anchors: Vec<TrustAnchor>,
    /// `APP_ATTEST_CATEGORIES`: the accepted ways by which the app was installed, if the
    /// attestation names one (iOS 27). Empty: all.
    pub categories: Vec<u32>,
    /// `APPLE_TEAM_ID` and `APPLE_BUNDLE_ID`: application ids, `<team>.<bundle>`.
    pub apps: Vec<String>,
}

impl fmt::Display for AttestSettings {
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
            ", and a test root"
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

impl AttestSettings {
    /// Returns the application id of a bundle, if the bundle is configured.
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
    /// Reads any spelling of base64. Returns `None` unless it encodes 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64::decode(text)?.try_into().ok().map(Self)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the stored spelling: base64url without padding.
    #[must_use]
    pub fn text(&self) -> String {
        base64::encode(self.0)
    }
}

/// Reads `APP_ATTEST_CATEGORIES`: numbers that Apple defines, separated by commas. Returns `None`
/// for any other text.
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
            AttestEnvironment::of(*b"appattestdevelop"),
            Some(AttestEnvironment::Development)
        );
        assert_eq!(
            AttestEnvironment::of(*AttestEnvironment::Production.aaguid()),
            Some(AttestEnvironment::Production)
        );
        assert_eq!(AttestEnvironment::of(*b"appattestsandbox"), None);
    }

    #[test]
    fn categories_are_numbers_that_apple_defines() {
        assert_eq!(categories("2, 4"), Some(vec![2, 4]));
        for bad in ["", "4,", "7", "App Store", "-1", "4 2"] {
            assert_eq!(categories(bad), None, "{bad}");
        }
    }
}
