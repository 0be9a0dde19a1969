//! NDJSON: one event per line, as log shippers and converters of event logs write them.
//!
//! Three shapes are told apart by what they hold:
//!
//! - `{"Event":{"System":…,"EventData":…}}`: the record in the shape of its XML;
//! - `{"winlog":{"channel":…,"provider_name":…,"event_id":…,"event_data":{…}}}`: Winlogbeat;
//! - anything else is flat: each member is a field of its name (`Channel`, `EventID`, `Image` …), nested
//!   objects are reached by dotted names. Without a Windows channel or provider the text members `product`,
//!   `service` and `category` name the log source.
//!
//! A line that is not an event costs itself only.

use crate::error::RecordError;
use crate::evtx::Record;
use crate::limits::LINE_BYTES_MAX;
use crate::windows;
use model::{Timestamp, Value};
use std::io::{BufRead, Read as _};

/// Reads the events of one stream of lines. Blank lines are passed over.
#[derive(Debug)]
pub struct Reader<R> {
    lines: R,
    /// Lines taken so far.
    line: u64,
    buffer: Vec<u8>,
    broken: bool,
}

impl<R: BufRead> Reader<R> {
    /// Takes lines from wherever they come.
    #[must_use]
    pub const fn new(lines: R) -> Self {
        Self { lines, line: 0, buffer: Vec::new(), broken: false }
    }

    /// The next line without its end; `None` at the end of the stream.
    fn take_line(&mut self) -> std::io::Result<Option<bool>> {
        self.buffer.clear();
        let most = LINE_BYTES_MAX as u64 + 1;
        if self.lines.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let whole = self.buffer.last() == Some(&b'\n') || (self.buffer.len() as u64) < most;
        if !whole {
            self.skip_line()?;
        }
        Ok(Some(whole))
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let (used, ended) = match self.lines.fill_buf()? {
                [] => return Ok(()),
                bytes => match bytes.iter().position(|byte| *byte == b'\n') {
                    Some(end) => (end + 1, true),
                    None => (bytes.len(), false),
                },
            };
            self.lines.consume(used);
            if ended {
                return Ok(());
            }
        }
    }

    fn error(&self, reason: String) -> RecordError {
        RecordError::Line { line: self.line, reason }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            match self.take_line() {
                Ok(None) => return None,
                Ok(Some(true)) => {}
                Ok(Some(false)) => {
                    let reason = format!("it has more than {LINE_BYTES_MAX} bytes");
                    return Some(Err(self.error(reason)));
                }
                Err(err) => {
                    self.broken = true;
                    self.line += 1;
                    return Some(Err(self.error(format!("it could not be read: {err}"))));
                }
            }
            // A mark of the encoding at the beginning of a file is no part of its first line.
            let line = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer);
            let line = line.trim_ascii();
            if !line.is_empty() {
                let decoded = std::str::from_utf8(line)
                    .map_err(|err| format!("it is not UTF-8: {err}"))
                    .and_then(|text| decode(self.line, text));
                return Some(decoded.map_err(|reason| self.error(reason)));
            }
        }
        None
    }
}

fn decode(line: u64, text: &str) -> Result<Record, String> {
    let root: Value =
        serde_json::from_str(text).map_err(|err| format!("its JSON is broken: {err}"))?;
    let Value::Map(members) = root else { return Err("it is not a JSON object".to_owned()) };
    let decoded = match members.iter().find_map(|(name, value)| shape_of(name, value)) {
        Some(Shape::Xml) => windows::of_members(members)?,
        Some(Shape::Winlogbeat) => windows::of_flat(windows::without_beat(members)),
        None => windows::of_flat(members),
    };
    Ok(Record {
        record_id: line,
        kind: decoded.kind,
        observed_at: decoded.observed_at.unwrap_or_default(),
        source: decoded.source,
        fields: decoded.fields,
        raw: text.to_owned(),
    })
}

enum Shape {
    Xml,
    Winlogbeat,
}

fn shape_of(name: &str, value: &Value) -> Option<Shape> {
    match (name, value) {
        ("Event", Value::Map(_)) => Some(Shape::Xml),
        ("winlog", Value::Map(_)) => Some(Shape::Winlogbeat),
        _ => None,
    }
}

/// The time of a flat event: the first of these members that is one.
pub(crate) fn time_of(members: &[(String, Value)]) -> Option<Timestamp> {
    TIMES.iter().find_map(|wanted| {
        let (_, value) = members.iter().find(|(name, _)| name == wanted)?;
        let text = value.as_text()?;
        Timestamp::parse(text).ok().or_else(|| {
            // Sysmon writes `2026-08-21 05:03:22.123` and means UTC.
            Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1))).ok()
        })
    })
}

const TIMES: &[&str] =
    &["@timestamp", "TimeCreated", "SystemTime", "UtcTime", "EventTime", "timestamp"];
