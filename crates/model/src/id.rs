//! Identifiers: 128 bits, written as 26 characters of Crockford's base 32 in lower case.
//!
//! Parsed once at the border; a value of these types never needs to be checked again, and is safe in a
//! file name, a URL and an HTML attribute.

use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters in the text form of every identifier.
pub const ID_CHARS: usize = 26;

/// The text was not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: {shown:?}, expected 26 characters of 0-9 and a-z without i, l, o, u")]
pub struct BadId {
    /// The first characters of what was given.
    pub shown: String,
}

fn write_base32(bits: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; ID_CHARS];
    for (place, slot) in text.iter_mut().enumerate() {
        let shift = 5 * (ID_CHARS - 1 - place);
        *slot = ALPHABET[((bits >> shift) & 31) as usize];
    }
    for byte in text {
        fmt::Write::write_char(f, char::from(byte))?;
    }
    Ok(())
}

fn parse_base32(text: &str) -> Result<u128, BadId> {
    let bad = || BadId { shown: text.chars().take(40).collect() };
    if text.len() != ID_CHARS {
        return Err(bad());
    }
    let mut bits: u128 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|known| *known == byte).ok_or_else(bad)?;
        // 26 digits carry 130 bits: the first digit may use only three of its five.
        if place == 0 && digit > 7 {
            return Err(bad());
        }
        bits = (bits << 5) | digit as u128;
    }
    Ok(bits)
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// From 128 bits that the caller drew at random (or derived from a certificate).
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The 128 bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }

            /// Parses the 26-character text form.
            ///
            /// # Errors
            /// [`BadId`] when the text has another length or a character outside the alphabet.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                parse_base32(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base32(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// A computer that is watched over, whatever sees it (agent, device manager, import).
    DeviceId
);
identifier!(
    /// One installation of the agent; comes from its client certificate and from nowhere else.
    AgentId
);
identifier!(
    /// One life of an agent's spool: drawn when the spool is created, never used again.
    EpochId
);
identifier!(
    /// One rule match on one event; derived from both, so a replay gives the same identifier.
    AlertId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = DeviceId::from_bits(bits);
            assert_eq!(id.to_string().len(), ID_CHARS);
            assert_eq!(DeviceId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn hostile_text_is_refused() {
        for text in ["", "../server", "0000000000000000000000000O", "zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert!(DeviceId::parse(text).is_err(), "{text}");
        }
    }
}
