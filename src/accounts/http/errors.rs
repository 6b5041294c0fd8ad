//! The errors that clients see for the rejections of accounts' use cases.

use crate::accounts::domain::authenticate::AuthenticateRejection;
use crate::accounts::domain::devices::assertion_check::AssertionRejection;
use crate::accounts::domain::devices::client::ClientRejection;
use crate::accounts::domain::devices::register::{AttestRejection, KeyRejection};
use crate::accounts::domain::factors::FactorRejection;
use crate::accounts::domain::factors::reauthenticate::ReauthenticateRejection;
use crate::accounts::domain::factors::recovery::RecoveryRejection;
use crate::accounts::domain::passkeys::manage::ManageRejection;
use crate::accounts::domain::passkeys::register::RegisterRejection;
use crate::accounts::domain::passkeys::sign_in::PasskeySignInRejection;
use crate::accounts::domain::passwords::PasswordRejection;
use crate::accounts::domain::sign_in::SignInRejection;
use crate::accounts::domain::tokens::{RevokeRejection, RotateRejection};
use crate::accounts::domain::users::IdentifyRejection;
use crate::accounts::model::password::{MOST_CHARS, Unfit};
use crate::kernel::http::error::{ApiError, Code};

impl From<AuthenticateRejection> for ApiError {
    fn from(rejection: AuthenticateRejection) -> Self {
        Self::because(Code::InvalidToken, rejection.to_string())
    }
}

impl From<SignInRejection> for ApiError {
    fn from(rejection: SignInRejection) -> Self {
        match rejection {
            SignInRejection::UnknownUser => Code::UserNotFound.into(),
            SignInRejection::EmailRequired => Code::EmailRequired.into(),
            SignInRejection::Device(rejection) => rejection.into(),
        }
    }
}

impl From<IdentifyRejection> for ApiError {
    fn from(rejection: IdentifyRejection) -> Self {
        match rejection {
            IdentifyRejection::EmailRequired => Code::EmailRequired.into(),
            IdentifyRejection::Device(rejection) => rejection.into(),
        }
    }
}

impl From<RotateRejection> for ApiError {
    fn from(rejection: RotateRejection) -> Self {
        Self::because(Code::InvalidRefreshToken, rejection.to_string())
    }
}

impl From<RevokeRejection> for ApiError {
    fn from(rejection: RevokeRejection) -> Self {
        match rejection {
            RevokeRejection::Unknown => Code::TokenNotFound.into(),
        }
    }
}

impl From<RegisterRejection> for ApiError {
    fn from(rejection: RegisterRejection) -> Self {
        match rejection {
            RegisterRejection::Refused(refusal) => {
                Self::because(Code::PasskeyRegistrationFailed, refusal.to_string())
            }
            RegisterRejection::EmailTaken => Code::EmailTaken.into(),
            RegisterRejection::Exists => Code::PasskeyExists.into(),
            RegisterRejection::TooMany => Code::TooManyPasskeys.into(),
        }
    }
}

impl From<FactorRejection> for ApiError {
    fn from(rejection: FactorRejection) -> Self {
        match rejection {
            FactorRejection::Unavailable => Code::TotpUnavailable,
            FactorRejection::Enrolled => Code::TotpEnabled,
            FactorRejection::NotEnrolled => Code::TotpNotEnrolled,
            FactorRejection::WrongCode => Code::InvalidCode,
        }
        .into()
    }
}

impl From<RecoveryRejection> for ApiError {
    fn from(rejection: RecoveryRejection) -> Self {
        Self::because(Code::RecoveryFailed, rejection.to_string())
    }
}

impl From<ReauthenticateRejection> for ApiError {
    fn from(rejection: ReauthenticateRejection) -> Self {
        let reason = rejection.to_string();
        match rejection {
            ReauthenticateRejection::Refused(_) => {
                Self::because(Code::ReauthenticationFailed, reason)
            }
            // Not a code of its own, because by its code a client knows that the session goes on.
            ReauthenticateRejection::CounterWentBack => Self {
                reason: Some(reason),
                ..Self::detailed(
                    Code::ReauthenticationFailed,
                    Code::PasskeyCounterWentBack.detail(),
                )
            },
        }
    }
}

impl From<PasskeySignInRejection> for ApiError {
    fn from(rejection: PasskeySignInRejection) -> Self {
        let code = match rejection {
            PasskeySignInRejection::Refused(_) => Code::PasskeySignInFailed,
            PasskeySignInRejection::CounterWentBack => Code::PasskeyCounterWentBack,
        };
        Self::because(code, rejection.to_string())
    }
}

impl From<PasswordRejection> for ApiError {
    fn from(rejection: PasswordRejection) -> Self {
        match rejection {
            PasswordRejection::Refused(reason) => Self::because(Code::InvalidCredentials, reason),
            PasswordRejection::SecondFactor => Code::SecondFactorRequired.into(),
            PasswordRejection::Unfit(Unfit::Length { min }) => Self::detailed(
                Code::InvalidPassword,
                format!("Choose a password of {min} to {MOST_CHARS} characters."),
            ),
            PasswordRejection::Unfit(Unfit::Common) => Code::CommonPassword.into(),
            PasswordRejection::Breached => Code::BreachedPassword.into(),
            PasswordRejection::Busy { wait } => Self::retry_after(Code::Busy, wait),
            PasswordRejection::None => Code::PasswordNotFound.into(),
            PasswordRejection::Last => Code::LastSignInMethod.into(),
        }
    }
}

impl From<ManageRejection> for ApiError {
    fn from(rejection: ManageRejection) -> Self {
        match rejection {
            ManageRejection::Unknown => Code::PasskeyNotFound.into(),
            ManageRejection::Last => Code::LastSignInMethod.into(),
        }
    }
}

impl From<AttestRejection> for ApiError {
    fn from(rejection: AttestRejection) -> Self {
        match rejection {
            AttestRejection::Refused(refusal) => {
                Self::because(Code::AttestationFailed, refusal.to_string())
            }
            AttestRejection::Key(rejection) => rejection.into(),
            AttestRejection::OtherDevice => Code::OtherDevice.into(),
        }
    }
}

impl From<KeyRejection> for ApiError {
    fn from(rejection: KeyRejection) -> Self {
        match rejection {
            KeyRejection::Taken => Code::AttestKeyTaken.into(),
            KeyRejection::TooMany => Code::TooManyAttestKeys.into(),
        }
    }
}

impl From<ClientRejection> for ApiError {
    fn from(rejection: ClientRejection) -> Self {
        match rejection {
            ClientRejection::Missing => Code::AppAttestRequired.into(),
            ClientRejection::Attest(rejection) => rejection.into(),
        }
    }
}

impl From<AssertionRejection> for ApiError {
    fn from(rejection: AssertionRejection) -> Self {
        match rejection {
            AssertionRejection::Missing => Code::AppAttestRequired.into(),
            AssertionRejection::Refused(refusal) => {
                Self::because(Code::AppAttestFailed, refusal.to_string())
            }
            AssertionRejection::TooMany => Code::TooManyAttestKeys.into(),
        }
    }
}
