//! Judging the alert of a correlation again: its rules are replayed over the stored events of its window by the plain
//! evaluator, every window is counted afresh, and one of them must say what the alert says.
//!
//! The window is looked at as it was when the alert was raised: events that the server received later do not count.
//! Of events that were received about the same time nobody knows whether they were judged before; both readings are
//! tried, and one of them must agree.

use crate::ControlError;
use crate::limits::{VERIFIED_EVENTS_MAX, VERIFIED_RECEIPT_NS};
use detect::plain::{PlainCorrelation, Replayed};
use lake::{Lake, LakeError};
use model::{AgentId, Alert, EpochId, Event, Family, StreamKey, Why};
use std::collections::BTreeSet;

/// What became of judging an alert of a correlation again.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationReplay {
    /// Events of the rules' log sources in the window.
    pub events: u64,
    /// The match that agrees, or the nearest one.
    pub found: Option<Replayed>,
    /// Events that the alert names and the lake no longer has.
    pub gone: u64,
}

/// What came of it: the replay, and what disagrees; or why it cannot be said.
pub(crate) type Outcome = Result<(CorrelationReplay, Vec<String>), String>;

/// Replays an alert of a correlation.
///
/// # Errors
/// The lake's.
pub(crate) async fn replay(lake: &Lake, alert: &Alert) -> Result<Outcome, ControlError> {
    let plain = match PlainCorrelation::parse(&alert.rule_text) {
        Ok(plain) => plain,
        Err(err) => return Ok(Err(err.to_string())),
    };
    let Some(events) = stored_events(lake, alert, &plain).await? else {
        return Ok(Err(format!("its window holds more than {VERIFIED_EVENTS_MAX} events")));
    };
    let judged = alert.clone();
    let replayed = tokio::task::spawn_blocking(move || judge(&judged, &plain, events)).await;
    Ok(replayed.map_err(|err| LakeError::Engine { reason: err.to_string() })?)
}

fn judge(alert: &Alert, plain: &PlainCorrelation, events: Vec<Event>) -> Outcome {
    let named: BTreeSet<StreamKey> = alert.why.iter().filter_map(named_event).collect();
    let stored: BTreeSet<StreamKey> = events.iter().map(|event| event.stream).collect();
    let gone = named.iter().filter(|key| !stored.contains(key)).count() as u64;
    if gone > 0 {
        return Err(format!("{gone} of the events that it names are no longer in the lake"));
    }
    let count = events.len() as u64;
    let decided = events.iter().find(|event| event.stream == alert.stream);
    let surely = decided.map_or(alert.detected_at, |event| event.received_at);
    let readings = [
        // Everything that had been received when the alert was raised.
        readable(&events, |event| event.received_at <= alert.detected_at),
        // Only what had surely been judged before, and what the alert names.
        readable(&events, |event| {
            event.received_at < surely.plus_nanos(-VERIFIED_RECEIPT_NS)
                || named.contains(&event.stream)
                || event.stream.agent == alert.stream.agent && event.stream <= alert.stream
        }),
        readable(&events, |event| event.received_at <= surely),
    ];
    let mut nearest = None;
    for reading in &readings {
        let found = plain.replay(reading).map_err(|err| err.to_string())?;
        for one in found.into_iter().filter(|one| is_of(alert, one)) {
            if differences(alert, &one, &named).is_empty() {
                let replay = CorrelationReplay { events: count, found: Some(one), gone };
                return Ok((replay, Vec::new()));
            }
            nearest = nearest.or(Some(one));
        }
    }
    if plain.stands_above_absence() {
        return Err(
            "it stands above a correlation that waits for what does not happen; when that was known, \
             the events do not say"
                .to_owned(),
        );
    }
    let disagreements = match &nearest {
        Some(one) => differences(alert, one, &named),
        None => {
            vec!["the events of the window do not satisfy the correlation at that time".to_owned()]
        }
    };
    Ok((CorrelationReplay { events: count, found: nearest, gone }, disagreements))
}

fn readable(events: &[Event], counts: impl Fn(&Event) -> bool) -> Vec<Event> {
    events.iter().filter(|event| counts(event)).cloned().collect()
}

/// Whether a match is of the alert's time, event and group.
fn is_of(alert: &Alert, found: &Replayed) -> bool {
    let group = |why: &&Why| why.selection == "group-by";
    let of_alert: Vec<String> =
        alert.why.iter().filter(group).map(|why| why.pattern.to_lowercase()).collect();
    let of_match: Vec<String> = found.group.iter().map(|(_, value)| value.to_lowercase()).collect();
    found.at == alert.observed_at && found.stream == alert.stream && of_alert == of_match
}

/// What the alert says and the match does not.
fn differences(alert: &Alert, found: &Replayed, named: &BTreeSet<StreamKey>) -> Vec<String> {
    let mut all = Vec::new();
    let measure =
        alert.why.iter().find(|why| why.selection == "condition" && !why.modifier.is_empty());
    let measure = measure.and_then(|why| why.value.as_deref()?.parse::<f64>().ok());
    if let Some(measure) = measure.filter(|measure| !near(*measure, found.measure)) {
        all.push(format!("the alert says {measure}, the window has {}", found.measure));
    }
    let count = alert.fields.int("EventCount").and_then(|count| u64::try_from(count).ok());
    let contributing = found.events.len() as u64;
    if let Some(count) = count.filter(|count| *count != contributing) {
        all.push(format!("the alert counts {count} events, the window has {contributing}"));
    }
    let contributes: BTreeSet<&StreamKey> = found.events.iter().collect();
    for key in named.iter().filter(|key| !contributes.contains(key)) {
        all.push(format!("event {}/{}/{} does not contribute", key.agent, key.epoch, key.seq));
    }
    all
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

/// The event that a reason names: `agent/epoch/number`.
fn named_event(why: &Why) -> Option<StreamKey> {
    let value = why.value.as_deref().filter(|_| why.selection == "event")?;
    let mut parts = value.split('/');
    let agent = AgentId::parse(parts.next()?).ok()?;
    let epoch = EpochId::parse(parts.next()?).ok()?;
    Some(StreamKey { agent, epoch, seq: parts.next()?.parse().ok()? })
}

/// The stored events of the rules' log sources in the reach of the correlation; `None` when they are too many.
async fn stored_events(
    lake: &Lake,
    alert: &Alert,
    plain: &PlainCorrelation,
) -> Result<Option<Vec<Event>>, ControlError> {
    let from = alert.observed_at.plus_nanos(plain.reach_ns().saturating_neg()).plus_nanos(-999);
    // Rows are found by microseconds, so the next one is surely later.
    let until = alert.observed_at.plus_nanos(1_000);
    let mut events = Vec::new();
    for family in Family::ALL {
        let strips = lake.strips(family, from, until).await?;
        let keep =
            PlainCorrelation::parse(&alert.rule_text).map_err(|err| ControlError::Corrupt {
                what: "alert",
                id: alert.id.to_string(),
                reason: err.to_string(),
            })?;
        let room = VERIFIED_EVENTS_MAX.saturating_sub(events.len());
        let find = move || {
            let mut found = Vec::new();
            for strip in strips {
                let wanted = strip.in_time()?;
                if !wanted.contains(&true) {
                    continue;
                }
                found.extend(
                    strip.events(&wanted)?.into_iter().filter(|event| keep.concerns(event)),
                );
                if found.len() > room {
                    break;
                }
            }
            Ok::<_, LakeError>(found)
        };
        let found = tokio::task::spawn_blocking(find).await;
        events.extend(found.map_err(|err| LakeError::Engine { reason: err.to_string() })??);
        if events.len() > VERIFIED_EVENTS_MAX {
            return Ok(None);
        }
    }
    Ok(Some(events))
}
