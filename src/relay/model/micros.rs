//! Moments in microseconds, so that every message of a channel has a time of its own.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use crate::kernel::model::time::Timestamp;

/// The microseconds of a millisecond.
const PER_MILLI: i64 = 1_000;

/// A moment: microseconds since 1970-01-01T00:00:00Z, below 2^53 so that JavaScript can hold it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Reads a time in RFC 3339. Fractions below a microsecond are dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| Self(time.timestamp_micros()))
    }
}

impl From<Timestamp> for Micros {
    fn from(time: Timestamp) -> Self {
        Self(time.millis().saturating_mul(PER_MILLI))
    }
}

impl fmt::Display for Micros {
    /// Writes `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first and the last moment of the years 0 to 9999, which RFC 3339 can write.
    const FIRST: i64 = -62_167_219_200_000_000;
    const LAST: i64 = 253_402_300_799_999_999;

    proptest! {
        #[test]
        fn a_time_is_read_as_it_was_written(micros in FIRST..=LAST, minutes in -1439_i32..1440) {
            let (time, other) = (Micros(micros), Micros(micros + i64::from(minutes)));
            let text = time.to_string();
            prop_assert_eq!(text.len(), "YYYY-MM-DDTHH:MM:SS.ffffffZ".len());
            prop_assert_eq!(Micros::parse_rfc3339(&text), Some(time));
            // Texts are ordered as times are, so clients may compare them.
            prop_assert_eq!(time.cmp(&other), text.cmp(&other.to_string()));
            // The same moment in another zone.
            let zone = chrono::FixedOffset::east_opt(minutes * 60).expect("below a day");
            let local = DateTime::from_timestamp_micros(micros).expect("a time");
            let local = local.with_timezone(&zone);
            prop_assume!((0..=9999).contains(&chrono::Datelike::year(&local)));
            prop_assert_eq!(Micros::parse_rfc3339(&local.to_rfc3339()), Some(time));
        }

        #[test]
        fn a_text_gives_a_time_or_none(text in "\\PC{0,40}") {
            if let Some(time) = Micros::parse_rfc3339(&text) {
                prop_assert_eq!(Micros::parse_rfc3339(&time.to_string()), Some(time));
            }
        }
    }

    #[test]
    fn microseconds_survive() {
        let time = Micros(1_795_318_445_000_001);
        assert_eq!(time.to_string(), "2026-11-22T03:34:05.000001Z");
        assert_eq!(Micros::parse_rfc3339(&time.to_string()), Some(time));
        assert_eq!(
            Micros::from(Timestamp::from_millis(1_795_318_445_999)).to_string(),
            "2026-11-22T03:34:05.999000Z"
        );
        assert_eq!(Micros::parse_rfc3339("2026-11-22"), None);
    }
}
