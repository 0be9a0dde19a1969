//! Forms whose checkboxes share a name: pairs as the browser sent them.

/// A form as it came.
pub(crate) type Pairs = Vec<(String, String)>;

/// The first value of a field, without spaces around it; empty when it is not there.
pub(crate) fn one<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

/// The first value of a field, when it is not empty.
pub(crate) fn some(pairs: &Pairs, name: &str) -> Option<String> {
    Some(one(pairs, name).to_owned()).filter(|value| !value.is_empty())
}

/// Every value of a field.
pub(crate) fn many<'a>(pairs: &'a Pairs, name: &str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
}

/// The lines of a field that are not empty.
pub(crate) fn lines(pairs: &Pairs, name: &str) -> Vec<String> {
    let lines = one(pairs, name).lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// A text of several lines with the line ends of this machine; forms send those of another.
pub(crate) fn unix_lines(text: &str) -> String {
    text.trim().replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_trimmed_and_lines_without_text_do_not_count() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs =
            vec![pair("a", " x "), pair("b", "1\r\n\r\n 2 "), pair("a", "y"), pair("c", " ")];
        assert_eq!(one(&pairs, "a"), "x");
        assert_eq!(many(&pairs, "a").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(lines(&pairs, "b"), ["1", "2"]);
        assert_eq!(some(&pairs, "c"), None);
        assert_eq!(one(&pairs, "d"), "");
        assert_eq!(unix_lines(" a\r\nb\rc\n"), "a\nb\nc");
    }
}
