//! Runs the maintenance jobs of all systems.

use crate::accounts::domain::maintenance as accounts;
use crate::app::ports::Ports;
use crate::authorization::domain::maintenance as authorization;
use crate::kernel::domain::maintenance as kernel;
use crate::kernel::domain::maintenance::run_all;
use crate::relay::domain::maintenance as relay;

/// Runs every job once. The webhook jobs run last.
pub async fn run(ports: &Ports) {
    run_all(&accounts::jobs(), &ports.accounts).await;
    run_all(&authorization::jobs(), &ports.authorization).await;
    run_all(&relay::jobs(), &ports.relay).await;
    run_all(&kernel::jobs(), &ports.kernel).await;
    tracing::debug!("maintenance finished");
}
