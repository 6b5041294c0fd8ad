//! The authorization service: people, their tokens, who may do what where, and what changed.
//!
//! A change is one batch. It begins with what it rests on and ends with its row in the log of
//! changes; statements in between need no guards of their own, because a precondition that fails
//! ends the batch and nothing of it has happened (docs/decisions/0030).

/// Whether a grant `g` counts at the moment `$now`.
macro_rules! counts {
    ($now:literal) => {
        concat!("(g.expires_at IS NULL OR g.expires_at > ", $now, ")")
    };
}

pub mod access;
pub mod changes;
pub mod check;
pub mod grants;
pub mod people;
pub mod preconditions;
pub mod services;
pub mod things;
pub mod tokens;
pub mod transfer;
pub mod uses;

use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, Value, rows, run, sql};

/// The service itself, as a service.
pub const AUTH_SERVICE: i64 = 1_000_000_001;
/// What makes an administrator: the id of the role, and of the permission.
pub const ADMINISTER: i64 = 1_000_000_001;
/// Its role that may do everything.
pub const ADMINISTRATOR_ROLE: i64 = ADMINISTER;
/// Ids of what is built in are above this.
pub const BUILT_IN: i64 = 1_000_000_000;

/// A page of a list: so many entries with ids after one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// The last id of the page before, or 0.
    pub after: i64,
    /// How many at most.
    pub limit: i64,
}

/// Something with a name: a role, a permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// Its id.
    pub id: i64,
    /// Its name, unique among its kind.
    pub name: String,
}

impl Named {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            name: row.text("name")?,
        })
    }
}

/// Reads all rows of a result.
pub(super) fn all<T>(
    results: &[Rows],
    index: usize,
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows(results, index).iter().map(read).collect()
}

/// Reads the first row of a result, if there is one.
pub(super) fn one<T>(
    results: &[Rows],
    index: usize,
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    rows(results, index).first().map(read).transpose()
}

/// Reads the results of statements that were asked for together.
pub trait Reads {
    /// What they tell.
    type Output;

    /// The statements.
    fn statements(&self) -> Vec<Statement>;

    /// Reads their results, one to a statement.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for rows that cannot be.
    fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError>;
}

/// Statements and how their one result is read.
pub struct Query<T> {
    statement: Statement,
    read: fn(&Row) -> Result<T, StoreError>,
}

impl<T> Query<T> {
    pub(super) const fn new(statement: Statement, read: fn(&Row) -> Result<T, StoreError>) -> Self {
        Self { statement, read }
    }
}

/// A query that gives all its rows.
impl<T> Reads for Query<T> {
    type Output = Vec<T>;

    fn statements(&self) -> Vec<Statement> {
        vec![self.statement.clone()]
    }

    fn read(&self, results: &[Rows]) -> Result<Vec<T>, StoreError> {
        all(results, 0, self.read)
    }
}

/// Several that are asked together.
macro_rules! reads_together {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Reads),*> Reads for ($($name,)*) {
            type Output = ($($name::Output,)*);

            fn statements(&self) -> Vec<Statement> {
                let mut all = Vec::new();
                $(all.extend(self.$index.statements());)*
                all
            }

            fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError> {
                let mut from = 0_usize;
                $(
                    let count = self.$index.statements().len();
                    let part = results.get(from..from.saturating_add(count)).unwrap_or_default();
                    #[allow(non_snake_case, reason = "named after its type")]
                    let $name = self.$index.read(part)?;
                    #[allow(unused_assignments, reason = "of the last one")]
                    {
                        from = from.saturating_add(count);
                    }
                )*
                Ok(($($name,)*))
            }
        }
    };
}
reads_together!(A 0, B 1);
reads_together!(A 0, B 1, C 2);
reads_together!(A 0, B 1, C 2, D 3);

/// Nothing at all.
impl Reads for () {
    type Output = ();

    fn statements(&self) -> Vec<Statement> {
        Vec::new()
    }

    fn read(&self, _: &[Rows]) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Asks. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn ask<R: Reads>(db: &dyn Db, what: &R) -> Result<R::Output, StoreError> {
    what.read(&db.batch(what.statements()).await?)
}

/// A count of rows, as the one row of a query.
fn count(row: &Row) -> Result<i64, StoreError> {
    row.integer("count")
}

/// Whoever is named: by number, or by what they are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ref {
    /// The id.
    Id(i64),
    /// The username of a person, the name of a service.
    Name(String),
}

impl Ref {
    /// As two parameters: the id, the name; one of them is NULL.
    fn params(&self) -> [Value; 2] {
        match self {
            Self::Id(id) => [(*id).into(), Value::Null],
            Self::Name(name) => [Value::Null, name.as_str().into()],
        }
    }
}
