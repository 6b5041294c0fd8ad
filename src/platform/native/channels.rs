//! The objects of channels natively: a lock for each channel around one SQLite file for all.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::{Mutex, MutexGuard};

use crate::kernel::domain::{Clock, Entropy};
use crate::kernel::store::{Db, StoreError};
use crate::platform::native::ports::{SystemClock, SystemEntropy};
use crate::platform::native::sqlite::Sqlite;
use crate::relay::domain::Channels;
use crate::relay::domain::channel_host::{ChannelHost, Fanouts, HubCalls};
use crate::relay::domain::channel_writer;
use crate::relay::domain::channel_writer::ChannelWriter;
use crate::relay::domain::live::calls::{ChannelAnswer, ChannelPush, HubRequest, PushAnswer};
use crate::relay::domain::live::fanout::FanoutEffect;
use crate::relay::model::channel::{ChannelReply, ChannelRequest};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;

/// The number of locks. Channels that share one wait for each other.
const LOCKS: usize = 1024;
/// How long one run of maintenance may remove entries. The next run goes on.
const REMOVAL_TIME: Duration = Duration::from_secs(20);

/// Returns the address of the database of channels, which is beside the database `url`:
/// `hamrah-channels.db` beside `hamrah.db`. In memory, both are in memory.
///
/// # Errors
/// If `url` is not the address of a database.
pub fn url_beside(url: &str) -> Result<String, sqlx::Error> {
    if url.contains(":memory:") {
        return Ok("sqlite::memory:".to_owned());
    }
    let options = SqliteConnectOptions::from_str(url)?;
    let file: &Path = options.get_filename();
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let stem = text(file.file_stem());
    let ending = match text(file.extension()) {
        ending if ending.is_empty() => ending,
        ending => format!(".{ending}"),
    };
    let beside = file.with_file_name(format!("{stem}-channels{ending}"));
    Ok(format!("sqlite:{}", beside.display()))
}

/// The channels of this process.
#[derive(Clone)]
pub struct LocalChannels(Arc<Local>);

pub(super) struct Local {
    db: Arc<dyn Db>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    locks: Vec<Mutex<()>>,
    fanouts: Fanouts,
    /// The hubs of this process, if it holds sockets.
    hubs: OnceLock<Weak<dyn PushTarget>>,
}

/// The hubs as a channel sees them.
pub(super) trait PushTarget: Send + Sync {
    /// Pushes to a hub and returns its answer.
    fn push(self: Arc<Self>, hub: HubId, channel: ChannelId, push: ChannelPush) -> PushAnswer;
    /// Returns the number of hubs.
    fn count(&self) -> u32;
}

impl LocalChannels {
    /// Opens the database of channels at `url` and migrates it.
    ///
    /// # Errors
    /// If the file cannot be opened or migrated.
    pub async fn open(
        url: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self::over(Arc::new(Sqlite::open(url).await?), clock, entropy).await?)
    }

    /// Opens the database of channels beside the database at `url`, with this machine's clock and
    /// CSPRNG.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_beside(url: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        Self::open(&url_beside(url)?, clock, entropy).await
    }

    /// Migrates the database `db` and returns the channels in it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn over(
        db: Arc<dyn Db>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        channel_writer::migrate(db.as_ref()).await?;
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Ok(Self(Arc::new(Local {
            db,
            clock,
            entropy,
            locks,
            fanouts: Fanouts::default(),
            hubs: OnceLock::new(),
        })))
    }

    /// Connects the channels with the hubs of this process.
    pub(super) fn connect(&self, hubs: Weak<dyn PushTarget>) -> Arc<Local> {
        let _ = self.0.hubs.set(hubs);
        Arc::clone(&self.0)
    }
}

impl Local {
    fn lock(&self, object: &str) -> Option<&Mutex<()>> {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        let locks = u64::try_from(LOCKS).unwrap_or(1);
        self.locks
            .get(usize::try_from(hasher.finish() % locks).unwrap_or_default())
    }

    /// Waits until no other request runs for the object.
    async fn turn(&self, object: &str) -> Result<MutexGuard<'_, ()>, StoreError> {
        let lock = self
            .lock(object)
            .ok_or_else(|| StoreError::Broken("a channel has no lock".to_owned()))?;
        Ok(lock.lock().await)
    }

    fn hubs(&self) -> Option<Arc<dyn PushTarget>> {
        self.hubs.get().and_then(Weak::upgrade)
    }

    fn host(&self) -> ChannelHost<'_> {
        ChannelHost {
            writer: ChannelWriter {
                db: self.db.as_ref(),
                entropy: self.entropy.as_ref(),
            },
            fanouts: &self.fanouts,
            hubs: self.hubs().map_or(1, |hubs| hubs.count()),
            // Hubs and channels start and stop together.
            stores: false,
        }
    }

    async fn handle(
        &self,
        object: &str,
        request: ChannelRequest,
    ) -> Result<ChannelReply, StoreError> {
        let _turn = self.turn(object).await?;
        let (reply, calls) = self.host().handle(request, self.clock.now()).await?;
        self.push(calls).await?;
        Ok(reply)
    }

    /// Does a request of a hub, and gives `take` the answer before another request runs.
    pub(super) async fn handle_hub(
        &self,
        channel: ChannelId,
        request: &HubRequest,
        take: impl FnOnce(Option<ChannelAnswer>),
    ) {
        let answer = async {
            let turn = self.turn(&channel.object()).await?;
            let name = channel.to_string();
            let host = self.host();
            let (answer, calls) = host.handle_hub(&name, request, self.clock.now()).await?;
            self.push(calls).await?;
            Ok::<_, StoreError>((answer, turn))
        };
        match answer.await {
            Ok((answer, _turn)) => take(Some(answer)),
            Err(error) => {
                tracing::warn!(%error, "a channel did not answer a hub");
                take(None);
            }
        }
    }

    /// Carries out calls to hubs. Each answers at once, so nothing is left to be repeated.
    async fn push(&self, calls: HubCalls) -> Result<(), StoreError> {
        let (Some(hubs), Some(channel)) = (self.hubs(), ChannelId::parse(&calls.channel)) else {
            return Ok(());
        };
        let mut effects = VecDeque::from(calls.effects);
        let mut evicted = calls.eviction.is_none();
        while let Some(effect) = effects.pop_front() {
            match effect {
                FanoutEffect::Push { hub, push } => {
                    let answer = Arc::clone(&hubs).push(hub, channel, push);
                    let host = self.host();
                    let now = self.clock.now();
                    let more = host.take_answer(&calls.channel, hub, answer, now).await?;
                    effects.extend(more.effects);
                }
                FanoutEffect::Evicted(number) => evicted |= Some(number) == calls.eviction,
                FanoutEffect::Wake(_) => {}
            }
        }
        if evicted {
            Ok(())
        } else {
            Err(StoreError::Unavailable(
                "a hub keeps a removed member".to_owned(),
            ))
        }
    }
}

#[async_trait]
impl Channels for LocalChannels {
    async fn call(
        &self,
        object: &str,
        request: ChannelRequest,
    ) -> Result<ChannelReply, StoreError> {
        let (local, object) = (Arc::clone(&self.0), object.to_owned());
        // In a task of its own: the lock must be held until a write has ended, also if the client
        // disconnects.
        let work = tokio::spawn(async move { local.handle(&object, request).await });
        work.await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    async fn remove_due(&self) -> Result<usize, StoreError> {
        let (db, begun) = (self.0.db.as_ref(), self.0.clock.now());
        let mut total = 0;
        loop {
            let now = self.0.clock.now();
            let removed = channel_writer::remove_due(db, now).await?;
            total += removed;
            if removed == 0 || now >= begun.plus(REMOVAL_TIME) {
                return Ok(total);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_channels_is_beside_the_other() {
        let beside = |url| url_beside(url).expect("a URL");
        assert_eq!(beside("sqlite:hamrah.db"), "sqlite:hamrah-channels.db");
        assert_eq!(
            beside("sqlite:///var/lib/hamrah.db?mode=rwc"),
            "sqlite:/var/lib/hamrah-channels.db"
        );
        assert_eq!(beside("sqlite:data"), "sqlite:data-channels");
        assert_eq!(beside("sqlite::memory:"), "sqlite::memory:");
    }
}
