//! Pages of lists that are ordered by id.

/// The page that a caller of a list wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// The last id of the previous page, or 0 for the first page.
    pub after: i64,
    /// The maximum number of entries.
    pub limit: i64,
}
