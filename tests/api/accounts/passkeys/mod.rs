//! Passkeys: ceremonies, clients, attacks, races, and faults of the database.

mod attacks;
mod clients;
mod decoys;
mod faults;
mod hostile;
mod journeys;
mod manage;
mod races;
mod sessions;
mod sign_in;
mod well_known;
