//! The caller of a request to the relay.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::accounts::face::{AccountsState, CurrentUser, SignedIn};
use crate::kernel::http::error::ApiError;
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
