//! Attestations.
