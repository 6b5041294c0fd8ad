//! Live messages: the hubs that hold sockets, and the side of a channel that pushes to hubs.
//!
//! Everything here is a state machine without I/O and without a clock: an input and the time go in,
//! effects come out. At the edge a Durable Object runs it, natively a task does.

pub mod calls;
pub mod events;
pub mod fanout;
mod following;
pub mod frames;
pub mod hub;
pub mod kills;
mod replies;
mod run;
mod socket;
mod turn;
mod window;
