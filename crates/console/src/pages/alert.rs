//! One alert, explanation first.

use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::detections::detection_href;
use crate::pages::rows::{FieldLine, device_href, event_href, fields};
use crate::pages::search_state::SearchState;
use crate::pages::timeline::timeline_href;
use crate::render::{filters, html};
use crate::rule_text::{self, Line};
use crate::session::Viewer;
use crate::show::{self, Segment};
use crate::url::Href;
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use control::view::detections::{AlertVerdicts, LeafVerdicts, Said};
use control::view::{AlertPage as AlertView, ProcessNode, TimeRange};
use model::{AgentId, Alert, AlertId, EpochId, EventKind, Level, StreamKey, Value, Why};
use std::borrow::Borrow;

/// How much of the device's story is shown around the event.
const AROUND_NANOS: i64 = 5 * 60 * 1_000_000_000;
/// How much of an attack is told around it.
const STORY_NANOS: i64 = 30 * 60 * 1_000_000_000;
/// Bytes of a value that the link to the form of an exclusion carries.
const EXCLUSION_VALUE_BYTES_MAX: usize = 1_024;

/// One condition that held.
struct Evidence {
    number: usize,
    selection: String,
    field: Option<String>,
    label: &'static str,
    modifier: String,
    pattern: String,
    /// The event's value, split where the pattern met it; `None`: the field is missing.
    value: Option<Vec<Segment>>,
    /// An exclusion of the rule with this value.
    exclude: Option<Href>,
    /// The event that this names.
    event: Option<Href>,
}

struct Ancestor {
    image: String,
    command_line: String,
    user: String,
    process_id: Option<i64>,
    started: When,
    exited: Option<When>,
    /// Whether this is the process of the alert.
    own: bool,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    page: Page,
    title: String,
    level: Level,
    kind: EventKind,
    device: String,
    device_href: Href,
    event_href: Href,
    story_href: Href,
    rule_href: Href,
    at: When,
    ago: String,
    detected: When,
    user: Option<String>,
    image: Option<String>,
    command_line: Option<String>,
    description: String,
    false_positives: Vec<String>,
    tags: Vec<String>,
    sentences: Vec<Said>,
    verdicts: Option<AlertVerdicts>,
    detection_href: Option<Href>,
    timeline_href: Href,
    evidence: Vec<Evidence>,
    ancestors: Vec<Ancestor>,
    rule: Vec<Line>,
    rule_id: String,
    revision: String,
    fields: Vec<FieldLine>,
    matches: u64,
    match_devices: u64,
}

/// `GET /alerts/{id}`.
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = AlertId::parse(&id).map_err(|_| Fault::NotFound)?;
    let view = viewer.control.alert(&viewer.actor, id).await?;
    html(&alert_page(viewer.page(Section::Alerts), view))
}

fn alert_page(page: Page, view: AlertView) -> AlertPage {
    let alert = &view.alert;
    let around = SearchState::default().between(
        alert.observed_at.plus_nanos(-AROUND_NANOS),
        alert.observed_at.plus_nanos(AROUND_NANOS),
    );
    let text = |name: &str| alert.fields.text(name).filter(|text| !text.is_empty());
    let pairs = alert.fields.iter().map(|(name, value)| (name.to_owned(), value_text(value)));
    let narrow = |condition: &str| around.narrowed(condition).href("/search");
    let last = view.ancestors.len();
    AlertPage {
        title: rule_text::title(&alert.rule_text, &alert.rule_title, page.language()),
        level: alert.level,
        kind: alert.kind,
        device: view.device_name.clone(),
        device_href: device_href(alert.device),
        event_href: event_href(alert.stream, &[]),
        story_href: around.href(&format!("/devices/{}", alert.device)),
        rule_href: Href::new(
            "/alerts",
            &[("view", "single"), ("rule", &alert.rule_id), ("range", "30d")],
        ),
        detection_href: view.detection.as_deref().map(detection_href),
        timeline_href: timeline_href(
            &[alert.device],
            TimeRange {
                from: alert.observed_at.plus_nanos(-STORY_NANOS),
                to: alert.observed_at.plus_nanos(STORY_NANOS),
            },
        ),
        sentences: view.sentences.clone(),
        verdicts: view.verdicts.clone(),
        at: page.when(alert.observed_at),
        ago: page.ago(alert.observed_at),
        detected: page.when(alert.detected_at),
        user: text("User").map(str::to_owned),
        image: text("Image").map(str::to_owned),
        command_line: text("CommandLine").map(str::to_owned),
        description: rule_text::description(&alert.rule_text, page.language()),
        false_positives: rule_text::list(&alert.rule_text, "falsepositives"),
        tags: rule_text::list(&alert.rule_text, "tags"),
        evidence: alert
            .why
            .iter()
            .zip(1..)
            .map(|(why, number)| evidence(&page, alert, why, number))
            .collect(),
        ancestors: view
            .ancestors
            .iter()
            .zip(1..)
            .map(|(node, place)| ancestor(&page, node, place == last))
            .collect(),
        rule: rule_text::lines(&alert.rule_text, &alert.why),
        rule_id: alert.rule_id.clone(),
        revision: alert.rule_revision.chars().take(12).collect(),
        fields: fields(&page, alert.kind.family(), pairs, narrow),
        matches: view.rule_matches_30d,
        match_devices: view.rule_devices_30d,
        page,
    }
}

fn evidence(page: &Page, alert: &Alert, why: &Why, number: usize) -> Evidence {
    let family = alert.kind.family();
    let label = why.field.as_deref().and_then(|field| page.field_label(family, field));
    // What is shown must be what was compared, so the value is made visible part by part.
    let split = |value: &String| {
        let mut parts = show::met(value, &why.pattern, &why.modifier);
        for part in &mut parts {
            part.text = show::visible_lines(&part.text).into_owned();
        }
        parts
    };
    Evidence {
        number,
        selection: why.selection.clone(),
        field: why.field.clone(),
        label: label.unwrap_or_default(),
        modifier: why.modifier.clone(),
        pattern: why.pattern.clone(),
        value: why.value.as_ref().map(split),
        exclude: exclude_href(page, alert, why),
        event: of_correlation(why).map(|key| event_href(key, &[])),
    }
}

/// The form of an exclusion with the value that made the condition hold.
fn exclude_href(page: &Page, alert: &Alert, why: &Why) -> Option<Href> {
    let of_event = !matches!(why.selection.as_str(), "group-by" | "condition" | "event");
    let field = why.field.as_deref().filter(|_| of_event)?;
    let value = why.value.as_deref().filter(|value| value.len() <= EXCLUSION_VALUE_BYTES_MAX)?;
    let id = alert.id.to_string();
    let parameters =
        [("rule", alert.rule_id.as_str()), ("field", field), ("value", value), ("alert", &id)];
    let may = page.allows(control::Permission::EditRules);
    may.then(|| Href::new("/rules/exclusions/new", &parameters))
}

/// The event that a reason of a correlation names: `agent/epoch/number`.
fn of_correlation(why: &Why) -> Option<StreamKey> {
    let value = why.value.as_deref().filter(|_| why.selection == "event")?;
    let mut parts = value.split('/');
    let agent = AgentId::parse(parts.next()?).ok()?;
    let epoch = EpochId::parse(parts.next()?).ok()?;
    Some(StreamKey { agent, epoch, seq: parts.next()?.parse().ok()? })
}

fn ancestor(page: &Page, node: &ProcessNode, own: bool) -> Ancestor {
    Ancestor {
        image: node.image.clone(),
        command_line: node.command_line.clone(),
        user: node.user.clone(),
        process_id: node.process_id,
        started: page.when_short(node.started_at),
        exited: node.exited_at.map(|at| page.when_short(at)),
        own,
    }
}

impl Page {
    /// Whether a leaf compares another value than the one before it: the same one is shown once.
    pub(crate) fn is_another_value(
        &self,
        leaves: &[LeafVerdicts],
        place: impl Borrow<usize>,
    ) -> bool {
        let value = |place: usize| leaves.get(place).map(|leaf| &leaf.value);
        let place = *place.borrow();
        place.checked_sub(1).is_none_or(|before| value(before) != value(place))
    }
}

/// A field's value as text; lists and maps as their parts.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::List(items) => items.iter().map(value_text).collect::<Vec<_>>().join(", "),
        Value::Map(pairs) => {
            let pair = |(name, value): &(String, Value)| format!("{name}: {}", value_text(value));
            pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        scalar => scalar.scalar_text().map(std::borrow::Cow::into_owned).unwrap_or_default(),
    }
}
