//! The memory of Argon2, which is reused: one buffer for each password that is hashed at the same
//! time. An allocator keeps blocks of many megabytes per thread, and gives few of them back.

use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, Block};

use crate::accounts::model::password::PasswordSettings;

/// The buffers that no hash uses at the moment.
static UNUSED: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Hashes a password into `bytes` with a buffer that an earlier hash left. Returns `None` if Argon2
/// refuses the lengths.
///
/// A buffer is kept if it is not larger than a hash of the settings needs. As many are kept as
/// passwords may be hashed at once.
pub(super) fn hash_into(
    argon2: &Argon2<'_>,
    settings: &PasswordSettings,
    password: &[u8],
    salt: &[u8],
    bytes: &mut [u8],
) -> Option<()> {
    let mut buffer = with_unused(Vec::pop).unwrap_or_default();
    let needed = argon2.params().block_count();
    if buffer.len() < needed {
        // A larger buffer replaces it. Its content need not be copied.
        drop(buffer);
        buffer = vec![Block::new(); needed];
    }
    let blocks = buffer.get_mut(..needed)?;
    let hashed = argon2.hash_password_into_with_memory(password, salt, bytes, blocks);
    let usual = usize::try_from(settings.cost.memory).unwrap_or(0);
    if buffer.len() <= usual.max(MIN_BLOCKS) {
        with_unused(|unused| {
            if unused.len() < settings.at_once {
                unused.push(buffer);
            }
        });
    }
    hashed.ok()
}

/// The number of blocks that every hash may need (RFC 9106 §3.1: eight for each lane).
const MIN_BLOCKS: usize = 32;

fn with_unused<T>(update: impl FnOnce(&mut Vec<Vec<Block>>) -> T) -> T {
    update(&mut UNUSED.lock().unwrap_or_else(PoisonError::into_inner))
}
