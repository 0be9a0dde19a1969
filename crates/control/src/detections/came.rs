//! An alert as far as detections need it.

use crate::limits::RISK_LATE_NS_MAX;
use crate::rows::Cells;
use crate::store::storable;
use crate::{ControlError, limits};
use case::risk::is_service_account;
use model::{Alert, AlertId, DeviceId, Fields, Level, Tactic, Timestamp};

/// An alert that came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Came {
    pub(super) id: AlertId,
    pub(super) rule_id: String,
    pub(super) title: String,
    pub(super) title_ja: String,
    pub(super) rule_revision: String,
    pub(super) level: Level,
    pub(super) tactics: Vec<Tactic>,
    pub(super) device: DeviceId,
    pub(super) observed_at: Timestamp,
    pub(super) detected_at: Timestamp,
    /// The account, in lower case; `None` when it is none of a person.
    pub(super) user: Option<String>,
}

/// The columns of the lake's table that [`Came::of_cells`] reads.
pub(super) const COLUMNS: &str = "id, rule_id, rule_title, rule_revision, level, device, observed_at, observed_ns, \
     detected_at, detected_ns, fields, rule_text";

impl Came {
    /// Whether alerts of a level are folded at all.
    pub(super) const fn folds(level: Level) -> bool {
        !matches!(level, Level::Informational)
    }

    pub(super) fn of_alert(alert: &Alert) -> Self {
        Self {
            id: alert.id,
            rule_id: rule_id(&alert.rule_id),
            title: storable(&alert.rule_title).into_owned(),
            title_ja: title_ja(&alert.rule_text),
            rule_revision: alert.rule_revision.clone(),
            level: alert.level,
            tactics: Tactic::of_rule_text(&alert.rule_text),
            device: alert.device,
            observed_at: alert.observed_at,
            detected_at: alert.detected_at,
            user: account(&alert.fields),
        }
    }

    pub(super) fn of_cells(cells: &mut Cells<'_>) -> Result<Self, ControlError> {
        let id = cells.alert()?;
        let rule_id = rule_id(&cells.text()?);
        let title = storable(&cells.text()?).into_owned();
        let rule_revision = cells.text()?.into_owned();
        let level = cells.level()?;
        let device = cells.device()?;
        let observed_at = cells.time_ns()?;
        let detected_at = cells.time_ns()?;
        let fields: Fields =
            serde_json::from_str(&cells.text()?).map_err(|err| cells.damaged(&err.to_string()))?;
        let rule_text = cells.text()?;
        Ok(Self {
            id,
            rule_id,
            title,
            title_ja: title_ja(&rule_text),
            rule_revision,
            level,
            tactics: Tactic::of_rule_text(&rule_text),
            device,
            observed_at,
            detected_at,
            user: account(&fields),
        })
    }

    /// When it happened, as far as the device is believed: not after it was judged.
    pub(super) fn happened_at(&self) -> Timestamp {
        self.observed_at.min(self.detected_at)
    }

    /// When it counts for the risk: an alert that arrives late is as old as it is, but a device whose clock stands in
    /// another year must not be harmless for it.
    pub(super) fn counted_at(&self) -> Timestamp {
        self.happened_at().max(self.detected_at.plus_nanos(-RISK_LATE_NS_MAX))
    }
}

/// The rule as it is stored: PostgreSQL refuses longer keys of an index.
fn rule_id(id: &str) -> String {
    let short: String = id.chars().take(limits::RULE_ID_CHARS_MAX).collect();
    storable(&short).into_owned()
}

/// The account of an event: that of the process, or of whoever caused a Windows event.
fn account(fields: &Fields) -> Option<String> {
    let text = |name: &str| fields.text(name).map(str::trim).filter(|text| !text.is_empty());
    let subject = || {
        let name = text("SubjectUserName")?;
        Some(match text("SubjectDomainName") {
            Some(domain) => format!("{domain}\\{name}"),
            None => name.to_owned(),
        })
    };
    let user = text("User").map(ToOwned::to_owned).or_else(subject)?;
    let user: String = user.to_lowercase().chars().take(limits::RISK_ENTITY_CHARS_MAX).collect();
    (!is_service_account(&user)).then(|| storable(&user).into_owned())
}

/// The Japanese title of a rule's text; empty when it has none.
fn title_ja(rule_text: &str) -> String {
    let line = rule_text.lines().find_map(|line| line.strip_prefix("title_ja:"));
    let title = line.unwrap_or_default().trim().trim_matches(['\'', '"']);
    storable(&title.chars().take(limits::RISK_ENTITY_CHARS_MAX).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_people_in_lower_case() {
        let of = |pairs: &[(&'static str, &str)]| {
            account(&pairs.iter().copied().collect::<Fields>()).unwrap_or_default()
        };
        assert_eq!(of(&[("User", "CORP\\Tanaka")]), "corp\\tanaka");
        assert_eq!(of(&[("SubjectUserName", "mori"), ("SubjectDomainName", "CORP")]), "corp\\mori");
        assert_eq!(of(&[("User", "NT AUTHORITY\\SYSTEM")]), "");
        assert_eq!(of(&[("Image", "x")]), "");
    }

    #[test]
    fn the_japanese_title() {
        assert_eq!(title_ja("title: T\ntitle_ja: '題'\n"), "題");
        assert_eq!(title_ja("title: T\n"), "");
    }
}
