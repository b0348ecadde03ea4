//! The functions `NET.*` of addresses: IP addresses are BYTES of 4 or 16 in network order. Hosts of URLs are
//! in the module below.

mod host;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::arguments::{bytes, integer, strict, text};
use crate::error::{Result, SqlError};
use crate::functions::{Call, ScalarFunction};
use crate::value::Value;

/// The functions of this module.
pub(crate) const FUNCTIONS: &[ScalarFunction] = &[
    strict("NET.HOST", &["(STRING) -> STRING"], |_, args| {
        Ok(Value::from(host::host(text(args, 0))))
    }),
    strict("NET.PUBLIC_SUFFIX", &["(STRING) -> STRING"], |_, args| {
        Ok(Value::from(host::public_suffix(text(args, 0))))
    }),
    strict("NET.REG_DOMAIN", &["(STRING) -> STRING"], |_, args| {
        Ok(Value::from(host::registered_domain(text(args, 0))))
    }),
    strict("NET.IP_FROM_STRING", &["(STRING) -> BYTES"], |_, args| {
        parse_ip(text(args, 0)).ok_or_else(|| {
            SqlError::evaluation(format!(
                "NET.IP_FROM_STRING() encountered an unparseable IP-address: {}",
                text(args, 0)
            ))
        })
    }),
    strict("NET.SAFE_IP_FROM_STRING", &["(STRING) -> BYTES"], |_, args| {
        Ok(parse_ip(text(args, 0)).unwrap_or(Value::Null))
    }),
    strict("NET.IP_TO_STRING", &["(BYTES) -> STRING"], ip_to_string),
    strict("NET.IP_NET_MASK", &["(INT64, INT64) -> BYTES"], ip_net_mask),
    strict("NET.IP_TRUNC", &["(BYTES, INT64) -> BYTES"], ip_trunc),
    strict("NET.IPV4_FROM_INT64", &["(INT64) -> BYTES"], ipv4_from_int64),
    strict("NET.IPV4_TO_INT64", &["(BYTES) -> INT64"], ipv4_to_int64),
];

fn parse_ip(text: &str) -> Option<Value> {
    Some(match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => Value::bytes(address.octets()),
        IpAddr::V6(address) => Value::bytes(address.octets()),
    })
}

fn ip_to_string(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let octets = bytes(args, 0);
    if let Ok(address) = <[u8; 4]>::try_from(octets) {
        return Ok(Value::from(Ipv4Addr::from(address).to_string()));
    }
    let Ok(address) = <[u8; 16]>::try_from(octets) else {
        return Err(SqlError::evaluation(format!(
            "NET.IP_TO_STRING() encountered an invalid IP address. Expected 4 (for IPv4) or 16 \
             (for IPv6) bytes but got {}",
            octets.len()
        )));
    };
    let address = Ipv6Addr::from(address);
    let words = address.segments();
    if words[..6] != [0; 6] || words[6] == 0 {
        return Ok(Value::from(address.to_string()));
    }
    // The old form of an IPv4 address in an IPv6 one keeps its points.
    let [.., a, b, c, d] = address.octets();
    Ok(Value::from(format!("::{}", Ipv4Addr::new(a, b, c, d))))
}

/// Octets of which only some bits at the beginning are kept.
fn truncate(octets: &mut [u8], bits: usize) {
    for (index, octet) in octets.iter_mut().enumerate() {
        let kept = bits.saturating_sub(index * 8).min(8);
        let mask = 0xff00_u16 >> kept;
        *octet &= mask.to_le_bytes()[0];
    }
}

fn ip_net_mask(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (size, prefix) = (integer(args, 0), integer(args, 1));
    let mut mask = match size {
        4 => vec![0xff; 4],
        16 => vec![0xff; 16],
        _ => {
            return Err(SqlError::evaluation(format!(
                "The first argument of NET.IP_NET_MASK() must be either 4 (for IPv4) or 16 (for \
                 IPv6); got {size}"
            )));
        }
    };
    let bits = usize::try_from(prefix).ok().filter(|bits| *bits <= mask.len() * 8);
    let bits = bits.ok_or_else(|| {
        SqlError::evaluation(format!(
            "The second argument of NET.IP_NET_MASK() must be between 0 and the first argument * \
             8; got {prefix}"
        ))
    })?;
    truncate(&mut mask, bits);
    Ok(Value::bytes(mask))
}

fn ip_trunc(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let (mut octets, prefix) = (bytes(args, 0).to_vec(), integer(args, 1));
    if !matches!(octets.len(), 4 | 16) {
        return Err(SqlError::evaluation(format!(
            "The first argument of NET.IP_TRUNC() must have length 4 (for IPv4) or 16 (for IPv6); \
             got {}",
            octets.len()
        )));
    }
    let bits = usize::try_from(prefix).ok().filter(|bits| *bits <= octets.len() * 8);
    let bits = bits.ok_or_else(|| {
        SqlError::evaluation(format!(
            "The second argument of NET.IP_TRUNC() must be between 0 and 8 * LENGTH(first \
             argument); got {prefix}"
        ))
    })?;
    truncate(&mut octets, bits);
    Ok(Value::bytes(octets))
}

fn ipv4_from_int64(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let number = integer(args, 0);
    let signed = i32::try_from(number).map(i32::cast_unsigned);
    match u32::try_from(number).or(signed) {
        Ok(address) => Ok(Value::bytes(address.to_be_bytes())),
        Err(_) => Err(SqlError::evaluation(format!(
            "NET.IPV4_FROM_INT64() encountered an invalid integer IP. Expected range: \
             [-0x80000000, 0xFFFFFFFF]; got {number}"
        ))),
    }
}

fn ipv4_to_int64(_: &Call<'_>, args: &[Value]) -> Result<Value> {
    let octets = bytes(args, 0);
    match <[u8; 4]>::try_from(octets) {
        Ok(address) => Ok(Value::Int64(i64::from(u32::from_be_bytes(address)))),
        Err(_) => Err(SqlError::evaluation(format!(
            "NET.IPV4_TO_INT64() encountered a non-IPv4 address. Expected 4 bytes but got {}",
            octets.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arguments::testing::{call, outcome};
    use super::super::encoding::{from_hex, to_hex};
    use super::*;

    fn address(hex: &str) -> Value {
        Value::bytes(from_hex(hex).expect("hexadecimal"))
    }

    fn check(name: &str, args: &[Value], expected: &str) {
        let found = match call(FUNCTIONS, name, args) {
            Ok(Value::Bytes(octets)) => to_hex(&octets),
            _ => outcome(FUNCTIONS, name, args),
        };
        assert_eq!(found, expected, "{name}({args:?})");
    }

    #[test]
    fn addresses_as_text() {
        let check_both = |text: &str, hex: &str| {
            check("NET.IP_FROM_STRING", &[Value::from(text)], hex);
            check("NET.IP_TO_STRING", &[address(hex)], text);
        };
        check_both("48.49.50.51", "30313233");
        check_both("::1", "00000000000000000000000000000001");
        check_both("::", "00000000000000000000000000000000");
        check_both("3031:3233:3435:3637:3839:4041:4243:4445", "30313233343536373839404142434445");
        check_both("::ffff:192.0.2.128", "00000000000000000000ffffc0000280");
        check_both("::1.2.3.4", "00000000000000000000000001020304");
        check("NET.SAFE_IP_FROM_STRING", &[Value::from("0.0.0.0")], "00000000");
        check("NET.SAFE_IP_FROM_STRING", &[Value::from("48.49.50")], "NULL");
        check(
            "NET.IP_FROM_STRING",
            &[Value::from("::wxyz")],
            "ERROR NET.IP_FROM_STRING() encountered an unparseable IP-address: ::wxyz",
        );
        check(
            "NET.IP_TO_STRING",
            &[Value::bytes([0])],
            "ERROR NET.IP_TO_STRING() encountered an invalid IP address. Expected 4 (for IPv4) or \
             16 (for IPv6) bytes but got 1",
        );
    }

    #[test]
    fn masks() {
        let mask = |size: i64, bits: i64, expected: &str| {
            check("NET.IP_NET_MASK", &[Value::Int64(size), Value::Int64(bits)], expected);
        };
        mask(4, 0, "00000000");
        mask(4, 20, "fffff000");
        mask(4, 32, "ffffffff");
        mask(16, 1, "80000000000000000000000000000000");
        mask(
            5,
            0,
            "ERROR The first argument of NET.IP_NET_MASK() must be either 4 (for IPv4) or 16 (for \
             IPv6); got 5",
        );
        mask(
            4,
            33,
            "ERROR The second argument of NET.IP_NET_MASK() must be between 0 and the first \
             argument * 8; got 33",
        );
        check("NET.IP_TRUNC", &[address("aabbccdd"), Value::Int64(11)], "aaa00000");
        check("NET.IP_TRUNC", &[address("aabbccdd"), Value::Int64(32)], "aabbccdd");
        check(
            "NET.IP_TRUNC",
            &[address("aabbccdd"), Value::Int64(-1)],
            "ERROR The second argument of NET.IP_TRUNC() must be between 0 and 8 * LENGTH(first \
             argument); got -1",
        );
    }

    #[test]
    fn addresses_as_integers() {
        check("NET.IPV4_FROM_INT64", &[Value::Int64(0x00ab_cdef)], "00abcdef");
        check("NET.IPV4_FROM_INT64", &[Value::Int64(-0x5433_2211)], "abccddef");
        check("NET.IPV4_TO_INT64", &[address("abcdef00")], "2882400000");
        check(
            "NET.IPV4_FROM_INT64",
            &[Value::Int64(1 << 32)],
            "ERROR NET.IPV4_FROM_INT64() encountered an invalid integer IP. Expected range: \
             [-0x80000000, 0xFFFFFFFF]; got 4294967296",
        );
        check(
            "NET.IPV4_TO_INT64",
            &[Value::bytes([])],
            "ERROR NET.IPV4_TO_INT64() encountered a non-IPv4 address. Expected 4 bytes but got 0",
        );
    }

    proptest! {
        #[test]
        fn addresses_read_back(octets in any::<[u8; 16]>()) {
            let text = call(FUNCTIONS, "NET.IP_TO_STRING", &[Value::bytes(octets)]);
            let back = call(FUNCTIONS, "NET.IP_FROM_STRING", &[text.expect("it is 16 bytes")]);
            prop_assert_eq!(back, Ok(Value::bytes(octets)));
        }
    }
}
