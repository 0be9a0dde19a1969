//! Networks in CIDR notation, for the `cidr` modifier.

use crate::cause::ValueFault;
use std::net::IpAddr;

/// An IPv4 or IPv6 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Parses `10.0.0.0/8`, `fe80::/10` or a single address.
    ///
    /// # Errors
    /// What is wrong; bits behind the prefix are an error because they are a slip of the pen.
    pub(crate) fn parse(text: &str) -> Result<Self, ValueFault> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ValueFault::NoNetwork)?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => bits_max,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|bits| *bits <= bits_max)
                .ok_or(ValueFault::Prefix(u32::from(bits_max)))?,
        };
        let network = Self { address, prefix_bits };
        if network.masked(address) != Some(bits_of(address).1) {
            return Err(ValueFault::HostBits(u32::from(prefix_bits)));
        }
        Ok(network)
    }

    /// Whether an address lies in the network. Addresses of the other family never do, mapped or not.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && self.masked(address) == self.masked(self.address)
    }

    fn masked(&self, address: IpAddr) -> Option<u128> {
        let (width, bits) = bits_of(address);
        let host_bits = width.checked_sub(u32::from(self.prefix_bits))?;
        // A shift by the full width of 128 is not defined; the network ::/0 has no bits to compare.
        Some(if host_bits == 128 { 0 } else { bits >> host_bits << host_bits })
    }
}

fn bits_of(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(four) => (32, u128::from(four.to_bits())),
        IpAddr::V6(six) => (128, six.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, address: &str, expected: bool) {
        let network = Network::parse(network).expect("a network");
        assert_eq!(network.contains(address.parse().expect("an address")), expected, "{address}");
    }

    #[test]
    fn addresses_are_compared_by_their_prefix() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("192.168.1.7", "192.168.1.7", true);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("fe80::/10", "febf::1", true);
        check("fe80::/10", "fec0::1", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", false);
    }

    #[test]
    fn slips_of_the_pen_are_errors() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "::/129", "x", "10.0.0.0/-1", ""] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
