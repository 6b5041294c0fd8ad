//! Statements of the authorization service: people, their tokens, roles, permissions, grants,
//! checks and the change log.
//!
//! A change is one batch. It begins with the preconditions of the change and ends with its row in
//! the change log. The statements in between need no conditions of their own, because a failed
//! precondition rolls the whole batch back (docs/decisions/0030).

pub mod access;
pub mod changes;
pub mod check;
pub mod factors;
pub mod grants;
pub mod growth;
pub mod import;
pub mod named;
pub mod people;
pub mod permissions;
pub mod policy_document;
pub mod preconditions;
mod read;
pub mod relations;
pub mod removal;
pub mod roles;
pub mod service_deletion;
pub mod services;
pub mod tokens;
pub mod uses;

pub use read::{NamedRow, Query, Reads, fetch};
