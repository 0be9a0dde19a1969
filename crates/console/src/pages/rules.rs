//! Rules: those in force with what they found, one with its text, and the editor that asks the past.

use crate::App;
use crate::chart::{self, percent};
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::rows::{device_href, event_href};
use crate::pairs::Pairs;
use crate::render::{filters, html};
use crate::rule_text::{self, Line};
use crate::session::Viewer;
use crate::show::{self, Segment};
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::get;
use control::Permission;
use control::backtest::BacktestQuery;
use control::view::TimeRange;
use control::view::backtest::{
    Backtest, FieldHits, LookedBack, ProposedExclusion, RefusedRule, RuleHits, RuleRow, SampleHit,
};
use model::{EventKind, Why};
use std::sync::Arc;

/// The spans that the editor offers: value, text key, nanoseconds.
const SPANS: [(&str, &str, i64); 3] = [
    ("24h", "rules-span-day", DAY_NS),
    ("7d", "rules-span-week", 7 * DAY_NS),
    ("30d", "rules-span-month", 30 * DAY_NS),
];
const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// Hits that are shown with their explanation.
const SAMPLES_SHOWN: usize = 12;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/rules", get(list))
        .route("/rules/backtest", get(begin).post(look_back))
        .route("/rules/in-force/{id}", get(show))
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    page: Page,
    rows: Vec<RuleLine>,
    refused: Vec<(String, String)>,
}

struct RuleLine {
    row: RuleRow,
    title: String,
}

/// `GET /rules`.
async fn list(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let found = viewer.control.rules(&viewer.actor).await?;
    let mut rows: Vec<RuleLine> = found
        .rows
        .into_iter()
        .map(|row| RuleLine {
            title: rule_text::title(&row.rule.text, &row.rule.title, page.language()),
            row,
        })
        .collect();
    rows.sort_by(|one, other| {
        let key = |line: &RuleLine| (line.row.matches_30d, line.row.rule.level);
        key(other).cmp(&key(one)).then_with(|| one.title.cmp(&other.title))
    });
    html(&RulesPage { page, rows, refused: found.refused })
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    page: Page,
    row: RuleRow,
    title: String,
    description: String,
    tags: Vec<String>,
    false_positives: Vec<String>,
    lines: Vec<Line>,
    revision: String,
    alerts_href: Href,
    try_href: Href,
}

/// `GET /rules/in-force/{id}`.
async fn show(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let row = viewer.control.rule(&viewer.actor, &id).await?;
    let text = &row.rule.text;
    html(&RulePage {
        title: rule_text::title(text, &row.rule.title, page.language()),
        description: rule_text::description(text, page.language()),
        tags: rule_text::list(text, "tags"),
        false_positives: rule_text::list(text, "falsepositives"),
        lines: rule_text::lines(text, &[]),
        revision: row.rule.revision.chars().take(12).collect(),
        alerts_href: Href::new("/alerts", &[("rule", &row.rule.id), ("range", "30d")]),
        try_href: Href::new("/rules/backtest", &[("rule", &row.rule.id)]),
        row,
        page,
    })
}

#[derive(Template)]
#[template(path = "rule_try.html")]
struct TryPage {
    page: Page,
    text: String,
    filter: String,
    spans: Vec<(String, String, bool)>,
    answer: Option<Answer>,
}

#[derive(Template)]
#[template(path = "rule_answer.html")]
struct AnswerPart {
    page: Page,
    answer: Option<Answer>,
}

/// What is shown of a look back.
enum Answer {
    Refused(Vec<RefusedLine>),
    Found(Box<Found>),
}

struct RefusedLine {
    refused: RefusedRule,
    /// The line of the text that is meant.
    text: Option<String>,
}

struct Found {
    rules: Vec<RuleHits>,
    hits: u64,
    events: u64,
    events_read: u64,
    took_ms: u64,
    complete: bool,
    left_out: u64,
    days: Vec<Day>,
    devices: Vec<Bar>,
    devices_total: u64,
    fields: Vec<FieldPart>,
    values_of: u64,
    samples: Vec<Sample>,
    exclusions: Vec<ProposedExclusion>,
    remarks: Vec<String>,
}

struct Day {
    label: String,
    x: u32,
    y: u32,
    height: u32,
}

struct Bar {
    label: String,
    href: Option<Href>,
    hits: u64,
    percent: u32,
}

struct FieldPart {
    field: String,
    asked: bool,
    distinct: u64,
    values: Vec<Bar>,
}

struct Sample {
    title: String,
    kind: EventKind,
    device: String,
    device_href: Href,
    event_href: Href,
    at: When,
    why: Vec<Reason>,
}

struct Reason {
    field: Option<String>,
    how: String,
    pattern: String,
    value: Option<Vec<Segment>>,
}

impl Found {
    fn width(&self) -> u32 {
        u32::try_from(self.days.len()).unwrap_or(1).max(1).saturating_mul(chart::SLICE_WIDTH)
    }

    fn first_day(&self) -> &str {
        self.days.first().map_or("", |day| &day.label)
    }

    fn last_day(&self) -> &str {
        self.days.last().map_or("", |day| &day.label)
    }
}

#[derive(Debug, serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    rule: String,
}

/// `GET /rules/backtest`: the editor, with a rule in force or an example.
async fn begin(viewer: Viewer, Query(wanted): Query<Wanted>) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let page = viewer.page(Section::Rules);
    let text = match wanted.rule.as_str() {
        "" => EXAMPLE.to_owned(),
        id => viewer.control.rule(&viewer.actor, id).await?.rule.text.clone(),
    };
    let spans = spans(&page, SPANS[0].0);
    html(&TryPage { page, text, filter: String::new(), spans, answer: None })
}

/// `POST /rules/backtest`: asks the past; runs on every edit. Nothing is saved.
async fn look_back(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    // Not trimmed: the first line's number and its depth count.
    let raw = |name: &str| {
        let pair = pairs.iter().find(|(key, _)| key == name);
        pair.map_or_else(String::new, |(_, value)| value.replace("\r\n", "\n"))
    };
    let (text, filter, span) = (raw("text"), raw("filter"), raw("span"));
    let known = SPANS.iter().find(|(value, ..)| *value == span).unwrap_or(&SPANS[0]);
    let query = BacktestQuery {
        rule_text: text.clone(),
        filters: if filter.trim().is_empty() { Vec::new() } else { vec![filter.clone()] },
        range: TimeRange { from: page.now.plus_nanos(-known.2), to: page.now },
        time_zone: page.preferences.zone.iana_name().unwrap_or("UTC").to_owned(),
        samples_max: SAMPLES_SHOWN,
    };
    let answer = viewer.control.backtest(&viewer.actor, query).await?;
    let answer = match answer {
        Backtest::Refused(all) => {
            let lines = all.into_iter().map(|refused| refused_line(refused, &text, &filter));
            Answer::Refused(lines.collect())
        }
        Backtest::Answered(found) => Answer::Found(Box::new(found_of(&page, *found))),
    };
    if viewer.fragment {
        return html(&AnswerPart { page, answer: Some(answer) });
    }
    let spans = spans(&page, known.0);
    html(&TryPage { page, text, filter, spans, answer: Some(answer) })
}

fn spans(page: &Page, chosen: &str) -> Vec<(String, String, bool)> {
    let span =
        |(value, key, _): &(&str, &str, i64)| ((*value).to_owned(), page.t(key), *value == chosen);
    SPANS.iter().map(span).collect()
}

fn refused_line(refused: RefusedRule, text: &str, filter: &str) -> RefusedLine {
    let meant = if refused.source.starts_with("filter") { filter } else { text };
    let line = refused.line.and_then(|line| meant.lines().nth(line.saturating_sub(1)));
    RefusedLine { text: line.map(str::to_owned), refused }
}

fn found_of(page: &Page, found: LookedBack) -> Found {
    let largest = found.days.iter().map(|(_, hits)| *hits).max().unwrap_or(0);
    let mut days = Vec::with_capacity(found.days.len());
    let mut x = 0;
    for (begin, hits) in &found.days {
        let (y, height) = chart::bar(*hits, largest);
        let label = format!("{} – {}", page.day(*begin), page.tn("rules-hits", *hits));
        days.push(Day { label, x, y, height });
        x += chart::SLICE_WIDTH;
    }
    let most = found.devices.iter().map(|device| device.hits).max().unwrap_or(0);
    let devices = found.devices.iter().map(|device| Bar {
        label: device.name.clone(),
        href: Some(device_href(device.device)),
        hits: device.hits,
        percent: percent(device.hits, most),
    });
    Found {
        hits: found.hits,
        events: found.events,
        events_read: found.events_read,
        took_ms: found.took_ns / 1_000_000,
        complete: found.complete,
        left_out: found.events_left_out,
        days,
        devices: devices.collect(),
        devices_total: found.devices_total,
        fields: found.fields.into_iter().map(field_part).collect(),
        values_of: found.hits_with_values,
        samples: found.samples.iter().map(|sample| sample_of(page, sample)).collect(),
        exclusions: found.exclusions,
        remarks: found.remarks,
        rules: found.rules,
    }
}

fn field_part(field: FieldHits) -> FieldPart {
    let most = field.values.iter().map(|(_, hits)| *hits).max().unwrap_or(0);
    let values = field.values.into_iter().map(|(label, hits)| Bar {
        label,
        href: None,
        hits,
        percent: percent(hits, most),
    });
    FieldPart {
        asked: field.asked,
        distinct: field.distinct,
        values: values.collect(),
        field: field.field,
    }
}

fn sample_of(page: &Page, sample: &SampleHit) -> Sample {
    Sample {
        title: sample.rule_title.clone(),
        kind: sample.kind,
        device: sample.device_name.clone(),
        device_href: device_href(sample.device),
        event_href: event_href(sample.key, &[]),
        at: page.when_short(sample.observed_at),
        why: sample.why.iter().map(reason).collect(),
    }
}

fn reason(why: &Why) -> Reason {
    let split = |value: &String| {
        let mut parts = show::met(value, &why.pattern, &why.modifier);
        for part in &mut parts {
            part.text = show::visible_lines(&part.text).into_owned();
        }
        parts
    };
    let chain = match why.modifier.as_str() {
        "" => String::new(),
        chain => format!("|{chain}"),
    };
    Reason {
        field: why.field.clone(),
        how: format!("{}{chain}", why.selection),
        pattern: why.pattern.clone(),
        value: why.value.as_ref().map(split),
    }
}

/// What the editor begins with.
const EXAMPLE: &str = "\
title: Download by curl into a temporary folder
level: medium
logsource:
  product: linux
  category: process_creation
detection:
  selection:
    Image|endswith: /curl
    CommandLine|contains: /tmp/
  condition: selection
";
