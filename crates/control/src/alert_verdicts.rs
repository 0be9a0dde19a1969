//! The verdict of every part of an alert's rule, with sentences, for its page and the command line.

use crate::verify::Verification;
use crate::view::detections::{
    AlertVerdicts, FilterConsulted, LeafVerdicts, Said, SelectionVerdicts,
};
use detect::plain::Explanation;
use detect::sentence::{self, Sentence};
use model::{Alert, Family};

impl Verification {
    /// The verdict of every part; `None` when the rule is not one of single events.
    #[must_use]
    pub fn verdicts(&self) -> Option<AlertVerdicts> {
        let explanation = self.explanation.as_ref().ok()?;
        let family = self.event.kind.family();
        let filter = |title: &str, passes: bool| FilterConsulted {
            title: title.to_owned(),
            passes,
            selections: selections(explanation, Some(title), family),
        };
        Some(AlertVerdicts {
            event_stored: self.event_stored,
            log_source: explanation.log_source,
            selections: selections(explanation, None, family),
            filters: explanation.filters.iter().map(|it| filter(&it.title, it.held)).collect(),
            disagreements: self.disagreements.clone(),
        })
    }
}

/// Why an alert is one, in sentences.
#[must_use]
pub fn sentences(alert: &Alert) -> Vec<Said> {
    sentence::of_alert(alert).into_iter().map(said).collect()
}

fn said(sentence: Sentence) -> Said {
    Said { ja: sentence.ja, en: sentence.en }
}

fn selections(
    explanation: &Explanation,
    filter: Option<&str>,
    family: Family,
) -> Vec<SelectionVerdicts> {
    let of_selection = |name: &str| {
        let own = explanation
            .leaves
            .iter()
            .filter(|leaf| leaf.filter.as_deref() == filter && leaf.selection == name);
        own.map(|leaf| {
            let (field, missing) = (leaf.field.as_deref(), leaf.value.is_none());
            let sentence =
                sentence::of_leaf(family, field, &leaf.modifier, &leaf.pattern, missing, leaf.held);
            LeafVerdicts { held: leaf.held, said: said(sentence), value: leaf.value.clone() }
        })
        .collect()
    };
    explanation
        .selections
        .iter()
        .filter(|selection| selection.filter.as_deref() == filter)
        .map(|selection| SelectionVerdicts {
            name: selection.name.clone(),
            held: selection.held,
            leaves: of_selection(&selection.name),
        })
        .collect()
}
