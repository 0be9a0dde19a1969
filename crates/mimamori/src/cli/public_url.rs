//! The address by which people reach the console, as typed: an origin and nothing more.

use std::net::Ipv6Addr;

/// The origin of a web address in lower case, without a slash at its end and without the port that its scheme has
/// anyway: browsers leave that out when they say whom they ask for.
///
/// # Errors
/// What is wrong with it, and how it is written.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("it does not begin with https:// or http://; write https://{text}"));
    };
    let scheme = scheme.to_ascii_lowercase();
    let usual_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        other => {
            return Err(format!("browsers do not reach a console by {other}; {HOW}"));
        }
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '\\']) {
        let host = authority.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        return Err(format!("the console has no path below a host; write {scheme}://{host}"));
    }
    if authority.contains('@') {
        return Err(format!("links must not hold a name or password; {HOW}"));
    }
    let (host, port) = host_and_port(authority)?;
    let host = host.to_ascii_lowercase();
    Ok(match port {
        Some(port) if port != usual_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let bad_host = |host: &str| {
        format!("{host:?} is no host name or address; {HOW} (Japanese names as xn--…)")
    };
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are its own.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => {}
        None if is_host_name(host) => {}
        _ => return Err(bad_host(host)),
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 => Some(number),
            _ => return Err(format!("{port:?} is no port; ports are numbers from 1 to 65535")),
        },
    };
    Ok((host, port))
}

fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

const HOW: &str = "write https://HOST or https://HOST:PORT, such as https://mimamori.example.co.jp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_say_it() {
        for (typed, origin) in [
            ("https://mimamori.example.co.jp", "https://mimamori.example.co.jp"),
            ("HTTPS://Mimamori.Example.CO.JP/", "https://mimamori.example.co.jp"),
            ("https://mimamori.example:443", "https://mimamori.example"),
            ("http://mimamori.example:80/", "http://mimamori.example"),
            ("https://mimamori.example:8443", "https://mimamori.example:8443"),
            ("http://192.0.2.7:8470", "http://192.0.2.7:8470"),
            ("https://[2001:db8::7]", "https://[2001:db8::7]"),
            ("https://[2001:DB8::7]:8443/", "https://[2001:db8::7]:8443"),
            (" https://localhost ", "https://localhost"),
        ] {
            assert_eq!(public_url(typed).as_deref(), Ok(origin), "{typed}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_reason_and_how_it_is_written() {
        for (typed, word) in [
            ("mimamori.example", "write https://mimamori.example"),
            ("", "https://"),
            ("ftp://mimamori.example", "by ftp"),
            ("javascript://x", "by javascript"),
            ("https://", "no host name"),
            ("https:///", "no host name"),
            ("https://mimamori.example/console", "write https://mimamori.example"),
            ("https://mimamori.example?x", "no path"),
            ("https://a\\@b", "no path"),
            ("https://user:secret@mimamori.example", "password"),
            ("https://mimamori.example:", "no port"),
            ("https://mimamori.example:0", "no port"),
            ("https://mimamori.example:70000", "no port"),
            ("https://mimamori.example:80:80", "no host name"),
            ("https://[2001:db8::7", "no host name"),
            ("https://[evil.example]", "no host name"),
            ("https://みまもり.example", "xn--"),
            ("https://-a.example", "no host name"),
            ("https://a..b", "no host name"),
            ("https://a b", "no host name"),
        ] {
            let said = public_url(typed).expect_err(typed);
            assert!(said.contains(word), "{typed}: {said}");
        }
    }
}
