//! The outcome of a change that a live session makes to a factor.

use crate::kernel::store::Rows;

/// The outcome of a change of a factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FactorChange {
    /// The factor was changed.
    Changed,
    /// The account has no such factor, or one that must not be changed.
    Unchanged,
    /// The caller's session is no longer live.
    SignedOut,
}

impl FactorChange {
    /// Reads the outcome from the rows of [`super::live::select`] and those of the change, which
    /// stand in the same batch.
    pub(super) fn from_rows(session: &Rows, change: &Rows) -> Self {
        if session.is_empty() {
            Self::SignedOut
        } else if change.is_empty() {
            Self::Unchanged
        } else {
            Self::Changed
        }
    }
}
