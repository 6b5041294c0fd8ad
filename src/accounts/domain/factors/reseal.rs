//! TOTP secrets that an older key sealed are sealed anew, so that the older key can be taken away.

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::totp::about;
use crate::accounts::model::secrets_key::NONCE_BYTES;
use crate::accounts::store::totp;
use crate::accounts::store::totp::{RESEALED_AT_ONCE, ResealedSecret, SealedSecret};
use crate::kernel::domain::failure::Fault;

/// Rounds of a run: a run every minute goes on where this one stopped.
const ROUNDS: usize = 5;

/// Seals anew what an older key of `SECRETS_KEY` sealed; gives how many. No round trip where there
/// is no older key.
///
/// # Errors
/// [`Fault`]
pub async fn run(ports: &Ports) -> Result<usize, Fault> {
    let Some(keys) = ports.config.secrets_keys.as_ref() else {
        return Ok(0);
    };
    let (db, mut total) = (ports.db.as_ref(), 0);
    for (mut from, to) in keys.retired() {
        for _ in 0..ROUNDS {
            let found = totp::sealed_between(db, &from, &to).await?;
            let mut anew = Vec::with_capacity(found.len());
            for SealedSecret { user, sealed } in &found {
                let mut nonce = [0; NONCE_BYTES];
                ports.entropy.fill(&mut nonce)?;
                let about = about(*user);
                if let Some(new) = keys
                    .open(&about, sealed)
                    .and_then(|secret| keys.seal(&about, &secret, nonce))
                {
                    anew.push(ResealedSecret {
                        user: *user,
                        old: sealed,
                        new,
                    });
                } else {
                    tracing::error!(%user, "a TOTP secret does not open under the key that sealed it");
                }
            }
            if !anew.is_empty() {
                total += totp::replace(db, &anew).await?;
            }
            // Behind the last one, so that what does not open keeps nothing from being reached.
            match found.last() {
                Some(last) if found.len() == RESEALED_AT_ONCE => from.clone_from(&last.sealed),
                _ => break,
            }
        }
    }
    Ok(total)
}
