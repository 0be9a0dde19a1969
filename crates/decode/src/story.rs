//! Stories: what happened on some devices in a row, written down by hand, as lines of JSON. Tests replay them
//! through rules, and the program can put them into a lake to show what an attack looks like.
//!
//! ```text
//! {"story":{"title":"…","title_ja":"…","about":"…","about_ja":"…"}}
//! {"device":"desk","name":"PC-07.corp.example","product":"windows","department":"営業部","groups":["本社"]}
//! {"stage":"…","stage_ja":"…","alerts":["office_macro/shell_started_by_office"]}
//! {"at":"2m","on":"desk","log":"sysmon","fields":{"EventID":1,"Image":"C:\\…"}}
//! {"at":"+5s","on":"web","kind":"process_start","fields":{"Image":"/usr/bin/id"}}
//! {"at":"+1s","on":"desk","log":"security","repeat":20,"every":"2s","fields":{"TargetUserName":"user{n}"}}
//! {"at":"40m","on":"desk","log":"sysmon","ordinary":true,"fields":{…}}
//! ```
//!
//! The first line says what it is about; devices come before their events, a stage before its events. `at` is
//! a time from the beginning (`1h`, `2m30s`, `500ms`), or from the line before when it begins with `+`. `repeat`
//! is the event so many times, `every` so long after the other, `{n}` in texts its number from 1. An ordinary event
//! belongs to no stage. `alerts` names the rules that should notice the stage, in the order in which they do
//! so; what the names mean is the caller's affair.
//!
//! `department` and `groups` of a device may be missing: they are what the server knows of it.
//!
//! An event of a Windows device names its event `log` and is decoded like any other record of that log; events of
//! other devices, and what an inventory says of any device, name their `kind`, as the agent does.

use crate::error::RecordError;
use crate::limits::{STORY_BYTES_MAX, STORY_EVENTS_MAX};
use crate::windows;
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, Name, StreamKey, Timestamp,
    Value,
};
use std::borrow::Cow;

/// A story, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// What it is about, in a line.
    pub title: String,
    /// The same in Japanese.
    pub title_ja: String,
    /// What happens in it.
    pub about: String,
    /// The same in Japanese.
    pub about_ja: String,
    /// Where it happens.
    pub devices: Vec<StoryDevice>,
    /// What happens one after the other.
    pub stages: Vec<Stage>,
    /// Everything that happens, in order of time.
    pub happenings: Vec<Happening>,
}

/// A device of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryDevice {
    /// Its name in the story.
    pub key: String,
    /// Its name in the network.
    pub name: String,
    /// `windows`, `linux` or `macos`, as Sigma names products.
    pub product: String,
    /// The department to which the server has assigned it.
    pub department: Option<String>,
    /// The groups that it is in.
    pub groups: Vec<String>,
}

/// A part of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What is done.
    pub title: String,
    /// The same in Japanese.
    pub title_ja: String,
    /// The rules that should notice it, in the order in which they do.
    pub alerts: Vec<String>,
}

/// One event of a story, without a place in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When, in nanoseconds from the beginning.
    pub after_ns: i64,
    /// Place of its device in [`Story::devices`].
    pub device: usize,
    /// Place of its stage in [`Story::stages`]; `None` for what is ordinary.
    pub stage: Option<usize>,
    /// What happened.
    pub kind: EventKind,
    /// Its log sources.
    pub source: LogSource,
    /// Its fields by Sigma name.
    pub fields: Fields,
}

impl Story {
    /// Reads a story.
    ///
    /// # Errors
    /// The first line that is wrong, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let wrong = |line: usize, reason: String| RecordError::Line {
            line: u64::try_from(line).unwrap_or(u64::MAX),
            reason,
        };
        if text.len() > STORY_BYTES_MAX {
            return Err(wrong(1, format!("the story has more than {STORY_BYTES_MAX} bytes")));
        }
        let mut draft: Option<Draft> = None;
        for (place, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let taken = members(line).and_then(|members| match &mut draft {
                Some(draft) => draft.take(&members),
                None => Draft::begin(&members).map(|begun| draft = Some(begun)),
            });
            taken.map_err(|reason| wrong(place + 1, reason))?;
        }
        let draft = draft.ok_or_else(|| wrong(1, "there is no line".to_owned()))?;
        let mut story = draft.story;
        story.happenings.sort_by_key(|one| one.after_ns);
        Ok(story)
    }

    /// The events in order of time, each with the place of its stage, when the story begins at `begin`.
    /// `identity` says which device, agent and life of its spool the device at a place of
    /// [`Story::devices`] is. Each device's stream is numbered from 1; events are received when they are
    /// observed.
    #[must_use]
    pub fn events(
        &self,
        begin: Timestamp,
        identity: impl Fn(usize) -> (DeviceId, AgentId, EpochId),
    ) -> Vec<(Option<usize>, Event)> {
        let mut last_seq = vec![0; self.devices.len()];
        let event = |one: &Happening| {
            let (device, agent, epoch) = identity(one.device);
            last_seq[one.device] += 1;
            let at = Timestamp::from_nanos(begin.nanos().saturating_add(one.after_ns));
            let event = Event {
                kind: one.kind,
                device,
                stream: StreamKey { agent, epoch, seq: last_seq[one.device] },
                observed_at: at,
                received_at: at,
                source: one.source.clone(),
                fields: one.fields.clone(),
                raw: None,
            };
            (one.stage, event)
        };
        self.happenings.iter().map(event).collect()
    }

    /// From the beginning to the last event, in nanoseconds.
    #[must_use]
    pub fn length_ns(&self) -> i64 {
        self.happenings.last().map_or(0, |last| last.after_ns)
    }
}

type Members = Vec<(String, Value)>;

/// A story that is being read.
struct Draft {
    story: Story,
    /// The time of the line before.
    after_ns: i64,
}

impl Draft {
    fn begin(members: &[(String, Value)]) -> Result<Self, String> {
        let Some(Value::Map(about)) = member(members, "story") else {
            return Err("the first line has no object \"story\"".to_owned());
        };
        only(about, &["title", "title_ja", "about", "about_ja"])?;
        let story = Story {
            title: text(about, "title")?,
            title_ja: text(about, "title_ja")?,
            about: text(about, "about")?,
            about_ja: text(about, "about_ja")?,
            devices: Vec::new(),
            stages: Vec::new(),
            happenings: Vec::new(),
        };
        Ok(Self { story, after_ns: 0 })
    }

    fn take(&mut self, line: &Members) -> Result<(), String> {
        if member(line, "device").is_some() {
            self.take_device(line)
        } else if member(line, "stage").is_some() {
            self.take_stage(line)
        } else {
            self.take_event(line)
        }
    }

    fn take_device(&mut self, line: &Members) -> Result<(), String> {
        only(line, &["device", "name", "product", "department", "groups"])?;
        let department =
            member(line, "department").map(|_| text(line, "department")).transpose()?;
        let groups = match member(line, "groups") {
            None => Vec::new(),
            Some(Value::List(groups)) => {
                groups.iter().filter_map(Value::as_text).map(ToOwned::to_owned).collect()
            }
            Some(_) => return Err("groups are not a list".to_owned()),
        };
        let device = StoryDevice {
            key: text(line, "device")?,
            name: text(line, "name")?,
            product: text(line, "product")?,
            department,
            groups,
        };
        if !["windows", "linux", "macos"].contains(&device.product.as_str()) {
            return Err(format!("product {:?} is none of windows, linux, macos", device.product));
        }
        self.story.devices.push(device);
        Ok(())
    }

    fn take_stage(&mut self, line: &Members) -> Result<(), String> {
        only(line, &["stage", "stage_ja", "alerts"])?;
        let Some(Value::List(alerts)) = member(line, "alerts") else {
            return Err("alerts are not a list".to_owned());
        };
        let alerts = alerts.iter().filter_map(Value::as_text).map(ToOwned::to_owned).collect();
        let (title, title_ja) = (text(line, "stage")?, text(line, "stage_ja")?);
        self.story.stages.push(Stage { title, title_ja, alerts });
        Ok(())
    }

    fn take_event(&mut self, line: &Members) -> Result<(), String> {
        only(line, &["at", "on", "log", "kind", "fields", "repeat", "every", "ordinary"])?;
        let on = text(line, "on")?;
        let found = self.story.devices.iter().position(|device| device.key == on);
        let place = found.ok_or_else(|| format!("there is no device {on:?} above"))?;
        let at = text(line, "at")?;
        let after_ns = match at.strip_prefix('+') {
            Some(later) => self.after_ns.saturating_add(duration_ns(later)?),
            None => duration_ns(&at)?,
        };
        let ordinary = matches!(member(line, "ordinary"), Some(Value::Bool(true)));
        let stage = match self.story.stages.len().checked_sub(1) {
            _ if ordinary => None,
            Some(stage) => Some(stage),
            None => return Err("it is not ordinary, and no stage stands above it".to_owned()),
        };
        let repeat = match member(line, "repeat").map(Value::as_int) {
            None => 1,
            Some(Some(times)) if times > 0 => times,
            Some(_) => return Err("repeat is no number above 0".to_owned()),
        };
        let every_ns = match member(line, "every") {
            None => 1_000_000_000,
            Some(_) => duration_ns(&text(line, "every")?)?,
        };
        for number in 0..repeat {
            if self.story.happenings.len() >= STORY_EVENTS_MAX {
                return Err(format!("the story has more than {STORY_EVENTS_MAX} events"));
            }
            let device = &self.story.devices[place];
            let (kind, source, fields) = decoded(line, device, number + 1)?;
            let after_ns = after_ns.saturating_add(every_ns.saturating_mul(number));
            let device = place;
            self.story.happenings.push(Happening { after_ns, device, stage, kind, source, fields });
            self.after_ns = after_ns;
        }
        Ok(())
    }
}

/// Kind, log sources and fields of the `number`th repetition of an event.
fn decoded(
    line: &Members,
    device: &StoryDevice,
    number: i64,
) -> Result<(EventKind, LogSource, Fields), String> {
    let Some(Value::Map(fields)) = member(line, "fields") else {
        return Err("fields are not an object".to_owned());
    };
    let fields = fields.iter().map(|(name, value)| (name.clone(), numbered(value, number)));
    if device.product == "windows" && member(line, "kind").is_none() {
        let log = text(line, "log")?;
        let known = LOGS.iter().find(|(name, _, _)| *name == log);
        let (_, channel, provider) = known.ok_or_else(|| {
            let names: Vec<&str> = LOGS.iter().map(|(name, _, _)| *name).collect();
            format!("log {log:?} is none of {}", names.join(", "))
        })?;
        let origin =
            [("Channel", *channel), ("Provider_Name", *provider), ("Computer", &device.name)];
        let origin = origin.map(|(name, value)| (Name::from(name), Value::from(value)));
        let fields = fields.map(|(name, value)| (Name::from(name), value));
        let mut members = origin.into_iter().chain(fields).collect();
        let decoded = windows::of_flat(&mut members, Fields::new());
        return Ok((decoded.kind, decoded.source, decoded.fields));
    }
    let kind = text(line, "kind")?;
    let kind = EventKind::of_name(&kind).ok_or_else(|| format!("there is no kind {kind:?}"))?;
    let product = Cow::Owned(device.product.clone());
    let source = LogSource { product, ..LogSource::of_linux_sensor(kind) };
    Ok((kind, source, fields.collect()))
}

/// The value with the number in place of `{n}` in its texts.
fn numbered(value: &Value, number: i64) -> Value {
    match value {
        Value::Text(text) if text.contains(NUMBER) => {
            Value::Text(text.replace(NUMBER, &number.to_string()))
        }
        Value::List(items) => Value::List(items.iter().map(|it| numbered(it, number)).collect()),
        other => other.clone(),
    }
}

fn members(line: &str) -> Result<Members, String> {
    match serde_json::from_str(line) {
        Ok(Value::Map(members)) => Ok(members),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(err) => Err(format!("its JSON is broken: {err}")),
    }
}

fn member<'m>(members: &'m [(String, Value)], name: &str) -> Option<&'m Value> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn text(members: &[(String, Value)], name: &str) -> Result<String, String> {
    let found = member(members, name).and_then(Value::as_text);
    found.map(ToOwned::to_owned).ok_or_else(|| format!("{name} is missing or no text"))
}

fn only(members: &[(String, Value)], known: &[&str]) -> Result<(), String> {
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("{name:?} is none of {}", known.join(", "))),
        None => Ok(()),
    }
}

/// Nanoseconds of `1h2m3s4ms`.
fn duration_ns(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no time such as 2m30s");
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, behind) = rest.split_at(digits);
        let letters = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let count: i64 = count.parse().map_err(|_| wrong())?;
        let part = count.checked_mul(*unit_ns).ok_or_else(wrong)?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = behind;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

const NUMBER: &str = "{n}";

const UNITS: &[(&str, i64)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Name in stories, channel and provider of event logs.
const LOGS: &[(&str, &str, &str)] = &[
    ("sysmon", "Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon"),
    ("security", "Security", "Microsoft-Windows-Security-Auditing"),
    ("system", "System", "Service Control Manager"),
    ("eventlog", "System", "Microsoft-Windows-Eventlog"),
    ("powershell", "Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell"),
    (
        "defender",
        "Microsoft-Windows-Windows Defender/Operational",
        "Microsoft-Windows-Windows Defender",
    ),
    (
        "driver-framework",
        "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
        "Microsoft-Windows-DriverFrameworks-UserMode",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"story":{"title":"a","title_ja":"b","about":"c","about_ja":"d"}}
{"device":"pc","name":"PC-1","product":"windows"}
{"device":"web","name":"web-1","product":"linux"}
"#;

    fn read(lines: &str) -> Result<Story, String> {
        Story::parse(&format!("{HEAD}{lines}")).map_err(|err| err.to_string())
    }

    #[test]
    fn a_device_may_have_a_department_and_groups_and_any_device_an_inventory() {
        let story = read(
            r#"{"device":"till","name":"TILL-1","product":"windows","department":"営業部","groups":["店舗","canary"]}
{"at":"1m","on":"till","kind":"software_added","ordinary":true,"fields":{"SoftwareSource":"executed","ItemKey":"C:\\a.exe"}}
"#,
        )
        .expect("is a story");
        let [pc, _, till] = story.devices.as_slice() else { panic!("{:?}", story.devices) };
        assert_eq!((pc.department.as_deref(), pc.groups.len()), (None, 0));
        assert_eq!(till.department.as_deref(), Some("営業部"));
        assert_eq!(till.groups, ["店舗", "canary"]);
        let item = &story.happenings[0];
        assert_eq!(item.kind, EventKind::SoftwareAdded);
        assert!(item.source.satisfies(Some("windows"), None, Some("software_change")));
        let wrong = read(r#"{"device":"x","name":"X","product":"linux","groups":"shop"}"#);
        assert!(wrong.expect_err("no list").contains("groups are not a list"));
    }

    #[test]
    fn events_are_decoded_like_those_of_their_source_and_come_in_order_of_time() {
        let story = read(
            r#"{"stage":"one","stage_ja":"一","alerts":["x"]}
{"at":"2m","on":"pc","log":"security","fields":{"EventID":4625,"TargetUserName":"sato"}}
{"at":"+1500ms","on":"web","kind":"file_rename","repeat":3,"every":"1m","fields":{"TargetFilename":"/srv/{n}"}}
{"at":"1m","on":"pc","log":"sysmon","ordinary":true,"fields":{"EventID":1,"Image":"C:\\a.exe"}}
"#,
        )
        .expect("is a story");
        let identity = |place: usize| {
            let bits = place as u128;
            (DeviceId::from_bits(bits), AgentId::from_bits(bits), EpochId::from_bits(7))
        };
        let events = story.events(Timestamp::from_nanos(5), identity);
        let seconds: Vec<_> = events
            .iter()
            .map(|(stage, event)| (*stage, (event.observed_at.nanos() - 5) / 1_000_000, event.kind))
            .collect();
        assert_eq!(
            seconds,
            [
                (None, 60_000, EventKind::ProcessStart),
                (Some(0), 120_000, EventKind::LogonFailure),
                (Some(0), 121_500, EventKind::FileRename),
                (Some(0), 181_500, EventKind::FileRename),
                (Some(0), 241_500, EventKind::FileRename),
            ]
        );
        assert!(events[0].1.source.satisfies(
            Some("windows"),
            Some("sysmon"),
            Some("process_creation")
        ));
        assert!(events[2].1.source.satisfies(Some("linux"), None, Some("file_rename")));
        assert_eq!(events[4].1.fields.text("TargetFilename"), Some("/srv/3"));
        assert_eq!(events[4].1.stream.seq, 3);
        assert_eq!(events[1].1.stream.seq, 2);
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        for (line, expected) in [
            (r#"{"at":"1m","on":"pc","log":"sysmon","fields":{}}"#, "no stage"),
            (r#"{"at":"1m","on":"mac","ordinary":true,"fields":{}}"#, "no device"),
            (r#"{"at":"1x","on":"pc","log":"sysmon","ordinary":true,"fields":{}}"#, "no time"),
            (r#"{"at":"","on":"pc","log":"sysmon","ordinary":true,"fields":{}}"#, "no time"),
            (r#"{"at":"1m","on":"pc","log":"x","ordinary":true,"fields":{}}"#, "none of sysmon"),
            (r#"{"at":"1m","on":"web","kind":"x","ordinary":true,"fields":{}}"#, "no kind"),
            (r#"{"at":"1m","on":"web","when":"x"}"#, "\"when\" is none of"),
            (r#"{"stage":"x","stage_ja":"x"}"#, "alerts"),
            (r#"{"device":"x","name":"x","product":"vms"}"#, "none of windows"),
            ("[]", "not a JSON object"),
            ("{", "broken"),
        ] {
            let err = read(line).expect_err(line);
            assert!(err.starts_with("line 4 ") && err.contains(expected), "{err}");
        }
        assert!(Story::parse("").is_err());
        let many = r#"{"at":"1m","on":"web","kind":"file_write","ordinary":true,"repeat":999999999,"fields":{}}"#;
        assert!(read(many).expect_err("too many").contains("more than"));
    }
}
