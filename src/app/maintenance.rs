//! What is done every minute without being asked, at the edge by a cron trigger, natively by a background task.

use crate::accounts::domain::factors::reseal;
use crate::accounts::domain::sweep;
use crate::app::ports::Ports;
use crate::kernel::domain::webhooks;

/// Removes what has ended, seals secrets under the current key, and tells the webhook what happened. One does not wait for the other to succeed; the log says what came of it.
pub async fn run(ports: &Ports) {
    match sweep::sweep(&ports.accounts).await {
        Ok(swept) if swept == sweep::Swept::default() => {}
        Ok(swept) => tracing::info!(?swept, "swept"),
        Err(error) => tracing::error!(%error, "the sweep failed"),
    }
    match reseal::run(&ports.accounts).await {
        Ok(0) => {}
        Ok(secrets) => tracing::info!(secrets, "sealed TOTP secrets anew"),
        Err(error) => tracing::error!(%error, "TOTP secrets were not sealed anew"),
    }
    match webhooks::deliver(&ports.kernel).await {
        Ok(delivered) if delivered == webhooks::Delivered::default() => {}
        Ok(delivered) => tracing::info!(?delivered, "told the webhook"),
        Err(error) => tracing::error!(%error, "the webhook was not told"),
    }
    tracing::debug!("upkeep is over");
}
