//! Settings, names, pages and the policy document of the authorization service.

pub mod config;
pub mod names;
pub mod page;
pub mod policy_document;
mod script;
