//! Keyed hashes that stand for accounts in rows, so that the rows do not tell who did something.

use crate::accounts::face;
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::base64;
use crate::relay::domain::Ports;

/// Separates these hashes from other uses of the signing key.
const LABEL: &[u8] = b"hamrah-api relay tag v1";
/// The bytes of a tag. Two of them never collide in practice.
const TAG_BYTES: usize = 16;

/// Returns the tag of `words`. The first word names the purpose. No word may contain a newline.
///
/// # Errors
/// [`Fault::Unavailable`] if the signing key cannot sign.
pub(super) fn tag(ports: &Ports, words: &[&str]) -> Result<String, Fault> {
    face::keyed_value(ports, LABEL, words.join("\n").as_bytes())
        .and_then(|value| Some(base64::encode(value.get(..TAG_BYTES)?)))
        .ok_or(Fault::Unavailable("a tag could not be derived"))
}
