//! The subject of a throttle, and the delay after failed attempts.

use std::num::NonZeroU32;
use std::time::Duration;

/// How long after the last attempt the attempts are forgotten.
pub const ATTEMPTS_KEPT: Duration = Duration::from_hours(24);
/// The time after which a network that made no further sign-up may make all of them again. It is
/// shorter than [`ATTEMPTS_KEPT`].
const SIGN_UPS_FORGOTTEN: Duration = Duration::from_hours(6);
/// The largest number of doublings. The longest delay is reached long before.
pub(crate) const MOST_DOUBLINGS: u32 = 20;

/// The key under which attempts are counted: the throttled action and its target. It holds no
/// e-mail address and no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThrottleSubject(String);

impl ThrottleSubject {
    /// `way:whom`.
    pub(crate) fn new(way: &str, whom: &str) -> Self {
        Self(format!("{way}:{whom}"))
    }

    /// Returns true if the attempts are counted by an e-mail address, which several accounts may
    /// claim.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.split(':').nth(1) == Some("email")
    }

    /// Returns the subject as the database stores it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The limit of the sign-ups of a network: some at once, and then one after each interval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignUpLimit {
    /// The subject under which the sign-ups of the network are counted.
    pub subject: ThrottleSubject,
    /// The number of sign-ups at once.
    pub at_once: NonZeroU32,
}

impl SignUpLimit {
    /// Returns the time after which one more sign-up is allowed.
    #[must_use]
    pub fn interval(&self) -> Duration {
        SIGN_UPS_FORGOTTEN / self.at_once.get()
    }
}

/// The number of free attempts, and the growth of the delay after them. Every delay ends, so no
/// account is locked permanently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThrottlePolicy {
    /// The number of attempts without a delay.
    pub free: u32,
    /// The delay after the last free attempt. It doubles with each further attempt.
    pub first_delay: Duration,
    /// The longest delay.
    pub longest_delay: Duration,
}

impl ThrottlePolicy {
    /// The policy for passwords and codes: 5 attempts, then 30 seconds, a minute, two, up to an
    /// hour. These are 11 attempts in the first hour and 24 a day after it. A TOTP has a million
    /// codes, of which three are valid at a time, so an attacker guesses one in 14,000 days.
    pub const GUESS: Self = Self {
        free: 5,
        first_delay: Duration::from_secs(30),
        longest_delay: Duration::from_hours(1),
    };

    /// The policy for backup codes. A code has 80 bits and cannot be guessed, so an attacker must
    /// not delay the owner for long. The policy still prevents 1,000 attempts an hour.
    pub const LONG_CODE: Self = Self {
        free: 30,
        first_delay: Duration::from_secs(1),
        longest_delay: Duration::from_secs(5),
    };
    /// The policy for actions that an account needs rarely.
    pub const DEAR: Self = Self {
        free: 5,
        first_delay: Duration::from_mins(1),
        longest_delay: Duration::from_mins(10),
    };

    /// Returns the delay after a number of attempts.
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
