//! HTTP parts that every system uses: extractors, errors, the form of a response, routes and
//! middleware.

mod code;
pub mod error;
pub mod extract;
pub mod middleware;
pub mod respond;
pub mod route;
pub mod step_up;

use crate::kernel::domain::Ports;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The way out: database, clock, entropy, configuration.
    pub ports: Ports,
}
