//! The reasons for which the authorization service rejects a request.

use crate::accounts::domain::passwords::PasswordRejection;
use crate::authorization::store::uses::ResourceUser;
use crate::kernel::domain::failure::{Failure, Rejection};

/// The kind of a row that a request names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResourceKind {
    /// A person, in a request that administers accounts.
    User,
    /// A person, in a request about roles and permissions.
    Person,
    /// A role.
    Role,
    /// A permission.
    Permission,
    /// A service.
    Service,
    /// An identity document.
    Document,
}

impl ResourceKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User | Self::Person => "person",
            Self::Role => "role",
            Self::Permission => "permission",
            Self::Service => "service",
            Self::Document => "document",
        }
    }
}

/// The failure of a use case of the authorization service.
pub type AuthorizationFailure = Failure<AuthorizationRejection>;

/// The reasons to reject a request to the authorization service.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationRejection {
    /// The token is unknown or revoked.
    #[error("the token is unknown or revoked")]
    InvalidToken,
    /// The token has expired.
    #[error("the token has expired")]
    ExpiredToken,
    /// The token is valid and belongs to a different person than the request names.
    #[error("the token belongs to another person")]
    OtherUser,
    /// The caller lacks a permission in the service `auth`.
    #[error("the caller lacks the permission {0}")]
    Forbidden(&'static str),
    /// The caller may not read other people's access.
    #[error("the caller may only read their own access")]
    ForbiddenLookup,
    /// The row does not exist.
    #[error("the {} does not exist", .0.as_str())]
    Unknown(ResourceKind),
    /// A row with the same name exists.
    #[error("a {} with this name already exists", .0.as_str())]
    Exists(ResourceKind),
    /// The row has users. The list is empty for a caller who may not read them.
    #[error("the {} is in use", .0.as_str())]
    InUse(ResourceKind, Vec<ResourceUser>),
    /// The row is built in.
    #[error("a built-in row cannot be changed")]
    BuiltIn,
    /// The service does not have the role.
    #[error("the service does not have the role")]
    NotOfService,
    /// An administrator exists, or no bootstrap secret is configured.
    #[error("an administrator exists already, or no bootstrap secret is configured")]
    Closed,
    /// Another person set the password or the username of a person who would gain a permission in
    /// the service `auth`, removed their factors, or could have added a passkey or a factor.
    #[error(
        "another person set the password or the username of this person, removed their factors, or \
         could have added a passkey or a factor. Set a new password for the person as an \
         administrator first"
    )]
    CredentialsNotOwn,
    /// The factors are those of the caller.
    #[error("the factors are the caller's own")]
    OwnFactors,
    /// Without the factors the person could not sign in.
    #[error("the factors are the last way to sign in to the account")]
    LastSignInMethod,
    /// Every attempt lost to a concurrent change of the same rows.
    #[error("every attempt lost to a concurrent change of the same rows")]
    Contended,
    /// The password is refused.
    #[error(transparent)]
    Password(#[from] PasswordRejection),
}

impl Rejection for AuthorizationRejection {}

/// Returns the first row.
///
/// # Errors
/// [`AuthorizationRejection::Unknown`] if there is no row.
pub(super) fn require_row<T>(rows: Vec<T>, kind: ResourceKind) -> Result<T, AuthorizationFailure> {
    rows.into_iter()
        .next()
        .ok_or_else(|| AuthorizationRejection::Unknown(kind).into())
}
