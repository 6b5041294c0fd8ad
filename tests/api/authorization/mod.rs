//! The authorization service: tokens, people, services, roles, permissions, and checks.

mod access;
mod administration;
mod administrators;
mod checks;
mod cost;
mod crowds;
mod faults;
mod growth;
mod login;
mod look_alikes;
mod lost_factors;
mod model;
mod people;
mod policy;
mod quotas;
mod relations;
mod revocation;
mod routes;
mod slices;
mod token_lifetimes;
mod tokens;
