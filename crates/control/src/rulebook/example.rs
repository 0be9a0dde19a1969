//! A test of a rule, made of an event that happened.

use crate::audit::{Action, Cause, Entry};
use crate::{Actor, Control, ControlError, Permission};
use lake::LakeError;
use model::{Event, EventKind, StreamKey, Timestamp};
use serde_json::json;

/// An event that a look back found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    /// Which.
    pub key: StreamKey,
    /// Its kind.
    pub kind: EventKind,
    /// When it happened.
    pub at: Timestamp,
}

impl Control {
    /// The tests of a rule with one more: that it must match this event. Nothing is saved; that the event was read
    /// is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`] when the lake does not have it, or the lake's.
    pub async fn tests_with_event(
        &self,
        actor: &Actor,
        rule_id: &str,
        tests: &str,
        place: EventPlace,
    ) -> Result<String, ControlError> {
        let wanted = [Permission::EditRules, Permission::ReadEvents];
        self.require(actor, &wanted, "tests_with_event").await?;
        let EventPlace { key, kind, at } = place;
        let target = format!("event {}/{}/{}", key.agent, key.epoch, key.seq);
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::EventOpened,
            target: target.clone(),
            detail: json!({ "for": "a test of a rule" }),
        })
        .await?;
        // Rows are found by microseconds, so the next one is surely later.
        let (from, to) = (at.plus_nanos(-999), at.plus_nanos(1_000));
        let strips = self.lake.strips(kind.family(), from, to).await?;
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
        let found = found.map_err(|err| LakeError::Engine { reason: err.to_string() })??;
        let event = found.ok_or(ControlError::NotFound { what: "event", id: target })?;
        Ok(with_case(rule_id, tests, &event))
    }
}

fn with_case(rule_id: &str, tests: &str, event: &Event) -> String {
    let mut text = tests.trim_end().to_owned();
    if text.is_empty() {
        text = format!("rule: {}\ncases:", json!(rule_id));
    }
    let name = json!(format!("as it happened at {}", event.observed_at));
    text.push_str(&format!("\n  - name: {name}\n    expect: match\n    event:\n"));
    let source = &event.source;
    if !source.product.is_empty() {
        text.push_str(&format!("      product: {}\n", json!(source.product)));
    }
    for (attribute, values) in [("category", &source.categories), ("service", &source.services)] {
        if !values.is_empty() {
            text.push_str(&format!("      {attribute}: {}\n", json!(values)));
        }
    }
    // JSON is YAML, and leaves no question of quotes.
    text.push_str("      fields:\n");
    for (name, value) in event.fields.iter() {
        text.push_str(&format!("        {}: {}\n", json!(name), json!(value)));
    }
    text
}
