//! The errors that clients see for the rejections of the relay's use cases.

use crate::accounts::face::{
    FactorRejection, PasswordRejection, RegistrationRejection, UnfitPassword,
};
use crate::kernel::domain::failure::Failure;
use crate::kernel::http::error::{ApiError, Code};
use crate::relay::domain::accounts::RelayRegisterRejection;
use crate::relay::domain::channels::ChannelRejection;
use crate::relay::domain::key_backup::BackupRejection;
use crate::relay::domain::keys::KeysRejection;
use crate::relay::domain::membership::ServerRejection;
use crate::relay::http::body::invalid;
use crate::relay::model::keys::UnfitIdentity;

/// The longest password of the relay in characters.
pub(super) const MOST_PASSWORD_CHARS: usize = 128;

impl From<UnfitIdentity> for ApiError {
    fn from(unfit: UnfitIdentity) -> Self {
        invalid(format!("{unfit}."))
    }
}

impl From<RelayRegisterRejection> for ApiError {
    fn from(rejection: RelayRegisterRejection) -> Self {
        match rejection {
            RelayRegisterRejection::Keys(unfit) => unfit.into(),
            RelayRegisterRejection::Work(_) => Code::ProofOfWorkRequired.into(),
            RelayRegisterRejection::Invite => {
                invalid("invite_code is unknown, used up or expired, or its server is full.")
            }
            RelayRegisterRejection::Account(RegistrationRejection::UsernameTaken) => {
                Code::UsernameTaken.into()
            }
            RelayRegisterRejection::Account(RegistrationRejection::Password(rejection)) => {
                password_error(rejection, "password")
            }
        }
    }
}

impl From<KeysRejection> for ApiError {
    fn from(rejection: KeysRejection) -> Self {
        match rejection {
            KeysRejection::Unfit(unfit) => unfit.into(),
            KeysRejection::Reused => Code::PrekeyReused.into(),
            KeysRejection::Full => Code::TooManyPrekeys.into(),
            KeysRejection::NoIdentity => Code::IdentityKeyMissing.into(),
            KeysRejection::Unsigned => {
                invalid("pq_prekeys and pq_last_resort_prekey must be signed by the identity key.")
            }
            KeysRejection::UnknownUser => Code::UserNotFound.into(),
        }
    }
}

impl From<ChannelRejection> for ApiError {
    fn from(rejection: ChannelRejection) -> Self {
        match rejection {
            ChannelRejection::Unknown => Code::ChannelNotFound.into(),
            ChannelRejection::WrongSecret => Code::WrongMessageSecret.into(),
            ChannelRejection::Conflict => Code::MessageConflict.into(),
            ChannelRejection::TooManyEdits => {
                Self::detailed(Code::LimitReached, "A message can be edited 50 times.")
            }
            ChannelRejection::Expired => invalid("expires_at must be in the future."),
        }
    }
}

impl From<BackupRejection> for ApiError {
    fn from(rejection: BackupRejection) -> Self {
        match rejection {
            BackupRejection::Stale { current } => {
                Self::from(Code::BackupConflict).with("version", current.into())
            }
            BackupRejection::None => Code::BackupNotFound.into(),
        }
    }
}

impl From<ServerRejection> for ApiError {
    fn from(rejection: ServerRejection) -> Self {
        match rejection {
            ServerRejection::UnknownServer => Code::ServerNotFound.into(),
            ServerRejection::UnknownChannel => Code::ChannelNotFound.into(),
            ServerRejection::UnknownMember => Code::MemberNotFound.into(),
            ServerRejection::UnknownInvite => Code::InviteNotFound.into(),
            ServerRejection::UnknownUser => Code::UserNotFound.into(),
            ServerRejection::LowRole => Code::RoleTooLow.into(),
            ServerRejection::OwnerStays => Code::OwnerStays.into(),
            ServerRejection::DirectMessage => Code::DirectMessageStays.into(),
            ServerRejection::Full(text) => Self::detailed(Code::LimitReached, text),
        }
    }
}

/// Returns the error of a password in the relay's form: a password that is not accepted is 400 and
/// names the field.
pub(super) fn password_error(rejection: PasswordRejection, field: &str) -> ApiError {
    match rejection {
        PasswordRejection::Unfit(UnfitPassword::Length { min }) => invalid(format!(
            "{field} must be {min} to {MOST_PASSWORD_CHARS} characters."
        )),
        PasswordRejection::Refused(reason) => ApiError {
            reason: Some(reason.to_owned()),
            ..ApiError::detailed(Code::InvalidCredentials, "Invalid username or password")
        },
        PasswordRejection::SecondFactor => Code::TotpRequired.into(),
        rejection => {
            let error = ApiError::from(rejection);
            if error.code.status() == http::StatusCode::UNPROCESSABLE_ENTITY {
                invalid(format!("{field}: {}", error.sentence()))
            } else {
                error
            }
        }
    }
}

/// Returns the error of a use case that verifies a password, or sets that of the field.
pub(super) fn password_failure(failure: Failure<PasswordRejection>, field: &str) -> ApiError {
    match failure {
        Failure::Rejected(rejection) => password_error(rejection, field),
        Failure::Fault(fault) => fault.into(),
    }
}

/// Returns the error of a use case of TOTP in the relay's form.
pub(super) fn totp_failure(failure: Failure<FactorRejection>) -> ApiError {
    match failure {
        Failure::Rejected(FactorRejection::WrongCode) => invalid("code is wrong."),
        Failure::Rejected(rejection) => rejection.into(),
        Failure::Fault(fault) => fault.into(),
    }
}
