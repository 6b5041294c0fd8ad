//! Statements that are read together in one batch, with the readers of their results.

use crate::authorization::model::names::IdOrName;
use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, Value};

/// Statements with the reader of their results. A tuple of several is one batch.
pub trait Reads {
    /// The value that the results give.
    type Output;

    /// Returns the statements.
    fn statements(&self) -> Vec<Statement>;

    /// Reads the results, one for each statement.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for rows that the statements cannot give.
    fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError>;
}

/// One statement with the reader of its rows. Gives all rows.
pub struct Query<T> {
    statement: Statement,
    read_row: fn(&Row) -> Result<T, StoreError>,
}

impl<T: for<'a> TryFrom<&'a Row, Error = StoreError>> Query<T> {
    /// Combines a statement with the reader of rows of its type.
    pub(super) const fn rows(statement: Statement) -> Self {
        Self::new(statement, |row| T::try_from(row))
    }
}

impl<T> Query<T> {
    /// Combines a statement with a reader of its rows, for rows without a type of their own.
    pub(super) const fn new(
        statement: Statement,
        read_row: fn(&Row) -> Result<T, StoreError>,
    ) -> Self {
        Self {
            statement,
            read_row,
        }
    }
}

impl<T> Reads for Query<T> {
    type Output = Vec<T>;

    fn statements(&self) -> Vec<Statement> {
        vec![self.statement.clone()]
    }

    fn read(&self, results: &[Rows]) -> Result<Vec<T>, StoreError> {
        let [rows] = each(results)?;
        rows.iter().map(self.read_row).collect()
    }
}

/// No statements.
impl Reads for () {
    type Output = ();

    fn statements(&self) -> Vec<Statement> {
        Vec::new()
    }

    fn read(&self, _: &[Rows]) -> Result<(), StoreError> {
        Ok(())
    }
}

impl<A: Reads, B: Reads> Reads for (A, B) {
    type Output = (A::Output, B::Output);

    fn statements(&self) -> Vec<Statement> {
        let mut statements = self.0.statements();
        statements.extend(self.1.statements());
        statements
    }

    fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError> {
        let (first, second) = split(results, &self.0)?;
        Ok((self.0.read(first)?, self.1.read(second)?))
    }
}

impl<A: Reads, B: Reads, C: Reads> Reads for (A, B, C) {
    type Output = (A::Output, B::Output, C::Output);

    fn statements(&self) -> Vec<Statement> {
        let mut statements = self.0.statements();
        statements.extend(self.1.statements());
        statements.extend(self.2.statements());
        statements
    }

    fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError> {
        let (first, rest) = split(results, &self.0)?;
        let (second, third) = split(rest, &self.1)?;
        Ok((
            self.0.read(first)?,
            self.1.read(second)?,
            self.2.read(third)?,
        ))
    }
}

impl<A: Reads, B: Reads, C: Reads, D: Reads> Reads for (A, B, C, D) {
    type Output = (A::Output, B::Output, C::Output, D::Output);

    fn statements(&self) -> Vec<Statement> {
        let mut statements = self.0.statements();
        statements.extend(self.1.statements());
        statements.extend(self.2.statements());
        statements.extend(self.3.statements());
        statements
    }

    fn read(&self, results: &[Rows]) -> Result<Self::Output, StoreError> {
        let (first, rest) = split(results, &self.0)?;
        let (second, rest) = split(rest, &self.1)?;
        let (third, fourth) = split(rest, &self.2)?;
        Ok((
            self.0.read(first)?,
            self.1.read(second)?,
            self.2.read(third)?,
            self.3.read(fourth)?,
        ))
    }
}

/// Splits the results after those of the statements of `first`.
fn split<'a>(
    results: &'a [Rows],
    first: &impl Reads,
) -> Result<(&'a [Rows], &'a [Rows]), StoreError> {
    results
        .split_at_checked(first.statements().len())
        .ok_or_else(missing_result)
}

/// Returns the results as an array, so that the caller can name each of them.
pub(super) fn each<const N: usize>(results: &[Rows]) -> Result<&[Rows; N], StoreError> {
    results.try_into().map_err(|_| missing_result())
}

fn missing_result() -> StoreError {
    StoreError::Broken("a batch does not give one result for each statement".to_owned())
}

/// Runs the statements and reads their results. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn fetch<R: Reads>(db: &dyn Db, reads: &R) -> Result<R::Output, StoreError> {
    reads.read(&db.batch(reads.statements()).await?)
}

/// Reads the column `id`.
pub(super) fn read_id(row: &Row) -> Result<i64, StoreError> {
    row.integer("id")
}

/// Returns a reference as two parameters, the id and the name. One of them is NULL.
pub(super) fn reference_params(reference: &IdOrName) -> [Value; 2] {
    match reference {
        IdOrName::Id(id) => [(*id).into(), Value::Null],
        IdOrName::Name(name) => [Value::Null, name.as_str().into()],
    }
}

/// The id and the name of a role or a permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRow {
    /// The id.
    pub id: i64,
    /// The name, unique among roles or among permissions.
    pub name: String,
}

impl TryFrom<&Row> for NamedRow {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.integer("id")?,
            name: row.text("name")?,
        })
    }
}
