//! Looking back: what a rule would have done in the time that the lake remembers.
//!
//! A rule is asked of the columns of the past ([`detect::columnar`]), each condition once per distinct value;
//! events whose columns cannot tell are read whole and judged by the engine that judges the stream. So the
//! answer is what the stream would have told, found without making an event of each row.
//!
//! Correlations see the events that their rules match in the order in which the server received them.

mod columns;
mod gathered;
mod ground;
mod look;
mod proposals;
mod running;
mod sweep;

pub use ground::Ground;
pub(crate) use running::LooksBack;
pub use running::{BacktestId, SoFar};

use crate::audit::{Action, Cause, Entry};
use crate::digest::sha256_hex;
use crate::events::name_of;
use crate::limits::{
    BACKTEST_DAYS_MAX, BACKTEST_FIELDS_MAX, BACKTEST_LISTED_MAX, BACKTEST_RULES_MAX,
    BACKTEST_SAMPLES_MAX, BACKTEST_TEXT_BYTES_MAX, DAY_NS,
};
use crate::text_fault::TextFault;
use crate::view::TimeRange;
use crate::view::backtest::{
    Backtest, DeviceHits, FieldHits, LookedBack, RefusedRule, RuleHits, SampleHit,
};
use crate::view::detections::Said;
use crate::{Actor, Control, ControlError, Permission, QueryFault};
use detect::columnar::ColumnRule;
use detect::{
    CompileOptions, Compiled, CorrelationMatch, Correlator, Rule, RuleSource, Scratch,
    SuppliedFields,
};
use gathered::{Gathered, Wanted};
use lake::{Lake, LakeError, Strip};
use look::{Look, Patience};
use model::{Clock, DeviceId, Fields, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use sweep::{Question, events_of};

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacktestQuery {
    /// A rule, or several documents: rules, correlations, filters.
    pub rule_text: String,
    /// Further filters, each a text of its own.
    pub filters: Vec<String>,
    /// Which time, by the devices' clocks.
    pub range: TimeRange,
    /// The reader's time zone by its IANA name: where a day begins.
    pub time_zone: String,
    /// Hits to show with their explanation.
    pub samples_max: usize,
}

impl Control {
    /// What a rule would have done. The question is in the audit chain. When the caller stops waiting, the
    /// threads stop soon after.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadQuery`] for a time or text out of bounds, or the
    /// lake's.
    pub async fn backtest(
        &self,
        actor: &Actor,
        query: BacktestQuery,
    ) -> Result<Backtest, ControlError> {
        self.admit_backtest(actor, &query).await?;
        // Nobody closes it; without a permit the look back would only be less orderly.
        let permit = Arc::clone(&self.looks_back).acquire_owned().await.ok();
        let ground = self.backtest_ground().await?;
        let clock = Arc::clone(&self.clock);
        let mut answer = match LookBack::prepare(&self.lake, clock, query, ground).await? {
            Ok(look) => Backtest::Answered(Box::new(look.look.run(permit).await?)),
            Err(refused) => Backtest::Refused(refused),
        };
        self.name_devices(&mut answer).await?;
        Ok(answer)
    }

    async fn backtest_ground(&self) -> Result<Ground, ControlError> {
        Ok(Ground { lists: self.rule_lists().await?, rules: self.rules_in_force() })
    }

    async fn admit_backtest(
        &self,
        actor: &Actor,
        query: &BacktestQuery,
    ) -> Result<(), ControlError> {
        let wanted = [Permission::EditRules, Permission::ReadEvents];
        self.require(actor, &wanted, "backtest").await?;
        let TimeRange { from, to } = query.range;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::LookedBack,
            target: format!("rule text {}", sha256_hex(query.rule_text.as_bytes())),
            detail: json!({ "from": from.to_string(), "to": to.to_string() }),
        })
        .await?;
        check(query)
    }

    async fn name_devices(&self, answer: &mut Backtest) -> Result<(), ControlError> {
        let Backtest::Answered(answer) = answer else { return Ok(()) };
        let names = self.device_names().await?;
        for device in &mut answer.devices {
            device.name = name_of(&names, device.device);
        }
        for sample in &mut answer.samples {
            sample.device_name = name_of(&names, sample.device);
        }
        Ok(())
    }
}

/// What a rule would have done, for whoever may read the lake's files. Devices are named by their
/// identifiers.
///
/// # Errors
/// Those of [`Control::backtest`] but for permissions.
pub async fn look_back(
    lake: &Lake,
    clock: Arc<dyn Clock>,
    query: BacktestQuery,
) -> Result<Backtest, ControlError> {
    Ok(match LookBack::prepare(lake, clock, query, Ground::default()).await? {
        Ok(look) => Backtest::Answered(Box::new(look.answer().await?)),
        Err(refused) => Backtest::Refused(refused),
    })
}

/// A look back for whoever may read the lake's files, which may be asked how far it is, and ended. It ends when it
/// is dropped.
pub struct LookBack {
    look: Arc<Look>,
    patience: Arc<Patience>,
}

impl LookBack {
    /// Compiles the rule and finds the events. The inner error is what was refused.
    ///
    /// # Errors
    /// Those of [`look_back`].
    pub async fn prepare(
        lake: &Lake,
        clock: Arc<dyn Clock>,
        query: BacktestQuery,
        ground: Ground,
    ) -> Result<Result<Self, Vec<RefusedRule>>, ControlError> {
        check(&query)?;
        let patience = Arc::new(Patience::default());
        let look = Look::prepare(lake, clock, query, ground, Arc::clone(&patience)).await?;
        Ok(look.map(|look| Self { look: Arc::new(look), patience }))
    }

    /// Looks at every event, or at the newest ones until it is ended. To be asked once.
    ///
    /// # Errors
    /// Those of [`look_back`].
    pub async fn answer(&self) -> Result<LookedBack, ControlError> {
        self.look.run(None).await
    }

    /// Events looked at by now, and events that are to be looked at.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.look.progress()
    }

    /// Ends it: what was seen so far is the answer.
    pub fn end(&self) {
        self.patience.end();
    }
}

impl Drop for LookBack {
    fn drop(&mut self) {
        self.patience.end();
    }
}

fn broken(err: tokio::task::JoinError) -> ControlError {
    ControlError::Lake(LakeError::Engine { reason: err.to_string() })
}

fn check(query: &BacktestQuery) -> Result<(), ControlError> {
    let TimeRange { from, to } = query.range;
    let bytes: usize = query.filters.iter().map(String::len).sum();
    if from >= to {
        return Err(ControlError::BadQuery(QueryFault::RangeEmpty));
    }
    if to.nanos().saturating_sub(from.nanos()) > BACKTEST_DAYS_MAX * DAY_NS
        || bytes + query.rule_text.len() > BACKTEST_TEXT_BYTES_MAX
    {
        return Err(ControlError::BadQuery(QueryFault::TooLong));
    }
    Ok(())
}

/// Compiles the text; the error is what was refused.
fn question(query: &BacktestQuery, ground: Ground) -> Result<Question, Vec<RefusedRule>> {
    let referred = ground.referred_to(&query.rule_text);
    let stopped = referred.iter().filter(|rule| !rule.active).map(|rule| rule.id.clone());
    let options = CompileOptions {
        stopped: stopped.collect(),
        lists: ground.lists,
        fields: Some(SuppliedFields::of_this_version()),
        ..CompileOptions::default()
    };
    let names: Vec<String> =
        (1..=query.filters.len()).map(|number| format!("filter {number}")).collect();
    let filters = names.iter().zip(&query.filters);
    let filters = filters.map(|(name, text)| RuleSource { name, text });
    let rule = RuleSource { name: RULE_NAME, text: &query.rule_text };
    let others = ground::texts_of(&referred);
    let others = others.iter().map(|(name, text)| RuleSource { name, text });
    let sources: Vec<RuleSource<'_>> = std::iter::once(rule).chain(filters).chain(others).collect();
    let compiled = detect::compile(sources, &options);
    if !compiled.refused.is_empty() {
        return Err(compiled.refused.iter().map(RefusedRule::from).collect());
    }
    let loaded = compiled.rules.rules();
    if loaded.is_empty() {
        return Err(vec![TextFault::NoRule.refused(RULE_NAME, None)]);
    }
    if loaded.len() > BACKTEST_RULES_MAX {
        return Err(vec![TextFault::TooManyRules.refused(RULE_NAME, None)]);
    }
    let mut rules = Vec::new();
    for rule in loaded.iter().filter(|rule| rule.is_active()) {
        let text = rule.text_with_filters();
        // A rule without an id is named after its source.
        let source = RuleSource { name: &rule.source_name, text: &text };
        let asked = ColumnRule::compile(&[source], &options);
        rules.push(asked.map_err(|all| all.iter().map(RefusedRule::from).collect::<Vec<_>>())?);
    }
    let wanted = Wanted {
        fields: counted_fields(&rules),
        days: days(query.range, &query.time_zone),
        rules: rules.len() + compiled.correlations.len(),
        samples_max: query.samples_max.min(BACKTEST_SAMPLES_MAX),
    };
    Ok(Question { compiled, rules, wanted, options })
}

/// The fields that the rules ask about, and those that tell who did it.
fn counted_fields(rules: &[ColumnRule]) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    let asked = rules.iter().flat_map(ColumnRule::fields).take(BACKTEST_FIELDS_MAX);
    for field in asked.chain(["Image", "ParentImage", "CommandLine", "User"]) {
        if !fields.iter().any(|known| known == field) {
            fields.push(field.to_owned());
        }
    }
    fields
}

/// When each day of the range begins in a time zone, in microseconds; the first is the range's own beginning.
fn days(range: TimeRange, time_zone: &str) -> Vec<i64> {
    let zone = jiff::tz::TimeZone::get(time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let mut days = vec![range.from.micros()];
    let mut day = range.from.to_jiff().to_zoned(zone);
    while let Ok(next) = day.tomorrow().and_then(|next| next.start_of_day()) {
        let begin = next.timestamp().as_microsecond();
        if begin >= range.to.micros() {
            break;
        }
        days.push(begin);
        day = next;
    }
    days
}

/// Puts together what was counted.
fn answer(
    question: &Question,
    strips: &[Strip],
    range: TimeRange,
    mut all: Gathered,
) -> Result<LookedBack, LakeError> {
    let Question { compiled, rules, wanted, options } = question;
    let mut samples = match compiled.correlations.is_empty() {
        true => samples_of_rows(question, strips, &all)?,
        false => correlated(question, &mut all, range),
    };
    samples.sort_by_key(|one| std::cmp::Reverse(one.observed_at));
    let asked: Vec<&str> = rules.iter().flat_map(ColumnRule::fields).collect();
    let fields: Vec<FieldHits> = wanted
        .fields
        .iter()
        .zip(all.values)
        .filter(|(_, values)| !values.is_empty())
        .map(|(field, values)| FieldHits {
            field: field.clone(),
            asked: asked.contains(&field.as_str()),
            distinct: values.len() as u64,
            values: most_frequent(values),
        })
        .collect();
    let exclusions = match (rules.as_slice(), compiled.correlations.is_empty()) {
        ([only], true) => proposals::propose(only.rule(), options, all.hits_with_values, &fields),
        _ => Vec::new(),
    };
    let devices_total = all.hits_of_devices.len() as u64;
    let devices = most_frequent(all.hits_of_devices).into_iter().filter_map(|(device, hits)| {
        Some(DeviceHits { device: DeviceId::parse(&device).ok()?, name: device, hits })
    });
    let titles = rules.iter().map(ColumnRule::rule).chain(compiled.correlations.rules());
    Ok(LookedBack {
        range,
        rules: titles.zip(all.hits_of_rules).map(|(rule, hits)| hits_of(rule, hits)).collect(),
        events: all.events,
        events_read: all.events_read,
        hits: all.hits,
        days: wanted
            .days
            .iter()
            .map(|begin| Timestamp::from_micros(*begin))
            .zip(all.hits_of_days)
            .collect(),
        devices: devices.collect(),
        devices_total,
        fields,
        hits_with_values: all.hits_with_values,
        samples,
        exclusions,
        remarks: compiled.lints.iter().filter(|lint| is_given(&lint.source)).map(remark).collect(),
        took_ns: 0,
        complete: all.complete,
        events_left_out: all.events_left_out,
    })
}

/// Whether a text was given with the question; the others are in use already.
fn is_given(source: &str) -> bool {
    source == RULE_NAME || source.starts_with("filter ")
}

fn remark(lint: &detect::Lint) -> (usize, Said) {
    (lint.line, lint.words().into())
}

fn hits_of(rule: &Rule, hits: u64) -> RuleHits {
    RuleHits { id: rule.id.clone(), title: rule.title.clone(), level: rule.level, hits }
}

fn most_frequent(values: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut values: Vec<(String, u64)> = values.into_iter().collect();
    values.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    values.truncate(BACKTEST_LISTED_MAX);
    values
}

/// Reads the hits that are shown, and has the engine explain each.
fn samples_of_rows(
    question: &Question,
    strips: &[Strip],
    all: &Gathered,
) -> Result<Vec<SampleHit>, LakeError> {
    let mut samples = Vec::new();
    let mut scratch = Scratch::default();
    for places in all.places.chunk_by(|one, next| (one.strip, one.rule) == (next.strip, next.rule))
    {
        let Some(first) = places.first() else { continue };
        let found = strips.get(first.strip).zip(question.rules.get(first.rule));
        let Some((strip, rule)) = found else { continue };
        let rows: Vec<usize> = places.iter().map(|place| place.row).collect();
        for event in events_of(strip, &rows)? {
            let Some(found) = rule.judge_event(&event, &mut scratch) else {
                // Columns and engine disagree: that is a fault of ours, and must be seen.
                tracing::error!(event = ?event.stream, rule = rule.rule().id, "columns tell of a match that is none");
                continue;
            };
            let why = found.why.clone();
            let alert = found.into_alert(&event, event.received_at);
            samples.push(SampleHit {
                alert: alert.id,
                rule_id: alert.rule_id,
                rule_title: alert.rule_title,
                key: event.stream,
                kind: event.kind,
                device: event.device,
                device_name: event.device.to_string(),
                observed_at: event.observed_at,
                why,
            });
        }
    }
    Ok(samples)
}

/// Lets the correlations see their events as the stream would have: in the order of receipt.
fn correlated(question: &Question, all: &mut Gathered, range: TimeRange) -> Vec<SampleHit> {
    let Question { compiled, rules, wanted, .. } = question;
    let mut events = std::mem::take(&mut all.correlated);
    events.sort_by_key(|(event, _)| (event.received_at, event.stream));
    let mut samples = Samples { kept: Vec::new(), samples_max: wanted.samples_max };
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let place_of = |compiled: &Compiled, id: &str| {
        let correlations = compiled.correlations.rules();
        let all = rules.iter().map(ColumnRule::rule).chain(correlations);
        all.into_iter().position(|rule| rule.id == id).unwrap_or(usize::MAX)
    };
    let mut told: Vec<CorrelationMatch> = Vec::new();
    for (event, matches) in &events {
        told.extend(state.observe(event, matches));
        for found in matches {
            if compiled.correlations.silences(&found.rule.id) {
                continue;
            }
            let rule = place_of(compiled, &found.rule.id);
            all.take_event(wanted, rule, event);
            let alert = found.clone().into_alert(event, event.received_at);
            samples.keep(alert);
        }
    }
    told.extend(state.pass(range.to));
    for found in told {
        let rule = place_of(compiled, &found.rule.id);
        let fields: Fields = found.group.iter().cloned().collect();
        all.take_hit(wanted, rule, found.at, found.device, &fields);
        samples.keep(found.into_alert(range.to));
    }
    let given_up = state.statistics();
    all.events_left_out += given_up.events_evicted + given_up.groups_evicted;
    samples.kept
}

struct Samples {
    kept: Vec<SampleHit>,
    samples_max: usize,
}

impl Samples {
    fn keep(&mut self, alert: model::Alert) {
        if self.kept.len() >= self.samples_max {
            return;
        }
        self.kept.push(SampleHit {
            alert: alert.id,
            rule_id: alert.rule_id,
            rule_title: alert.rule_title,
            key: alert.stream,
            kind: alert.kind,
            device: alert.device,
            device_name: alert.device.to_string(),
            observed_at: alert.observed_at,
            why: alert.why,
        });
    }
}

/// How messages call the text.
const RULE_NAME: &str = "rule";
