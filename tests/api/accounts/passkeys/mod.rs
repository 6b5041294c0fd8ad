//! Passkeys: what people and clients do with them, what attackers try, what happens in races and
//! when the database fails.

mod attacks;
mod clients;
mod faults;
mod hostile;
mod journeys;
mod manage;
mod races;
mod sessions;
mod sign_in;
mod well_known;
