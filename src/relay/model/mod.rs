//! Plain records and settings of the relay. Does no I/O.

pub mod channel;
pub mod config;
pub mod ids;
pub mod keys;
pub mod micros;
pub mod pq_prekeys;
pub mod servers;
pub mod slots;
pub mod username;
