//! Use cases of the authorization service: tokens of people, access checks, and changes of the
//! policy.
//!
//! A use case reads the caller's token and its own rows in one round trip. A change writes in a
//! second round trip, under the precondition that the rows are unchanged. If they have changed, the
//! change starts again.

pub mod access;
mod caller;
mod change;
pub mod check;
pub mod foreign_people;
pub mod grants;
mod import_checks;
mod import_plan;
pub mod lost_factors;
pub mod maintenance;
mod named;
pub mod new_people;
pub mod people;
pub mod permissions;
pub mod person_grants;
pub mod policy_document;
mod ports;
mod rejection;
mod relation_change;
pub mod roles;
pub mod services;
pub mod tokens;

pub use crate::authorization::store::NamedRow;
pub use caller::AuthenticatedPerson;
pub use change::Actor;
pub use ports::Ports;
pub use rejection::{AuthorizationFailure, AuthorizationRejection, ResourceKind};
pub use relation_change::Direction;
