//! Sealing of TOTP secrets under the current key, so that an older key can be removed.

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::totp::seal_context;
use crate::accounts::model::secrets_key::NONCE_BYTES;
use crate::accounts::store::totp;
use crate::accounts::store::totp::{RESEALED_AT_ONCE, ResealedSecret, SealedSecret};
use crate::kernel::domain::failure::Fault;

/// The maximum number of rounds in a run. The next run, a minute later, continues.
const ROUNDS: usize = 5;

/// Seals secrets under the current key that an older key of `SECRETS_KEY` sealed. Returns their
/// number. No round trip if there is no older key.
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
            let mut resealed = Vec::with_capacity(found.len());
            for SealedSecret { user, sealed } in &found {
                let mut nonce = [0; NONCE_BYTES];
                ports.entropy.fill(&mut nonce)?;
                let context = seal_context(*user);
                if let Some(new) = keys
                    .open(&context, sealed)
                    .and_then(|secret| keys.seal(&context, &secret, nonce))
                {
                    resealed.push(ResealedSecret {
                        user: *user,
                        old: sealed,
                        new,
                    });
                } else {
                    tracing::error!(
                        %user,
                        "a TOTP secret does not open under the key that sealed it"
                    );
                }
            }
            if !resealed.is_empty() {
                total += totp::replace(db, &resealed).await?;
            }
            // The next round starts after the last secret, so that a secret that does not open does
            // not stop the run.
            match found.last() {
                Some(last) if found.len() == RESEALED_AT_ONCE => from.clone_from(&last.sealed),
                _ => break,
            }
        }
    }
    Ok(total)
}
