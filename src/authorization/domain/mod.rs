//! The authorization service: who somebody is by their token, what they may do in a service, and
//! who may change that.
//!
//! Every use case begins with the caller's token and whatever else has to be read, in one round
//! trip. A change is a second one, which rests on what the first one saw: where that does not hold
//! any more, it is looked at again.

pub mod access;
pub mod check;
pub mod grants;
pub mod maintenance;
pub mod people;
mod ports;
pub mod services;
pub mod things;
pub mod tokens;
pub mod transfer;

pub use ports::Ports;

use crate::accounts::domain::passwords::PasswordRejection;
use crate::accounts::model::config::SESSION_ABSOLUTE_LIMIT;
use crate::authorization::model::names::AuthPermission;
use crate::authorization::store::changes::By;
use crate::authorization::store::people as people_store;
use crate::authorization::store::tokens as token_store;
use crate::authorization::store::tokens::{Bearer, Presented};
use crate::authorization::store::uses::Use;
use crate::authorization::store::{Reads, preconditions};
use crate::kernel::domain::failure::Failure;
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::secret::{PersonToken, TokenHash};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Precondition, Rows, Statement, StoreError};

/// How often a change is looked at again that somebody else's change came before.
const TRIES: usize = 4;

/// What there is one of, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A person, as an account.
    User,
    /// A person, as whoever has roles.
    Person,
    /// A role.
    Role,
    /// A permission.
    Permission,
    /// A service.
    Service,
    /// A document of a person.
    Document,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User | Self::Person => "person",
            Self::Role => "role",
            Self::Permission => "permission",
            Self::Service => "service",
            Self::Document => "document",
        }
    }
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// There is no such token, or not any more.
    #[error("the token is unknown or revoked")]
    InvalidToken,
    /// The token has ended.
    #[error("the token has ended")]
    ExpiredToken,
    /// The token is good, and is not that of whoever it should be.
    #[error("the token is somebody else's")]
    OtherUser,
    /// Whoever asks may not.
    #[error("the permission {0} is missing")]
    Forbidden(&'static str),
    /// Whoever asks may not look others up.
    #[error("only oneself may be looked up")]
    ForbiddenLookup,
    /// There is no such thing.
    #[error("there is no such {}", .0.as_str())]
    Unknown(Kind),
    /// There is one already.
    #[error("there is such a {} already", .0.as_str())]
    Exists(Kind),
    /// Something uses it.
    #[error("the {} is in use", .0.as_str())]
    InUse(Kind, Vec<Use>),
    /// It is built in.
    #[error("what is built in cannot be changed")]
    BuiltIn,
    /// The service does not have the role.
    #[error("the service does not have the role")]
    NotOfService,
    /// Nobody else administers the service.
    #[error("nobody else administers the service")]
    LastAdministrator,
    /// It was done already, or cannot be done here.
    #[error("there is an administrator already, or no secret is configured")]
    Closed,
    /// Others change the same just now.
    #[error("others change the same just now")]
    Contended,
    /// The password.
    #[error(transparent)]
    Password(#[from] Failure<PasswordRejection>),
    /// The platform.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AuthorizationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(Precondition::Administrator) => Self::LastAdministrator,
            error => Self::Store(error),
        }
    }
}

/// Whoever calls, and what became of their token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token's hash.
    pub token: TokenHash,
    /// Whose it is.
    pub bearer: Bearer,
    /// Whether this call renewed the token.
    pub renewed: bool,
    /// The moment.
    pub now: Timestamp,
}

impl Caller {
    /// Whether they have a permission in the service itself.
    #[must_use]
    pub fn may(&self, permission: AuthPermission) -> bool {
        [permission, AuthPermission::Administer]
            .iter()
            .any(|needed| self.bearer.permissions.contains(needed))
    }

    /// That they have it.
    ///
    /// # Errors
    /// [`AuthorizationError::Forbidden`]
    pub fn needs(&self, permission: AuthPermission) -> Result<(), AuthorizationError> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(AuthorizationError::Forbidden(permission.as_str()))
        }
    }

    /// What a change of something needs: more, where it says something about the service itself.
    fn needed(of_auth: bool, usual: AuthPermission) -> AuthPermission {
        if of_auth {
            AuthPermission::Administer
        } else {
            usual
        }
    }
}

/// Who is to change something, before it is known whether they may.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Whoever presents a token.
    Token(&'a PersonToken),
    /// Whoever has the machine or the bootstrap secret: what they are called in the log.
    Operator(&'static str),
}

/// Who changes something.
#[derive(Debug)]
pub struct Who<'a> {
    /// Whoever calls; nobody for an operator.
    pub caller: Option<Caller>,
    operator: &'static str,
    origin: &'a RequestOrigin,
    /// The moment.
    pub now: Timestamp,
}

impl Who<'_> {
    /// That they have a permission in the service itself.
    ///
    /// # Errors
    /// [`AuthorizationError::Forbidden`]
    pub fn needs(&self, permission: AuthPermission) -> Result<(), AuthorizationError> {
        self.caller
            .as_ref()
            .map_or(Ok(()), |caller| caller.needs(permission))
    }

    /// What uses something, for whoever may look that up; for all others that something does.
    fn may_see(&self, uses: Vec<Use>) -> Vec<Use> {
        if self.needs(AuthPermission::ReadPolicy).is_ok() {
            uses
        } else {
            Vec::new()
        }
    }

    /// As the log of changes has it.
    #[must_use]
    pub fn by(&self) -> By {
        let request_id = self.origin.request_id.clone();
        match &self.caller {
            Some(caller) => By {
                person: Some(caller.bearer.person),
                name: caller.bearer.username.clone(),
                request_id,
                at: self.now,
            },
            None => By {
                person: None,
                name: self.operator.to_owned(),
                request_id,
                at: self.now,
            },
        }
    }
}

/// Establishes who calls, and reads what else was asked for, in one round trip; a second one renews
/// the token where little is left of it.
///
/// # Errors
/// [`AuthorizationError`]
pub async fn called<R: Reads>(
    ports: &Ports,
    token: &PersonToken,
    what: &R,
) -> Result<(Caller, R::Output), AuthorizationError> {
    let (caller, rows) = established(ports, token, what.statements()).await?;
    Ok((caller, what.read(&rows)?))
}

/// Who calls, and the rows of what else was asked. Not generic, as the two below: there is one of
/// them in the module, and not one to each question.
async fn established(
    ports: &Ports,
    token: &PersonToken,
    more: Vec<Statement>,
) -> Result<(Caller, Vec<Rows>), AuthorizationError> {
    let (hash, now) = (token.hash(), ports.clock.now());
    let presented = Presented { token: &hash, now };
    let mut statements = presented.statements();
    let first = statements.len();
    statements.extend(more);
    let mut results = ports.db.batch(statements).await?;
    let rest = results.split_off(first.min(results.len()));
    let bearer = presented
        .read(&results)?
        .ok_or(AuthorizationError::InvalidToken)?;
    Ok((alive(ports, hash, bearer, now).await?, rest))
}

/// Renews a token that ends soon; refuses one that has ended or was revoked meanwhile.
async fn alive(
    ports: &Ports,
    token: TokenHash,
    mut bearer: Bearer,
    now: Timestamp,
) -> Result<Caller, AuthorizationError> {
    if bearer.expires_at <= now {
        return Err(AuthorizationError::ExpiredToken);
    }
    let mut renewed = false;
    if bearer.expires_at <= now.plus(ports.config.renew_threshold) {
        // Not for ever: whoever has a stolen one does not keep it alive for longer than a session
        // lives.
        let to = tokens::end(ports, bearer.kind, now)
            .min(bearer.created_at.plus(SESSION_ABSOLUTE_LIMIT).to_second());
        if to <= bearer.expires_at {
            return Ok(Caller {
                token,
                bearer,
                renewed,
                now,
            });
        }
        let found = token_store::renew(ports.db.as_ref(), &token, bearer.expires_at, to).await?;
        let (by_this_call, ends) = found.ok_or(AuthorizationError::InvalidToken)?;
        renewed = by_this_call;
        bearer.expires_at = ends;
    }
    Ok(Caller {
        token,
        bearer,
        renewed,
        now,
    })
}

/// Reads what came of a change.
type Done<T> = Box<dyn FnOnce(&[Rows]) -> Result<T, StoreError> + Send>;

/// What became of looking at a change.
enum Plan<T> {
    /// There is nothing to do.
    Done(T),
    /// These are to be done, on what was seen; the rows of the statement at `tells` tell what came
    /// of it.
    Do {
        /// What has to hold, besides that the caller may.
        needs: AuthPermission,
        /// The statements.
        statements: Vec<Statement>,
        /// Reads what came of it.
        done: Done<T>,
    },
}

impl<T: Clone + Send + 'static> Plan<T> {
    /// Statements after which `done` is the answer.
    fn then(needs: AuthPermission, statements: Vec<Statement>, done: T) -> Self {
        Self::Do {
            needs,
            statements,
            done: Box::new(move |_| Ok(done)),
        }
    }
}

/// Changes something: reads, decides, writes on what was read, and again where somebody came
/// between. Two round trips.
async fn change<R: Reads, T>(
    ports: &Ports,
    (actor, origin): (Actor<'_>, &RequestOrigin),
    what: &R,
    mut decide: impl FnMut(&Who<'_>, R::Output) -> Result<Plan<T>, AuthorizationError>,
) -> Result<T, AuthorizationError> {
    for _ in 0..TRIES {
        let (who, rows) = looked(ports, (actor, origin), what.statements()).await?;
        let (needs, statements, done) = match decide(&who, what.read(&rows)?)? {
            Plan::Done(answer) => return Ok(answer),
            Plan::Do {
                needs,
                statements,
                done,
            } => (needs, statements, done),
        };
        if let Some(rows) = carried_out(ports, &who, needs, statements).await? {
            return Ok(done(&rows)?);
        }
    }
    Err(AuthorizationError::Contended)
}

/// Who is to change something, and the rows of what they asked.
async fn looked<'a>(
    ports: &Ports,
    (actor, origin): (Actor<'_>, &'a RequestOrigin),
    statements: Vec<Statement>,
) -> Result<(Who<'a>, Vec<Rows>), AuthorizationError> {
    match actor {
        Actor::Token(token) => {
            let (caller, rows) = established(ports, token, statements).await?;
            let now = caller.now;
            Ok((
                Who {
                    caller: Some(caller),
                    operator: "",
                    origin,
                    now,
                },
                rows,
            ))
        }
        Actor::Operator(operator) => {
            let rows = ports.db.batch(statements).await?;
            Ok((
                Who {
                    caller: None,
                    operator,
                    origin,
                    now: ports.clock.now(),
                },
                rows,
            ))
        }
    }
}

/// Does it, on its preconditions; the rows of the statements, or `None` where something does not
/// hold any more that was seen.
async fn carried_out(
    ports: &Ports,
    who: &Who<'_>,
    needs: AuthPermission,
    statements: Vec<Statement>,
) -> Result<Option<Vec<Rows>>, AuthorizationError> {
    who.needs(needs)?;
    let caller = who.caller.as_ref();
    let mut batch: Vec<Statement> = caller
        .map(|caller| preconditions::caller(&caller.token, needs, who.now))
        .into_iter()
        .collect();
    let first = batch.len();
    batch.extend(statements);
    let last = batch.len();
    batch.extend(caller.map(|_| preconditions::administrator()));
    match ports.db.batch(batch).await {
        Ok(results) => Ok(Some(results.into_iter().take(last).skip(first).collect())),
        // Also where the caller may not any more, or not at all: looked at again, it is told in its
        // own words.
        Err(
            StoreError::Refused(Precondition::Subject | Precondition::Caller)
            | StoreError::Conflict(_),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first of what was found, or that there is none.
fn found<T>(rows: Vec<T>, kind: Kind) -> Result<T, AuthorizationError> {
    rows.into_iter()
        .next()
        .ok_or(AuthorizationError::Unknown(kind))
}

/// The id that the statement at `index` gave to what it made.
fn inserted(results: &[Rows], index: usize) -> Result<i64, StoreError> {
    let row = results.get(index).and_then(|rows| rows.first());
    row.map_or_else(
        || Err(StoreError::Broken("nothing was inserted".to_owned())),
        people_store::id,
    )
}
