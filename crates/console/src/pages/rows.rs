//! Rows that several pages show: alerts, events, sums.

use crate::limits::{LINK_VALUE_CHARS_MAX, SUMMARY_CHARS_MAX};
use crate::page::{Page, When};
use crate::pages::alert::value_text;
use crate::query;
use crate::rule_text;
use crate::show;
use crate::url::Href;
use control::view::{AlertRow, ClassSums, Cursor, DeviceRow, EventRow, LostRow, StreamSums};
use model::{
    AgentId, AlertId, Class, DeviceId, EpochId, EventKind, Family, Level, StreamKey, Timestamp,
};

/// One line of a list of alerts.
#[derive(Debug)]
pub(crate) struct AlertLine {
    pub(crate) id: AlertId,
    pub(crate) href: Href,
    pub(crate) level: Level,
    pub(crate) title: String,
    pub(crate) device: String,
    pub(crate) device_href: Href,
    pub(crate) at: When,
    pub(crate) user: String,
    /// The program, where what was done does not say it.
    pub(crate) by: String,
    /// What was done: the command line, else what the event says, else the program.
    pub(crate) what: String,
}

impl AlertLine {
    pub(crate) fn of(page: &Page, row: &AlertRow) -> Self {
        let texts: Vec<(&str, String)> =
            row.fields.iter().map(|(name, value)| (name, value_text(value))).collect();
        let text = |name: &str| {
            texts.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
        };
        let (by, what) = match row.kind.family() {
            // Numbers and lists say little in a line.
            Family::Process | Family::Other | Family::Agent => (String::new(), String::new()),
            _ => summary(row.kind, text),
        };
        let program = row.command_line.as_deref().or(row.image.as_deref()).unwrap_or_default();
        let (by, what) =
            if what.is_empty() { (String::new(), program.to_owned()) } else { (by, what) };
        Self {
            id: row.id,
            href: alert_href(row.id),
            level: row.level,
            title: rule_text::title(&row.rule_text, &row.rule_title, page.language()),
            device: row.device_name.clone(),
            device_href: device_href(row.device),
            at: page.when_short(row.observed_at),
            user: row.user.clone().unwrap_or_default(),
            by: show::shortened(&by, SUMMARY_CHARS_MAX).into_owned(),
            what,
        }
    }
}

/// One line of a list of events.
#[derive(Debug)]
pub(crate) struct EventLine {
    pub(crate) href: Href,
    pub(crate) at: When,
    pub(crate) kind: EventKind,
    pub(crate) device: String,
    pub(crate) device_href: Href,
    /// Who did it: program or user.
    pub(crate) by: String,
    /// What was done, shortened.
    pub(crate) what: String,
    pub(crate) alert_href: Option<Href>,
}

impl EventLine {
    /// `carry` are the parameters of the search, so that the event's fields can offer to narrow it.
    pub(crate) fn of(page: &Page, row: &EventRow, carry: &[(&str, &str)]) -> Self {
        let (by, what) = event_summary(row);
        Self {
            href: event_href(row.key, carry),
            at: page.when_short(row.observed_at),
            kind: row.kind,
            device: row.device_name.clone(),
            device_href: device_href(row.device),
            by: show::shortened(&by, SUMMARY_CHARS_MAX).into_owned(),
            what: show::shortened(&what, SUMMARY_CHARS_MAX).into_owned(),
            alert_href: row.alerts.first().copied().map(alert_href),
        }
    }
}

/// One field of an event.
#[derive(Debug)]
pub(crate) struct FieldLine {
    pub(crate) name: String,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// The search with this value as one more condition.
    pub(crate) only: Option<Href>,
    /// The search without this value.
    pub(crate) without: Option<Href>,
}

/// The fields of an event. `narrow` makes a search of a condition in the search bar's words.
pub(crate) fn fields(
    page: &Page,
    family: Family,
    pairs: impl IntoIterator<Item = (String, String)>,
    narrow: impl Fn(&str) -> Href,
) -> Vec<FieldLine> {
    let line = |(name, value): (String, String)| {
        let linked = !value.is_empty() && value.chars().count() <= LINK_VALUE_CHARS_MAX;
        let label = page.field_label(family, &name);
        let href = |excluded| narrow(&query::written(&name, &value, excluded));
        let searchable = linked && label.is_some();
        FieldLine {
            only: searchable.then(|| href(false)),
            without: searchable.then(|| href(true)),
            label: label.unwrap_or_default(),
            name,
            value,
        }
    };
    pairs.into_iter().map(line).collect()
}

/// The sums of one stream.
#[derive(Debug)]
pub(crate) struct StreamLine {
    pub(crate) key: String,
    pub(crate) device: String,
    pub(crate) epoch: EpochId,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) spans: u64,
    pub(crate) stored: u64,
    pub(crate) lost: u64,
    pub(crate) agree: bool,
}

impl StreamLine {
    pub(crate) fn of(sums: &StreamSums, devices: &[DeviceRow]) -> Self {
        Self {
            key: format!("s-{}-{}", sums.agent, sums.epoch),
            device: device_of(sums.agent, devices),
            epoch: sums.epoch,
            first: sums.first_seq,
            last: sums.last_seq,
            spans: (sums.last_seq + 1).saturating_sub(sums.first_seq),
            stored: sums.stored,
            lost: sums.lost,
            agree: sums.agree(),
        }
    }
}

/// The counters of one class.
#[derive(Debug)]
pub(crate) struct ClassLine {
    pub(crate) key: String,
    pub(crate) device: String,
    pub(crate) class: Class,
    pub(crate) seen: u64,
    pub(crate) filtered: u64,
    pub(crate) received: u64,
    pub(crate) merged: u64,
    pub(crate) queued: u64,
    pub(crate) lost: u64,
    pub(crate) at: When,
    /// The sums that do not agree, each as a sentence.
    pub(crate) disagreements: Vec<String>,
}

impl ClassLine {
    pub(crate) fn of(page: &Page, sums: &ClassSums, devices: &[DeviceRow]) -> Self {
        let counters = &sums.counters;
        Self {
            key: format!("c-{}-{}", sums.agent, sums.class.name()),
            device: device_of(sums.agent, devices),
            class: sums.class,
            seen: counters.seen,
            filtered: counters.filtered,
            received: counters.received,
            merged: counters.merged,
            queued: counters.queued,
            lost: counters.lost(),
            at: page.when_short(sums.at),
            disagreements: counters.disagreements().iter().map(|d| page.disagreement(d)).collect(),
        }
    }
}

/// One declared gap.
#[derive(Debug)]
pub(crate) struct LostLine {
    pub(crate) device: String,
    pub(crate) device_href: Href,
    pub(crate) class: Option<Class>,
    pub(crate) count: Option<u64>,
    pub(crate) reason: String,
    pub(crate) from: When,
    pub(crate) to: When,
}

impl LostLine {
    pub(crate) fn of(page: &Page, row: &LostRow) -> Self {
        Self {
            device: row.device_name.clone(),
            device_href: device_href(row.device),
            class: row.lost.class,
            count: row.lost.count,
            reason: page.lost_reason(&row.lost.reason),
            from: page.when_short(row.lost.from),
            to: page.when_short(row.lost.to),
        }
    }
}

/// The page of an alert.
pub(crate) fn alert_href(id: AlertId) -> Href {
    Href::new(&format!("/alerts/{id}"), &[])
}

/// The page of a device.
pub(crate) fn device_href(id: DeviceId) -> Href {
    Href::new(&format!("/devices/{id}"), &[])
}

/// The page of an event.
pub(crate) fn event_href(key: StreamKey, carry: &[(&str, &str)]) -> Href {
    Href::new(&format!("/events/{}/{}/{}", key.agent, key.epoch, key.seq), carry)
}

/// A cursor as a URL parameter: `nanos.agent.epoch.seq`.
pub(crate) fn cursor_text(cursor: &Cursor) -> String {
    let StreamKey { agent, epoch, seq } = cursor.key;
    format!("{}.{agent}.{epoch}.{seq}", cursor.at.nanos())
}

/// Reads a cursor; `None` when it is malformed, which begins the list anew.
pub(crate) fn cursor_of(text: &str) -> Option<Cursor> {
    let mut parts = text.split('.');
    let at = Timestamp::from_nanos(parts.next()?.parse().ok()?);
    let agent = AgentId::parse(parts.next()?).ok()?;
    let epoch = EpochId::parse(parts.next()?).ok()?;
    let seq = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(Cursor { at, key: StreamKey { agent, epoch, seq } })
}

fn device_of(agent: AgentId, devices: &[DeviceRow]) -> String {
    let device = devices.iter().find(|device| device.agent == agent);
    device.map_or_else(|| agent.to_string(), |device| device.name.clone())
}

/// Who and what of a stored event.
pub(crate) fn event_summary(row: &EventRow) -> (String, String) {
    let field = |name: &str| {
        row.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    match row.kind.family() {
        Family::Other | Family::Agent => {
            let pairs = row.fields.iter().take(8).map(|(name, value)| format!("{name}={value}"));
            (String::new(), pairs.collect::<Vec<_>>().join("  "))
        }
        _ => summary(row.kind, field),
    }
}

/// Who and what, from the fields that say it best for the kind; nothing for kinds without fields of their own.
fn summary<'a>(kind: EventKind, field: impl Fn(&str) -> &'a str) -> (String, String) {
    let first = |names: &[&str]| {
        names.iter().map(|name| field(name)).find(|value| !value.is_empty()).unwrap_or("")
    };
    let image = show::file_name(field("Image")).to_owned();
    match kind.family() {
        Family::Process => {
            let by = first(&["User", "SourceImage"]).to_owned();
            (by, first(&["CommandLine", "Image", "TargetImage"]).to_owned())
        }
        Family::File => match (field("SourceFilename"), first(&["TargetFilename", "PipeName"])) {
            ("", target) => (image, target.to_owned()),
            (source, target) => (image, format!("{source} → {target}")),
        },
        Family::Registry => {
            let details = field("Details");
            let equals = if details.is_empty() { "" } else { " = " };
            (image, format!("{}{equals}{details}", field("TargetObject")))
        }
        Family::Network if kind == EventKind::DnsQuery => {
            let results = field("QueryResults");
            let arrow = if results.is_empty() { "" } else { " → " };
            (image, format!("{}{arrow}{results}", field("QueryName")))
        }
        Family::Network => {
            let host = first(&["DestinationHostname", "DestinationIp"]);
            let port = field("DestinationPort");
            let colon = if port.is_empty() { "" } else { ":" };
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            (image, format!("{} {host}{colon}{port}", field("Protocol")).trim().to_owned())
        }
        Family::Module => (image, first(&["ImageLoaded", "ScriptBlockText"]).to_owned()),
        Family::Logon => {
            let by = first(&["IpAddress", "WorkstationName", "SourceIp"]).to_owned();
            (by, first(&["TargetUserName", "User"]).to_owned())
        }
        Family::Inventory => {
            let what = [field("SoftwareName"), field("SoftwareVersion"), field("Reason")];
            (field("SoftwareSource").to_owned(), what.join(" ").trim().to_owned())
        }
        Family::Other | Family::Agent => (String::new(), String::new()),
    }
}
