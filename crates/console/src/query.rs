//! The search bar's language and the search as part of a URL.
//!
//! `field:value` compares the whole value without regard to case; a `*` at an end leaves that end open
//! (`Image:*\whoami.exe` ends with, `CommandLine:*http*` contains). `-field:value` excludes. `field:=value`
//! takes the value as it is, stars included. Everything else is a free word. Double quotes hold spaces
//! together; `""` within them is one quote.

use crate::limits::{SEARCH_TERMS_MAX, SEARCH_VALUE_CHARS_MAX};
use control::view::{Compare, FieldFilter};
use model::registry;

/// What a search bar's text asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// Conditions on fields.
    pub(crate) filters: Vec<FieldFilter>,
    /// Free words.
    pub(crate) words: Vec<String>,
}

/// What is wrong with a search bar's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// A quote is not closed.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A field without a value.
    #[error("the field {0} has no value")]
    NoValue(String),
    /// `-field:*value*`.
    #[error("an exclusion compares the whole value: -{0}")]
    OpenExclusion(String),
    /// Too many conditions, or a value that is too long.
    #[error(
        "more than {SEARCH_TERMS_MAX} conditions, or a value of more than {SEARCH_VALUE_CHARS_MAX} characters"
    )]
    TooMuch,
}

/// Reads a search bar's text.
pub(crate) fn parse(text: &str) -> Result<Terms, QueryError> {
    let mut terms = Terms::default();
    for token in tokens(text)? {
        if token.text.chars().count() > SEARCH_VALUE_CHARS_MAX
            || terms.filters.len() + terms.words.len() == SEARCH_TERMS_MAX
        {
            return Err(QueryError::TooMuch);
        }
        match token.colon.and_then(|colon| field_of(&token.text, colon)) {
            Some((excluded, field, value)) => {
                terms.filters.push(filter(excluded, field, value)?);
            }
            None => terms.words.push(token.text),
        }
    }
    Ok(terms)
}

/// One condition as the search bar would write it, so that parsing gives the same condition again.
pub(crate) fn written(field: &str, value: &str, excluded: bool) -> String {
    let sign = if excluded { "-" } else { "" };
    let literal = value.starts_with(['*', '=']) || value.ends_with('*');
    let operator = if literal { ":=" } else { ":" };
    let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"');
    if plain && !value.starts_with("//") {
        format!("{sign}{field}{operator}{value}")
    } else {
        // An explicit `=` keeps `http://…` and the empty value a value.
        format!("{sign}{field}:=\"{}\"", value.replace('"', "\"\""))
    }
}

struct Token {
    text: String,
    /// Byte place of the first colon outside quotes, when no quote came before it.
    colon: Option<usize>,
}

fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.peek() {
        if first.is_whitespace() {
            chars.next();
            continue;
        }
        let mut token = Token { text: String::new(), colon: None };
        let (mut quoted, mut quote_seen) = (false, false);
        while let Some(c) = chars.next_if(|c| quoted || !c.is_whitespace()) {
            match c {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => token.text.push('"'),
                '"' => {
                    quoted = !quoted;
                    quote_seen = true;
                }
                ':' if !quote_seen && token.colon.is_none() => {
                    token.colon = Some(token.text.len());
                    token.text.push(':');
                }
                c => token.text.push(c),
            }
        }
        if quoted {
            return Err(QueryError::OpenQuote);
        }
        if token.colon.is_some() || !token.text.is_empty() {
            out.push(token);
        }
    }
    Ok(out)
}

/// Splits `-field:value`; `None` when it only looks like one (`http://…`, `C:\…`).
fn field_of(text: &str, colon: usize) -> Option<(bool, &str, &str)> {
    let (name, value) = (text.get(..colon)?, text.get(colon + 1..)?);
    let (excluded, name) = name.strip_prefix('-').map_or((false, name), |name| (true, name));
    let named = name.len() > 1
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (named && !value.starts_with("//")).then_some((excluded, name, value))
}

fn filter(excluded: bool, field: &str, value: &str) -> Result<FieldFilter, QueryError> {
    let (literal, value) = value.strip_prefix('=').map_or((false, value), |value| (true, value));
    if value.is_empty() && !literal {
        return Err(QueryError::NoValue(field.to_owned()));
    }
    let field = known_spelling(field);
    let open_start = !literal && value.starts_with('*');
    let open_end = !literal && value.ends_with('*');
    let compare = match (excluded, open_start, open_end) {
        (true, false, false) => Compare::Not,
        (true, _, _) => return Err(QueryError::OpenExclusion(field)),
        (false, false, false) => Compare::Equals,
        (false, true, true) => Compare::Contains,
        (false, false, true) => Compare::StartsWith,
        (false, true, false) => Compare::EndsWith,
    };
    let value = value.strip_prefix('*').filter(|_| open_start).unwrap_or(value);
    let value = value.strip_suffix('*').filter(|_| open_end).unwrap_or(value);
    Ok(FieldFilter { field, compare, value: value.to_owned() })
}

/// The registry's spelling of a field's name, whatever the case it was typed in.
fn known_spelling(field: &str) -> String {
    let known = registry::FIELDS.iter().find(|known| known.sigma.eq_ignore_ascii_case(field));
    known.map_or_else(|| field.to_owned(), |known| known.sigma.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Err(error) => error.to_string(),
            Ok(terms) => {
                let filters = terms.filters.iter().map(|filter| {
                    format!("{} {:?} [{}]", filter.field, filter.compare, filter.value)
                });
                let words = terms.words.iter().map(|word| format!("word [{word}]"));
                filters.chain(words).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn the_search_bar() {
        for (text, expected) in [
            ("", ""),
            ("whoami", "word [whoami]"),
            ("Image:/usr/bin/id", "Image Equals [/usr/bin/id]"),
            ("image:*whoami", "Image EndsWith [whoami]"),
            ("Image:*\\whoami.exe User:root", "Image EndsWith [\\whoami.exe], User Equals [root]"),
            ("commandline:*http*", "CommandLine Contains [http]"),
            ("CommandLine:curl*", "CommandLine StartsWith [curl]"),
            ("CommandLine:*", "CommandLine Contains []"),
            ("CommandLine:=\"* * *\"", "CommandLine Equals [* * *]"),
            ("-User:root", "User Not [root]"),
            ("-User:*root", "an exclusion compares the whole value: -User"),
            ("CommandLine:\"*a \"\"b\"\" c*\"", "CommandLine Contains [a \"b\" c]"),
            ("\"two words\" x", "word [two words], word [x]"),
            ("\"User:root\"", "word [User:root]"),
            ("http://a.example/x", "word [http://a.example/x]"),
            ("C:\\Windows", "word [C:\\Windows]"),
            ("User:", "the field User has no value"),
            ("User:\"root", "a quotation mark is not closed"),
            ("日本語　空白", "word [日本語], word [空白]"),
            ("Unknown:x", "Unknown Equals [x]"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_link_writes_is_read_back() {
        for value in ["a", "a b", "*", "* * * * *", "\"q\"", "=x", "//h", "", "C:\\x\\", "日 本"]
        {
            for excluded in [false, true] {
                let text = written("CommandLine", value, excluded);
                let compare = if excluded { Compare::Not } else { Compare::Equals };
                let filter = FieldFilter {
                    field: "CommandLine".to_owned(),
                    compare,
                    value: value.to_owned(),
                };
                let expected = Terms { filters: vec![filter], words: Vec::new() };
                assert_eq!(parse(&text), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn hostile_texts_have_limits() {
        assert_eq!(parse(&"a ".repeat(33)), Err(QueryError::TooMuch));
        assert_eq!(parse(&"a".repeat(3_000)), Err(QueryError::TooMuch));
        assert_eq!(parse(&"a ".repeat(32)).map(|terms| terms.words.len()), Ok(32));
    }
}
