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
    use super::*;

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
