//! The catalogue as a file: a sheet with a guard against formulas, or JSON.

use crate::view::requests::{May, Why};
use crate::{Actor, Control, ControlError};
use serde_json::json;
use software::Title;
use software::sheet::{Column, SheetVerdict};

/// How the catalogue is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// A sheet, with a guard against formulas; reading it again gives the same.
    Csv,
    /// One JSON document.
    Json,
}

impl Control {
    /// The catalogue as a file: every title that somebody decided on, as the reader may use it.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn export_catalogue(
        &self,
        actor: Option<&Actor>,
        form: Export,
    ) -> Result<Vec<u8>, ControlError> {
        let desk = self.desk_for(actor).await?;
        let japanese = actor.is_none_or(|one| one.language() == crate::Language::Ja);
        let mut lines = Vec::new();
        for title in desk.titles.iter() {
            let judged = desk.judge(title.id.as_str(), "");
            if judged.why == Some(Why::Undecided) {
                continue;
            }
            let (ja, en) = case::catalogue::conditions_line(judged.conditions());
            lines.push(Line { title, judged, conditions: if japanese { ja } else { en } });
        }
        match form {
            Export::Csv => Ok(csv_of(&lines, japanese)),
            Export::Json => {
                let list: Vec<serde_json::Value> = lines.iter().map(Line::json).collect();
                let exported_at = self.clock.now().to_string();
                Ok(json!({ "exported_at": exported_at, "titles": list }).to_string().into_bytes())
            }
        }
    }
}

/// One line of an export.
struct Line<'a> {
    title: &'a Title,
    judged: case::catalogue::Judged<'a>,
    conditions: String,
}

impl Line<'_> {
    fn verdict(&self) -> SheetVerdict {
        match self.judged.may {
            May::Use => SheetVerdict::Approved,
            May::WithConditions => SheetVerdict::Conditional,
            May::Ask => SheetVerdict::Pending,
            May::MayNot => SheetVerdict::Denied,
        }
    }

    fn json(&self) -> serde_json::Value {
        let ruling = self.judged.decision.map(|decision| &decision.ruling);
        json!({
            "title": self.title,
            "may": self.judged.may.name(),
            "why": self.judged.why.map(Why::name),
            "conditions": ruling.map(|ruling| &ruling.conditions),
            "versions": ruling.map(|ruling| &ruling.scope.versions),
            "reason": ruling.map(|ruling| &ruling.reason),
            "decided_at": self.judged.decision.map(|decision| decision.at),
            "valid_until": ruling.and_then(|ruling| ruling.valid_until),
        })
    }
}

fn csv_of(lines: &[Line<'_>], japanese: bool) -> Vec<u8> {
    const COLUMNS: [Column; 8] = [
        Column::Name,
        Column::NameJa,
        Column::Publisher,
        Column::Verdict,
        Column::Conditions,
        Column::Reason,
        Column::Identifier,
        Column::DecidedOn,
    ];
    let head: Vec<String> = COLUMNS.iter().map(|one| one.label(japanese).to_owned()).collect();
    let rows = lines.iter().map(|line| {
        let decision = line.judged.decision;
        let identifiers: Vec<String> =
            line.title.identifiers.iter().map(ToString::to_string).collect();
        vec![
            line.title.name.clone(),
            line.title.name_ja.clone(),
            line.title.publisher.clone(),
            line.verdict().label(japanese).to_owned(),
            line.conditions.clone(),
            decision.map(|one| one.ruling.reason.clone()).unwrap_or_default(),
            identifiers.join(" "),
            decision.map(|one| one.at.utc_day()).unwrap_or_default(),
        ]
    });
    software::sheet::write(std::iter::once(head).chain(rows), true)
}
