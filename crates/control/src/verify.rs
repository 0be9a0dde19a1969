//! Judging an alert again: by the rule that is stored with it, from the stored event, with the plain
//! evaluator, which shares nothing with the engine but the reader of YAML.

use crate::ControlError;
use crate::alerts::stored_alert;
use crate::verify_correlation;
use detect::plain::{self, Explanation, LeafVerdict, Lists};
use detect::{CompileOptions, RuleSource};
use lake::{Lake, LakeError};
use model::{Alert, AlertId, Event, LogSource, Why};
use serde_json::json;
use std::borrow::Cow;

pub use crate::verify_correlation::CorrelationReplay;

/// What became of judging an alert again.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The alert.
    pub alert: Alert,
    /// The event that was judged.
    pub event: Event,
    /// Whether the event is still in the lake. If not, the fields that the alert keeps were judged, and the
    /// log source, which it does not keep, was taken to be the rule's.
    pub event_stored: bool,
    /// The verdict of each part; an error when the rule is not one of single events.
    pub explanation: Result<Explanation, String>,
    /// What the replay of a correlation found; `None` for a rule of single events.
    pub replay: Option<CorrelationReplay>,
    /// Why nobody can say whether the alert is right; then nothing else counts.
    pub unverifiable: Option<String>,
    /// What the alert says and the second judgement does not; empty when both agree.
    pub disagreements: Vec<String>,
}

impl Verification {
    /// Whether the second judgement is that of the alert.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.disagreements.is_empty() && self.unverifiable.is_none()
    }

    /// Whether the rule asks for values of lists (`expand`), which the alert does not keep.
    #[must_use]
    pub fn asks_for_lists(&self) -> bool {
        asks_for_lists(&self.alert)
    }

    /// A test file for the rule that expects what this alert says; tried before it is given.
    ///
    /// # Errors
    /// Why the case does not hold: the alert is of a correlation, or nobody could have raised it.
    pub fn test_case(&self) -> Result<String, String> {
        let Event { source, fields, observed_at, .. } = &self.event;
        let mut event = json!({ "fields": fields });
        let attributes = [
            ("product", Some(json!(source.product)).filter(|_| !source.product.is_empty())),
            ("category", Some(json!(source.categories)).filter(|_| !source.categories.is_empty())),
            ("service", Some(json!(source.services)).filter(|_| !source.services.is_empty())),
        ];
        for (name, value) in attributes {
            if let (Some(value), Some(event)) = (value, event.as_object_mut()) {
                event.insert(name.to_owned(), value);
            }
        }
        // JSON is YAML, and leaves no question of quotes.
        let text = format!(
            "rule: {}\ncases:\n  - name: {}\n    expect: match\n    event: {event}\n",
            json!(self.alert.rule_id),
            json!(format!("as it happened at {observed_at}"))
        );
        let source = RuleSource { name: "stored rule", text: &self.alert.rule_text };
        let compiled = detect::compile([source], &CompileOptions::default());
        let test = detect::testing::parse("test", &text).map_err(|err| err.to_string())?;
        let outcomes = detect::testing::run(&compiled, &test);
        match outcomes.iter().find(|outcome| !outcome.passed()) {
            None => Ok(text),
            Some(failed) => Err(failed.to_string()),
        }
    }
}

/// Judges an alert again, for whoever may read the lake's files. `lists` are the values of placeholders as they are now:
/// an alert does not keep those that it was raised by.
///
/// # Errors
/// [`ControlError::NotFound`] when there is no such alert, or the lake's.
pub async fn verify_alert(
    lake: &Lake,
    id: AlertId,
    lists: &Lists,
) -> Result<Verification, ControlError> {
    let alert = stored_alert(lake, id).await?;
    let stored = stored_event(lake, &alert).await?;
    let event_stored = stored.is_some();
    let event = stored.unwrap_or_else(|| event_of(&alert));
    let explanation = plain::explain_with(&alert.rule_text, lists, &event);
    let explanation = explanation.map_err(|err| err.to_string());
    let (mut replay, mut unverifiable) = (None, None);
    let mut disagreements = if is_correlation(&alert) {
        match verify_correlation::replay(lake, &alert).await? {
            Ok((found, disagreements)) => {
                replay = Some(found);
                disagreements
            }
            Err(reason) => {
                unverifiable = Some(reason);
                Vec::new()
            }
        }
    } else {
        disagreements(&alert, &explanation)
    };
    // What its lists held then nobody knows: they may have changed since.
    if !disagreements.is_empty() && asks_for_lists(&alert) {
        unverifiable = Some(format!(
            "its rule asks for lists, whose values may have been others then ({})",
            disagreements.join("; ")
        ));
        disagreements.clear();
    }
    Ok(Verification {
        alert,
        event,
        event_stored,
        explanation,
        replay,
        unverifiable,
        disagreements,
    })
}

fn is_correlation(alert: &Alert) -> bool {
    alert.rule_text.lines().any(|line| line.starts_with("correlation:"))
}

/// Whether the rule has placeholders: fields with the modifier `expand`.
fn asks_for_lists(alert: &Alert) -> bool {
    alert.rule_text.lines().any(|line| line.contains("|expand"))
}

fn disagreements(alert: &Alert, explanation: &Result<Explanation, String>) -> Vec<String> {
    let explanation = match explanation {
        Ok(explanation) => explanation,
        Err(reason) => return vec![reason.clone()],
    };
    let mut all = Vec::new();
    if !explanation.verdict {
        all.push("the rule does not match the event".to_owned());
    }
    for why in &alert.why {
        let agrees = explanation.leaves.iter().any(|leaf| leaf.held && is_same(leaf, why));
        if !agrees {
            let field = why.field.as_deref().unwrap_or("any field");
            all.push(format!("{}: {field} {} does not hold", why.selection, why.pattern));
        }
    }
    all
}

fn is_same(leaf: &LeafVerdict, why: &Why) -> bool {
    leaf.filter.is_none()
        && leaf.selection == why.selection
        && leaf.field == why.field
        && leaf.modifier == why.modifier
        && leaf.pattern == why.pattern
}

/// The event of an alert, when the lake still has it.
async fn stored_event(lake: &Lake, alert: &Alert) -> Result<Option<Event>, ControlError> {
    // Rows are found by microseconds, so the next one is surely later.
    let until = alert.observed_at.plus_nanos(1_000);
    let strips =
        lake.strips(alert.kind.family(), alert.observed_at.plus_nanos(-999), until).await?;
    let key = alert.stream;
    let find = move || {
        for strip in strips {
            let wanted = strip.in_time()?;
            if !wanted.contains(&true) {
                continue;
            }
            let found = strip.events(&wanted)?.into_iter().find(|event| event.stream == key);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok::<_, LakeError>(None)
    };
    let found = tokio::task::spawn_blocking(find).await;
    Ok(found.map_err(|err| LakeError::Engine { reason: err.to_string() })??)
}

/// The event as far as the alert keeps it.
fn event_of(alert: &Alert) -> Event {
    let source = RuleSource { name: "stored rule", text: &alert.rule_text };
    let compiled = detect::compile([source], &CompileOptions::default());
    let wanted = compiled.rules.rules().first().map(|rule| rule.logsource.clone());
    let wanted = wanted.unwrap_or_default();
    Event {
        kind: alert.kind,
        device: alert.device,
        stream: alert.stream,
        observed_at: alert.observed_at,
        received_at: alert.detected_at,
        source: LogSource {
            product: Cow::Owned(wanted.product.unwrap_or_default()),
            services: wanted.service.into_iter().map(Cow::Owned).collect(),
            categories: wanted.category.into_iter().map(Cow::Owned).collect(),
        },
        fields: alert.fields.clone(),
        raw: None,
    }
}
