//! The address of the client behind trusted proxies, from `X-Forwarded-For`.
//!
//! Each proxy appends the address of its peer on the right. The header is therefore read from the
//! right, up to the first address that is not a trusted proxy. A client can write any text to the
//! left of that address.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Reads an address or a range of addresses, such as `10.0.0.0/8`.
///
/// Refuses a range of every address, because it would trust every client. Refuses a range with bits
/// after its prefix, because such a range is a mistake.
fn range(text: &str) -> Option<IpNet> {
    let written: IpNet = if text.contains('/') {
        text.parse().ok()?
    } else {
        text.parse::<IpAddr>().ok()?.into()
    };
    let range = match (written, written.addr().to_canonical()) {
        // IPv4 within IPv6 (RFC 4291 §2.5.5.2): its prefix counts the 96 bits before the address.
        (IpNet::V6(written), address @ IpAddr::V4(_)) => {
            IpNet::new(address, written.prefix_len().checked_sub(96)?).ok()?
        }
        _ => written,
    };
    (range.prefix_len() > 0 && range.trunc() == range).then_some(range)
}

/// The addresses of `TRUSTED_PROXIES`. The server believes `X-Forwarded-For` only from them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads addresses and ranges, separated by commas.
    ///
    /// # Errors
    /// The first part that is neither an address nor a range.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let named = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        named
            .map(|part| range(part).ok_or_else(|| part.to_owned()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns true if no proxy is trusted.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if `address` is a trusted proxy.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    /// Returns the address of the client of a connection from `peer`. `forwarded` has the values of
    /// `X-Forwarded-For` in order.
    pub(super) fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> IpAddr {
        let mut nearest = peer.to_canonical();
        if !self.trusts(nearest) {
            return nearest;
        }
        let hops = forwarded
            .rev()
            .flat_map(|value| value.rsplit(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii);
        // A list may have empty elements (RFC 9110 §5.6.1.2).
        for hop in hops.filter(|hop| !hop.is_empty()) {
            // The proxy that wrote this text is the last known hop.
            let Some(address) = address(hop) else { break };
            nearest = address;
            if !self.trusts(nearest) {
                break;
            }
        }
        nearest
    }
}

/// Reads an address with or without a port, as proxies write it.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|inside| inside.parse().ok().map(IpAddr::V6));
    let plain = || text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.or_else(plain)
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn proxies() -> Proxies {
        Proxies::parse("10.0.0.0/8, 192.0.2.7, fd00::/8").expect("ranges")
    }

    fn client(peer: &str, forwarded: &[&str]) -> String {
        proxies()
            .client(
                peer.parse().expect("an address"),
                forwarded.iter().map(|value| value.as_bytes()),
            )
            .to_string()
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_a_proxy() {
        for (peer, forwarded, expected) in [
            ("203.0.113.5", &["198.51.100.1"][..], "203.0.113.5"),
            ("203.0.113.5", &["10.0.0.1"], "203.0.113.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.1, 192.0.2.7"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["198.51.100.1", "10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("fd00::1", &["2001:db8::1,"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("192.0.2.8", &["198.51.100.1"], "192.0.2.8"),
            ("10.0.0.1", &["198.51.100.1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["\u{e9}"], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn no_proxy_is_trusted_by_default() {
        let peer: IpAddr = "127.0.0.1".parse().expect("an address");
        assert_eq!(
            Proxies::parse("")
                .expect("no ranges")
                .client(peer, [b"198.51.100.1".as_slice()].into_iter()),
            peer
        );
    }

    #[test]
    fn a_mistyped_range_is_refused() {
        for wrong in [
            "0.0.0.0/0",
            "::/0",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10/8",
            "*",
            "proxy",
            "::ffff:0.0.0.0/96",
        ] {
            assert_eq!(
                Proxies::parse(&format!("10.0.0.1,{wrong}")),
                Err(wrong.to_owned())
            );
        }
        assert_eq!(
            Proxies::parse("::ffff:10.0.0.0/104"),
            Proxies::parse("10.0.0.0/8")
        );
        assert_eq!(
            Proxies::parse(" ,10.0.0.1, "),
            Proxies::parse("10.0.0.1/32")
        );
    }

    proptest! {
        #[test]
        fn the_header_of_an_untrusted_peer_is_ignored(peer: u32, forwarded: Vec<Vec<u8>>) {
            let peer = IpAddr::from(Ipv4Addr::from_bits(peer));
            prop_assume!(!proxies().trusts(peer));
            prop_assert_eq!(proxies().client(peer, forwarded.iter().map(Vec::as_slice)), peer);
        }

        #[test]
        fn values_from_the_client_itself_are_ignored(said: Vec<u8>, client: u128, joined: bool) {
            let client = IpAddr::from(Ipv6Addr::from_bits(client)).to_canonical();
            prop_assume!(!proxies().trusts(client));
            let added = client.to_string().into_bytes();
            let values = if joined {
                vec![[said.as_slice(), b", ", &added].concat()]
            } else {
                vec![said, added]
            };
            let peer = "10.0.0.1".parse().expect("an address");
            prop_assert_eq!(proxies().client(peer, values.iter().map(Vec::as_slice)), client);
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(text: String) {
            let _ = Proxies::parse(&text);
            let _ = address(text.as_bytes());
        }

        #[test]
        fn a_range_contains_the_addresses_with_its_prefix(
            bits: u32, other: u32, prefix in 1_u32..=32
        ) {
            let mask = u32::MAX << (32 - prefix);
            let text = format!("{}/{prefix}", Ipv4Addr::from_bits(bits & mask));
            let range = Proxies::parse(&text).expect("a range");
            let trusted = range.trusts(Ipv4Addr::from_bits(other).into());
            prop_assert_eq!(trusted, (other ^ bits) & mask == 0);
        }
    }
}
