//! Maintenance of the relay: jobs that remove expired rows in bounded batches.

use crate::kernel::domain::maintenance::Job;
use crate::relay::domain::{Ports, tasks};
use crate::relay::store::{bundles, counts, invites, sender_keys};

/// Returns the jobs of the relay.
#[must_use]
pub fn jobs() -> Vec<Job<Ports>> {
    vec![
        Job {
            name: "carry out changes of channels",
            run: |ports| Box::pin(async move { Ok(tasks::carry_out_due(ports).await?) }),
        },
        Job {
            name: "remove invites of the relay",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(invites::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove sender keys",
            run: |ports| {
                Box::pin(async move {
                    let (db, now) = (ports.db.as_ref(), ports.clock.now());
                    Ok(sender_keys::remove_expired(db, now).await?)
                })
            },
        },
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
                    Ok(bundles::remove_expired(db, now).await?)
                })
            },
        },
        Job {
            name: "remove entries of channels",
            run: |ports| Box::pin(async move { Ok(ports.channels.remove_due().await?) }),
        },
    ]
}
