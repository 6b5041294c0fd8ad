//! Values, and the rows that hold them.

use super::StoreError;
use crate::kernel::model::ids::{ChallengeId, EventId, IdentityId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;

/// A value of the database. Times are integers. Bytes are base64url text in D1, which has no blobs
/// here, and blobs in the databases of channels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER, below 2^53 so that JavaScript can hold it.
    Integer(i64),
    /// TEXT.
    Text(String),
    /// BLOB. The databases of channels take it, and D1 refuses it.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_owned())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.millis())
    }
}

impl From<&TokenHash> for Value {
    fn from(value: &TokenHash) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

macro_rules! id_value {
    ($($id:ty),*) => {$(
        impl From<$id> for Value {
            fn from(value: $id) -> Self {
                Self::Text(value.to_string())
            }
        }
    )*};
}
id_value!(UserId, SessionId, EventId, IdentityId, ChallengeId);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row: values by column name.
#[derive(Clone, Debug, Default)]
pub struct Row(Vec<(String, Value)>);

/// The rows that a statement returned.
pub type Rows = Vec<Row>;

impl Row {
    /// Creates a row from its columns.
    #[must_use]
    pub fn new(columns: Vec<(String, Value)>) -> Self {
        Self(columns)
    }

    /// Returns the columns in the order of the statement.
    #[must_use]
    pub fn columns(&self) -> &[(String, Value)] {
        &self.0
    }

    fn get(&self, column: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name == column)
            .map(|(_, value)| value)
    }

    fn wrong(column: &str) -> StoreError {
        StoreError::Broken(format!("column {column} is missing or of another type"))
    }

    /// Reads a TEXT column.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if the column is missing, NULL or of another type. The other readers
    /// of a row return the same error.
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or_else(|| Self::wrong(column))
    }

    /// Reads a TEXT column that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        match self.get(column) {
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(Self::wrong(column)),
        }
    }

    /// Reads a BLOB column.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.opt_bytes(column)?.ok_or_else(|| Self::wrong(column))
    }

    /// Reads a BLOB column that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.get(column) {
            Some(Value::Blob(bytes)) => Ok(Some(bytes.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(Self::wrong(column)),
        }
    }

    /// Reads an INTEGER column.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn integer(&self, column: &str) -> Result<i64, StoreError> {
        match self.get(column) {
            Some(Value::Integer(value)) => Ok(*value),
            _ => Err(Self::wrong(column)),
        }
    }

    /// Reads an INTEGER column that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }

    /// Reads an INTEGER column into a smaller type.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn parsed_integer<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.integer(column)?).map_err(|_| Self::wrong(column))
    }

    /// Reads a time.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.integer(column).map(Timestamp::from_millis)
    }

    /// Reads a time that may be NULL.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn opt_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_integer(column)?.map(Timestamp::from_millis))
    }

    /// Reads a TEXT column and parses it with `parse`.
    ///
    /// # Errors
    /// [`StoreError::Broken`]
    pub fn parsed<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.text(column)?).ok_or_else(|| Self::wrong(column))
    }
}

/// Reads the first row, if there is one.
pub(crate) fn read_first<T>(rows: &[Row]) -> Result<Option<T>, StoreError>
where
    T: for<'a> TryFrom<&'a Row, Error = StoreError>,
{
    rows.first().map(T::try_from).transpose()
}

/// Reads every row.
pub(crate) fn read_all<T>(rows: &[Row]) -> Result<Vec<T>, StoreError>
where
    T: for<'a> TryFrom<&'a Row, Error = StoreError>,
{
    rows.iter().map(T::try_from).collect()
}
