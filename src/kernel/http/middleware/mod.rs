//! Middleware around parts of the router, so that a new route inherits it.

pub mod body;
pub mod cors;
pub mod internal_key;
pub mod rate_limit;
pub mod replicas;
pub mod same_origin;
