//! The only place of this crate where randomness comes in (apart from key pairs, which `rcgen` draws).

use crate::ControlError;

/// Characters of a secret's text form: 160 bits, five to a character.
pub(crate) const SECRET_CHARS: usize = 32;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new secret for a token or a session: 160 random bits as 32 characters that are safe in a URL.
pub(crate) fn secret() -> Result<String, ControlError> {
    let mut bytes = [0u8; SECRET_CHARS];
    fill(&mut bytes)?;
    // Each character takes five of the eight bits that were drawn for it, so all are equally likely.
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// 128 random bits for an identifier.
pub(crate) fn id_bits() -> Result<u128, ControlError> {
    let mut bytes = [0u8; 16];
    fill(&mut bytes)?;
    Ok(u128::from_be_bytes(bytes))
}

/// A random key.
pub(crate) fn key() -> Result<[u8; 32], ControlError> {
    let mut bytes = [0u8; 32];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), ControlError> {
    getrandom::fill(bytes).map_err(|err| ControlError::Randomness { reason: err.to_string() })
}
