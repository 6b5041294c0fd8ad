//! What attempts at guessing are counted under, and how long whoever fails has to wait.

use std::time::Duration;

/// Attempts are forgotten when there was none for this long.
pub const ATTEMPTS_KEPT: Duration = Duration::from_hours(24);
/// Beyond this the delay is not doubled any more: the longest has come long before.
pub(crate) const MOST_DOUBLINGS: u32 = 20;

/// What attempts are counted under: a way of guessing, and whom or what it is tried on. Holds no
/// e-mail address and no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThrottleSubject(String);

impl ThrottleSubject {
    /// `way:whom`.
    pub(crate) fn new(way: &str, whom: &str) -> Self {
        Self(format!("{way}:{whom}"))
    }

    /// As the database keeps it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many attempts are free, and how the delay grows after them. It always ends: nothing is
/// locked for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThrottlePolicy {
    /// This many attempts need not wait.
    pub free: u32,
    /// The delay after the last free attempt; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest delay.
    pub longest_delay: Duration,
}

impl ThrottlePolicy {
    /// For everything that can be guessed: 5 attempts, then 30 seconds, a minute, two, up to an
    /// hour. That is 11 in the first hour and 24 a day after it: against the million codes of a
    /// TOTP, three of them good at a time, one hit in 14,000 days.
    pub const GUESS: Self = Self {
        free: 5,
        first_delay: Duration::from_secs(30),
        longest_delay: Duration::from_hours(1),
    };

    /// For backup codes, of which nobody guesses one of 80 bits: so that who guesses keeps no owner
    /// waiting, and 1,000 an hour are not tried all the same.
    pub const LONG_CODE: Self = Self {
        free: 30,
        first_delay: Duration::from_secs(1),
        longest_delay: Duration::from_secs(5),
    };
    /// For what an account may ask for now and then.
    pub const DEAR: Self = Self {
        free: 5,
        first_delay: Duration::from_mins(1),
        longest_delay: Duration::from_mins(10),
    };

    /// How long to wait after so many attempts.
    #[must_use]
    pub fn delay_after(&self, attempts: u32) -> Duration {
        let Some(doublings) = attempts.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        let factor = 1_u32
            .checked_shl(doublings.min(MOST_DOUBLINGS))
            .unwrap_or(u32::MAX);
        self.first_delay
            .saturating_mul(factor)
            .min(self.longest_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_an_hour() {
        let seconds = |attempts| ThrottlePolicy::GUESS.delay_after(attempts).as_secs();
        assert_eq!([0, 1, 4].map(seconds), [0; 3]);
        assert_eq!(
            [5, 6, 7, 8, 9, 10, 11, 12].map(seconds),
            [30, 60, 120, 240, 480, 960, 1920, 3600]
        );
        assert_eq!(
            [13, 1_000, u32::MAX].map(seconds),
            [3600; 3],
            "never longer, and so never for good"
        );
    }

    #[test]
    fn nobody_tries_a_thousand_guesses_within_an_hour() {
        for (policy, expected) in [
            (ThrottlePolicy::GUESS, 11),
            (ThrottlePolicy::LONG_CODE, 751),
        ] {
            let (mut attempts, mut passed) = (0, Duration::ZERO);
            while passed < Duration::from_hours(1) {
                attempts += 1;
                passed += policy.delay_after(attempts);
            }
            assert_eq!(attempts, expected);
        }
    }
}
