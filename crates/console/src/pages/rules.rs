//! Rules: those in force with what they found, one with its text, and the editor that asks the past.

use crate::App;
use crate::chart::{self, percent};
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::rows::{device_href, event_href};
use crate::pairs::Pairs;
use crate::render::{filters, html};
use crate::rule_text;
use crate::session::Viewer;
use crate::show::{self, Segment};
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Query};
use axum::response::Response;
use axum::routing::get;
use case::rule_life::Stage;
use control::Permission;
use control::backtest::BacktestQuery;
use control::view::TimeRange;
use control::view::backtest::{
    Backtest, FieldHits, LookedBack, ProposedExclusion, RefusedRule, RefusedSource, RuleHits,
    RuleRow, SampleHit,
};
use control::view::detections::Said;
use model::{EventKind, Why};
use std::sync::Arc;

/// The spans that the editor offers: value, text key, nanoseconds.
const SPANS: [(&str, &str, i64); 3] = [
    ("24h", "rules-span-day", DAY_NS),
    ("7d", "rules-span-week", 7 * DAY_NS),
    ("30d", "rules-span-month", 30 * DAY_NS),
];
const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// Characters of what is looked for in the list.
const SOUGHT_CHARS_MAX: usize = 200;
/// Hits that are shown with their explanation.
const SAMPLES_SHOWN: usize = 12;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/rules", get(list)).route("/rules/backtest", get(begin).post(look_back))
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    page: Page,
    rows: Vec<RuleLine>,
    chips: Vec<Chip>,
    refused: Vec<RefusedSource>,
    show: String,
    sought: String,
}

struct RuleLine {
    row: RuleRow,
    title: String,
}

/// A part of the list to choose.
struct Chip {
    href: Href,
    label: String,
    count: u64,
    chosen: bool,
}

impl RuleLine {
    /// The folder that the rule comes from, without the one that all have.
    fn folder(&self) -> &str {
        let source = self.row.rule.source.as_str();
        let folder = source.strip_suffix(show::file_name(source)).unwrap_or_default();
        folder.strip_prefix("rules/").unwrap_or(folder)
    }

    fn is_stopped(&self) -> bool {
        self.row.life.stage == Stage::Stopped
    }
}

#[derive(serde::Deserialize)]
struct Shown {
    #[serde(default)]
    show: String,
    /// Words that the rule's text or source has, in upper or lower case.
    #[serde(default)]
    q: String,
}

/// `GET /rules`.
async fn list(viewer: Viewer, Query(shown): Query<Shown>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let mut found = viewer.control.rules(&viewer.actor).await?;
    let sought: String = shown.q.trim().chars().take(SOUGHT_CHARS_MAX).collect();
    let words: Vec<String> = sought.split_whitespace().map(str::to_lowercase).collect();
    found.rows.retain(|row| {
        let text = format!("{}\n{}", row.rule.source, row.rule.text).to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    let is_shown = |row: &RuleRow, show: &str| match show {
        "own" => row.own,
        "" => true,
        stage => row.life.stage.name() == stage,
    };
    let chip = |show: &str| {
        let label = match Stage::of_name(show) {
            Some(stage) => page.either(stage.label_ja(), stage.label_en()).to_owned(),
            None if show == "own" => page.t("rules-own"),
            None => page.t("rules-every"),
        };
        let count = found.rows.iter().filter(|row| is_shown(row, show)).count() as u64;
        let parameters: Vec<(&str, &str)> = [("show", show), ("q", sought.as_str())]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Chip { href: Href::new("/rules", &parameters), label, count, chosen: shown.show == show }
    };
    let chips = ["", "own", "draft", "canary", "stopped"].map(chip).into();
    let mut rows: Vec<RuleLine> = found
        .rows
        .into_iter()
        .filter(|row| is_shown(row, &shown.show))
        .map(|row| RuleLine {
            title: rule_text::title(&row.rule.text, &row.rule.title, page.language()),
            row,
        })
        .collect();
    rows.sort_by(|one, other| {
        // What needs somebody first, then what is on its way.
        let urgency = |line: &RuleLine| match line.row.life.stage {
            Stage::Stopped => 3,
            Stage::Canary => 2,
            Stage::Draft => 1,
            Stage::All => 0,
        };
        let key = |line: &RuleLine| (urgency(line), line.row.matches_30d, line.row.rule.level);
        key(other).cmp(&key(one)).then_with(|| one.title.cmp(&other.title))
    });
    html(&RulesPage { page, rows, chips, refused: found.refused, show: shown.show, sought })
}

#[derive(Template)]
#[template(path = "rule_try.html")]
struct TryPage {
    page: Page,
    text: String,
    filter: String,
    spans: Vec<(String, String, bool)>,
    answer: Option<Answer>,
    editing: bool,
}

#[derive(Template)]
#[template(path = "rule_answer.html")]
struct AnswerPart {
    page: Page,
    answer: Option<Answer>,
    editing: bool,
}

/// What is shown of a look back.
pub(super) enum Answer {
    Refused(Vec<RefusedLine>),
    Found(Box<Found>),
}

pub(super) struct RefusedLine {
    pub(super) refused: RefusedRule,
    /// The line of the text that is meant.
    pub(super) text: Option<String>,
}

pub(super) struct Found {
    pub(super) rules: Vec<RuleHits>,
    pub(super) hits: u64,
    pub(super) events: u64,
    pub(super) events_read: u64,
    pub(super) took_ms: u64,
    pub(super) complete: bool,
    pub(super) left_out: u64,
    pub(super) days: Vec<Day>,
    pub(super) devices: Vec<Bar>,
    pub(super) devices_total: u64,
    pub(super) fields: Vec<FieldPart>,
    pub(super) values_of: u64,
    pub(super) samples: Vec<Sample>,
    pub(super) exclusions: Vec<ProposedExclusion>,
    pub(super) remarks: Vec<(usize, Said)>,
}

pub(super) struct Day {
    pub(super) date: String,
    pub(super) label: String,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) height: u32,
}

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) href: Option<Href>,
    pub(super) hits: u64,
    pub(super) percent: u32,
}

pub(super) struct FieldPart {
    pub(super) field: String,
    pub(super) asked: bool,
    pub(super) distinct: u64,
    pub(super) values: Vec<Bar>,
}

pub(super) struct Sample {
    pub(super) title: String,
    pub(super) kind: EventKind,
    pub(super) device: String,
    pub(super) device_href: Href,
    pub(super) event_href: Href,
    pub(super) test_href: Href,
    pub(super) at: When,
    pub(super) why: Vec<Reason>,
}

pub(super) struct Reason {
    pub(super) field: Option<String>,
    pub(super) how: String,
    pub(super) pattern: String,
    pub(super) value: Option<Vec<Segment>>,
}

impl Found {
    pub(super) fn width(&self) -> u32 {
        u32::try_from(self.days.len()).unwrap_or(1).max(1).saturating_mul(chart::SLICE_WIDTH)
    }

    pub(super) fn first_day(&self) -> &str {
        self.days.first().map_or("", |day| &day.date)
    }

    pub(super) fn last_day(&self) -> &str {
        self.days.last().map_or("", |day| &day.date)
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
    html(&TryPage { page, text, filter: String::new(), spans, answer: None, editing: false })
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
    let query = query_of(&page, &text, &filter, &span);
    let answer = viewer.control.backtest(&viewer.actor, query).await?;
    let answer = answer_of(&page, answer, &text, &filter);
    if viewer.fragment {
        return html(&AnswerPart { page, answer: Some(answer), editing: false });
    }
    let spans = spans(&page, &span);
    html(&TryPage { page, text, filter, spans, answer: Some(answer), editing: false })
}

/// The question that a form asks of the past.
pub(super) fn query_of(page: &Page, text: &str, filter: &str, span: &str) -> BacktestQuery {
    let known = SPANS.iter().find(|(value, ..)| *value == span).unwrap_or(&SPANS[0]);
    BacktestQuery {
        rule_text: text.to_owned(),
        filters: if filter.trim().is_empty() { Vec::new() } else { vec![filter.to_owned()] },
        range: TimeRange { from: page.now.plus_nanos(-known.2), to: page.now },
        time_zone: page.preferences.zone.iana_name().unwrap_or("UTC").to_owned(),
        samples_max: SAMPLES_SHOWN,
    }
}

/// What the past said, as it is shown.
pub(super) fn answer_of(page: &Page, answer: Backtest, text: &str, filter: &str) -> Answer {
    match answer {
        Backtest::Refused(all) => {
            let lines = all.into_iter().map(|refused| refused_line(refused, text, filter));
            Answer::Refused(lines.collect())
        }
        Backtest::Answered(found) => Answer::Found(Box::new(found_of(page, *found))),
    }
}

pub(super) fn spans(page: &Page, chosen: &str) -> Vec<(String, String, bool)> {
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
        let date = page.day(*begin);
        let label = format!("{date} – {}", page.tn("rules-hits", *hits));
        days.push(Day { date, label, x, y, height });
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
        test_href: test_href(sample),
        at: page.when_short(sample.observed_at),
        why: sample.why.iter().map(reason).collect(),
    }
}

/// Where a hit becomes a test.
fn test_href(sample: &SampleHit) -> Href {
    let key = sample.key;
    let parameters = [
        ("agent", key.agent.to_string()),
        ("epoch", key.epoch.to_string()),
        ("seq", key.seq.to_string()),
        ("kind", sample.kind.name().to_owned()),
        ("at", sample.observed_at.nanos().to_string()),
    ];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    Href::new("/rules/tests", &parameters)
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
