//! Good answers of one service, each by its token's hash, until their time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::{Answer, Key};

/// A question that was asked: its place in the order of all of them, and when it was sent.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) order: u64,
    pub(crate) at: Duration,
}

struct Entry {
    answer: Arc<Answer>,
    asked: Asked,
    until: Duration,
    used: u64,
}

struct Newest {
    service: i64,
    version: i64,
    seen: Duration,
}

/// The policy version is that of all answers: when a newer one is seen, everything older goes.
pub(crate) struct Kept {
    entries: HashMap<Key, Entry>,
    /// By when they were used; each use has its own number.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    max_age: Duration,
    most: usize,
    renew_within: Duration,
    newest: Option<Newest>,
}

impl Kept {
    pub(crate) fn new(max_age: Duration, most: usize, renew_within: Duration) -> Self {
        Self {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            max_age,
            most,
            renew_within,
            newest: None,
        }
    }

    pub(crate) fn get(&mut self, key: &Key, now: Duration) -> Option<Arc<Answer>> {
        let entry = self.entries.get_mut(key)?;
        // A clock that was set back would make an answer live longer.
        if now < entry.asked.at || now >= entry.until {
            self.drop(key);
            return None;
        }
        // Used last, so it leaves last.
        self.by_use.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.by_use.insert(entry.used, *key);
        Some(Arc::clone(&entry.answer))
    }

    pub(crate) fn drop(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.by_use.clear();
    }

    /// Notes the version of an answer; whether the answer is of the newest.
    pub(crate) fn sees(&mut self, answer: &Answer, asked: Asked) -> bool {
        let (service, version, at) = (answer.service_id, answer.policy_version, asked.at);
        let mut seen = at;
        if let Some(newest) = &self.newest {
            // Once nothing of the newest version can be kept any more it counts no longer: a restored database counts on from an older one.
            let counts = newest.service == service && at < newest.seen + self.max_age;
            if counts && version < newest.version {
                return false;
            }
            if counts {
                seen = at.max(newest.seen);
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

    /// Keeps an answer, counted from when it was asked for: the service looked after that.
    pub(crate) fn keep(&mut self, key: &Key, answer: &Arc<Answer>, asked: Asked, now: Duration) {
        // In its last seconds a token is renewed by being asked about: answered from here, it would end in its user's hands.
        let renewal = Duration::from_secs(answer.expires_at).saturating_sub(self.renew_within);
        let until = renewal.min(asked.at + self.max_age.min(Duration::from_secs(answer.max_age)));
        let is_older = self
            .entries
            .get(key)
            .is_some_and(|there| there.asked.order > asked.order);
        if until <= now || now < asked.at || is_older {
            return;
        }
        self.drop(key);
        while self.entries.len() >= self.most
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.uses += 1;
        self.by_use.insert(self.uses, *key);
        self.entries.insert(
            *key,
            Entry {
                answer: Arc::clone(answer),
                asked,
                until,
                used: self.uses,
            },
        );
    }
}
