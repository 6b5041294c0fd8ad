//! webauthn-rs without its log: the library logs unverified client data at level `error`.

use tracing::{Dispatch, dispatcher};

/// Calls the library without its log.
pub(super) fn quietly<T>(call: impl FnOnce() -> T) -> T {
    dispatcher::with_default(&Dispatch::none(), call)
}
