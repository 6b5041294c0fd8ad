//! The authorization service: tokens, people, services, roles, permissions, and what is asked about
//! them.

mod access;
mod administration;
mod cost;
mod faults;
mod model;
mod relations;
mod revocation;
mod routes;
mod tokens;
