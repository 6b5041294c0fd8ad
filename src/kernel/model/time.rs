//! Moments, in milliseconds since 1970 (UTC), which the database stores and JavaScript can hold.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a moment from milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the whole seconds since 1970 (a JWT's `NumericDate`, RFC 7519 §2).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the beginning of the second that contains this moment.
    #[must_use]
    pub const fn to_second(self) -> Self {
        Self(self.seconds().saturating_mul(1000))
    }

    /// Returns the moment `duration` later, or the last moment instead of an overflow.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns the moment `duration` earlier, or the first moment instead of an overflow.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Reads a time in RFC 3339, such as `2026-01-31T12:00:00Z`; fractions below a millisecond are
    /// dropped.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.to_utc().into())
    }

    /// Returns the same moment as a calendar date and time, or `None` if it is outside the
    /// calendar's range (about 262,000 years).
    #[must_use]
    pub const fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }

    /// Returns the whole seconds from `earlier` until this moment, or zero if it is not later.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        let seconds = self.0.saturating_sub(earlier.0) / 1000;
        if seconds < 0 { 0 } else { seconds }
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    /// Writes `YYYY-MM-DDTHH:MM:SSZ`, which is RFC 3339 without fractions. The iOS client's parser
    /// refuses fractions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has years of four digits. No moment of this service is in another year, so 1970
        // replaces such a moment.
        let time = self
            .to_utc()
            .filter(|time| (0..=9999).contains(&time.year()))
            .unwrap_or_default();
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_seconds_without_fractions() {
        assert_eq!(
            Timestamp::from_millis(1_795_318_445_999).to_string(),
            "2026-11-22T03:34:05Z"
        );
        assert_eq!(
            Timestamp::from_millis(-1).to_string(),
            "1969-12-31T23:59:59Z"
        );
        assert_eq!(
            Timestamp::from_millis(i64::MAX).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            Timestamp::from_millis(253_402_300_800_000).to_string(),
            "1970-01-01T00:00:00Z",
            "the year 10000"
        );
    }

    #[test]
    fn reads_what_it_writes() {
        let time = Timestamp::from_millis(1_795_318_445_000);
        assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Some(time));
        assert_eq!(
            Timestamp::parse_rfc3339("2026-11-22T04:34:05.999+01:00"),
            Some(Timestamp::from_millis(1_795_318_445_999))
        );
        assert_eq!(Timestamp::parse_rfc3339("2026-11-22"), None);
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(
            Timestamp::from_millis(i64::MAX)
                .plus(Duration::MAX)
                .millis(),
            i64::MAX
        );
        assert_eq!(
            Timestamp::from_millis(0).seconds_since(Timestamp::from_millis(5)),
            0
        );
    }
}
