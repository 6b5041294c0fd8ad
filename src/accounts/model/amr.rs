//! How somebody proved who they are: authentication methods (RFC 8176), as a sign-in keeps them.

/// What somebody proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A provider vouched for them, to an internal service.
    Provider,
    /// A passkey, with user verification. Whether it may leave its device.
    Passkey {
        /// Whether it may be backed up.
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

/// What stands in the methods of a sign-in that was made by recovery. Ours: the registry has no
/// word for it.
pub const RECOVERY: &str = "recovery";

/// What stands in the methods of a sign-in for which a provider vouched. Ours, too.
const PROVIDER: &str = "fed";

/// What stands in the methods of a sign-in that was made by a password.
const PASSWORD: &str = "pwd";

impl Proof {
    /// The methods. `fed`, `backup_code` and `recovery` are ours, the others are registered.
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

/// The methods of a sign-in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Amr(Vec<String>);

impl Amr {
    /// Of a sign-in that was made by `proof`.
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

    /// The same, made by recovery.
    #[must_use]
    pub fn recovered(proof: Proof) -> Self {
        let mut made = Self::of(proof);
        made.0.push(RECOVERY.to_owned());
        made
    }

    /// Of a sign-in that had `self` and whose owner proves with `proof` again who they are: a
    /// second factor is added to a provider's word for somebody, and to a password; everything else
    /// takes the place of what was there.
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

    /// Reads what the database keeps.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// What the database keeps.
    #[must_use]
    pub fn stored(&self) -> String {
        self.0.join(" ")
    }

    /// Each of them.
    #[must_use]
    pub fn methods(&self) -> &[String] {
        &self.0
    }

    /// Whether the sign-in was made by recovery.
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
