//! Maintenance of the authorization service: jobs that remove expired rows in bounded batches.

use std::time::Duration;

use crate::accounts::model::config::REFRESH_EVENTS_KEPT;
use crate::accounts::store::events;
use crate::authorization::domain::ports::Ports;
use crate::authorization::store::{grants, removal, service_deletion, tokens};
use crate::kernel::domain::maintenance::Job;
use crate::kernel::model::events::EventKind;

/// How long an expired grant stays visible.
const EXPIRED_GRANTS_KEPT: Duration = Duration::from_hours(30 * 24);

/// Returns the jobs of the authorization service.
#[must_use]
pub fn jobs() -> Vec<Job<Ports>> {
    vec![
        Job {
            name: "remove token events",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    let before = now.minus(REFRESH_EVENTS_KEPT);
                    Ok(events::remove_expired(db, EventKind::TokenIssued, before).await?)
                })
            },
        },
        Job {
            name: "remove person tokens",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(tokens::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "mark ended grants",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(grants::mark_ended(db, now).await?)
                })
            },
        },
        Job {
            name: "remove expired grants",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(grants::remove_expired(db, now.minus(EXPIRED_GRANTS_KEPT)).await?)
                })
            },
        },
        Job {
            name: "remove grants of deleted services",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(service_deletion::remove_all(db, now).await?)
                })
            },
        },
        Job {
            name: "remove grants of deleted roles and permissions",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(removal::remove_all(db, now).await?)
                })
            },
        },
    ]
}
