//! Where the state lies: a file in the data folder, or a PostgreSQL database.

use crate::ControlError;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the state of people, devices and the audit chain lies. `Display` and `Debug` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// An SQLite file of our own, made when it is missing.
    File(PathBuf),
    /// A PostgreSQL database (version 15 or later): `postgres://USER@HOST:PORT/DATABASE`.
    Postgres(String),
}

impl StoreAddress {
    /// The SQLite file of a data folder.
    #[must_use]
    pub fn in_folder(directory: &Path) -> Self {
        Self::File(directory.join("control.sqlite"))
    }

    /// A PostgreSQL address as a person types it.
    ///
    /// # Errors
    /// [`ControlError::BadArgument`] for any other kind of address.
    pub fn parse(text: &str) -> Result<Self, ControlError> {
        let text = text.trim();
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") || text.chars().any(char::is_control) {
            let reason = "it must be postgres://USER@HOST:PORT/DATABASE";
            return Err(ControlError::BadArgument { what: "the address of the database", reason });
        }
        Ok(Self::Postgres(text.to_owned()))
    }

    /// The address with its password, for connecting and for nothing else.
    pub(super) fn url(&self) -> Result<String, ControlError> {
        match self {
            Self::Postgres(url) => Ok(url.clone()),
            Self::File(path) => {
                let path = std::path::absolute(path).map_err(|source| ControlError::Io {
                    action: "find",
                    path: path.clone(),
                    source,
                })?;
                let reason = "the path of the data folder must be valid UTF-8";
                let path = path
                    .to_str()
                    .ok_or(ControlError::BadArgument { what: "the data folder", reason })?;
                Ok(format!("sqlite://{}", percent_encoded(path)))
            }
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that may stand for a password is left out: the user part after its colon, and the parameters.
fn without_password(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else { return "postgres://".to_owned() };
    match rest.rsplit_once('@') {
        None => plain.to_owned(),
        Some((user, place)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{place}")
        }
    }
}

fn percent_encoded(path: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("invariant: writing to a String cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://m:se:c@ret@db.example:5432/m", "postgres://m@db.example:5432/m"),
            ("postgres://m@db/m?password=secret", "postgres://m@db/m"),
            ("postgresql:///m?host=/run/x&password=secret", "postgresql:///m"),
            ("postgres://db/m", "postgres://db/m"),
        ] {
            let address = StoreAddress::parse(url).expect("an address");
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("secret"));
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in
            ["", "control.sqlite", "sqlite://x", "mysql://db/m", "postgres:db", "postgres://a\nb"]
        {
            assert!(StoreAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_with_signs_of_an_address_is_a_path() {
        let url = StoreAddress::File("/tmp/a b?c#d%41/日本.sqlite".into()).url().expect("a URL");
        assert_eq!(url, "sqlite:///tmp/a%20b%3Fc%23d%2541/%E6%97%A5%E6%9C%AC.sqlite");
    }
}
