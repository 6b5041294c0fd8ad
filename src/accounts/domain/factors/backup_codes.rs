//! Backup codes: ten at a time, each valid for one account recovery.

use crate::accounts::domain::Ports;
use crate::accounts::model::backup_code::{BackupCode, CODE_BYTES};
use crate::accounts::model::records::Caller;
use crate::accounts::store::factors;
use crate::accounts::store::outcome::FactorChange;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Fault;

/// The number of codes that are created at a time.
pub const CODES: usize = 10;

/// Replaces all backup codes of the account with new codes, which cannot be read again. One round
/// trip.
///
/// # Errors
/// [`Fault`]
pub async fn regenerate(
    ports: &Ports,
    by: Caller,
    origin: &RequestOrigin,
) -> Result<Vec<BackupCode>, Fault> {
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let mut bytes = [0; CODE_BYTES];
        ports.entropy.fill(&mut bytes)?;
        codes.push(BackupCode::from_bytes(bytes));
    }

    let hashes: Vec<String> = codes.iter().map(|code| code.hash(by.user)).collect();
    let context = ports.event_context(origin, ports.clock.now())?;
    match factors::replace_codes(ports.db.as_ref(), by, &hashes, &context).await? {
        FactorChange::Changed => Ok(codes),
        FactorChange::Unchanged | FactorChange::SignedOut => Err(Fault::SignedOut),
    }
}
