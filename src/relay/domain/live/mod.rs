//! Live messages: the hubs that hold sockets, and the side of a channel that pushes to hubs.
//!
//! Everything here is a state machine without I/O and without a clock: an input and the time go in,
//! effects come out. At the edge a Durable Object runs it, natively a task does.

pub mod calls;
pub mod checks;
mod ending;
pub mod events;
mod evictions;
pub mod fanout;
pub mod followers;
mod following;
pub mod frames;
pub mod hub;
mod joins;
mod limits;
mod replies;
mod resume;
mod run;
mod socket;
mod table;
mod traces;
mod turn;
mod typing;
mod window;
