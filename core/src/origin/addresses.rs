//! The order in which addresses are tried.

use core::net::IpAddr;

use crate::features::IPV6;
use crate::net::Addresses;

/// Alternates the families, IPv6 first, and keeps the resolver's order within each (CONTRACT R99,
/// RFC 8305 §4).
pub(crate) fn interleave(found: Addresses) -> Addresses {
    if !IPV6 {
        return found;
    }
    let mut six = found
        .iter()
        .filter(|address| matches!(address, IpAddr::V6(_)));
    let mut four = found
        .iter()
        .filter(|address| matches!(address, IpAddr::V4(_)));
    let mut sorted = Addresses::new();
    loop {
        let before = sorted.len();
        for address in six.next().into_iter().chain(four.next()) {
            // As many go in as came out of a list of the same capacity.
            let _ = sorted.push(*address);
        }
        if sorted.len() == before {
            return sorted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r99_families_alternate_and_ipv6_comes_first() {
        let parse = |text: &str| -> Addresses {
            text.split(' ')
                .map(|address| address.parse::<IpAddr>().unwrap())
                .collect()
        };
        let found = parse("192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1");
        let sorted = parse("2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3");
        assert_eq!(interleave(found), sorted);
        assert_eq!(interleave(Addresses::new()), Addresses::new());
    }
}
