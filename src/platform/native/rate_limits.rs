//! The rate limiter of the native server: in memory, per address, with the `governor` crate (GCRA:
//! a burst, then an even flow).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::kernel::domain::rate_limit::{RateClass, RateLimiter};

/// Maximum number of addresses per class, about ten megabytes. Beyond it, counting starts again for
/// every address: only an attacker has so many within a minute, and a full table must not keep
/// other clients out.
const MOST_ADDRESSES: usize = 100_000;
/// The default limits, enough for a household, an office or a mobile provider's gateway.
/// `wrangler.toml` has the same.
const DEFAULT: Quotas = Quotas {
    sign_in: per_minute(300),
    public: per_minute(3_000),
    refused_tokens: per_minute(300),
};
const MOST_PER_MINUTE: u32 = 1_000_000;

const fn per_minute(requests: u32) -> NonZeroU32 {
    match NonZeroU32::new(requests) {
        Some(requests) => requests,
        None => NonZeroU32::MIN,
    }
}

/// The number of requests that an address may make in a minute, and at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quotas {
    sign_in: NonZeroU32,
    public: NonZeroU32,
    refused_tokens: NonZeroU32,
}

impl Quotas {
    /// Reads `RATE_LIMIT_SIGN_IN`, `RATE_LIMIT_PUBLIC` and `RATE_LIMIT_REFUSED_TOKENS`.
    ///
    /// # Errors
    /// Every problem, with the name of its setting.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut number = |name: &str, default: NonZeroU32| {
            let Some(value) = lookup(name).filter(|value| !value.trim().is_empty()) else {
                return default;
            };
            let requests = value.trim().parse().ok();
            let allowed = |requests: &NonZeroU32| requests.get() <= MOST_PER_MINUTE;
            requests.filter(allowed).unwrap_or_else(|| {
                problems.push(format!(
                    "{name} must be a whole number of requests per minute, 1 to {MOST_PER_MINUTE}"
                ));
                default
            })
        };
        let quotas = Self {
            sign_in: number("RATE_LIMIT_SIGN_IN", DEFAULT.sign_in),
            public: number("RATE_LIMIT_PUBLIC", DEFAULT.public),
            refused_tokens: number("RATE_LIMIT_REFUSED_TOKENS", DEFAULT.refused_tokens),
        };
        if problems.is_empty() {
            Ok(quotas)
        } else {
            Err(problems)
        }
    }
}

/// Counts in memory. A restart resets the counts.
#[derive(Debug)]
pub struct InMemory {
    sign_in: Counted,
    public: Counted,
    refused_tokens: Counted,
}

impl InMemory {
    /// Returns a limiter without any counts.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        Self {
            sign_in: Counted::new(quotas.sign_in, MOST_ADDRESSES),
            public: Counted::new(quotas.public, MOST_ADDRESSES),
            refused_tokens: Counted::new(quotas.refused_tokens, MOST_ADDRESSES),
        }
    }

    /// Removes the addresses that have their full quota again, and frees the memory.
    pub fn forget_idle(&self) {
        self.sign_in.forget_idle();
        self.public.forget_idle();
        self.refused_tokens.forget_idle();
    }
}

#[async_trait]
impl RateLimiter for InMemory {
    async fn excess(&self, class: RateClass, network: IpAddr) -> Option<Duration> {
        match class {
            RateClass::SignIn => self.sign_in.excess(network),
            RateClass::Public => self.public.excess(network),
            RateClass::RefusedToken => self.refused_tokens.excess(network),
        }
    }
}

#[derive(Debug)]
struct Counted {
    quota: Quota,
    most: usize,
    limiter: RwLock<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Counted {
    fn new(per_minute: NonZeroU32, most: usize) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            quota,
            most,
            limiter: RwLock::new(DefaultKeyedRateLimiter::keyed(quota)),
        }
    }

    fn excess(&self, network: IpAddr) -> Option<Duration> {
        if self.remembered() >= self.most {
            self.make_room();
        }
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        let until = limiter.check_key(&network).err()?;
        Some(until.wait_time_from(DefaultClock::default().now()))
    }

    fn remembered(&self) -> usize {
        self.limiter
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn make_room(&self) {
        let mut limiter = self.limiter.write().unwrap_or_else(PoisonError::into_inner);
        if limiter.len() < self.most {
            return;
        }
        limiter.retain_recent();
        // To remove a few addresses would take a scan of all of them at every request.
        if limiter.len() > self.most / 2 {
            tracing::warn!(
                addresses = limiter.len(),
                "too many addresses to count: all counts are reset"
            );
            *limiter = DefaultKeyedRateLimiter::keyed(self.quota);
        }
    }

    fn forget_idle(&self) {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn an_address_has_its_quota_and_no_other_pays_for_it() {
        let counted = Counted::new(per_minute(3), 100);
        assert!((0..3).all(|_| counted.excess(address(1)).is_none()));
        let wait = counted.excess(address(1)).expect("one too many");
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert!(counted.excess(address(2)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_kept_out_by_others() {
        let counted = Counted::new(per_minute(2), 1_000);
        assert!((0..10_000).all(|number| counted.excess(address(number)).is_none()));
        assert!(counted.remembered() <= 1_000);
        let victim = address(u32::MAX);
        assert!((0..2).all(|_| counted.excess(victim).is_none()));
        assert!(counted.excess(victim).is_some());
    }

    #[test]
    fn who_is_idle_is_forgotten() {
        // A request every 60 microseconds: the quota is whole again before the next line.
        let counted = Counted::new(per_minute(1_000_000), 1_000);
        assert!(counted.excess(address(1)).is_none());
        std::thread::sleep(Duration::from_millis(1));
        counted.forget_idle();
        assert_eq!(counted.remembered(), 0);
    }

    #[test]
    fn a_quota_is_a_number_or_a_problem() {
        let read = |value: &str| Quotas::read(&|_| Some(value.to_owned()));
        assert_eq!(read(" "), Ok(DEFAULT));
        assert_eq!(
            read("7"),
            Ok(Quotas {
                sign_in: per_minute(7),
                public: per_minute(7),
                refused_tokens: per_minute(7)
            })
        );
        for wrong in ["0", "-1", "off", "1000001", "1/s"] {
            assert_eq!(read(wrong).expect_err(wrong).len(), 3);
        }
    }
}
