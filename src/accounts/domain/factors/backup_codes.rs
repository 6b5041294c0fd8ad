//! Backup codes: ten at a time, each good for one recovery.

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::{FactorError, done};
use crate::accounts::model::backup_code::{BackupCode, CODE_BYTES};
use crate::accounts::model::records::Caller;
use crate::accounts::store::factors;
use crate::kernel::domain::RequestOrigin;

/// How many are made at a time.
pub const CODES: usize = 10;

/// Makes new codes, in place of all from before: shown once. One round trip.
///
/// # Errors
/// [`FactorError`]
pub async fn regenerate(
    ports: &Ports,
    by: Caller,
    origin: &RequestOrigin,
) -> Result<Vec<BackupCode>, FactorError> {
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let mut bytes = [0; CODE_BYTES];
        ports.entropy.fill(&mut bytes)?;
        codes.push(BackupCode::from_bytes(bytes));
    }
    let hashes: Vec<String> = codes.iter().map(|code| code.hash(by.user)).collect();
    let context = ports.event_context(origin, ports.clock.now())?;
    done(
        factors::replace_codes(ports.db.as_ref(), by, &hashes, &context).await?,
        FactorError::SignedOut,
    )?;
    Ok(codes)
}
