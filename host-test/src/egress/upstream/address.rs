//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet. Private, local, reserved and documentation ranges do not, nor do
/// IPv6 addresses that carry an IPv4 address inside (mapped, compatible, translated, 6to4, Teredo): a gateway could
/// turn them into a private one.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        // "This network", private, loopback, multicast, reserved and broadcast.
        0 | 10 | 127 | 224..=255 => true,
        // Shared address space of carriers.
        100 => (64..128).contains(&b),
        // Link local, and with it the metadata services of clouds.
        169 => b == 254,
        172 => (16..32).contains(&b),
        // IETF protocol assignments, documentation, 6to4 relays, private, AS112.
        192 => matches!(
            (b, c),
            (0, 0 | 2) | (88, 99) | (168, _) | (31, 196) | (52, 193) | (175, 48)
        ),
        // Benchmarks, documentation.
        198 => matches!((b, c), (18 | 19, _) | (51, 100)),
        203 => (b, c) == (0, 113),
        _ => false,
    };
    !special
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Global unicast is 2000::/3; all the rest is local, translated or not assigned.
    if a & 0xe000 != 0x2000 {
        return false;
    }
    match (a, b) {
        // IETF protocol assignments with Teredo (2001::/32) and ORCHID; 2001:db8::/32 is documentation.
        (0x2001, 0..=0x01ff | 0x0db8) => false,
        // 6to4.
        (0x2002, _) => false,
        // Documentation.
        (0x3fff, 0..=0x0fff) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::is_global;

    #[test]
    fn what_is_not_public_is_told_apart() {
        for (address, global) in [
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.15.255.255", true),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("172.32.0.1", true),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("1.1.1.1", true),
            ("52.16.0.1", true),
            ("::", false),
            ("::1", false),
            ("::ffff:1.1.1.1", false),
            ("::ffff:10.0.0.1", false),
            ("::10.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:20::1", false),
            ("2001:db8::1", false),
            ("2002:a00:1::1", false),
            ("3fff::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2606:4700:4700::1111", true),
            ("2a00:1450:4001::1", true),
        ] {
            assert_eq!(is_global(address.parse().unwrap()), global, "{address}");
        }
    }
}
