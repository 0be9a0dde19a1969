//! Where a file came from, against where its vendor offers it.
//!
//! An official host is a domain (`zoom.us`, with everything below it) or a place on a host that many share
//! (`github.com/owner`). Everything else is unofficial, and looks worse when it tries to look official.

use crate::SoftwareError;
use crate::fold::clean;
use crate::identify::Step;
use crate::limits::URL_BYTES_MAX;
use crate::search::slips_between;

/// What an address says about where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The host in lower case, international names in their ASCII form as written.
    pub host: String,
    /// The domain that somebody registered: `zoom.us` of `cdn.zoom.us`. Equal to the host for an address in numbers.
    pub domain: String,
    /// The path, as written.
    pub path: String,
    /// `https`.
    pub encrypted: bool,
    /// A name and perhaps a password stood before the host, a means to hide the host.
    pub credentials: bool,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// One of the vendor's places.
    Official,
    /// Another place.
    Unofficial,
    /// Another place that looks like the vendor's.
    LookAlike,
    /// No official host is known, or the address is unknown.
    Unknown,
}

/// The judgement of an origin, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What came out.
    pub verdict: Verdict,
    /// The official host meant or imitated; empty when there is none.
    pub official: String,
    /// Why.
    pub why: Step,
}

/// Reads an address.
///
/// # Errors
/// [`SoftwareError::TooLarge`], and [`SoftwareError::BadUrl`] for what is no web address with a host.
pub fn parse(url: &str) -> Result<Origin, SoftwareError> {
    if url.len() > URL_BYTES_MAX {
        return Err(SoftwareError::TooLarge {
            what: "the address",
            size: url.len(),
            limit: URL_BYTES_MAX,
        });
    }
    let bad = || SoftwareError::BadUrl(url.chars().take(128).collect());
    let url = url.trim();
    let (scheme, rest) = url.split_once(':').ok_or_else(bad)?;
    let encrypted = scheme.eq_ignore_ascii_case("https");
    if !encrypted && !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("ftp") {
        return Err(bad());
    }
    // Browsers take a backslash for a slash; whoever does not can be led elsewhere than he believes.
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (credentials, host) = match authority.rsplit_once('@') {
        Some((_, host)) => (true, host),
        None => (false, authority),
    };
    let host = host_of(host).ok_or_else(bad)?;
    let domain = registrable_domain(&host).unwrap_or_else(|| host.clone());
    Ok(Origin { host, domain, path: path.to_owned(), encrypted, credentials })
}

/// The domain that somebody registered: `zoom.us` of `cdn.zoom.us`, `a.github.io` of `x.a.github.io`.
#[must_use]
pub fn registrable_domain(host: &str) -> Option<String> {
    if is_address(host) {
        return None;
    }
    psl::domain_str(host).map(str::to_owned)
}

/// The official host under which an address lies.
#[must_use]
pub fn official_host<'a>(url: &str, official: &'a [String]) -> Option<&'a str> {
    let origin = parse(url).ok()?;
    official.iter().map(String::as_str).find(|place| lies_under(&origin, place))
}

/// Compares an address with the vendor's places.
#[must_use]
pub fn judge(url: &str, official: &[String]) -> Judgement {
    let judgement = |verdict, official: &str, en: String, ja: String| Judgement {
        verdict,
        official: official.to_owned(),
        why: Step { en, ja },
    };
    if url.trim().is_empty() {
        return judgement(
            Verdict::Unknown,
            "",
            "it is not known where it came from".to_owned(),
            "入手元は不明です".to_owned(),
        );
    }
    let Ok(origin) = parse(url) else {
        let shown = clean(url).text;
        return judgement(
            Verdict::Unknown,
            "",
            format!("\"{shown}\" is no address with a host"),
            format!("「{shown}」からホストを読み取れません"),
        );
    };
    let host = shown_host(&origin.host);
    if official.is_empty() {
        return judgement(
            Verdict::Unknown,
            "",
            format!("it came from {host}; no official host is known"),
            format!("入手元は {host} です。公式ホストは登録されていません"),
        );
    }
    if let Some(place) = official.iter().find(|place| lies_under(&origin, place)) {
        return judgement(
            Verdict::Official,
            place,
            format!("{host} is official ({place})"),
            format!("{host} は公式の入手元です（{place}）"),
        );
    }
    if let Some((place, (en, ja))) =
        official.iter().find_map(|place| Some((place, imitates(&origin, place)?)))
    {
        return judgement(
            Verdict::LookAlike,
            place,
            format!("{host} looks like {place}: {en}"),
            format!("{host} は {place} に似せたものです: {ja}"),
        );
    }
    judgement(
        Verdict::Unofficial,
        "",
        format!("{host} is none of the official hosts ({})", official.join(", ")),
        format!("{host} は公式ホスト（{}）ではありません", official.join("、")),
    )
}

/// An international name in its ASCII form, with what it shows beside it.
#[must_use]
pub fn shown_host(host: &str) -> String {
    if !host.contains("xn--") {
        return clean(host).text;
    }
    let decoded: Vec<String> = host.split('.').map(decoded_label).collect();
    format!("{} ({})", clean(host).text, clean(&decoded.join(".")).text)
}

fn lies_under(origin: &Origin, place: &str) -> bool {
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let host = host.to_ascii_lowercase();
    let below = origin
        .host
        .strip_suffix(host.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if !below || host.is_empty() {
        return false;
    }
    if path.is_empty() {
        return true;
    }
    // `..` and encoded letters could lead from one owner's path to another's.
    let own = origin.path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if own.contains("..") || own.contains('%') || own.contains('\\') {
        return false;
    }
    let wanted = path.trim_matches('/').to_ascii_lowercase();
    own.trim_start_matches('/')
        .strip_prefix(wanted.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// In which way a host imitates an official place, in English and Japanese.
fn imitates(origin: &Origin, place: &str) -> Option<(&'static str, &'static str)> {
    let (official, path) = place.split_once('/').unwrap_or((place, ""));
    let official = official.to_ascii_lowercase();
    // On a shared host it is the owner who may be imitated, everybody has a place there.
    if origin.host == official && !path.is_empty() {
        let owner = |path: &str| {
            path.trim_start_matches('/').split('/').next().unwrap_or_default().to_lowercase()
        };
        let (real, other) = (owner(path), owner(&origin.path));
        let near = alike(&skeleton(&other), &skeleton(&real));
        return near.then_some(("another owner with a similar name", "似た名前の別の所有者です"));
    }
    let official_domain = registrable_domain(&official).unwrap_or_else(|| official.clone());
    if origin.domain == official_domain {
        return None;
    }
    if origin.host.starts_with(&format!("{official_domain}."))
        || origin.host.contains(&format!(".{official_domain}."))
    {
        return Some((
            "the official name stands before another domain",
            "公式の名前の後ろに別のドメインがあります",
        ));
    }
    let real = skeleton(first_label(&official_domain));
    let label = decoded_label(first_label(&origin.domain));
    let other = skeleton(&label);
    if other == real && first_label(&origin.domain) != first_label(&official_domain) {
        return Some((
            "letters of another script or digits in place of letters",
            "別の文字体系の文字や、文字に似た数字が使われています",
        ));
    }
    if other == real {
        return Some(("the same name under another ending", "同じ名前で末尾だけが異なります"));
    }
    if real.len() >= PART_CHARS_MIN && label.split(['-', '_']).any(|part| skeleton(part) == real) {
        return Some(("the official name with words added", "公式の名前に語を付け足しています"));
    }
    alike(&other, &real).then_some(("a slip of the pen away", "一、二文字だけ異なります"))
}

/// One slip for names of five letters or more, two from ten on. Shorter names have too many innocent neighbours.
fn alike(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let most = match right.len() {
        0..=4 => return false,
        5..=9 => 1,
        _ => 2,
    };
    let slips = slips_between(&left, &right, most);
    (1..=most).contains(&slips)
}

/// Letters that look alike made equal: Cyrillic and Greek ones, digits, `rn` for `m`, `vv` for `w`.
fn skeleton(label: &str) -> String {
    let mut plain = String::with_capacity(label.len());
    for character in clean(label).text.to_lowercase().chars() {
        plain.push(match character {
            'а' | 'α' | 'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ạ' => 'a',
            'с' | 'ç' | 'ϲ' => 'c',
            'ԁ' => 'd',
            'е' | 'ё' | 'é' | 'è' | 'ê' | 'ë' | 'ẹ' => 'e',
            'ɡ' => 'g',
            'һ' => 'h',
            'і' | 'ι' | 'í' | 'ì' | 'î' | 'ï' | 'ı' | 'ӏ' | 'l' | '1' | '|' => 'i',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'м' => 'm',
            'п' | 'ñ' | 'ո' => 'n',
            'о' | 'ο' | 'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ọ' | '0' | 'օ' => 'o',
            'р' | 'ρ' => 'p',
            'ԛ' => 'q',
            'ѕ' | '5' => 's',
            'т' | 'τ' => 't',
            'ц' | 'υ' | 'ü' | 'ú' | 'ù' | 'û' => 'u',
            'ѵ' | 'ν' => 'v',
            'ԝ' | 'ω' => 'w',
            'х' | 'χ' => 'x',
            'у' | 'γ' | 'ý' => 'y',
            other => other,
        });
    }
    plain.replace("rn", "m").replace("vv", "w")
}

fn first_label(domain: &str) -> &str {
    domain.split('.').next().unwrap_or(domain)
}

fn decoded_label(label: &str) -> String {
    label.strip_prefix("xn--").and_then(punycode).unwrap_or_else(|| label.to_owned())
}

/// The host without port and final dot, in lower case; nothing for what cannot be one.
fn host_of(text: &str) -> Option<String> {
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => text.split_once(':').map_or(text, |(host, _port)| host),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
    let strange = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '%' | '<' | '>' | '"' | '^' | '`' | '{' | '}' | '|')
    };
    (!host.is_empty()
        && host.len() <= HOST_BYTES_MAX
        && !host.contains(strange)
        && clean(&host).text == host)
        .then_some(host)
}

fn is_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
}

/// RFC 3492, decoding only.
fn punycode(text: &str) -> Option<String> {
    let (mut output, encoded): (Vec<char>, &str) = match text.rsplit_once('-') {
        Some((plain, encoded)) => (plain.chars().collect(), encoded),
        None => (Vec::new(), text),
    };
    let (mut point, mut index, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = encoded.bytes();
    let mut first = true;
    while digits.len() > 0 {
        let start = index;
        let (mut weight, mut k) = (1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'A'..=b'Z' => u32::from(byte - b'A'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            index = index.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let count = u32::try_from(output.len()).ok()? + 1;
        let mut delta = if first { (index - start) / 700 } else { (index - start) / 2 };
        first = false;
        delta += delta / count;
        let mut steps = 0;
        while delta > 455 {
            delta /= 35;
            steps += 36;
        }
        bias = steps + 36 * delta / (delta + 38);
        point = point.checked_add(index / count)?;
        index %= count;
        output.insert(usize::try_from(index).ok()?, char::from_u32(point)?);
        index += 1;
    }
    Some(output.into_iter().collect())
}

/// Longest name of the domain name system.
const HOST_BYTES_MAX: usize = 253;
/// Shorter names are parts of too many others.
const PART_CHARS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punycode_decodes_the_examples_of_rfc_3492() {
        assert_eq!(punycode("egbpdaj6bu4bxfgehfvwxn").as_deref(), Some("ليهمابتكلموشعربي؟"));
        assert_eq!(punycode("3B-ww4c5e180e575a65lsy2b").as_deref(), Some("3年B組金八先生"));
        assert_eq!(punycode("99999999999"), None, "an overflow is refused");
    }

    #[test]
    fn confusable_letters_fold_together() {
        assert_eq!(skeleton("gооgіe"), skeleton("google"));
        assert_eq!(skeleton("rnicrosoft"), skeleton("microsoft"));
    }
}
