//! A cache of positive answers for one service, by the hash of the token.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::{Answer, Key};

/// When a check was sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// The position in the order of all checks of this client.
    pub(crate) order: u64,
    /// The time since 1970.
    pub(crate) at: Duration,
}

struct Entry {
    answer: Arc<Answer>,
    sent: Sent,
    until: Duration,
    last_use: u64,
}

/// The newest policy version that an answer had, and when it was last seen.
struct Newest {
    service: i64,
    version: i64,
    seen: Duration,
}

/// The cached answers.
///
/// The policy version applies to the whole service, so an answer with a newer version removes all
/// older entries.
pub(crate) struct AnswerCache {
    entries: HashMap<Key, Entry>,
    /// The keys in the order of their last use. Each use has its own number.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    max_age: Duration,
    max_entries: usize,
    renew_within: Duration,
    newest: Option<Newest>,
}

impl AnswerCache {
    pub(crate) fn new(max_age: Duration, max_entries: usize, renew_within: Duration) -> Self {
        Self {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            max_age,
            max_entries,
            renew_within,
            newest: None,
        }
    }

    /// Returns the answer for a token, unless it has expired.
    pub(crate) fn get(&mut self, key: &Key, now: Duration) -> Option<Arc<Answer>> {
        let entry = self.entries.get_mut(key)?;
        // Without the first condition, a clock that was set back would extend the entry.
        if now < entry.sent.at || now >= entry.until {
            self.remove(key);
            return None;
        }
        self.by_use.remove(&entry.last_use);
        self.uses += 1;
        entry.last_use = self.uses;
        self.by_use.insert(entry.last_use, *key);
        Some(Arc::clone(&entry.answer))
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.last_use);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.by_use.clear();
    }

    /// Records the policy version of an answer. Returns false if a newer version is known.
    pub(crate) fn record_version(&mut self, answer: &Answer, sent: Sent) -> bool {
        let (service, version) = (answer.service_id, answer.policy_version);
        let mut seen = sent.at;
        if let Some(newest) = &self.newest {
            // After `max_age` the known version no longer counts, because no entry depends on it. A
            // database that was restored from a backup continues with an older version.
            let counts = newest.service == service && sent.at < newest.seen + self.max_age;
            if counts && version < newest.version {
                return false;
            }
            if counts {
                seen = sent.at.max(newest.seen);
            }
            if newest.service != service || newest.version != version {
                self.clear();
            }
        }
        self.newest = Some(Newest {
            service,
            version,
            seen,
        });
        true
    }

    /// Stores an answer. Its age counts from the request, because the service read the data later.
    pub(crate) fn store(&mut self, key: &Key, answer: &Arc<Answer>, sent: Sent, now: Duration) {
        // A check in the token's last seconds renews it, so these checks must reach the service.
        let renewal = Duration::from_secs(answer.expires_at).saturating_sub(self.renew_within);
        let max_age = self.max_age.min(Duration::from_secs(answer.max_age));
        let until = renewal.min(sent.at + max_age);
        let is_older = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.sent.order > sent.order);
        if until <= now || now < sent.at || is_older {
            return;
        }

        self.remove(key);
        while self.entries.len() >= self.max_entries
            && let Some((_, least_used)) = self.by_use.pop_first()
        {
            self.entries.remove(&least_used);
        }
        self.uses += 1;
        self.by_use.insert(self.uses, *key);
        let answer = Arc::clone(answer);
        self.entries.insert(
            *key,
            Entry {
                answer,
                sent,
                until,
                last_use: self.uses,
            },
        );
    }
}
