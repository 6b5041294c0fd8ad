//! Removing what has ended, in bounded batches: every minute.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::devices::UNBOUND_KEPT;
use crate::accounts::model::config::REFRESH_EVENTS_KEPT;
use crate::accounts::model::throttle::ATTEMPTS_KEPT;
use crate::accounts::store::{attempts, attest_keys, challenges, events, refresh_tokens, sessions};
use crate::authorization::store::{grants, tokens as person_tokens};
use crate::kernel::domain::webhooks::NOTICES_KEPT;
use crate::kernel::model::events::EventKind;
use crate::kernel::store::{StoreError, outbox};

/// How long it can be seen that somebody had something whose time is over.
const ENDED_GRANTS_KEPT: Duration = Duration::from_hours(30 * 24);

/// How many rows a sweep removed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Refresh tokens.
    pub refresh_tokens: usize,
    /// Sign-ins.
    pub sessions: usize,
    /// Challenges.
    pub challenges: usize,
    /// Events that tell of a refresh, or of a token of the authorization service.
    pub events: usize,
    /// Tokens of the authorization service.
    pub person_tokens: usize,
    /// Grants that ended long ago.
    pub grants: usize,
    /// Devices' keys that nobody used.
    pub attest_keys: usize,
    /// Subjects that nobody guessed at lately.
    pub attempts: usize,
    /// Notices that were given up, or that nobody wants.
    pub notices: usize,
}

/// Removes what has ended. Safe to run concurrently and to stop anywhere.
///
/// # Errors
/// [`StoreError`]; what was removed before stays removed.
pub async fn sweep(ports: &Ports) -> Result<Swept, StoreError> {
    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let webhook = ports.config.webhook.is_some();
    let swept = Swept {
        // Tokens before the sign-ins they hang on: so a removed sign-in never drags an unbounded chain with it.
        refresh_tokens: refresh_tokens::sweep(db, now).await?,
        sessions: sessions::sweep(db, now).await?,
        challenges: challenges::sweep(db, now).await?,
        events: events::sweep(
            db,
            EventKind::TokensRefreshed,
            now.minus(REFRESH_EVENTS_KEPT),
        )
        .await?
            + events::sweep(db, EventKind::TokenIssued, now.minus(REFRESH_EVENTS_KEPT)).await?,
        person_tokens: person_tokens::sweep(db, now).await?,
        grants: grants::sweep(db, now.minus(ENDED_GRANTS_KEPT)).await?,
        attest_keys: attest_keys::sweep(db, now.minus(UNBOUND_KEPT)).await?,
        attempts: attempts::sweep(db, now.minus(ATTEMPTS_KEPT)).await?,
        // Without a webhook nobody wants them: the schema writes them all the same.
        notices: outbox::sweep(db, webhook.then(|| now.minus(NOTICES_KEPT))).await?,
    };
    if webhook && swept.notices > 0 {
        tracing::error!(
            notices = swept.notices,
            "notices were given up: the webhook did not take them for days"
        );
    }
    Ok(swept)
}
