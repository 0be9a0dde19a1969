//! Text databases of `Name: value` lines in paragraphs: dpkg's status and apt's lists. Read line by line, so
//! that a large one needs no memory.

use crate::limits::PACKAGE_LINE_BYTES_MAX;
use std::io::{self, BufRead};

/// The paragraphs of a text, of which only some fields are wanted.
pub(crate) struct Stanzas<R, const N: usize> {
    input: R,
    wanted: [&'static str; N],
    line: Vec<u8>,
}

impl<R: BufRead, const N: usize> Stanzas<R, N> {
    pub(crate) const fn new(input: R, wanted: [&'static str; N]) -> Self {
        Self { input, wanted, line: Vec::new() }
    }

    /// The wanted fields of the next paragraph, empty when it lacks them; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<[String; N]>> {
        let mut found: [String; N] = std::array::from_fn(|_| String::new());
        let mut any = false;
        while bounded_line(&mut self.input, &mut self.line, PACKAGE_LINE_BYTES_MAX)? {
            let line = self.line.trim_ascii_end();
            if line.is_empty() {
                if any {
                    return Ok(Some(found));
                }
                continue;
            }
            any = true;
            // A line that begins with a blank continues the one before; no wanted field has several.
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            let place = self.wanted.iter().position(|known| known.as_bytes() == name);
            if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
                *slot = String::from_utf8_lossy(value).into_owned();
            }
        }
        Ok(any.then_some(found))
    }
}

/// Reads a line without its end into `line`, at most so many bytes of it. `false` at the end of the input.
pub(crate) fn bounded_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let part = input.fill_buf()?;
        if part.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = part.iter().position(|byte| *byte == b'\n');
        let text = &part[..end.unwrap_or(part.len())];
        let room = bytes_max.saturating_sub(line.len());
        line.extend_from_slice(&text[..text.len().min(room)]);
        let used = end.map_or(part.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_with_continuations_and_endless_lines() {
        let long = "x".repeat(10 << 20);
        let text = format!("\n\nA: 1\nB:  two \n c: no\nC{long}\n\nA: {long}\nnonsense\n\n\nB: 3");
        let mut stanzas = Stanzas::new(text.as_bytes(), ["A", "B"]);
        let first = stanzas.next().expect("reads").expect("is there");
        assert_eq!(first, ["1", "two"]);
        let second = stanzas.next().expect("reads").expect("is there");
        assert_eq!(second[0].len(), PACKAGE_LINE_BYTES_MAX - 3);
        assert_eq!(stanzas.next().expect("reads"), Some([String::new(), "3".into()]));
        assert_eq!(stanzas.next().expect("reads"), None);
    }
}
