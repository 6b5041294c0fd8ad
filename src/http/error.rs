//! The one error that handlers give, and the one place where use cases' errors become it.
//!
//! The answer's body is written by [`super::respond`], which knows the request's id. A reason stays in the log.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::NoEntropy;
use crate::domain::authenticate::AuthenticateError;
use crate::domain::devices::admit::AdmitError;
use crate::domain::devices::client::{ClientError, NotKept};
use crate::domain::devices::register::AttestError;
use crate::domain::factors::FactorError;
use crate::domain::factors::reauthenticate::ReauthenticateError;
use crate::domain::factors::recovery::RecoveryError;
use crate::domain::passkeys::manage::ManageError;
use crate::domain::passkeys::register::RegisterError;
use crate::domain::passkeys::sign_in::PasskeySignInError;
use crate::domain::sign_in::SignInError;
use crate::domain::throttle::{ThrottleError, TooManyAttempts};
use crate::domain::tokens::{RevokeError, RotateError};
use crate::domain::users::UserError;
use crate::store::StoreError;

macro_rules! codes {
    ($($variant:ident $status:ident $code:literal $detail:literal;)*) => {
        /// What went wrong, for machines. The codes are stable.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`")] $variant,)*
        }

        impl Code {
            /// Every code, for the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status that comes with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// A sentence for people.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }
        }
    };
}

codes! {
    BadRequest BAD_REQUEST "bad_request" "The request cannot be understood.";
    MalformedJson BAD_REQUEST "malformed_json" "The body is not valid JSON in UTF-8.";
    MultipleCredentials BAD_REQUEST "multiple_credentials" "Send either the session cookie or one Authorization header, not both.";
    TokenInQuery BAD_REQUEST "token_in_query" "Tokens are not accepted in the query; send an Authorization header.";
    AttestationFailed BAD_REQUEST "attestation_failed" "The attestation could not be verified; ask for a new challenge. One is good for ten minutes, once.";
    PasskeyRegistrationFailed BAD_REQUEST "passkey_registration_failed" "The passkey could not be verified; begin again. A registration may take five minutes.";
    AuthenticationRequired UNAUTHORIZED "authentication_required" "Sign in first.";
    InvalidToken UNAUTHORIZED "invalid_token" "The credential is not valid, or not any more.";
    InvalidRefreshToken UNAUTHORIZED "invalid_refresh_token" "The refresh token is not valid, or not any more; sign in again.";
    PasskeySignInFailed UNAUTHORIZED "passkey_sign_in_failed" "The passkey could not be verified; begin again. A sign-in may take five minutes.";
    RecoveryFailed UNAUTHORIZED "recovery_failed" "The account could not be recovered: the address or the code is wrong, the code was used, or it took too long; begin again.";
    ReauthenticationFailed UNAUTHORIZED "reauthentication_failed" "That did not prove who you are; begin again.";
    InternalKeyRequired UNAUTHORIZED "internal_key_required" "This endpoint is for internal services with a valid key.";
    BrowserRequest FORBIDDEN "browser_request" "This endpoint does not answer browsers.";
    CrossSiteRequest FORBIDDEN "cross_site_request" "This request does not come from an allowed origin.";
    ReauthenticationRequired FORBIDDEN "reauthentication_required" "Prove again who you are: this needs a recent proof.";
    RecoveryIncomplete FORBIDDEN "recovery_incomplete" "This sign-in is a recovery: add a passkey with it first.";
    CsrfTokenRequired FORBIDDEN "csrf_token_required" "Send the CSRF token of /api/auth/csrf in X-CSRF-Token.";
    AppAttestRequired FORBIDDEN "app_attest_required" "App Attest is required: an assertion of the device that the token belongs to, or client_attestation for new tokens of iOS.";
    AppAttestFailed FORBIDDEN "app_attest_failed" "The App Attest assertion does not hold for this request.";
    OtherDevice FORBIDDEN "other_device" "This sign-in belongs to another device, or is too old to get one; sign in again on this one.";
    NotFound NOT_FOUND "not_found" "There is nothing here.";
    UserNotFound NOT_FOUND "user_not_found" "There is no such user.";
    TokenNotFound NOT_FOUND "token_not_found" "There is no such token.";
    SessionNotFound NOT_FOUND "session_not_found" "There is no such session.";
    AttestKeyNotFound NOT_FOUND "attest_key_not_found" "There is no such device.";
    PasskeyNotFound NOT_FOUND "passkey_not_found" "There is no such passkey.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "This address does not answer that method; see Allow.";
    RequestTimeout REQUEST_TIMEOUT "request_timeout" "The request did not arrive in time.";
    Conflict CONFLICT "conflict" "This is taken already.";
    AccountChanged CONFLICT "account_changed" "Another account is signed in by now; nothing was done.";
    EmailTaken CONFLICT "email_taken" "There is an account with this e-mail address; sign in to it instead.";
    AttestKeyTaken CONFLICT "attest_key_taken" "This device's key belongs to another account, or was revoked; make a new one.";
    TooManyAttestKeys CONFLICT "too_many_attest_keys" "The account has 20 devices that are in use; revoke one first.";
    PasskeyExists CONFLICT "passkey_exists" "This passkey is registered already.";
    TooManyPasskeys CONFLICT "too_many_passkeys" "An account has 20 passkeys at most; remove one first.";
    TotpEnabled CONFLICT "totp_enabled" "TOTP is enabled already; disable it first.";
    TotpNotEnrolled CONFLICT "totp_not_enrolled" "There is no TOTP secret to confirm or disable; enrol first.";
    LastSignInMethod CONFLICT "last_sign_in_method" "This is the last way to sign in to the account; add another one first.";
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large" "The body is larger than 64 KiB.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "Send the body as application/json.";
    InvalidBody UNPROCESSABLE_ENTITY "invalid_body" "A field is missing, given twice, or of the wrong type.";
    InvalidEmail UNPROCESSABLE_ENTITY "invalid_email" "The e-mail address is not valid: ASCII, at most 254 characters.";
    EmailRequired UNPROCESSABLE_ENTITY "email_required" "A new account needs an e-mail address.";
    InvalidName UNPROCESSABLE_ENTITY "invalid_name" "A name has 1 to 200 printable characters.";
    InvalidPasskeyName UNPROCESSABLE_ENTITY "invalid_passkey_name" "A passkey's name has 1 to 64 printable characters.";
    InvalidPicture UNPROCESSABLE_ENTITY "invalid_picture" "A picture is an https URL of at most 2048 characters.";
    InvalidProvider UNPROCESSABLE_ENTITY "invalid_provider" "A provider is a name of 1 to 64 characters of a-z, 0-9, dot, dash and underscore.";
    InvalidProviderId UNPROCESSABLE_ENTITY "invalid_provider_id" "A provider's id has 1 to 255 printable ASCII characters.";
    InvalidAuthMethod UNPROCESSABLE_ENTITY "invalid_auth_method" "A method is a name of 1 to 64 characters of a-z, 0-9, dot, dash and underscore.";
    InvalidPlatform UNPROCESSABLE_ENTITY "invalid_platform" "A platform is web, ios or api; devices are attested on ios only.";
    InvalidBundleId UNPROCESSABLE_ENTITY "invalid_bundle_id" "This is not the bundle id of an app that is configured.";
    InvalidKeyId UNPROCESSABLE_ENTITY "invalid_key_id" "A key's id is the base64 of 32 bytes.";
    InvalidPurpose UNPROCESSABLE_ENTITY "invalid_purpose" "A purpose is a name of 1 to 64 characters of a-z, 0-9, dot, dash and underscore.";
    InvalidUserId UNPROCESSABLE_ENTITY "invalid_user_id" "A user's id is a UUID with hyphens.";
    AmbiguousSubject UNPROCESSABLE_ENTITY "ambiguous_subject" "Name either user_id, or provider and provider_id, not both.";
    InvalidCode UNPROCESSABLE_ENTITY "invalid_code" "The code is wrong. Is the clock of your device right?";
    RateLimited TOO_MANY_REQUESTS "rate_limited" "Too many requests from this address. Wait a little and try again.";
    TooManyAttempts TOO_MANY_REQUESTS "too_many_attempts" "Too many attempts. Wait a little and try again.";
    Internal INTERNAL_SERVER_ERROR "internal_error" "Something is wrong on our side.";
    TotpUnavailable NOT_IMPLEMENTED "totp_unavailable" "TOTP is not configured here.";
    Unavailable SERVICE_UNAVAILABLE "service_unavailable" "The service cannot answer just now; repeat the request.";
}

/// An error as clients see it, with a reason that only the log sees.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The code, and with it status and text.
    pub code: Code,
    /// Why, for the log. Holds no secret.
    pub reason: Option<String>,
    /// What would satisfy it, where proving again who one is would.
    pub step_up: Option<StepUp>,
    /// `Retry-After`: in how many seconds it may be tried again.
    pub retry_after: Option<u64>,
}

/// What somebody has to do before they are let in (as RFC 9470 does with `max_age`).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepUp {
    /// By what: `passkey` and `totp` at `/api/auth/reauthenticate/begin`, or `sign_in`, anew.
    methods: Vec<&'static str>,
    /// How long ago it may be, in seconds.
    max_age: u64,
}

impl ApiError {
    /// An error with a reason for the log.
    pub fn because(code: Code, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..code.into() }
    }

    /// That somebody has to prove again who they are, and by what they can.
    #[must_use]
    pub fn reauthenticate(methods: Vec<&'static str>, max_age: u64) -> Self {
        Self { step_up: Some(StepUp { methods, max_age }), ..Code::ReauthenticationRequired.into() }
    }

    /// An error that ends by itself after `wait`: told in whole seconds, never too few.
    #[must_use]
    pub fn retry_after(code: Code, wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        Self { retry_after: Some(seconds.max(1)), ..code.into() }
    }

    /// What an answer that is not one of ours amounts to: the router's own 404, 405, 400, 413.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        let code = Code::ALL.iter().find(|code| code.status() == status);
        let fallback = if status.is_server_error() { Code::Internal } else { Code::BadRequest };
        (*code.unwrap_or(&fallback)).into()
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self { code, reason: None, step_up: None, retry_after: (code == Code::Unavailable).then_some(1) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unavailable(_) => Code::Unavailable,
            StoreError::Conflict(_) => Code::Conflict,
            StoreError::Broken(_) => Code::Internal,
        };
        Self::because(code, error.to_string())
    }
}

impl From<NoEntropy> for ApiError {
    fn from(error: NoEntropy) -> Self {
        Self::because(Code::Unavailable, error.to_string())
    }
}

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
            RotateError::Invalid | RotateError::Reused => Self::because(Code::InvalidRefreshToken, error.to_string()),
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
            RegisterError::Refused(_) => Self::because(Code::PasskeyRegistrationFailed, error.to_string()),
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
            ReauthenticateError::Refused(_) => Self::because(Code::ReauthenticationFailed, error.to_string()),
            ReauthenticateError::TooMany(error) => error.into(),
            ReauthenticateError::Entropy(error) => error.into(),
            ReauthenticateError::Store(error) => error.into(),
        }
    }
}

impl From<PasskeySignInError> for ApiError {
    fn from(error: PasskeySignInError) -> Self {
        match error {
            PasskeySignInError::Refused(_) => Self::because(Code::PasskeySignInFailed, error.to_string()),
            PasskeySignInError::SignIn(error) => error.into(),
            PasskeySignInError::Entropy(error) => error.into(),
            PasskeySignInError::Store(error) => error.into(),
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
