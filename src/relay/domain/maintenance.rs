//! Maintenance of the relay: jobs that remove expired rows in bounded batches.

use crate::kernel::domain::maintenance::Job;
use crate::relay::domain::Ports;
use crate::relay::store::{counts, prekeys};

/// Returns the jobs of the relay.
#[must_use]
pub fn jobs() -> Vec<Job<Ports>> {
    vec![
        Job {
            name: "remove counts of the relay",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(counts::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove claims of prekeys",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(prekeys::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove entries of channels",
            run: |ports| Box::pin(async move { Ok(ports.channels.remove_due().await?) }),
        },
    ]
}
