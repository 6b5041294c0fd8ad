//! The caller of a request to the relay.

use axum::extract::FromRequestParts;
use http::Method;
use http::request::Parts;

use crate::accounts::face::{AccountsState, CurrentUser, SignedIn};
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::has_bearer;
use crate::relay::http::RelayState;

/// A caller with a live credential of an account.
#[derive(Debug)]
pub struct Member(pub SignedIn);

impl FromRequestParts<RelayState> for Member {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &RelayState) -> Result<Self, ApiError> {
        let accounts = AccountsState {
            ports: app.ports.accounts.clone(),
        };
        let CurrentUser(me) = CurrentUser::from_request_parts(parts, &accounts).await?;
        Ok(Self(me))
    }
}

/// The caller of a GET that uses up what it returns. Only a token in `Authorization` proves the
/// caller, because a browser sends a cookie with every link that a foreign page opens.
#[derive(Debug)]
pub struct TokenHolder(pub SignedIn);

impl FromRequestParts<RelayState> for TokenHolder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &RelayState) -> Result<Self, ApiError> {
        // The answer to HEAD would be lost with what it uses up.
        if parts.method == Method::HEAD {
            return Err(Code::MethodNotAllowed.into());
        }
        if !has_bearer(&parts.headers) {
            return Err(Code::AuthenticationRequired.into());
        }
        let Member(me) = Member::from_request_parts(parts, app).await?;
        Ok(Self(me))
    }
}
