//! YAML text → nodes that know their line. A source is cut into documents first, so that a broken
//! document stops only itself.
//!
//! Plain scalars follow the core schema of YAML 1.2, with one exception: digits behind a leading zero
//! stay text, because `00000429` in a rule is a value to find, not the number 429.

use crate::cause::{Found, Measure, Plain, Quoted, YamlFault};
use crate::error::{Fault, RuleError};
use crate::limits;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// One document of a source, not parsed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    /// Line of the source at which `text` begins, counted from 1.
    pub(crate) first_line: usize,
    pub(crate) text: &'a str,
}

/// A node and its line within the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value, in the order of the source. Keys of a map are unique.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) value: Node,
}

/// A scalar as written and as understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text of any scalar but null.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.meaning != Meaning::Null => Some(&scalar.text),
            _ => None,
        }
    }

    /// The items of a list; a scalar counts as a list of itself.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// What the node is, for messages.
    pub(crate) fn describe(&self) -> Found {
        match &self.kind {
            Kind::Scalar(Scalar { meaning: Meaning::Null, .. }) => Found::Empty,
            Kind::Scalar(scalar) => Found::Text(Quoted::of(&scalar.text)),
            Kind::List(_) => Found::List,
            Kind::Map(_) => Found::Map,
        }
    }
}

/// Cuts a source at its document markers. Documents of blanks and comments only are left out.
///
/// YAML forbids a line that begins with `---` or `...` inside of any scalar, hence no parser is needed.
pub(crate) fn documents(source: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    let mut open = Piece { start: 0, first_line: 1, has_content: false };
    let mut offset = 0;
    for (index, line) in source.split_inclusive('\n').enumerate() {
        let end = offset + line.len();
        let trimmed = line.trim_end();
        let begins = is_marker(trimmed, "---");
        if begins || is_marker(trimmed, "...") {
            open.close(source, offset, &mut found);
            // The marker of a beginning belongs to its document, so that a comment or a value behind it counts.
            let start = if begins { offset } else { end };
            let first_line = if begins { index + 1 } else { index + 2 };
            let rest = trimmed.get(3..).unwrap_or_default().trim_start();
            let has_content = begins && !rest.is_empty() && !rest.starts_with('#');
            open = Piece { start, first_line, has_content };
        } else if !trimmed.trim_start_matches('\u{feff}').trim_start().is_empty() {
            open.has_content |= !trimmed.trim_start().starts_with('#');
        }
        offset = end;
    }
    open.close(source, source.len(), &mut found);
    found
}

struct Piece {
    start: usize,
    first_line: usize,
    has_content: bool,
}

impl Piece {
    fn close<'a>(&self, source: &'a str, end: usize, found: &mut Vec<Document<'a>>) {
        if let Some(text) = source.get(self.start..end).filter(|_| self.has_content) {
            found.push(Document { first_line: self.first_line, text });
        }
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// Parses one document.
pub(crate) fn parse(document: Document<'_>) -> Result<Node, Fault> {
    if document.text.len() > limits::RULE_BYTES_MAX {
        return Err(RuleError::too_large(Measure::DocumentBytes, limits::RULE_BYTES_MAX)
            .at(document.first_line));
    }
    let mut builder = Builder::new(document.first_line);
    let mut parser = Parser::new_from_str(document.text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|err| {
            let line = builder.line_of(err.marker().line());
            RuleError::Yaml(YamlFault::Syntax(Plain::of(err.info()))).at(line)
        })?;
        let line = builder.line_of(span.start.line());
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.accept(event, line).map_err(|cause| cause.at(line))?;
    }
    builder.root.ok_or_else(|| RuleError::Yaml(YamlFault::Empty).at(document.first_line))
}

/// Builds the tree without recursion, so that deep nesting meets a limit and not the end of the stack.
struct Builder {
    first_line: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

struct Open {
    line: usize,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, usize)> },
}

impl Builder {
    fn new(first_line: usize) -> Self {
        Self { first_line, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None }
    }

    const fn line_of(&self, line_in_document: usize) -> usize {
        self.first_line + line_in_document.saturating_sub(1)
    }

    fn accept(&mut self, event: Event<'_>, line: usize) -> Result<(), RuleError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = scalar(text, style, tag.as_deref())?;
                self.place(Node { line, kind: Kind::Scalar(scalar) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_unknown_tag(tag.as_deref(), "seq")?;
                self.begin(Open { line, anchor, content: OpenContent::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                refuse_unknown_tag(tag.as_deref(), "map")?;
                let content = OpenContent::Map { entries: Vec::new(), key: None };
                self.begin(Open { line, anchor, content })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(done) = self.open.pop() else { return Ok(()) };
                let kind = match done.content {
                    OpenContent::List(items) => Kind::List(items),
                    OpenContent::Map { entries, .. } => Kind::Map(entries),
                };
                self.place(Node { line: done.line, kind }, done.anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or(RuleError::Yaml(YamlFault::AliasWithin))?;
                self.nodes += count(&node);
                self.place(node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, open: Open) -> Result<(), RuleError> {
        if self.open.len() >= limits::YAML_DEPTH_MAX {
            return Err(RuleError::too_large(Measure::Nesting, limits::YAML_DEPTH_MAX));
        }
        self.open.push(open);
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), RuleError> {
        self.nodes += 1;
        if self.nodes > limits::YAML_NODES_MAX {
            return Err(RuleError::too_large(Measure::Nodes, limits::YAML_NODES_MAX));
        }
        if anchor != 0 {
            // The copy counts as well: anchors within anchors would otherwise multiply uncounted.
            self.nodes += count(&node);
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(OpenContent::List(items)) => items.push(node),
            Some(OpenContent::Map { entries, key }) => match key.take() {
                Some((name, line)) => entries.push(Entry { key: name, line, value: node }),
                None => *key = Some((key_of(&node, entries)?, node.line)),
            },
        }
        Ok(())
    }
}

fn key_of(node: &Node, entries: &[Entry]) -> Result<String, RuleError> {
    let Kind::Scalar(scalar) = &node.kind else {
        return Err(RuleError::Yaml(YamlFault::KeyNotText));
    };
    if scalar.text == "<<" {
        return Err(RuleError::Yaml(YamlFault::MergeKey));
    }
    if entries.iter().any(|entry| entry.key == scalar.text) {
        return Err(RuleError::Yaml(YamlFault::KeyTwice(Quoted::of(&scalar.text))));
    }
    Ok(scalar.text.clone())
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar(_) => 0,
        Kind::List(items) => items.iter().map(count).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| count(&entry.value)).sum(),
    }
}

fn refuse_unknown_tag(tag: Option<&Tag>, allowed: &str) -> Result<(), RuleError> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == allowed) => Err(unknown_tag(tag)),
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag) -> RuleError {
    RuleError::Yaml(YamlFault::Tag(Plain::of(&format!("{}{}", tag.handle, tag.suffix))))
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, RuleError> {
    let meaning = match tag {
        None if style == ScalarStyle::Plain => plain_meaning(&text),
        None => Meaning::Text,
        // A lone `!` asks for no interpretation.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Meaning::Text,
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Meaning::Text,
            "null" | "bool" | "int" | "float" => plain_meaning(&text),
            other => {
                let tag = Plain::of(&format!("!!{other}"));
                return Err(RuleError::Yaml(YamlFault::Tag(tag)));
            }
        },
        Some(tag) => return Err(unknown_tag(tag)),
    };
    Ok(Scalar { text: text.into_owned(), meaning })
}

/// The core schema of YAML 1.2.
fn plain_meaning(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
        "true" | "True" | "TRUE" => return Meaning::Bool(true),
        "false" | "False" | "FALSE" => return Meaning::Bool(false),
        _ => {}
    }
    let prefixed = text
        .strip_prefix("0x")
        .map(|digits| (digits, 16))
        .or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)));
    if let Some((digits, base)) = prefixed {
        let clean = digits.chars().all(|digit| digit.is_digit(base));
        return match i128::from_str_radix(digits, base) {
            Ok(number) if clean => Meaning::Int(number),
            _ => Meaning::Text,
        };
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero = digits.len() > 1
        && digits.starts_with('0')
        && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if leading_zero || !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Meaning::Text;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or(Meaning::Text, Meaning::Int);
    }
    let float_bytes = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && digits.bytes().all(float_bytes) => {
            Meaning::Float(number)
        }
        _ => Meaning::Text,
    }
}
