//! Links. A template puts nothing into `href` but an [`Href`], and an [`Href`] is only made here.

use std::fmt;

/// A link within the console, or within the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Href(String);

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Href {
    /// A path of ours with query parameters, in order. `path` is made of literals, numbers and identifiers.
    pub(crate) fn new(path: &str, parameters: &[(&str, &str)]) -> Self {
        let mut out = String::from(path);
        for (place, (name, value)) in parameters.iter().enumerate() {
            out.push(if place == 0 { '?' } else { '&' });
            out.push_str(name);
            out.push('=');
            encode_into(value, &mut out);
        }
        Self(out)
    }

    /// A place within the page.
    pub(crate) fn within(id: &str) -> Self {
        Self(format!("#{id}"))
    }

    /// Where a form of settings goes back to: a path of ours as the browser sent it back, or the first page.
    pub(crate) fn back(given: &str) -> Self {
        let ours = given.starts_with('/')
            && !given.starts_with("//")
            && given.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        Self(if ours { given.to_owned() } else { "/".to_owned() })
    }
}

/// A text as one segment of a path: nothing in it ends the segment, the path or the attribute.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    encode_into(text, &mut out);
    out.replace('/', "%2F")
}

fn encode_into(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~*:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_parameter() {
        let href = Href::new("/search", &[("q", "a&b=c#\"<>\u{202e} 日"), ("r", "1h")]);
        assert_eq!(href.to_string(), "/search?q=a%26b%3Dc%23%22%3C%3E%E2%80%AE%20%E6%97%A5&r=1h");
    }

    #[test]
    fn a_segment_stays_one_segment() {
        assert_eq!(segment("../a?b#c\"d"), "..%2Fa%3Fb%23c%22d");
    }

    #[test]
    fn a_way_back_stays_here() {
        for (given, expected) in [
            ("/alerts?level=high", "/alerts?level=high"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(Href::back(given).to_string(), expected);
        }
    }
}
