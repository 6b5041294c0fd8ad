//! The system of accounts: users, sessions, tokens, passkeys, passwords, recovery factors and
//! devices.

mod attempts;
mod cost;
mod cost_calls;
mod cpu;
mod credentials;
mod csrf_tokens;
mod device_assertions;
mod device_attestations;
mod device_bindings;
mod device_faults;
mod device_limits;
pub mod devices;
mod export;
mod factor_faults;
pub mod factors;
mod faults;
mod forged;
mod guessing;
mod identities;
mod internal;
mod own_rows;
mod passkeys;
mod password_sign_in;
mod passwords;
mod quotas;
mod races;
mod recovered_sessions;
mod recovery;
mod sessions;
mod step_up;
mod timing;
mod tokens;
mod totp;
mod users;
