//! The system of accounts: users, sessions, tokens, passkeys, passwords, recovery factors and
//! devices.

mod attempts;
mod cost;
mod cpu;
mod device_bindings;
mod device_faults;
pub mod devices;
mod factor_faults;
pub mod factors;
mod faults;
mod forged;
mod guessing;
mod internal;
mod passkeys;
mod passwords;
mod races;
mod recovery;
mod sessions;
mod step_up;
mod timing;
mod tokens;
mod users;
