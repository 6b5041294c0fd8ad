//! The codes of all errors, each with its status and its sentence for users.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident $status:ident $code:literal $detail:literal;)*) => {
        /// The code of an error, for programs. Codes are stable.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`")] $variant,)*
        }

        impl Code {
            /// All codes, for the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the code as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns the HTTP status of the error.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// Returns the sentence for users: the problem, then the remedy.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }
        }
    };
}

codes! {
    BadRequest BAD_REQUEST "bad_request"
        "The request cannot be read. Check its syntax.";
    MalformedJson BAD_REQUEST "malformed_json"
        "The body is not valid JSON in UTF-8. Correct the body.";
    MultipleCredentials BAD_REQUEST "multiple_credentials"
        "The request carries several credentials. Send either the session cookie or one \
         Authorization header.";
    TokenInQuery BAD_REQUEST "token_in_query"
        "Tokens are not accepted in the query. Send the token in a header.";
    AttestationFailed BAD_REQUEST "attestation_failed"
        "The attestation could not be verified. Attest a new key with a new challenge, which \
         expires after 10 minutes and can be used once. If that fails too, check the app id and \
         the App Attest environment.";
    PasskeyRegistrationFailed BAD_REQUEST "passkey_registration_failed"
        "The passkey could not be verified. Start again and finish within 5 minutes.";
    InvalidRequestBody BAD_REQUEST "invalid_request_body"
        "The body does not have the form that this endpoint expects. Check its fields.";
    InvalidQuery BAD_REQUEST "invalid_query"
        "A query parameter is not valid. Check the names and values of the parameters.";
    InvalidUserNumber BAD_REQUEST "invalid_user_id"
        "The user id is not valid. Send a whole number from 1.";
    InvalidRoleId BAD_REQUEST "invalid_role_id"
        "The role id is not valid. Send a whole number from 1.";
    InvalidPermissionId BAD_REQUEST "invalid_permission_id"
        "The permission id is not valid. Send a whole number from 1.";
    InvalidServiceId BAD_REQUEST "invalid_service_id"
        "The service id is not valid. Send a whole number from 1. Where the service's name is \
         accepted, it has 1 to 64 characters.";
    InvalidPersonId BAD_REQUEST "invalid_person_id"
        "The person id is not valid. Send a whole number from 1 or a username.";
    ProofOfWorkRequired BAD_REQUEST "proof_of_work_required"
        "The proof of work is missing or wrong, or its challenge has expired. Get a new challenge.";
    MissingTokenHeader UNAUTHORIZED "missing_token_header"
        "The token is missing. Send it in the header token.";
    ExpiredToken UNAUTHORIZED "expired_token"
        "The token has expired. Sign in again.";
    AuthenticationRequired UNAUTHORIZED "authentication_required"
        "You are not signed in. Sign in first.";
    TotpRequired UNAUTHORIZED "totp_required"
        "TOTP code required";
    InvalidToken UNAUTHORIZED "invalid_token"
        "The credential is not valid or has expired. Sign in again.";
    InvalidRefreshToken UNAUTHORIZED "invalid_refresh_token"
        "The refresh token is not valid or has expired. Sign in again.";
    PasskeySignInFailed UNAUTHORIZED "passkey_sign_in_failed"
        "The passkey could not be verified. Start again and finish within 5 minutes.";
    PasskeyCounterWentBack UNAUTHORIZED "passkey_counter_went_back"
        "This passkey was refused because its counter went back. It may have been copied, or moved \
         to another authenticator. Sign in another way, delete the passkey, and add it again.";
    RecoveryFailed UNAUTHORIZED "recovery_failed"
        "The account could not be recovered. The address or the code is wrong, the code was used \
         before, or the recovery took too long. Start again.";
    InvalidCredentials UNAUTHORIZED "invalid_credentials"
        "The name, the password or the code is wrong. Check them and try again.";
    SecondFactorRequired UNAUTHORIZED "second_factor_required"
        "The account requires a second factor. Also send the code of the authenticator app.";
    ReauthenticationFailed UNAUTHORIZED "reauthentication_failed"
        "We could not verify your identity. Start again.";
    InternalKeyRequired UNAUTHORIZED "internal_key_required"
        "This endpoint is for internal services only. Send the name and the key of a service.";
    WrongMessageSecret FORBIDDEN "wrong_message_secret"
        "The secret is missing or does not belong to the message. Only its sender has it.";
    BrowserRequest FORBIDDEN "browser_request"
        "This endpoint does not answer browsers. Call it from a server.";
    CrossSiteRequest FORBIDDEN "cross_site_request"
        "The request does not come from an allowed origin. Send it from a page of this site, or add \
         the page's origin to ALLOWED_ORIGINS.";
    ReauthenticationRequired FORBIDDEN "reauthentication_required"
        "This action requires a recent sign-in. Verify your identity again.";
    RecoveryIncomplete FORBIDDEN "recovery_incomplete"
        "The account recovery is not complete. Add a passkey first.";
    CsrfTokenRequired FORBIDDEN "csrf_token_required"
        "The CSRF token is missing or wrong. Send the token of /api/auth/csrf in X-CSRF-Token.";
    AppAttestRequired FORBIDDEN "app_attest_required"
        "App Attest is required. Send an assertion of the session's device, or client_attestation \
         with a request for new iOS tokens.";
    AppAttestFailed FORBIDDEN "app_attest_failed"
        "The App Attest assertion is not accepted. Make a new one for each request, with its \
         method, its URL, the current time, the app's bundle id and the key of the session's \
         device.";
    OtherDevice FORBIDDEN "other_device"
        "This session belongs to another device. Sign in again on this device.";
    Forbidden FORBIDDEN "forbidden"
        "You do not have the required permission in the service auth. Ask an administrator for it.";
    RoleTooLow FORBIDDEN "role_too_low"
        "Your role in the server does not allow this. Ask the owner of the server.";
    ForbiddenPersonLookup FORBIDDEN "forbidden_person_lookup"
        "You can look up only your own permissions. Looking up others requires auth.policy.read.";
    BootstrapClosed FORBIDDEN "bootstrap_closed"
        "The first administrator cannot be created: one exists, or no bootstrap secret is \
         configured. Ask an existing administrator for access, or configure the secret.";
    NotFound NOT_FOUND "not_found"
        "Not found. Check the address.";
    UserNotFound NOT_FOUND "user_not_found"
        "The user does not exist. Check the id.";
    TokenNotFound NOT_FOUND "token_not_found"
        "The token does not exist. Check the id.";
    SessionNotFound NOT_FOUND "session_not_found"
        "The session does not exist or has ended. Load the list of sessions again.";
    AttestKeyNotFound NOT_FOUND "attest_key_not_found"
        "The device does not exist. Load the list of devices again.";
    PasskeyNotFound NOT_FOUND "passkey_not_found"
        "The passkey does not exist. Load the list of passkeys again.";
    PasswordNotFound NOT_FOUND "password_not_found"
        "The account has no password. Nothing was removed.";
    RoleNotFound NOT_FOUND "role_not_found"
        "The role does not exist. Check the id.";
    PermissionNotFound NOT_FOUND "permission_not_found"
        "The permission does not exist. Check the id or the name.";
    ServiceNotFound NOT_FOUND "service_not_found"
        "The service does not exist. Check the id or the name.";
    PersonNotFound NOT_FOUND "person_not_found"
        "The person does not exist. Check the id or the username.";
    MessageNotFound NOT_FOUND "message_not_found"
        "The message does not exist, or you are not a member of its channel. Check its id.";
    BackupNotFound NOT_FOUND "backup_not_found"
        "The account has no backup of its keys. Upload one first.";
    ServerNotFound NOT_FOUND "server_not_found"
        "The server does not exist, or you are not a member. Load the list of servers again.";
    ChannelNotFound NOT_FOUND "channel_not_found"
        "The channel does not exist, or you are not a member. Load the list of channels again.";
    MemberNotFound NOT_FOUND "member_not_found"
        "The account is not a member of the server. Load the list of members again.";
    InviteNotFound NOT_FOUND "invite_not_found"
        "The invite does not exist, has expired or is used up. Ask for a new one.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed"
        "This address does not support the method. Use a method that the header Allow lists.";
    RequestTimeout REQUEST_TIMEOUT "request_timeout"
        "The request did not arrive in time. Send it again.";
    Conflict CONFLICT "conflict"
        "This value is already in use. Choose another one.";
    AccountChanged CONFLICT "account_changed"
        "A different account is signed in. Nothing was changed.";
    EmailTaken CONFLICT "email_taken"
        "An account with this e-mail address exists. Sign in to it instead.";
    AttestKeyTaken CONFLICT "attest_key_taken"
        "The key of this device belongs to another account or was revoked. Create a new key.";
    TooManyAttestKeys CONFLICT "too_many_attest_keys"
        "The account already has 20 devices in use. Revoke one first.";
    PasskeyExists CONFLICT "passkey_exists"
        "This passkey is already registered. Use it to sign in.";
    TooManyPasskeys CONFLICT "too_many_passkeys"
        "The account already has 20 passkeys. Remove one first.";
    UserExists CONFLICT "user_exists"
        "A person with this username exists. Choose another username.";
    DocumentExists CONFLICT "document_exists"
        "A person with this document exists. Check the document.";
    RoleExists CONFLICT "role_exists"
        "A role with this name exists. Choose another name.";
    PermissionExists CONFLICT "permission_exists"
        "A permission with this name exists. Choose another name.";
    ServiceExists CONFLICT "service_exists"
        "A service with this name exists or was deleted. Choose another name, or create a deleted \
         service again to restore it.";
    RoleInUse CONFLICT "role_in_use"
        "Services use this role. Remove the uses in used_by, or delete with force=true.";
    PermissionInUse CONFLICT "permission_in_use"
        "Roles or people use this permission. Remove the uses in used_by, or delete with \
         force=true.";
    ServiceInUse CONFLICT "service_in_use"
        "People have roles or permissions in this service. Remove the uses in used_by, or delete \
         with force=true.";
    BuiltIn CONFLICT "built_in"
        "This entry is built in and cannot be changed. Create one of your own.";
    RoleNotInService CONFLICT "role_not_in_service"
        "The service does not have this role. Add the role to the service first.";
    LastAdministrator CONFLICT "last_administrator"
        "This would remove the last administrator of the authorization service. Appoint another \
         administrator first.";
    CredentialsNotOwn CONFLICT "credentials_not_own"
        "Another person set the password or the username of this person, removed their factors, or \
         could have added a passkey or a factor. Ask the person to remove their passkeys, TOTP and backup codes. Then set a new password for \
         them as an administrator.";
    TooManyEntries CONFLICT "too_many_entries"
        "The change would exceed a limit of services, roles, permissions or grants. Expired grants and \
         grants of deleted entries count until maintenance has removed them. Remove entries that are \
         no longer needed first.";
    TotpEnabled CONFLICT "totp_enabled"
        "TOTP is already enabled. Disable it first.";
    TotpNotEnrolled CONFLICT "totp_not_enrolled"
        "The account has no TOTP secret. Enroll first.";
    UsernameTaken CONFLICT "username_taken"
        "This username is taken. Choose another one.";
    PrekeyReused CONFLICT "prekey_reused"
        "A one-time prekey of the list was uploaded before. Generate new prekeys.";
    TooManyPrekeys CONFLICT "too_many_prekeys"
        "The stock has at most 500 one-time prekeys and 100 post-quantum ones. Upload fewer.";
    IdentityKeyMissing CONFLICT "identity_key_missing"
        "The account has no identity key. Set one with PUT /api/v1/keys/identity first.";
    MessageConflict CONFLICT "message_conflict"
        "Another message has this client_id. Use new random bytes for each message.";
    BackupConflict CONFLICT "backup_conflict"
        "Another backup was stored in the meantime. Load it, and upload with the version after it.";
    OwnerStays CONFLICT "owner_stays"
        "The owner cannot leave the server or change roles with it. Delete the server instead.";
    DirectMessageStays CONFLICT "direct_message_stays"
        "A direct message cannot be left, changed or deleted. Block the other account instead.";
    UpgradeRequired UPGRADE_REQUIRED "upgrade_required"
        "This address is for WebSockets. Connect with a WebSocket client.";
    LimitReached CONFLICT "limit_reached"
        "A limit of stored entries is reached. Remove some first.";
    LastSignInMethod CONFLICT "last_sign_in_method"
        "This is the last way to sign in to the account. Add another one first.";
    UriTooLong URI_TOO_LONG "uri_too_long"
        "The address of the request is longer than 8 KiB. Send a shorter one.";
    HeadersTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "headers_too_large"
        "The request has more than 100 headers, or more than 32 KiB of them. Send fewer headers, \
         and delete the cookies of this site.";
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large"
        "The body is larger than 64 KiB. Send a smaller one.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type"
        "The content type is not supported. Send the body as application/json.";
    InvalidBody UNPROCESSABLE_ENTITY "invalid_body"
        "A field is missing, repeated or of the wrong type. Correct the body.";
    InvalidEmail UNPROCESSABLE_ENTITY "invalid_email"
        "The e-mail address is not valid. Enter an ASCII address of at most 254 characters.";
    EmailRequired UNPROCESSABLE_ENTITY "email_required"
        "A new account needs an e-mail address. Send one.";
    InvalidName UNPROCESSABLE_ENTITY "invalid_name"
        "The name is not valid. Choose 1 to 200 printable characters.";
    InvalidPasskeyName UNPROCESSABLE_ENTITY "invalid_passkey_name"
        "The name of the passkey is not valid. Choose 1 to 64 printable characters.";
    InvalidPicture UNPROCESSABLE_ENTITY "invalid_picture"
        "The picture is not valid. Send an https URL of at most 2048 characters.";
    InvalidProvider UNPROCESSABLE_ENTITY "invalid_provider"
        "The provider is not valid. Send 1 to 64 of the characters a-z, 0-9, dot, dash and \
         underscore.";
    InvalidProviderId UNPROCESSABLE_ENTITY "invalid_provider_id"
        "The provider's id is not valid. Send 1 to 255 printable ASCII characters.";
    InvalidAuthMethod UNPROCESSABLE_ENTITY "invalid_auth_method"
        "The method is not valid. Send 1 to 64 of the characters a-z, 0-9, dot, dash and \
         underscore.";
    InvalidPlatform UNPROCESSABLE_ENTITY "invalid_platform"
        "The platform is not valid. Send web, ios or api; only ios devices can be attested.";
    InvalidBundleId UNPROCESSABLE_ENTITY "invalid_bundle_id"
        "The bundle id does not belong to a configured app. Check the id, or APPLE_BUNDLE_ID.";
    InvalidKeyId UNPROCESSABLE_ENTITY "invalid_key_id"
        "The key id is not valid. Send the base64 of 32 bytes.";
    InvalidPurpose UNPROCESSABLE_ENTITY "invalid_purpose"
        "The purpose is not valid. Send 1 to 64 of the characters a-z, 0-9, dot, dash and \
         underscore.";
    InvalidUserId UNPROCESSABLE_ENTITY "invalid_user_id"
        "The user id is not valid. Send a UUID with hyphens.";
    AmbiguousSubject UNPROCESSABLE_ENTITY "ambiguous_subject"
        "The subject is missing or ambiguous. Send either user_id, or provider and provider_id.";
    InvalidPassword UNPROCESSABLE_ENTITY "invalid_password"
        "Choose a password of 8 to 256 characters. The server can require more than 8.";
    CommonPassword UNPROCESSABLE_ENTITY "common_password"
        "This password is one that attackers try first. Choose another one.";
    BreachedPassword UNPROCESSABLE_ENTITY "breached_password"
        "This password is known from a data leak. Choose another one.";
    InvalidCode UNPROCESSABLE_ENTITY "invalid_code"
        "The code is wrong. Check that the clock of your device is correct.";
    RateLimited TOO_MANY_REQUESTS "rate_limited"
        "Too many requests came from this address. Wait a moment and try again.";
    TooManySockets TOO_MANY_REQUESTS "too_many_sockets"
        "The account has as many open connections as it may. Close one and try again.";
    TooManyAttempts TOO_MANY_REQUESTS "too_many_attempts"
        "Too many attempts. Wait before you try again.";
    Busy TOO_MANY_REQUESTS "busy"
        "The server is checking too many passwords. Wait a moment and try again.";
    Internal INTERNAL_SERVER_ERROR "internal_error"
        "Internal server error. Try again later.";
    TotpUnavailable NOT_IMPLEMENTED "totp_unavailable"
        "TOTP is not configured on this server. Use another method.";
    Unavailable SERVICE_UNAVAILABLE "service_unavailable"
        "The service cannot answer now. Repeat the request.";
}
