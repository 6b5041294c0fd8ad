//! Maintenance of accounts: jobs that remove expired rows in bounded batches, and seal secrets
//! under the current key.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::devices::UNBOUND_KEPT;
use crate::accounts::domain::factors::reseal;
use crate::accounts::model::config::REFRESH_EVENTS_KEPT;
use crate::accounts::model::throttle::ATTEMPTS_KEPT;
use crate::accounts::store::{
    attempts, attest_keys, challenges, deletion, events, refresh_tokens, sessions,
};
use crate::kernel::domain::maintenance::Job;
use crate::kernel::model::events::EventKind;

/// How long the log keeps the deletion of an account. Without a limit, a stranger who creates and
/// deletes accounts would fill the log.
const DELETION_EVENTS_KEPT: Duration = Duration::from_hours(400 * 24);

/// Returns the jobs of accounts.
#[must_use]
pub fn jobs() -> Vec<Job<Ports>> {
    vec![
        // Refresh tokens go before their sessions, so that removing a session never removes an
        // unbounded chain of them.
        Job {
            name: "remove refresh tokens",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(refresh_tokens::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove sessions",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(sessions::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove challenges",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(challenges::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove refresh events",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(events::remove_expired(
                        db,
                        EventKind::TokensRefreshed,
                        now.minus(REFRESH_EVENTS_KEPT),
                    )
                    .await?)
                })
            },
        },
        Job {
            name: "remove deletion events",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    let before = now.minus(DELETION_EVENTS_KEPT);
                    Ok(events::remove_expired(db, EventKind::UserDeleted, before).await?)
                })
            },
        },
        Job {
            name: "remove unused device keys",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(attest_keys::remove_expired(db, now.minus(UNBOUND_KEPT)).await?)
                })
            },
        },
        Job {
            name: "remove attempts",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(attempts::remove_expired(db, now.minus(ATTEMPTS_KEPT)).await?)
                })
            },
        },
        Job {
            name: "remove deleted accounts",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(deletion::remove_all(db, now).await?)
                })
            },
        },
        Job {
            name: "reseal TOTP secrets",
            run: |ports| Box::pin(async move { Ok(reseal::run(ports).await?) }),
        },
    ]
}
