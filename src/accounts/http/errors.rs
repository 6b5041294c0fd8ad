//! How the refusals of accounts look to clients.

use crate::accounts::domain::authenticate::AuthenticateError;
use crate::accounts::domain::devices::admit::AdmitError;
use crate::accounts::domain::devices::client::{ClientError, NotKept};
use crate::accounts::domain::devices::register::AttestError;
use crate::accounts::domain::factors::FactorError;
use crate::accounts::domain::factors::reauthenticate::ReauthenticateError;
use crate::accounts::domain::factors::recovery::RecoveryError;
use crate::accounts::domain::passkeys::manage::ManageError;
use crate::accounts::domain::passkeys::register::RegisterError;
use crate::accounts::domain::passkeys::sign_in::PasskeySignInError;
use crate::accounts::domain::passwords::PasswordError;
use crate::accounts::domain::sign_in::SignInError;
use crate::accounts::domain::throttle::{ThrottleError, TooManyAttempts};
use crate::accounts::domain::tokens::{RevokeError, RotateError};
use crate::accounts::domain::users::UserError;
use crate::accounts::model::password::Unfit;
use crate::kernel::http::error::{ApiError, Code};

impl From<TooManyAttempts> for ApiError {
    fn from(error: TooManyAttempts) -> Self {
        Self::retry_after(Code::TooManyAttempts, error.wait)
    }
}

impl From<ThrottleError> for ApiError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::TooMany(error) => error.into(),
            ThrottleError::Store(error) => error.into(),
        }
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Store(error) => error.into(),
            refused => Self::because(Code::InvalidToken, refused.to_string()),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownUser => Code::UserNotFound.into(),
            SignInError::EmailRequired => Code::EmailRequired.into(),
            SignInError::Device(error) => error.into(),
            SignInError::Signing => Self::because(Code::Unavailable, error.to_string()),
            SignInError::Entropy(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Invalid | RotateError::Reused => {
                Self::because(Code::InvalidRefreshToken, error.to_string())
            }
            RotateError::SignIn(error) => error.into(),
            RotateError::Entropy(error) => error.into(),
            RotateError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for ApiError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unknown => Code::TokenNotFound.into(),
            RevokeError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            RevokeError::Entropy(error) => error.into(),
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::EmailRequired => Code::EmailRequired.into(),
            UserError::Device(error) => error.into(),
            UserError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            UserError::Entropy(error) => error.into(),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Refused(_) => {
                Self::because(Code::PasskeyRegistrationFailed, error.to_string())
            }
            RegisterError::EmailTaken => Code::EmailTaken.into(),
            RegisterError::Exists => Code::PasskeyExists.into(),
            RegisterError::TooMany => Code::TooManyPasskeys.into(),
            RegisterError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            RegisterError::SignIn(error) => error.into(),
            RegisterError::Entropy(error) => error.into(),
            RegisterError::Store(error) => error.into(),
        }
    }
}

impl From<FactorError> for ApiError {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Unavailable => Code::TotpUnavailable.into(),
            FactorError::Enrolled => Code::TotpEnabled.into(),
            FactorError::NotEnrolled => Code::TotpNotEnrolled.into(),
            FactorError::WrongCode => Code::InvalidCode.into(),
            FactorError::TooMany(error) => error.into(),
            FactorError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            FactorError::Entropy(error) => error.into(),
            FactorError::Store(error) => error.into(),
        }
    }
}

impl From<RecoveryError> for ApiError {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Refused(reason) => Self::because(Code::RecoveryFailed, reason),
            RecoveryError::TooMany(error) => error.into(),
            RecoveryError::SignIn(error) => error.into(),
            RecoveryError::Entropy(error) => error.into(),
            RecoveryError::Store(error) => error.into(),
        }
    }
}

impl From<ReauthenticateError> for ApiError {
    fn from(error: ReauthenticateError) -> Self {
        match error {
            ReauthenticateError::Refused(_) => {
                Self::because(Code::ReauthenticationFailed, error.to_string())
            }
            ReauthenticateError::TooMany(error) => error.into(),
            ReauthenticateError::Entropy(error) => error.into(),
            ReauthenticateError::Store(error) => error.into(),
        }
    }
}

impl From<PasskeySignInError> for ApiError {
    fn from(error: PasskeySignInError) -> Self {
        match error {
            PasskeySignInError::Refused(_) => {
                Self::because(Code::PasskeySignInFailed, error.to_string())
            }
            PasskeySignInError::SignIn(error) => error.into(),
            PasskeySignInError::Entropy(error) => error.into(),
            PasskeySignInError::Store(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Refused(reason) => Self::because(Code::InvalidCredentials, reason),
            PasswordError::SecondFactor => Code::SecondFactorRequired.into(),
            PasswordError::Unfit(Unfit::Length) => Code::InvalidPassword.into(),
            PasswordError::Unfit(Unfit::Common) => Code::CommonPassword.into(),
            PasswordError::Breached => Code::BreachedPassword.into(),
            PasswordError::Busy { wait } => Self::retry_after(Code::Busy, wait),
            PasswordError::None => Code::PasswordNotFound.into(),
            PasswordError::Last => Code::LastSignInMethod.into(),
            PasswordError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            PasswordError::TooMany(error) => error.into(),
            PasswordError::SignIn(error) => error.into(),
            PasswordError::Entropy(error) => error.into(),
            PasswordError::Store(error) => error.into(),
        }
    }
}

impl From<ManageError> for ApiError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Unknown => Code::PasskeyNotFound.into(),
            ManageError::Last => Code::LastSignInMethod.into(),
            ManageError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            ManageError::Entropy(error) => error.into(),
            ManageError::Store(error) => error.into(),
        }
    }
}

impl From<AttestError> for ApiError {
    fn from(error: AttestError) -> Self {
        match error {
            AttestError::Refused(_) => Self::because(Code::AttestationFailed, error.to_string()),
            AttestError::Taken => Code::AttestKeyTaken.into(),
            AttestError::TooMany => Code::TooManyAttestKeys.into(),
            AttestError::OtherDevice => Code::OtherDevice.into(),
            AttestError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            AttestError::Entropy(error) => error.into(),
            AttestError::Store(error) => error.into(),
        }
    }
}

impl From<NotKept> for ApiError {
    fn from(error: NotKept) -> Self {
        match error {
            NotKept::Taken => Code::AttestKeyTaken.into(),
            NotKept::TooMany => Code::TooManyAttestKeys.into(),
        }
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Missing(error) => error.into(),
            ClientError::Attest(error) => error.into(),
        }
    }
}

impl From<AdmitError> for ApiError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Missing => Code::AppAttestRequired.into(),
            AdmitError::Refused(_) => Self::because(Code::AppAttestFailed, error.to_string()),
            AdmitError::TooMany => Code::TooManyAttestKeys.into(),
            AdmitError::SignedOut => Self::because(Code::InvalidToken, error.to_string()),
            AdmitError::Entropy(error) => error.into(),
            AdmitError::Store(error) => error.into(),
        }
    }
}
