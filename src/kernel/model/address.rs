//! Network addresses in one spelling each, and the network that a rate limit counts them under.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that name a network. A client with one address of a network can use all
/// of them (RFC 4291 §2.5.4).
const NETWORK_BITS: u128 = !0 << 64;

/// Returns the network that a rate limit counts: the whole address for IPv4, also in its IPv6 form
/// (RFC 4291 §2.5.5.2), and the /64 for IPv6.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_network_has_one_spelling() {
        for (address, counted_as) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:C000:0201", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:DB8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            // The deprecated form counts as IPv6. No host has it.
            ("::192.0.2.1", "::"),
            ("::1", "::"),
        ] {
            assert_eq!(
                network(address.parse().expect("an address")).to_string(),
                counted_as,
                "{address}"
            );
        }
    }

    proptest! {
        #[test]
        fn all_addresses_of_an_ipv6_network_count_as_one(prefix: u64, first: u64, second: u64) {
            // Zero would be an IPv4-mapped address.
            prop_assume!(prefix != 0);
            let in_network = |prefix: u64, host: u64| {
                IpAddr::from(Ipv6Addr::from_bits(u128::from(prefix) << 64 | u128::from(host)))
            };
            let address = |host: u64| in_network(prefix, host);
            prop_assert_eq!(network(address(first)), network(address(second)));
            prop_assert_ne!(network(address(first)), network(in_network(!prefix, 0)));
        }

        #[test]
        fn ipv4_is_counted_whole_in_either_form(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(network(address.into()), IpAddr::from(address));
            prop_assert_eq!(network(address.to_ipv6_mapped().into()), IpAddr::from(address));
        }

        #[test]
        fn a_network_is_counted_as_itself(bits: u128) {
            let counted = network(Ipv6Addr::from_bits(bits).into());
            prop_assert_eq!(network(counted), counted);
        }
    }
}
