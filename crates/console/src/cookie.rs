//! Cookies: reading the few that are ours, writing them with the attributes that protect them.

use crate::limits::COOKIE_CHARS_MAX;
use axum::http::{HeaderMap, HeaderValue, header};

/// The chosen language.
pub(crate) const LANGUAGE: &str = "mimamori_language";
/// The chosen colours.
pub(crate) const THEME: &str = "mimamori_theme";
/// The chosen time zone.
pub(crate) const ZONE: &str = "mimamori_zone";

/// The session cookie's name. The `__Host-` prefix binds it to the host and needs `Secure`, which browsers
/// refuse over plain HTTP; so it is used when the console is served over TLS.
pub(crate) const fn session_name(secure: bool) -> &'static str {
    if secure { "__Host-mimamori_session" } else { "mimamori_session" }
}

/// The value of a cookie; `None` when absent or longer than any of ours.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty() && value.len() <= COOKIE_CHARS_MAX)
}

/// A `Set-Cookie` value. `value` holds only characters that a cookie may hold (tokens of ours, tags, zone
/// names); anything else gives `None` and no cookie.
pub(crate) fn write(
    name: &str,
    value: &str,
    max_age_seconds: i64,
    secure: bool,
) -> Option<HeaderValue> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+:".contains(&byte);
    if !value.bytes().all(plain) {
        return None;
    }
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; mimamori_theme=dark"));
        headers.append(header::COOKIE, HeaderValue::from_static("mimamori_zone=Asia/Tokyo"));
        assert_eq!(read(&headers, THEME), Some("dark"));
        assert_eq!(read(&headers, ZONE), Some("Asia/Tokyo"));
        assert_eq!(read(&headers, LANGUAGE), None);
    }

    #[test]
    fn a_value_cannot_add_attributes() {
        assert!(write(ZONE, "UTC; Domain=evil", 1, false).is_none());
        assert!(write(ZONE, "a\r\nX: y", 1, false).is_none());
        let cookie = write(THEME, "dark", 60, true).expect("plain");
        assert_eq!(
            cookie.to_str().expect("ascii"),
            "mimamori_theme=dark; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
