//! `inet`, `cidr` and the MAC addresses as the text that the server prints.
//!
//! As text and not as bytes, since that is the form in which every other engine
//! keeps them. The rules are the server's own, which are not those of Rust's
//! `Display`: an IPv6 address ends in dotted decimals where it holds an IPv4
//! address, by the older and wider definition of that.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::bytes::{Fault, Fields};
use crate::value::Value;

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

pub(super) fn inet(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const SHORT: Fault = "a network address is shorter than it says";
    let mut fields = Fields::new(bytes);
    let header = (|| Some((fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?)))();
    let (family, prefix, is_cidr, len) = header.ok_or(SHORT)?;
    let address = fields.take(usize::from(len)).ok_or(SHORT)?;
    if !fields.is_empty() {
        return Err("a network address is longer than it says");
    }
    let (mut text, prefix_max) = match family {
        FAMILY_V4 => {
            let address: [u8; 4] = address.try_into().map_err(|_| "an IPv4 address has not 4 bytes")?;
            (dotted(address), 32)
        }
        FAMILY_V6 => {
            let address: [u8; 16] = address.try_into().map_err(|_| "an IPv6 address has not 16 bytes")?;
            (colons(address), 128)
        }
        _ => return Err("a network address is of an unknown family"),
    };
    if prefix > prefix_max {
        return Err("a network address has a prefix longer than itself");
    }
    if is_cidr != 0 || prefix != prefix_max {
        let _ = write!(text, "/{prefix}");
    }
    Ok(Value::Text(Cow::Owned(text)))
}

pub(super) fn macaddr(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    mac(bytes, 6)
}

pub(super) fn macaddr8(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    mac(bytes, 8)
}

fn mac(bytes: &[u8], len: usize) -> Result<Value<'_>, Fault> {
    if bytes.len() != len {
        return Err("a MAC address has not the length of its type");
    }
    let mut text = String::with_capacity(3 * len);
    for (i, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}{byte:02x}", if i == 0 { "" } else { ":" });
    }
    Ok(Value::Text(Cow::Owned(text)))
}

fn dotted([a, b, c, d]: [u8; 4]) -> String {
    format!("{a}.{b}.{c}.{d}")
}

fn colons(address: [u8; 16]) -> String {
    let (pairs, _) = address.as_chunks::<2>();
    let words: Vec<u16> = pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect();
    let zeros = longest_zeros(&words);
    // `::1` is the one address of seven zero words that holds no IPv4 address.
    let holds_v4 = zeros.start == 0
        && match zeros.len() {
            5 => words.get(5) == Some(&0xFFFF),
            6 => true,
            7 => words.get(7) != Some(&1),
            _ => false,
        };
    let mut text = String::with_capacity(48);
    for (i, word) in words.iter().enumerate() {
        if zeros.contains(&i) {
            if i == zeros.start {
                text.push(':');
            }
            continue;
        }
        if i > 0 {
            text.push(':');
        }
        if i == 6 && holds_v4 {
            let [.., a, b, c, d] = address;
            text.push_str(&dotted([a, b, c, d]));
            return text;
        }
        let _ = write!(text, "{word:x}");
    }
    if zeros.end == words.len() && !zeros.is_empty() {
        text.push(':');
    }
    text
}

/// The first of the longest runs of two zero words or more.
fn longest_zeros(words: &[u16]) -> std::ops::Range<usize> {
    let mut best = 0..0;
    let mut start = 0;
    for (i, &word) in words.iter().enumerate() {
        if word != 0 {
            start = i + 1;
        } else if i + 1 - start > best.len().max(1) {
            best = start..i + 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(words: [u16; 8]) -> String {
        let mut address = [0u8; 16];
        for (pair, word) in address.chunks_exact_mut(2).zip(words) {
            pair.copy_from_slice(&word.to_be_bytes());
        }
        colons(address)
    }

    #[test]
    fn zeros_are_shortened_as_the_server_does() {
        assert_eq!(v6([0; 8]), "::");
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0, 1]), "::1");
        assert_eq!(v6([1, 0, 0, 0, 0, 0, 0, 0]), "1::");
        assert_eq!(v6([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), "2001:db8:0:1::1");
        assert_eq!(v6([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]), "2001:db8::1:0:0:1");
        assert_eq!(v6([1, 0, 2, 0, 3, 0, 4, 0]), "1:0:2:0:3:0:4:0");
    }

    #[test]
    fn an_ipv4_address_inside_is_dotted() {
        assert_eq!(v6([0, 0, 0, 0, 0, 0xFFFF, 0x0A00, 1]), "::ffff:10.0.0.1");
        assert_eq!(v6([0, 0, 0, 0, 0, 0, 0x0A00, 1]), "::10.0.0.1");
    }

    #[test]
    fn refuses_what_no_server_sends() {
        for bytes in [
            &[2u8, 32, 0, 4, 1, 2, 3][..],
            &[2, 32, 0, 4, 1, 2, 3, 4, 5],
            &[9, 32, 0, 4, 1, 2, 3, 4],
            &[2, 33, 0, 4, 1, 2, 3, 4],
            &[],
        ] {
            assert!(inet(bytes).is_err(), "{bytes:?}");
        }
    }
}
