//! Binary values on the wire: read in every spelling that clients use, written in one.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{STANDARD as STANDARD_PADDED, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Writes base64url without padding (RFC 4648 §5).
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Writes base64 in the standard alphabet with padding (RFC 4648 §4).
#[must_use]
pub fn encode_standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD_PADDED.encode(bytes)
}

/// Reads base64 or base64url, padded or not. Returns `None` for any other text, for example one
/// that mixes both alphabets.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_spelling_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
            let spellings = [
                STANDARD.encode(&bytes),
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes),
                encode(&bytes),
            ];
            for text in spellings {
                prop_assert_eq!(decode(&text), Some(bytes.clone()));
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,80}") {
            let _ = decode(&text);
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in ["-+==", "a", "A===", "AB CD", "Ã€", "AB"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
