//! The signature of a pack: Ed25519 over a list of all its files.
//!
//! `pack.sig` beside `pack.toml` is TOML:
//!
//! ```text
//! key = "<public key, 64 hex digits>"
//! signature = "<128 hex digits>"
//! [files]
//! "linux/a.yml" = "<SHA-256, 64 hex digits>"
//! ```
//!
//! Signed is the text `mimamori rule pack 1`, and for each file in the order of the paths its SHA-256, two blanks and
//! its path, each line ended by a line feed. Every file of the folder is on the list but `pack.sig` itself, what lies
//! in `.git`, and nothing else: a file that is missing, added or changed is named.

use super::fault::PackFault;
use anyhow::{Context, bail};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// The file that holds the signature.
pub(crate) const SIGNATURE_FILE: &str = "pack.sig";
/// The file that describes the pack.
pub(crate) const MANIFEST_FILE: &str = "pack.toml";
/// Files of one pack.
const PACK_FILES_MAX: usize = 100_000;
/// Bytes of one file of a pack.
const PACK_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of all files of a pack.
const PACK_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of a signature file.
const SIGNATURE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes of a key file.
const KEY_BYTES_MAX: u64 = 4 * 1024;
const HEADING: &str = "mimamori rule pack 1\n";
const SECRET_HEADING: &str = "mimamori pack key 1, secret";
const PUBLIC_HEADING: &str = "mimamori pack key 1, public";

/// The files of a pack: path with `/`, and SHA-256 in hex.
pub(crate) type Listing = BTreeMap<String, String>;

/// The files of a folder as they are, and what those hold that are wanted: what is verified is what is used.
pub(crate) fn listing(
    folder: &Path,
    wanted: fn(&Path) -> bool,
) -> Result<(Listing, BTreeMap<String, Vec<u8>>), PackFault> {
    let (mut listing, mut contents) = (Listing::new(), BTreeMap::new());
    let mut bytes_left = PACK_BYTES_MAX;
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(PackFault::unreadable(&folder))?;
        for entry in entries {
            let entry = entry.map_err(PackFault::unreadable(&folder))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(PackFault::BadName { path });
            };
            if name.contains(['\n', '\r', '\\']) {
                return Err(PackFault::BadName { path });
            }
            let relative = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(PackFault::unreadable(&path))?;
            if kind.is_dir() {
                if !(prefix.is_empty() && name == ".git") {
                    open.push((path, format!("{relative}/")));
                }
                continue;
            }
            if relative == SIGNATURE_FILE || (prefix.is_empty() && name == ".git") {
                continue;
            }
            if !kind.is_file() {
                return Err(PackFault::NoFile { path });
            }
            let length = entry.metadata().map_err(PackFault::unreadable(&path))?.len();
            bytes_left = bytes_left.saturating_sub(length);
            if length > PACK_FILE_BYTES_MAX || bytes_left == 0 || listing.len() >= PACK_FILES_MAX {
                return Err(PackFault::TooLarge { path });
            }
            let bytes = std::fs::read(&path).map_err(PackFault::unreadable(&path))?;
            listing.insert(relative.clone(), hex(&sha2::Sha256::digest(&bytes)));
            if wanted(&path) {
                contents.insert(relative, bytes);
            }
        }
    }
    Ok((listing, contents))
}

/// SHA-256 over what is signed, in hex: one name for the whole pack.
pub(crate) fn digest(listing: &Listing) -> String {
    hex(&sha2::Sha256::digest(message(listing)))
}

fn message(listing: &Listing) -> String {
    let mut text = HEADING.to_owned();
    for (path, hash) in listing {
        // Writing to a string cannot fail.
        writeln!(text, "{hash}  {path}").expect("invariant: a string takes every write");
    }
    text
}

/// Who signed a pack, and what.
#[derive(Debug)]
pub(crate) struct Signature {
    /// The public key, in hex.
    pub(crate) key: String,
    files: Listing,
    signature: Vec<u8>,
}

#[derive(serde::Deserialize)]
struct SignatureFile {
    key: String,
    signature: String,
    files: Listing,
}

impl Signature {
    /// The signature of a folder; `None` when it claims none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, PackFault> {
        let path = folder.join(SIGNATURE_FILE);
        // A link that leads nowhere claims a signature too.
        let Ok(meta) = std::fs::symlink_metadata(&path) else { return Ok(None) };
        if !meta.is_file() || meta.len() > SIGNATURE_BYTES_MAX {
            return Err(PackFault::NoSignature { path });
        }
        let text = std::fs::read_to_string(&path).map_err(PackFault::unreadable(&path))?;
        let Ok(file) = toml::from_str::<SignatureFile>(&text) else {
            return Err(PackFault::NoSignature { path });
        };
        let signature = unhex(&file.signature).ok_or(PackFault::NotHex)?;
        Ok(Some(Self { key: file.key.to_ascii_lowercase(), files: file.files, signature }))
    }

    /// Whether the key signed this list of files, and the folder is as listed; the error names the culprit.
    pub(crate) fn verify(&self, found: &Listing) -> Result<(), PackFault> {
        let key = unhex(&self.key).ok_or(PackFault::NotHex)?;
        UnparsedPublicKey::new(&ED25519, key)
            .verify(message(&self.files).as_bytes(), &self.signature)
            .map_err(|_| PackFault::Forged)?;
        let paths: BTreeSet<&String> = self.files.keys().chain(found.keys()).collect();
        for path in paths {
            let file = || path.clone();
            match (self.files.get(path), found.get(path)) {
                (Some(signed), Some(found)) if signed == found => {}
                (Some(_), Some(_)) => return Err(PackFault::Changed { file: file() }),
                (Some(_), None) => return Err(PackFault::Missing { file: file() }),
                _ => return Err(PackFault::Added { file: file() }),
            }
        }
        Ok(())
    }
}

/// Signs a list of files; gives the text of `pack.sig`.
pub(crate) fn sign(listing: &Listing, key_pair: &Ed25519KeyPair) -> String {
    let signature = key_pair.sign(message(listing).as_bytes());
    let mut text = format!(
        "# Made by `mimamori rules pack sign`.\nkey = \"{}\"\nsignature = \"{}\"\n\n[files]\n",
        hex(key_pair.public_key().as_ref()),
        hex(signature.as_ref())
    );
    for (path, hash) in listing {
        // A JSON string without `/` escaped is a TOML string too.
        let path = serde_json::Value::from(path.as_str());
        writeln!(text, "{path} = \"{hash}\"").expect("invariant: a string takes every write");
    }
    text
}

/// A new key pair: the text of the secret file and of the public one.
pub(crate) fn new_key() -> anyhow::Result<(String, String)> {
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers; try again later"))?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
        .map_err(|err| anyhow::anyhow!("the new key is not usable: {err}"))?;
    let secret = format!("{SECRET_HEADING}\n{}\n", hex(document.as_ref()));
    let public = format!("{PUBLIC_HEADING}\n{}\n", hex(pair.public_key().as_ref()));
    Ok((secret, public))
}

/// The key pair of a secret key's file.
pub(crate) fn read_secret(path: &Path) -> anyhow::Result<Ed25519KeyPair> {
    let bytes = read_key(path, SECRET_HEADING)?;
    Ed25519KeyPair::from_pkcs8(&bytes)
        .map_err(|err| anyhow::anyhow!("{} is no usable key: {err}", path.display()))
}

/// The public key of a file, in hex.
pub(crate) fn read_public(path: &Path) -> anyhow::Result<String> {
    let bytes = read_key(path, PUBLIC_HEADING)?;
    if bytes.len() != 32 {
        bail!("{} holds {} bytes; a public key has 32", path.display(), bytes.len());
    }
    Ok(hex(&bytes))
}

fn read_key(path: &Path, heading: &str) -> anyhow::Result<Vec<u8>> {
    let meta = std::fs::metadata(path)
        .with_context(|| format!("could not read the key {}", path.display()))?;
    if !meta.is_file() || meta.len() > KEY_BYTES_MAX {
        bail!("{} is no key; make one with `mimamori rules pack keygen`", path.display());
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the key {}", path.display()))?;
    let rest = text.strip_prefix(heading).map(str::trim);
    rest.and_then(unhex).with_context(|| {
        format!("{} does not begin with {heading:?} and hexadecimal digits", path.display())
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        for text in ["0", "0g", "日本"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }
}
