//! Hashes in the text form that the store keeps.

use sha2::{Digest, Sha256};
use std::fmt::Write;

const BLOCK_BYTES: usize = 64;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// HMAC with SHA-256 (RFC 2104) in lower-case hex.
pub(crate) fn hmac_sha256_hex(key: &[u8; 32], message: &[u8]) -> String {
    let mut inner = Sha256::new();
    let mut outer = Sha256::new();
    for place in 0..BLOCK_BYTES {
        let byte = key.get(place).copied().unwrap_or(0);
        inner.update([byte ^ 0x36]);
        outer.update([byte ^ 0x5c]);
    }
    inner.update(message);
    outer.update(inner.finalize());
    hex(&outer.finalize())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("invariant: writing to a String cannot fail");
    }
    text
}

/// The bytes of hex text; `None` when it is not hex of exactly 32 bytes.
pub(crate) fn key_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0u8; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (slot, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // RFC 4231 test case 2 has a shorter key; a key padded with zeros to 32 bytes is the same key.
        let mut key = [0u8; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hmac_sha256_hex(&key, b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn hex_round_trips_and_refuses_the_rest() {
        let key = [0xa5u8; 32];
        assert_eq!(key_of_hex(&hex(&key)), Some(key));
        for text in ["", "zz", &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(key_of_hex(text), None, "{text}");
        }
    }
}
