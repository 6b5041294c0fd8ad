//! What can go wrong, for machines: every code, with its status and a sentence.

use http::StatusCode;

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
    TokenInQuery BAD_REQUEST "token_in_query" "Tokens are not accepted in the query; send a header.";
    AttestationFailed BAD_REQUEST "attestation_failed" "The attestation could not be verified; ask for a new challenge. One is good for ten minutes, once.";
    PasskeyRegistrationFailed BAD_REQUEST "passkey_registration_failed" "The passkey could not be verified; begin again. A registration may take five minutes.";
    InvalidRequestBody BAD_REQUEST "invalid_request_body" "The body is not what this endpoint takes.";
    InvalidQuery BAD_REQUEST "invalid_query" "A parameter of the query is not what this endpoint takes.";
    InvalidUserNumber BAD_REQUEST "invalid_user_id" "A user's id here is a whole number from 1.";
    InvalidRoleId BAD_REQUEST "invalid_role_id" "A role's id is a whole number from 1.";
    InvalidPermissionId BAD_REQUEST "invalid_permission_id" "A permission's id is a whole number from 1.";
    InvalidServiceId BAD_REQUEST "invalid_service_id" "A service's id is a whole number from 1; where a name will do, it has 1 to 64 characters.";
    InvalidPersonId BAD_REQUEST "invalid_person_id" "A person's id is a whole number from 1, or their username.";
    MissingTokenHeader UNAUTHORIZED "missing_token_header" "Send the token in the header token.";
    ExpiredToken UNAUTHORIZED "expired_token" "The token has ended; sign in again.";
    AuthenticationRequired UNAUTHORIZED "authentication_required" "Sign in first.";
    InvalidToken UNAUTHORIZED "invalid_token" "The credential is not valid, or not any more.";
    InvalidRefreshToken UNAUTHORIZED "invalid_refresh_token" "The refresh token is not valid, or not any more; sign in again.";
    PasskeySignInFailed UNAUTHORIZED "passkey_sign_in_failed" "The passkey could not be verified; begin again. A sign-in may take five minutes.";
    RecoveryFailed UNAUTHORIZED "recovery_failed" "The account could not be recovered: the address or the code is wrong, the code was used, or it took too long; begin again.";
    InvalidCredentials UNAUTHORIZED "invalid_credentials" "The name, the password or the code is wrong.";
    SecondFactorRequired UNAUTHORIZED "second_factor_required" "The account has TOTP enabled: send the code of the authenticator app too.";
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
    Forbidden FORBIDDEN "forbidden" "This needs a permission in the service auth that the caller does not have.";
    ForbiddenPersonLookup FORBIDDEN "forbidden_person_lookup" "Only what is one's own may be looked up without the permission to look others up.";
    BootstrapClosed FORBIDDEN "bootstrap_closed" "There is an administrator already, or no bootstrap secret is configured.";
    NotFound NOT_FOUND "not_found" "There is nothing here.";
    UserNotFound NOT_FOUND "user_not_found" "There is no such user.";
    TokenNotFound NOT_FOUND "token_not_found" "There is no such token.";
    SessionNotFound NOT_FOUND "session_not_found" "There is no such session.";
    AttestKeyNotFound NOT_FOUND "attest_key_not_found" "There is no such device.";
    PasskeyNotFound NOT_FOUND "passkey_not_found" "There is no such passkey.";
    PasswordNotFound NOT_FOUND "password_not_found" "The account has no password.";
    RoleNotFound NOT_FOUND "role_not_found" "There is no such role.";
    PermissionNotFound NOT_FOUND "permission_not_found" "There is no such permission.";
    ServiceNotFound NOT_FOUND "service_not_found" "There is no such service.";
    PersonNotFound NOT_FOUND "person_not_found" "There is no such person.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "This address does not answer that method; see Allow.";
    RequestTimeout REQUEST_TIMEOUT "request_timeout" "The request did not arrive in time.";
    Conflict CONFLICT "conflict" "This is taken already.";
    AccountChanged CONFLICT "account_changed" "Another account is signed in by now; nothing was done.";
    EmailTaken CONFLICT "email_taken" "There is an account with this e-mail address; sign in to it instead.";
    AttestKeyTaken CONFLICT "attest_key_taken" "This device's key belongs to another account, or was revoked; make a new one.";
    TooManyAttestKeys CONFLICT "too_many_attest_keys" "The account has 20 devices that are in use; revoke one first.";
    PasskeyExists CONFLICT "passkey_exists" "This passkey is registered already.";
    TooManyPasskeys CONFLICT "too_many_passkeys" "An account has 20 passkeys at most; remove one first.";
    UserExists CONFLICT "user_exists" "There is a person with this username already.";
    DocumentExists CONFLICT "document_exists" "There is a person with this document already.";
    RoleExists CONFLICT "role_exists" "There is a role with this name already.";
    PermissionExists CONFLICT "permission_exists" "There is a permission with this name already.";
    ServiceExists CONFLICT "service_exists" "There is a service with this name already; a deleted one keeps its name, and comes back when it is made again.";
    RoleInUse CONFLICT "role_in_use" "Services have this role; see used_by, or delete with force=true.";
    PermissionInUse CONFLICT "permission_in_use" "Roles or people have this permission; see used_by, or delete with force=true.";
    ServiceInUse CONFLICT "service_in_use" "People have roles or permissions in this service; see used_by, or delete with force=true.";
    BuiltIn CONFLICT "built_in" "This is built in and cannot be changed.";
    RoleNotInService CONFLICT "role_not_in_service" "The service does not have this role; give it to the service first.";
    LastAdministrator CONFLICT "last_administrator" "Nobody else administers the authorization service; make somebody an administrator first.";
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
    InvalidPassword UNPROCESSABLE_ENTITY "invalid_password" "A password has 8 to 256 characters; where more are configured, more.";
    CommonPassword UNPROCESSABLE_ENTITY "common_password" "This password is among those that are tried first; choose another one.";
    BreachedPassword UNPROCESSABLE_ENTITY "breached_password" "This password is known from a leak elsewhere; choose another one.";
    InvalidCode UNPROCESSABLE_ENTITY "invalid_code" "The code is wrong. Is the clock of your device right?";
    RateLimited TOO_MANY_REQUESTS "rate_limited" "Too many requests from this address. Wait a little and try again.";
    TooManyAttempts TOO_MANY_REQUESTS "too_many_attempts" "Too many attempts. Wait a little and try again.";
    Busy TOO_MANY_REQUESTS "busy" "Too many passwords are being checked just now. Try again in a moment.";
    Internal INTERNAL_SERVER_ERROR "internal_error" "Something is wrong on our side.";
    TotpUnavailable NOT_IMPLEMENTED "totp_unavailable" "TOTP is not configured here.";
    Unavailable SERVICE_UNAVAILABLE "service_unavailable" "The service cannot answer just now; repeat the request.";
}
