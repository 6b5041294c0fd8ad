//! Authentication methods of a session (RFC 8176).

/// The way in which an account owner authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// An identity provider authenticated the user for an internal service.
    Provider,
    /// A passkey, with user verification. Holds whether the passkey may leave its device.
    Passkey {
        /// Whether the passkey can be backed up.
        multi_device: bool,
    },
    /// A TOTP code.
    Totp,
    /// A backup code.
    BackupCode,
    /// A password.
    Password,
    /// A password and a TOTP code.
    PasswordAndTotp,
}

/// The method of a session from an account recovery. The registry has no word for it.
pub const RECOVERY: &str = "recovery";

/// The method of a session from an identity provider. The registry has no word for it.
const PROVIDER: &str = "fed";

/// The method of a session from a password.
const PASSWORD: &str = "pwd";

impl Proof {
    /// Returns the methods. `fed`, `backup_code` and `recovery` are this API's own, the others are
    /// registered.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Provider => &[PROVIDER],
            Self::Passkey { multi_device: true } => &["swk", "user", "mfa"],
            Self::Passkey {
                multi_device: false,
            } => &["hwk", "user", "mfa"],
            Self::Totp => &["otp"],
            Self::BackupCode => &["backup_code"],
            Self::Password => &[PASSWORD],
            Self::PasswordAndTotp => &[PASSWORD, "otp", "mfa"],
        }
    }
}

/// The authentication methods of a session.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Amr(Vec<String>);

impl Amr {
    /// Returns the methods of a session created by `proof`.
    #[must_use]
    pub fn of(proof: Proof) -> Self {
        Self(
            proof
                .methods()
                .iter()
                .map(|method| (*method).to_owned())
                .collect(),
        )
    }

    /// Returns the methods of a session from a recovery by `proof`.
    #[must_use]
    pub fn recovered(proof: Proof) -> Self {
        let mut made = Self::of(proof);
        made.0.push(RECOVERY.to_owned());
        made
    }

    /// Returns the methods of a session with `self` after its owner has authenticated again by
    /// `proof`. A second factor is added to an identity provider or a password. Every other proof
    /// replaces the previous methods.
    #[must_use]
    pub fn stepped_up(&self, proof: Proof) -> Self {
        let mut made = Self::of(proof);
        let first = self
            .0
            .iter()
            .find(|method| [PROVIDER, PASSWORD].contains(&method.as_str()));
        if let (Proof::Totp, Some(first)) = (proof, first.filter(|_| !self.is_recovered())) {
            made.0 = [first, "otp", "mfa"].map(str::to_owned).into();
        }
        made
    }

    /// Reads the methods as the database stores them.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// Returns the methods as the database stores them.
    #[must_use]
    pub fn stored(&self) -> String {
        self.0.join(" ")
    }

    /// Returns the methods one by one.
    #[must_use]
    pub fn methods(&self) -> &[String] {
        &self.0
    }

    /// Returns true if the session is from a recovery.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.0.iter().any(|method| method == RECOVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_is_added_to_what_a_provider_said_and_nothing_else() {
        let federated = Amr::of(Proof::Provider);
        let with_totp = federated.stepped_up(Proof::Totp);
        assert_eq!(with_totp.stored(), "fed otp mfa");
        assert_eq!(with_totp.stepped_up(Proof::Totp), with_totp);
        assert_eq!(
            federated
                .stepped_up(Proof::Passkey { multi_device: true })
                .stored(),
            "swk user mfa"
        );
        assert_eq!(
            Amr::of(Proof::Passkey {
                multi_device: false
            })
            .stepped_up(Proof::Totp)
            .stored(),
            "otp"
        );
        assert_eq!(
            Amr::recovered(Proof::BackupCode)
                .stepped_up(Proof::Totp)
                .stored(),
            "otp"
        );
    }
}
