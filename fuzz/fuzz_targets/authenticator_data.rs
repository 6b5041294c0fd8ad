//! Authenticator data of both ceremonies: read to the last byte or refused.
#![no_main]

use hamrah_api::accounts::domain::webauthn::authenticator_data::{
    parse_assertion, parse_registration,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for read in [parse_registration(bytes), parse_assertion(bytes)]
        .into_iter()
        .flatten()
    {
        assert_eq!(read.rp_id_hash, bytes[..32]);
        assert_eq!(read.flags.0, bytes[32]);
        assert_eq!(read.counter.to_be_bytes(), bytes[33..37]);
        let attested = read.attested.map_or(0, |made| {
            18 + made.credential_id.len() + made.public_key.len()
        });
        assert!(37 + attested <= bytes.len());
        assert!(
            read.flags.extensions() || read.flags.attested() || bytes.len() == 37,
            "something follows"
        );
    }
});
