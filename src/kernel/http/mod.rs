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

/// The state that the shared middleware needs. Cloning is cheap.
#[derive(Clone)]
pub struct KernelState {
    /// The kernel's ports: database, clock, entropy, configuration.
    pub ports: Ports,
}
