//! The account and the session that claim a key, and the key that makes room for a new one.

use const_format::concatcp;

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys::{MOST_KEYS, NewKey};
use crate::accounts::store::events;
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::accounts::store::users::ProviderIdentity;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, Value, sql};

/// True for the account `u` that claims the key, if its session may have the key and the account
/// has room for it. `?8` to `?15` are [`KeyClaimant::params`].
///
/// Where the binding is strict, two kinds of sessions of the iOS app may not have the key: one that
/// has another key, and a session without a key whose owner signed in too long ago.
const MAY_CLAIM: &str = "u.id = COALESCE(?8, (SELECT user_id FROM identities
                                               WHERE provider = ?9 AND provider_id = ?10))
    AND (?11 IS NULL OR EXISTS (
        SELECT 1 FROM sessions AS s
         WHERE s.id = ?11 AND s.user_id = u.id AND s.revoked_at IS NULL
           AND (?12 = 0 OR s.platform <> 'ios' OR s.attest_key = ?14
                OR (s.attest_key IS NULL AND s.authenticated_at > ?13))))
    AND (SELECT COUNT(*) FROM attest_keys AS o
          WHERE o.user_id = u.id AND o.revoked_at IS NULL AND o.id <> ?14) < ?15";

/// True if a live session is bound to the key `k`. `?2` is the current time.
const IS_NEEDED: &str = "EXISTS (
    SELECT 1 FROM sessions AS b
     WHERE b.user_id = k.user_id AND b.attest_key = k.id AND b.revoked_at IS NULL
       AND b.expires_at > ?2)";

/// Selects the key that makes room for a new one, if the account has no room.
///
/// Keys without a live session come first, and among them the least recently used key. A
/// key that was used recently stays. A key that was created recently stays too, unless it was never
/// used, has no live session, and `?17` is 0.
///
/// `?2` is the current time, and `?8` to `?15` are [`KeyClaimant::params`]. `?16` is the time after
/// which a use or a creation is recent. `?17` is 1 if unused keys are spared. `?18` is the counter
/// of the new key if that key must already be stored with a lower counter.
const LEAST_USED_KEY: &str = concatcp!(
    "(SELECT k.id FROM attest_keys AS k
       WHERE k.user_id = COALESCE(?8, (SELECT user_id FROM identities
                                        WHERE provider = ?9 AND provider_id = ?10))
         AND k.revoked_at IS NULL
         AND COALESCE(k.last_used_at, CASE WHEN ?17 = 1 OR ",
    IS_NEEDED,
    " THEN k.created_at ELSE 0 END) < ?16
         AND (SELECT COUNT(*) FROM attest_keys AS o
               WHERE o.user_id = k.user_id AND o.revoked_at IS NULL AND o.id <> ?14) >= ?15
         AND NOT EXISTS (
             SELECT 1 FROM attest_keys AS n
              WHERE n.id = ?14 AND (n.user_id IS NOT NULL OR n.revoked_at IS NOT NULL))
         AND (?18 IS NULL OR EXISTS (
             SELECT 1 FROM attest_keys AS n WHERE n.id = ?14 AND n.counter < ?18))
         AND (?11 IS NULL OR EXISTS (
             SELECT 1 FROM sessions AS s
              WHERE s.id = ?11 AND s.user_id = k.user_id AND s.revoked_at IS NULL
                AND (?12 = 0 OR s.platform <> 'ios' OR s.attest_key = ?14
                     OR (s.attest_key IS NULL AND s.authenticated_at > ?13))))
       ORDER BY ",
    IS_NEEDED,
    ", COALESCE(k.last_used_at, k.created_at), k.id LIMIT 1)"
);

/// The rules by which keys are bound to sessions.
#[derive(Clone, Copy, Debug)]
pub struct BindingRules {
    /// True if a session of the iOS app cannot add a key when it has another key, or when it has
    /// none and its owner signed in too long ago.
    pub strict: bool,
    /// The time after which the owner of a session without a key must have signed in to bind one.
    pub fresh_since: Timestamp,
    /// The time after which the creation or use of a key is recent. Such a key does not have to
    /// make room for another one.
    pub recent_since: Timestamp,
    /// The id of the event about an added key.
    pub added_event: EventId,
    /// The id of the event about a key that made room.
    pub revoked_event: EventId,
}

/// The account that claims a key, by its id or by one of its identities, and the session.
#[derive(Clone, Copy, Debug)]
pub(in crate::accounts::store) struct KeyClaimant<'a> {
    /// The account, if its id is known.
    pub(in crate::accounts::store) user: Option<UserId>,
    /// The account's identity, if the id is not known.
    pub(in crate::accounts::store) identity: Option<ProviderIdentity<'a>>,
    /// The session, if it exists before the batch.
    pub(in crate::accounts::store) session: Option<SessionId>,
}

/// The conditions under which a key makes room for another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomRules {
    /// True if recently created keys stay even if they were never used.
    pub(super) spares_unused: bool,
    /// The counter of the new key, if the key must already be stored with a lower counter.
    pub(super) counter: Option<i64>,
}

impl KeyClaimant<'_> {
    /// Returns a claimant for a session that exists.
    pub(super) const fn of_caller(by: Caller) -> Self {
        Self {
            user: Some(by.user),
            identity: None,
            session: Some(by.session),
        }
    }

    /// Returns the parameters `?8` to `?15` of the statements of this file.
    fn params(&self, key: &KeyId, rules: &BindingRules) -> [Value; 8] {
        [
            self.user.into(),
            self.identity.map(|identity| identity.provider).into(),
            self.identity.map(|identity| identity.provider_id).into(),
            self.session.into(),
            rules.strict.into(),
            rules.fresh_since.into(),
            key.text().as_str().into(),
            MOST_KEYS.into(),
        ]
    }

    /// Makes room for `key`: writes an event about the key to revoke, revokes it, and revokes
    /// the sessions that are bound to it.
    pub(super) fn make_room(
        &self,
        key: &KeyId,
        rules: &BindingRules,
        room: RoomRules,
        context: &EventContext,
    ) -> [Statement; 3] {
        let [
            user,
            provider,
            provider_id,
            session,
            strict,
            fresh,
            id,
            most,
        ] = self.params(key, rules);
        let about = [
            user,
            provider,
            provider_id,
            session,
            strict,
            fresh,
            id,
            most,
            rules.recent_since.into(),
            room.spares_unused.into(),
            room.counter.into(),
        ];
        let event = events::event(
            concatcp!(
                INSERT_SUBJECT_EVENT,
                "user_id, NULL, id FROM attest_keys WHERE id = ",
                LEAST_USED_KEY
            ),
            &context.with_id(rules.revoked_event),
            EventKind::DeviceKeyRevoked,
            about.clone(),
        );
        let update = Statement {
            sql: concatcp!(
                "UPDATE attest_keys SET revoked_at = ?2 WHERE id = ",
                LEAST_USED_KEY
            ),
            params: with_first_params([Value::Null, context.at.into()], about),
        };
        let revoke = sql(
            "UPDATE sessions SET revoked_at = ?4
              WHERE user_id = COALESCE(?1, (SELECT user_id FROM identities
                                             WHERE provider = ?2 AND provider_id = ?3))
                AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM attest_keys AS k
                             WHERE k.id = sessions.attest_key AND k.revoked_at = ?4)",
            self.account_params(context.at.into()),
        );
        [event, update, revoke]
    }

    /// Assigns an attested key to the account, if the key belongs to no account and the account has
    /// room. Safe to repeat.
    pub(in crate::accounts::store) fn claim(
        &self,
        new: &NewKey,
        rules: &BindingRules,
        spares_unused: bool,
        context: &EventContext,
    ) -> Vec<Statement> {
        let room = RoomRules {
            spares_unused,
            counter: None,
        };
        let event = events::event(
            concatcp!(
                INSERT_SUBJECT_EVENT,
                "u.id, ?11, ?14 FROM users AS u WHERE ",
                MAY_CLAIM,
                " AND NOT EXISTS (
                      SELECT 1 FROM attest_keys
                       WHERE id = ?14 AND (user_id IS NOT NULL OR revoked_at IS NOT NULL))"
            ),
            &context.with_id(rules.added_event),
            EventKind::DeviceKeyAdded,
            self.params(&new.id, rules),
        );
        let insert = Statement {
            sql: concatcp!(
                "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at,
                                          counter, user_id)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, u.id FROM users AS u WHERE ",
                MAY_CLAIM,
                " ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id
                   WHERE user_id IS NULL AND revoked_at IS NULL"
            ),
            params: with_first_params(new.params(context.at), self.params(&new.id, rules)),
        };
        let mut statements = Vec::from(self.make_room(&new.id, rules, room, context));
        statements.extend([event, insert]);
        statements
    }

    /// Selects the account that claims a key, if it exists.
    pub(in crate::accounts::store) fn select_account(&self) -> Statement {
        let [user, provider, provider_id, _] = self.account_params(Value::Null);
        sql(
            "SELECT id FROM users
              WHERE id = COALESCE(?1, (SELECT user_id FROM identities
                                        WHERE provider = ?2 AND provider_id = ?3))",
            [user, provider, provider_id],
        )
    }

    /// Returns the parameters that name the account, followed by `last`.
    fn account_params(&self, last: Value) -> [Value; 4] {
        [
            self.user.into(),
            self.identity.map(|identity| identity.provider).into(),
            self.identity.map(|identity| identity.provider_id).into(),
            last,
        ]
    }
}

/// Returns `first` as `?1` and so on, NULL up to `?7`, and `about` as `?8` and so on. With these
/// numbers an event and its change can have the same text as their condition.
fn with_first_params<const FIRST: usize, const ABOUT: usize>(
    first: [Value; FIRST],
    about: [Value; ABOUT],
) -> Vec<Value> {
    first
        .into_iter()
        .chain(std::iter::repeat(Value::Null))
        .take(7)
        .chain(about)
        .collect()
}
