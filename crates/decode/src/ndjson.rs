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
use crate::members::{self, Spare};
use crate::windows::{self, Decoded};
use model::{Fields, Name, Timestamp, Value};
use std::io::{BufRead, Read as _};

/// Reads the events of one stream of lines. Blank lines are passed over.
#[derive(Debug)]
pub struct Reader<R> {
    lines: R,
    /// Lines taken so far.
    line: u64,
    buffer: Vec<u8>,
    broken: bool,
    keeps_raw: bool,
    spare: Spare,
}

impl<R: BufRead> Reader<R> {
    /// Takes lines from wherever they come.
    #[must_use]
    pub fn new(lines: R) -> Self {
        let (buffer, spare) = (Vec::new(), Spare::default());
        Self { lines, line: 0, buffer, broken: false, keeps_raw: true, spare }
    }

    /// Gives records without the line that they were: for whoever only judges them.
    #[must_use]
    pub fn without_raw(self) -> Self {
        Self { keeps_raw: false, ..self }
    }

    /// Takes the fields of a record that is done: the next ones use their memory.
    pub fn reuse(&mut self, fields: Fields) {
        self.spare.take(fields);
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
                    .and_then(|text| Ok((text, decode(text, &mut self.spare)?)))
                    .map(|(text, decoded)| Record {
                        record_id: self.line,
                        kind: decoded.kind,
                        observed_at: decoded.observed_at.unwrap_or_default(),
                        source: decoded.source,
                        fields: decoded.fields,
                        raw: self.keeps_raw.then(|| text.to_owned()),
                    });
                return Some(decoded.map_err(|reason| self.error(reason)));
            }
        }
        None
    }
}

fn decode(text: &str, spare: &mut Spare) -> Result<Decoded, String> {
    let mut members = members::read(text, spare)?;
    match members.iter().find_map(|(name, value)| shape_of(name, value)) {
        Some(Shape::Xml) => windows::of_members(members),
        Some(Shape::Winlogbeat) => {
            Ok(windows::of_flat(&mut windows::without_beat(members), spare.fields()))
        }
        None => {
            let decoded = windows::of_flat(&mut members, spare.fields());
            spare.take_members(members);
            Ok(decoded)
        }
    }
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
pub(crate) fn time_of(members: &[(Name, Value)]) -> Option<Timestamp> {
    TIMES.iter().find_map(|wanted| {
        let (_, value) = members.iter().find(|(name, _)| name == wanted)?;
        let text = value.as_text()?;
        match without_zone(text) {
            // Sysmon writes `2026-08-21 05:03:22.123` and means UTC.
            true => Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1))).ok(),
            false => Timestamp::parse(text).ok(),
        }
    })
}

/// Whether the text ends with a time of day that says nothing about its zone.
fn without_zone(text: &str) -> bool {
    let time = text.split_once([' ', 'T']).map_or("", |(_, time)| time);
    !time.is_empty() && time.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.' | b','))
}

const TIMES: &[&str] =
    &["@timestamp", "TimeCreated", "SystemTime", "UtcTime", "EventTime", "timestamp"];
