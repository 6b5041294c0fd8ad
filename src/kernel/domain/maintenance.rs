//! Maintenance: jobs that run every minute, at the edge by a cron trigger, natively by a background
//! task.

use std::error::Error;

use futures_util::future::BoxFuture;

use crate::kernel::domain::Ports;
use crate::kernel::domain::webhooks::{self, OUTBOX_ENTRIES_KEPT};
use crate::kernel::store::outbox;

/// The result of a job: the number of rows that it changed or removed.
pub type JobResult = Result<usize, Box<dyn Error + Send + Sync>>;

/// A job that a system hands in.
///
/// A job is safe to run concurrently with itself and to stop at any point. Changes that it made
/// before an error stay.
pub struct Job<P> {
    /// The name in the log.
    pub name: &'static str,
    /// Runs the job once over the ports of its system.
    pub run: for<'a> fn(&'a P) -> BoxFuture<'a, JobResult>,
}

/// Runs `jobs` one after the other. A job that fails does not keep the next one from running. The
/// log has the result of each.
pub async fn run_all<P>(jobs: &[Job<P>], ports: &P) {
    for job in jobs {
        match (job.run)(ports).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(job = job.name, rows, "maintenance job finished"),
            Err(error) => tracing::error!(job = job.name, %error, "maintenance job failed"),
        }
    }
}

/// Returns the jobs of the kernel.
#[must_use]
pub fn jobs() -> Vec<Job<Ports>> {
    vec![
        // Old entries are given up first, so that a delivery does not claim them again.
        Job {
            name: "remove outbox entries",
            run: |ports| Box::pin(remove_outbox_entries(ports)),
        },
        Job {
            name: "deliver webhooks",
            run: |ports| {
                Box::pin(async move {
                    let delivered = webhooks::deliver(ports).await?;
                    if delivered.failed > 0 {
                        tracing::info!(failed = delivered.failed, "webhooks not delivered");
                    }
                    Ok(delivered.sent)
                })
            },
        },
    ]
}

/// Removes outbox entries that were never delivered. Without a webhook it removes all, because the
/// schema writes them anyway.
async fn remove_outbox_entries(ports: &Ports) -> JobResult {
    let webhook = ports.config.webhook.is_some();
    let before = webhook.then(|| ports.clock.now().minus(OUTBOX_ENTRIES_KEPT));
    let removed = outbox::remove_expired(ports.db.as_ref(), before).await?;
    if webhook && removed > 0 {
        tracing::error!(
            entries = removed,
            "webhooks given up after days without a delivery"
        );
    }
    Ok(removed)
}
