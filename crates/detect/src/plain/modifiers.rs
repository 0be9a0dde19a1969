//! From a rule's value and its modifiers to the questions of which one must be answered with yes.

use super::Lists;
use super::lookup::Single;
use super::strings::{self, Sign};
use super::times::{self, Num};
use crate::yaml::{Meaning, Scalar};
use std::cmp::Ordering;
use std::net::IpAddr;

/// A question about one value of an event, or about a field.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Null,
    Exists(bool),
    Text { signs: Vec<Sign>, cased: bool },
    Regex(regex::Regex, bool),
    Network(Vec<bool>, bool),
    Number { part: Option<String>, wanted: Num, orders: &'static [Ordering] },
    SameAs { field: String, place: &'static str, cased: bool },
}

const EQUAL: &[Ordering] = &[Ordering::Equal];

impl Question {
    /// Whether the value is an answer.
    pub(super) fn fits(&self, one: &Single<'_>) -> bool {
        match self {
            Self::Text { signs, cased } => strings::fits(signs, &one.text, *cased),
            Self::Regex(regex, dollar) => {
                // `$` also fits before a line break that ends the text.
                let before_end = one.text.strip_suffix('\n').filter(|_| *dollar);
                regex.is_match(&one.text) || before_end.is_some_and(|text| regex.is_match(text))
            }
            Self::Network(bits, is_four) => one.text.parse().is_ok_and(|address: IpAddr| {
                address.is_ipv4() == *is_four && bits_of(address).starts_with(bits)
            }),
            Self::Number { part, wanted, orders } => {
                let order = match part {
                    Some(part) => times::part_order(part, one.value, *wanted),
                    None => times::compare(one.value, *wanted),
                };
                order.is_some_and(|order| orders.contains(&order))
            }
            Self::Null | Self::Exists(_) | Self::SameAs { .. } => false,
        }
    }

    /// The same for keywords, which are searched within a value.
    pub(super) fn fits_keyword(&self, one: &Single<'_>) -> bool {
        match self {
            Self::Text { signs, cased } => {
                let mut within = vec![Sign::Run];
                within.extend_from_slice(signs);
                within.push(Sign::Run);
                strings::fits(&within, &one.text, *cased)
            }
            _ => self.fits(one),
        }
    }

    /// Whether a value stands to one of the other field as `fieldref` asks.
    pub(super) fn relates(&self, text: &str, other: &str) -> bool {
        let Self::SameAs { place, cased, .. } = self else { return false };
        let mut signs = strings::literal(other);
        if matches!(*place, "endswith" | "contains") {
            signs.insert(0, Sign::Run);
        }
        if matches!(*place, "startswith" | "contains") {
            signs.push(Sign::Run);
        }
        strings::fits(&signs, text, *cased)
    }
}

fn bits_of(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    };
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
}

/// A value on its way.
#[derive(Debug, Clone)]
enum Value {
    Null,
    Bool(bool),
    Number(String, Num),
    Text(String),
    Signs(Vec<Sign>),
    Bytes(Vec<u8>),
}

/// What the value has become besides.
#[derive(Debug, Clone, Default)]
struct Kind {
    cased: bool,
    regex: Option<String>,
    flags: String,
    network: bool,
    part: Option<String>,
    orders: Option<&'static [Ordering]>,
    reference: bool,
    place: &'static str,
    exists: bool,
}

/// Every question that a value stands for.
pub(super) fn questions(
    chain: &str,
    value: &Scalar,
    lists: &Lists,
) -> Result<Vec<Question>, String> {
    let words: Vec<&str> = chain.split('|').filter(|word| !word.is_empty()).collect();
    let mut drafts = vec![match value.meaning {
        Meaning::Null => Value::Null,
        Meaning::Bool(truth) => Value::Bool(truth),
        Meaning::Int(number) => Value::Number(value.text.clone(), Num::Whole(number)),
        Meaning::Float(number) => Value::Number(value.text.clone(), Num::Broken(number)),
        Meaning::Text => Value::Text(value.text.clone()),
    }];
    if words.contains(&"expand") && value.meaning == Meaning::Text {
        drafts = filled(&value.text, lists)?.into_iter().map(Value::Text).collect();
    }
    let mut kind = Kind::default();
    for word in words {
        drafts = apply(word, drafts, &mut kind)?;
    }
    let mut all = Vec::new();
    for draft in drafts {
        all.extend(finished(draft, &kind)?);
    }
    Ok(all)
}

fn apply(word: &str, drafts: Vec<Value>, kind: &mut Kind) -> Result<Vec<Value>, String> {
    let each = |change: &dyn Fn(Value) -> Result<Value, String>| -> Result<Vec<Value>, String> {
        drafts.iter().cloned().map(change).collect()
    };
    let place = match word {
        "contains" => "contains",
        "startswith" => "startswith",
        "endswith" => "endswith",
        _ => "",
    };
    match word {
        "contains" | "startswith" | "endswith" if kind.reference => {
            kind.place = place;
            return Ok(drafts);
        }
        "contains" => return each(&|it| Ok(Value::Signs(around(true, signs_of(it)?, true)))),
        "startswith" => return each(&|it| Ok(Value::Signs(around(false, signs_of(it)?, true)))),
        "endswith" => return each(&|it| Ok(Value::Signs(around(true, signs_of(it)?, false)))),
        "windash" => return each(&|it| Ok(Value::Signs(strings::with_dashes(&signs_of(it)?)))),
        "utf16le" | "wide" => {
            return each(&|it| Ok(Value::Bytes(utf16(&plain(it)?, u16::to_le_bytes))));
        }
        "utf16be" => return each(&|it| Ok(Value::Bytes(utf16(&plain(it)?, u16::to_be_bytes)))),
        "utf16" => {
            return each(&|it| {
                let mut bytes = vec![0xff, 0xfe];
                bytes.extend(utf16(&plain(it)?, u16::to_le_bytes));
                Ok(Value::Bytes(bytes))
            });
        }
        "base64" => return each(&|it| Ok(Value::Signs(strings::literal(&base64(&bytes_of(it)?))))),
        "base64offset" => {
            let mut shifted = Vec::new();
            for draft in drafts {
                let bytes = bytes_of(draft)?;
                shifted
                    .extend((0..3).map(|by| Value::Signs(strings::literal(&offset(&bytes, by)))));
            }
            return Ok(shifted);
        }
        "all" | "neq" | "expand" => {}
        "cased" => kind.cased = true,
        "re" => kind.regex = Some(String::new()),
        "i" | "ignorecase" => kind.flags.push('i'),
        "m" | "multiline" => kind.flags.push('m'),
        "s" | "dotall" => kind.flags.push('s'),
        "cidr" => kind.network = true,
        "fieldref" => kind.reference = true,
        "exists" => kind.exists = true,
        "lt" => kind.orders = Some(&[Ordering::Less]),
        "lte" => kind.orders = Some(&[Ordering::Less, Ordering::Equal]),
        "gt" => kind.orders = Some(&[Ordering::Greater]),
        "gte" => kind.orders = Some(&[Ordering::Greater, Ordering::Equal]),
        "minute" | "hour" | "day" | "week" | "month" | "year" => kind.part = Some(word.to_owned()),
        other => return Err(format!("{other:?} is no modifier")),
    }
    Ok(drafts)
}

fn finished(draft: Value, kind: &Kind) -> Result<Vec<Question>, String> {
    let written = |draft: Value| match draft {
        Value::Text(text) | Value::Number(text, _) => Ok(text),
        other => Err(format!("{other:?} cannot be read as written")),
    };
    if kind.exists {
        let Value::Bool(wanted) = draft else {
            return Err("exists takes true or false".to_owned());
        };
        return Ok(vec![Question::Exists(wanted)]);
    }
    if kind.regex.is_some() {
        let source = written(draft)?;
        let has = |flag: char| kind.flags.contains(flag);
        let dollar = source.contains('$') && !source.contains("\\z");
        let regex = regex::RegexBuilder::new(&source)
            .case_insensitive(has('i'))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .size_limit(crate::limits::REGEX_BYTES_MAX)
            .build()
            .map_err(|err| err.to_string())?;
        return Ok(vec![Question::Regex(regex, dollar)]);
    }
    if kind.network {
        return network(&written(draft)?).map(|question| vec![question]);
    }
    if kind.reference {
        let field = written(draft)?;
        return Ok(vec![Question::SameAs { field, place: kind.place, cased: kind.cased }]);
    }
    if kind.orders.is_some() || kind.part.is_some() {
        let Value::Number(_, wanted) = draft else { return Err("no number to compare".to_owned()) };
        let orders = kind.orders.unwrap_or(EQUAL);
        return Ok(vec![Question::Number { part: kind.part.clone(), wanted, orders }]);
    }
    let text = |signs: Vec<Sign>| Question::Text { signs, cased: kind.cased };
    Ok(match draft {
        Value::Null => vec![Question::Null],
        // A number of a rule means its value, however it is written.
        Value::Number(_, Num::Whole(number)) => vec![text(strings::literal(&number.to_string()))],
        Value::Number(written, Num::Broken(number)) => {
            vec![text(strings::literal(&written)), text(strings::literal(&number.to_string()))]
        }
        other => vec![text(signs_of(other)?)],
    })
}

fn network(text: &str) -> Result<Question, String> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| format!("{text:?} is no network"))?;
    let mut bits = bits_of(address);
    let length = prefix.map_or(Ok(bits.len()), str::parse).map_err(|_| "no prefix".to_owned())?;
    bits.truncate(length);
    Ok(Question::Network(bits, address.is_ipv4()))
}

fn around(before: bool, mut signs: Vec<Sign>, behind: bool) -> Vec<Sign> {
    if before {
        signs.insert(0, Sign::Run);
    }
    if behind {
        signs.push(Sign::Run);
    }
    signs
}

fn signs_of(value: Value) -> Result<Vec<Sign>, String> {
    Ok(match value {
        Value::Text(text) => strings::signs(&text),
        Value::Signs(signs) => signs,
        Value::Number(written, _) => strings::literal(&written),
        Value::Bool(truth) => strings::literal(&truth.to_string()),
        Value::Bytes(bytes) => {
            let text =
                String::from_utf8(bytes).map_err(|_| "these bytes are no text".to_owned())?;
            strings::literal(&text)
        }
        Value::Null => return Err("null is no text".to_owned()),
    })
}

fn plain(value: Value) -> Result<String, String> {
    strings::text_of(&signs_of(value)?).ok_or_else(|| "wildcards cannot be encoded".to_owned())
}

fn bytes_of(value: Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => plain(other).map(String::into_bytes),
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// The letter of six bits in base 64.
fn letter(bits: &[bool]) -> char {
    let number = bits.iter().fold(0_u8, |number, bit| number << 1 | u8::from(*bit));
    let mut letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']);
    letters.nth(usize::from(number)).unwrap_or('=')
}

fn bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
}

/// Base 64 with padding.
fn base64(bytes: &[u8]) -> String {
    let mut bits = bits(bytes);
    while !bits.len().is_multiple_of(6) {
        bits.push(false);
    }
    let mut text: String = bits.chunks(6).map(letter).collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// The letters that depend on nothing but these bytes when `by` bytes stand before them.
fn offset(bytes: &[u8], by: usize) -> String {
    let before = vec![0_u8; by];
    let bits = bits(&[before.as_slice(), bytes].concat());
    let whole = bits.chunks_exact(6).enumerate();
    whole.filter(|(place, _)| place * 6 >= by * 8).map(|(_, six)| letter(six)).collect()
}

/// Placeholders replaced by each of their values.
fn filled(text: &str, lists: &Lists) -> Result<Vec<String>, String> {
    let name =
        regex::Regex::new(r"(\\*)%([\p{Alphabetic}\p{N}_]+)%").map_err(|err| err.to_string())?;
    let Some(found) = name.captures(text) else { return Ok(vec![text.replace("\\%", "%")]) };
    let (whole, backslashes) = (found.get(0), found.get(1).map_or(0, |it| it.len()));
    let (start, end) = whole.map_or((0, 0), |it| (it.start(), it.end()));
    let before = text.get(..start).unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    match backslashes {
        0 => {}
        1 => {
            // `\%` is a percent sign; what follows it may be a placeholder.
            let rest = text.get(start + 2..).unwrap_or_default();
            let rests = filled(rest, lists)?;
            return Ok(rests.into_iter().map(|rest| format!("{before}%{rest}")).collect());
        }
        _ => return Err("nobody can say whether this is a placeholder".to_owned()),
    }
    let name = found.get(2).map_or("", |it| it.as_str());
    let values = lists.get(name).filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| format!("%{name}% has no values"))?;
    let rests = filled(behind, lists)?;
    let before = before.replace("\\%", "%");
    let mut all = Vec::new();
    for value in values {
        all.extend(rests.iter().map(|rest| format!("{before}{value}{rest}")));
    }
    Ok(all)
}
