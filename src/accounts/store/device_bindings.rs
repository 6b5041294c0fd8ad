//! What binds keys to accounts and sign-ins: an account has its keys, and a sign-in of iOS keeps to
//! one of them (docs/decisions/0022).

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys::{MOST_KEYS, NewKey};
use crate::accounts::store::events;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, rows, sql};

/// The account that a key becomes the property of: by its id, or by one of its identities.
macro_rules! keeper {
    ($user:literal, $provider:literal, $subject:literal) => {
        concat!(
            "COALESCE(",
            $user,
            ", (SELECT user_id FROM identities WHERE provider = ",
            $provider,
            " AND provider_id = ",
            $subject,
            "))"
        )
    };
}

/// Whether the sign-in `$session`, if one is named, is live and may have the key: where that is
/// strict, one of iOS that has another one may not, nor one that has none and is not fresh.
macro_rules! session_may {
    ($session:literal, $of:literal, $strict:literal, $fresh:literal, $key:literal) => {
        concat!(
            "(",
            $session,
            " IS NULL OR EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ",
            $session,
            " AND s.user_id = ",
            $of,
            " AND s.revoked_at IS NULL AND (",
            $strict,
            " = 0 OR s.platform <> 'ios' OR s.attest_key = ",
            $key,
            " OR (s.attest_key IS NULL AND s.authenticated_at > ",
            $fresh,
            "))))"
        )
    };
}

/// How many live keys the account has besides this one.
macro_rules! others {
    ($of:literal, $key:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM attest_keys AS o WHERE o.user_id = ",
            $of,
            " AND o.revoked_at IS NULL AND o.id <> ",
            $key,
            ")"
        )
    };
}

/// Whether the account `u` is the one that is meant, its sign-in may have the key, and there is
/// room for it.
macro_rules! may_keep {
    ($user:literal, $provider:literal, $subject:literal, $session:literal, $strict:literal, $fresh:literal, $key:literal, $most:literal) => {
        concat!(
            "u.id = ",
            keeper!($user, $provider, $subject),
            " AND ",
            session_may!($session, "u.id", $strict, $fresh, $key),
            " AND ",
            others!("u.id", $key),
            " < ",
            $most
        )
    };
}
/// Whether a live sign-in belongs to the key `k`, at `?2`.
macro_rules! is_needed {
    () => {
        "EXISTS (SELECT 1 FROM sessions AS b WHERE b.user_id = k.user_id AND b.attest_key = k.id AND b.revoked_at IS NULL AND b.expires_at > ?2)"
    };
}
/// The key that must go where there is no room for another one: of those that no live sign-in
/// belongs to, else of all, the one that was not used for longest. One that was used lately stays,
/// and one that was made lately, unless nobody ever used it and it is not spared.
///
/// `?2` is now; `?8` to `?15` are [`KeyClaimant::params`]; `?16` says since when is lately, `?17`
/// whether what nobody used is spared, and `?18` where the new key's counter will stand, if it must
/// be there already.
macro_rules! least_used {
    () => {
        concat!(
            "(SELECT k.id FROM attest_keys AS k WHERE k.user_id = ",
            keeper!("?8", "?9", "?10"),
            " AND k.revoked_at IS NULL AND COALESCE(k.last_used_at, CASE WHEN ?17 = 1 OR ",
            is_needed!(),
            " THEN k.created_at ELSE 0 END) < ?16 AND ",
            others!("k.user_id", "?14"),
            " >= ?15
              AND NOT EXISTS (SELECT 1 FROM attest_keys AS n WHERE n.id = ?14 AND (n.user_id IS NOT NULL OR n.revoked_at IS NOT NULL))
              AND (?18 IS NULL OR EXISTS (SELECT 1 FROM attest_keys AS n WHERE n.id = ?14 AND n.counter < ?18))
              AND ",
            session_may!("?11", "k.user_id", "?12", "?13", "?14"),
            " ORDER BY ",
            is_needed!(),
            ", COALESCE(k.last_used_at, k.created_at), k.id LIMIT 1)"
        )
    };
}
/// Beyond every counter: Apple's have 32 bits.
const ANY_COUNTER: i64 = 1 << 40;
/// How strictly a sign-in keeps to its device.
#[derive(Clone, Copy, Debug)]
pub struct BindingRules {
    /// Whether a sign-in of iOS that has another key, or none and is not fresh, adds no key.
    pub strict: bool,
    /// A sign-in without a key gets one only if its owner proved who they are after this.
    pub fresh_since: Timestamp,
    /// A key that was made or used since then does not have to make room for another one.
    pub lately: Timestamp,
    /// For the event that tells of a key that the account gets.
    pub added_event: EventId,
    /// For the event that tells of the key that had to make room.
    pub revoked_event: EventId,
}
/// Whose a key becomes, and by which sign-in.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyClaimant<'a> {
    pub(super) user: Option<UserId>,
    pub(super) identity: Option<(&'a str, &'a str)>,
    pub(super) session: Option<SessionId>,
}
impl KeyClaimant<'_> {
    /// Account, by id, provider and subject; sign-in, whether that is strict, since when it is
    /// fresh; the key; how many at most.
    fn params(&self, key: &KeyId, binding: &BindingRules) -> [Value; 8] {
        [
            self.user.into(),
            self.identity.map(|(provider, _)| provider).into(),
            self.identity.map(|(_, subject)| subject).into(),
            self.session.into(),
            binding.strict.into(),
            binding.fresh_since.into(),
            key.text().as_str().into(),
            MOST_KEYS.into(),
        ]
    }

    /// Makes room for the key, ends the sign-ins of the one that goes, and tells.
    fn make_room(
        &self,
        key: &KeyId,
        binding: &BindingRules,
        room: Room,
        context: &EventContext,
    ) -> [Statement; 3] {
        let [user, provider, subject, session, strict, fresh, id, most] = self.params(key, binding);
        let [lately, spares, counter] = [
            binding.lately.into(),
            room.spares_unused.into(),
            room.counter.into(),
        ];
        let about = [
            user, provider, subject, session, strict, fresh, id, most, lately, spares, counter,
        ];
        let event = events::event(
            insert_subject_event!(
                "user_id, NULL, id FROM attest_keys WHERE id = ",
                least_used!()
            ),
            &context.with_id(binding.revoked_event),
            EventKind::DeviceKeyRevoked,
            about.clone(),
        );
        let none = || Value::Null;
        let update = Statement {
            sql: concat!(
                "UPDATE attest_keys SET revoked_at = ?2 WHERE id = ",
                least_used!()
            ),
            // In the places that they have in the event.
            params: [
                none(),
                context.at.into(),
                none(),
                none(),
                none(),
                none(),
                none(),
            ]
            .into_iter()
            .chain(about.clone())
            .collect(),
        };
        let end = Statement {
            sql: concat!(
                "UPDATE sessions SET revoked_at = ?4 WHERE user_id = ",
                keeper!("?1", "?2", "?3"),
                " AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = sessions.attest_key AND k.revoked_at = ?4)"
            ),
            params: about
                .into_iter()
                .take(3)
                .chain([context.at.into()])
                .collect(),
        };
        [event, update, end]
    }
}

/// For what room is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Whether keys that were made lately stay, also if nobody ever used them.
    pub(super) spares_unused: bool,
    /// Where the counter of the new key will stand, if that must be there already.
    pub(super) counter: Option<i64>,
}

impl KeyClaimant<'_> {
    /// Makes an attested key the account's, if it is nobody's and there is room. Safe to repeat.
    pub(super) fn keep(
        &self,
        new: &NewKey,
        binding: &BindingRules,
        spares_unused: bool,
        context: &EventContext,
    ) -> Vec<Statement> {
        let event = events::event(
            insert_subject_event!(
                "u.id, ?11, ?14 FROM users AS u WHERE ",
                may_keep!("?8", "?9", "?10", "?11", "?12", "?13", "?14", "?15"),
                " AND NOT EXISTS (SELECT 1 FROM attest_keys WHERE id = ?14 AND (user_id IS NOT NULL OR revoked_at IS NOT NULL))"
            ),
            &context.with_id(binding.added_event),
            EventKind::DeviceKeyAdded,
            self.params(&new.id, binding),
        );
        let [user, provider, subject, session, strict, fresh, _, most] =
            self.params(&new.id, binding);
        let insert = Statement {
            sql: concat!(
                "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at, counter, user_id)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, u.id FROM users AS u WHERE ",
                may_keep!("?7", "?8", "?9", "?10", "?11", "?12", "?1", "?13"),
                " ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id WHERE user_id IS NULL AND revoked_at IS NULL"
            ),
            params: new.params(context.at).into_iter().chain([user, provider, subject, session, strict, fresh, most]).collect(),
        };
        self.make_room(
            &new.id,
            binding,
            Room {
                spares_unused,
                counter: None,
            },
            context,
        )
        .into_iter()
        .chain([event, insert])
        .collect()
    }

    pub(super) fn select_account(&self) -> Statement {
        let [user, provider, subject, ..] = [
            Value::from(self.user),
            self.identity.map(|(provider, _)| provider).into(),
            self.identity.map(|(_, subject)| subject).into(),
        ];
        sql(
            concat!(
                "SELECT id FROM users WHERE id = ",
                keeper!("?1", "?2", "?3")
            ),
            [user, provider, subject],
        )
    }
}

pub(super) fn select_key(id: &KeyId) -> Statement {
    sql(
        "SELECT user_id, revoked_at FROM attest_keys WHERE id = ?1",
        [id.text().as_str().into()],
    )
}

/// How keeping a key ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyClaim {
    /// It is the account's.
    Yes,
    /// There is no such account, and none could be made.
    NoAccount,
    /// It is somebody else's, or was revoked.
    Taken,
    /// The account has as many as it may, and needs them.
    TooMany,
    /// The caller's sign-in is not live any more.
    SignedOut,
    /// The caller's sign-in belongs to another device, or is too old to get one.
    OtherDevice,
}

/// By what is there now.
pub(super) fn kept(account: Option<&str>, key: Option<&Row>) -> Result<KeyClaim, StoreError> {
    let (owner, revoked) = match key {
        Some(row) => (
            row.opt_text("user_id")?,
            row.opt_time("revoked_at")?.is_some(),
        ),
        None => (None, false),
    };
    Ok(match (account, owner) {
        (_, _) if revoked => KeyClaim::Taken,
        (Some(account), Some(owner)) if account == owner => KeyClaim::Yes,
        (_, Some(_)) => KeyClaim::Taken,
        (Some(_), None) => KeyClaim::TooMany,
        (None, None) => KeyClaim::NoAccount,
    })
}

/// Keeps a key for the account of the live sign-in `by`, and binds it to that sign-in if it is a
/// fresh one of iOS. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(
    db: &dyn Db,
    by: Caller,
    new: &NewKey,
    binding: &BindingRules,
    context: &EventContext,
) -> Result<KeyClaim, StoreError> {
    let keeper = KeyClaimant {
        user: Some(by.user),
        identity: None,
        session: Some(by.session),
    };
    let may = sql(
        concat!(
            "SELECT id, ",
            session_may!("?1", "?2", "?3", "?4", "?5"),
            " AS may FROM sessions WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL"
        ),
        [
            by.session.into(),
            by.user.into(),
            binding.strict.into(),
            binding.fresh_since.into(),
            new.id.text().as_str().into(),
        ],
    );
    let mut batch = vec![may];
    batch.extend(keeper.keep(new, binding, true, context));
    let owner = batch.len();
    batch.extend([
        select_key(&new.id),
        bind(by, &new.id, binding.fresh_since, ANY_COUNTER),
    ]);
    let results = db.batch(batch).await?;
    match rows(&results, 0).first() {
        None => Ok(KeyClaim::SignedOut),
        Some(row) if row.integer("may")? == 0 => Ok(KeyClaim::OtherDevice),
        Some(_) => kept(Some(&by.user.to_string()), rows(&results, owner).first()),
    }
}

/// From now on only this key is good for the sign-in, if it is a fresh one of iOS that has none,
/// and the key can be its account's.
fn bind(by: Caller, id: &KeyId, fresh_since: Timestamp, counter: i64) -> Statement {
    sql(
        concat!(
            "UPDATE sessions SET attest_key = ?3
              WHERE id = ?1 AND user_id = ?2 AND attest_key IS NULL AND platform = 'ios' AND revoked_at IS NULL AND authenticated_at > ?4
                AND EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?3 AND k.revoked_at IS NULL AND k.counter < ?5
                     AND (k.user_id = ?2 OR (k.user_id IS NULL AND ",
            others!("?2", "?3"),
            " < ?6)))"
        ),
        [by.session.into(), by.user.into(), id.text().as_str().into(), fresh_since.into(), counter.into(), MOST_KEYS.into()],
    )
}

/// A use of a key: where its counter stands now, and whether it binds.
#[derive(Clone, Copy, Debug)]
pub struct KeyUse<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// Where its counter stands now.
    pub counter: u32,
    /// Whether a key of nobody's becomes the account's, and a fresh sign-in without one the key's.
    pub binds: bool,
}

/// What moves a key's counter on; the last statement gives a row if it did.
pub(super) fn use_statements(
    by: Caller,
    used: KeyUse<'_>,
    binding: &BindingRules,
    spares_unused: bool,
    context: &EventContext,
) -> Vec<Statement> {
    let (key, counter) = (used.key.text(), i64::from(used.counter));
    let mut batch = Vec::new();
    if used.binds {
        let keeper = KeyClaimant {
            user: Some(by.user),
            identity: None,
            session: Some(by.session),
        };
        batch.extend(keeper.make_room(
            used.key,
            binding,
            Room {
                spares_unused,
                counter: Some(counter),
            },
            context,
        ));
        let about = [
            by.session.into(),
            by.user.into(),
            key.as_str().into(),
            counter.into(),
            MOST_KEYS.into(),
            binding.fresh_since.into(),
        ];
        batch.push(events::event(
            insert_subject_event!(
                "s.user_id, s.id, k.id FROM attest_keys AS k JOIN sessions AS s ON s.id = ?8
                  WHERE k.id = ?10 AND k.user_id IS NULL AND k.revoked_at IS NULL AND k.counter < ?11 AND ",
                others!("?9", "?10"),
                " < ?12
                    AND s.user_id = ?9 AND s.revoked_at IS NULL
                    AND (s.attest_key = ?10 OR (s.attest_key IS NULL AND s.platform = 'ios' AND s.authenticated_at > ?13))"
            ),
            &context.with_id(binding.added_event),
            EventKind::DeviceKeyAdded,
            about,
        ));
        batch.push(bind(by, used.key, binding.fresh_since, counter));
    }
    batch.push(sql(
        concat!(
            "UPDATE attest_keys SET counter = ?2, last_used_at = ?3, user_id = CASE WHEN ?7 = 1 THEN ?4 ELSE user_id END
              WHERE id = ?1 AND counter < ?2 AND revoked_at IS NULL AND (user_id = ?4 OR (user_id IS NULL AND ",
            others!("?4", "?1"),
            " < ?6))
                AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?5 AND s.user_id = ?4 AND s.revoked_at IS NULL
                     AND (s.attest_key = ?1 OR (?7 = 0 AND s.attest_key IS NULL)))
             RETURNING id"
        ),
        [key.as_str().into(), counter.into(), context.at.into(), by.user.into(), by.session.into(), MOST_KEYS.into(), used.binds.into()],
    ));
    batch
}

/// How using a key ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyUseOutcome {
    /// Its counter moved on.
    Yes,
    /// The counter was used meanwhile, or the key was revoked or became somebody else's.
    Meanwhile,
    /// The sign-in belongs to another device.
    OtherDevice,
    /// The sign-in has no device and is too old to get one.
    TooOld,
    /// The key is nobody's, and the account has as many as it may and needs them.
    TooMany,
    /// The sign-in is not live any more.
    SignedOut,
}

/// Uses a key for the sign-in `by`: its counter moves on, and it becomes the account's and the
/// sign-in's if it was nobody's. Of concurrent callers with one counter one gets
/// [`KeyUseOutcome::Yes`]. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn use_for(
    db: &dyn Db,
    by: Caller,
    used: KeyUse<'_>,
    binding: &BindingRules,
    context: &EventContext,
) -> Result<KeyUseOutcome, StoreError> {
    let mut batch = use_statements(by, used, binding, true, context);
    let moved = batch.len();
    // Why not, if it did not.
    batch.push(sql(
        concat!(
            "SELECT s.attest_key, s.authenticated_at > ?4 AS fresh, k.user_id IS NULL AND k.revoked_at IS NULL AND k.counter < ?5 AS free, ",
            others!("?2", "?3"),
            " >= ?6 AS full
               FROM sessions AS s LEFT JOIN attest_keys AS k ON k.id = ?3 WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL"
        ),
        [
            by.session.into(),
            by.user.into(),
            used.key.text().as_str().into(),
            binding.fresh_since.into(),
            i64::from(used.counter).into(),
            MOST_KEYS.into(),
        ],
    ));
    let results = db.batch(batch).await?;
    if moved
        .checked_sub(1)
        .is_some_and(|last| !rows(&results, last).is_empty())
    {
        return Ok(KeyUseOutcome::Yes);
    }
    let Some(row) = rows(&results, moved).first() else {
        return Ok(KeyUseOutcome::SignedOut);
    };
    let bound = row.opt_text("attest_key")?;
    Ok(match bound {
        Some(bound) if bound != used.key.text() => KeyUseOutcome::OtherDevice,
        None if row.integer("fresh")? == 0 => KeyUseOutcome::TooOld,
        _ if row.integer("free")? == 1 && row.integer("full")? == 1 => KeyUseOutcome::TooMany,
        _ => KeyUseOutcome::Meanwhile,
    })
}
