//! Encodings that rules put on their values: base 64 and UTF-16.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base 64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            // A group of n bytes fills n + 1 characters; the rest is padding.
            let letter = match place <= group.len() {
                true => ALPHABET[(bits >> (18 - 6 * place) & 63) as usize],
                false => b'=',
            };
            text.push(char::from(letter));
        }
    }
    text
}

/// What of the bytes is certain to occur in base 64 text that holds them at an offset of 0, 1 and 2 bytes.
/// Characters that depend on the neighbours are cut off at both ends.
pub(crate) fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let mut shifted = vec![b' '; offset];
        shifted.extend_from_slice(bytes);
        let text = base64(&shifted);
        let start = [0, 2, 3][offset];
        let cut = [0, 3, 2][shifted.len() % 3];
        text.get(start..text.len().saturating_sub(cut)).unwrap_or_default().to_owned()
    })
}

/// UTF-16, little end first.
pub(crate) fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16, big end first.
pub(crate) fn utf16be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// UTF-16 behind a byte order mark, little end first.
pub(crate) fn utf16_with_mark(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf16le(text));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_has_the_values_of_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xff, 0xfb, 0xef]), "//vv");
    }

    #[test]
    fn offsets_are_those_of_the_specification() {
        assert_eq!(base64_offsets(b"http://"), ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn wherever_the_bytes_stand_one_of_the_three_occurs(
            before in prop::collection::vec(any::<u8>(), 0..7),
            bytes in prop::collection::vec(any::<u8>(), 3..12),
            behind in prop::collection::vec(any::<u8>(), 0..7),
        ) {
            let all = base64(&[before.as_slice(), &bytes, &behind].concat());
            let offset = before.len() % 3;
            prop_assert!(all.contains(&base64_offsets(&bytes)[offset]));
        }
    }

    #[test]
    fn utf16_has_both_orders_and_the_mark() {
        assert_eq!(utf16le("aé"), [b'a', 0, 0xe9, 0]);
        assert_eq!(utf16be("aé"), [0, b'a', 0, 0xe9]);
        assert_eq!(utf16_with_mark("a"), [0xff, 0xfe, b'a', 0]);
    }
}
