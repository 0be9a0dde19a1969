//! What changed in permitted software besides its version: a browser extension that may do more than before, and a
//! signer who is another one.
//!
//! Invariant: compared with what was looked at: the versions that the decision knows, as our devices report them. Where
//! nothing is known of those, nothing is said.

use crate::decision_rows::of_title;
use crate::decisions::is_permission_in_force;
use crate::ground::{Ground, Judged};
use crate::limits::RECHECK_DETAIL_CHARS_MAX;
use crate::store::Writing;
use crate::{Control, ControlError};
use case::decision::{Cause, Decision, Recheck};
use model::Timestamp;
use model::inventory::{InventoryItem, SoftwareSource};
use software::Step;
use sqlx::Row as _;
use std::collections::BTreeSet;

/// What our devices report of a version of a title.
struct Known {
    source: String,
    identifier: String,
    version: String,
    permissions: Vec<String>,
    signer: String,
}

impl Control {
    /// Begins re-checks of the decisions on an item's title for what changed besides the version.
    pub(crate) async fn drift(
        &self,
        writing: &mut Writing,
        ground: &Ground,
        judged: &Judged,
        item: &InventoryItem,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let tells = item.source.is_browser() || !item.signer.is_empty();
        let Some(title) = judged.identification.outcome.confirmed().filter(|_| tells) else {
            return Ok(());
        };
        let standing = ground.approvals.of_title(title.as_str());
        if !standing.is_some_and(|one| one.decisions.iter().any(is_permission_in_force)) {
            return Ok(());
        }
        let known = known_of(writing, title.as_str()).await?;
        for stored in of_title(&mut **writing, title.as_str()).await? {
            let decision = &stored.decision;
            if !is_permission_in_force(decision) || has_seen(decision, &item.version) {
                continue;
            }
            let mut stored = Some(stored.clone());
            for (cause, words) in changes(item, &known, decision) {
                let cut = |text: String| text.chars().take(RECHECK_DETAIL_CHARS_MAX).collect();
                let recheck = Recheck {
                    cause,
                    version: item.version.clone(),
                    sha256: item.sha256.clone(),
                    detail: cut(words.en),
                    detail_ja: cut(words.ja),
                    since: now,
                };
                // The second cause finds the decision as the first one left it.
                let present = match stored.take() {
                    Some(first) => first,
                    None => crate::decision_rows::one(&mut **writing, &decision.id).await?,
                };
                self.recheck_one(writing, present, &recheck).await?;
            }
        }
        Ok(())
    }
}

fn has_seen(decision: &Decision, version: &str) -> bool {
    version.is_empty() || decision.versions_seen.iter().any(|seen| seen == version)
}

/// What is new in an item, compared with the versions that a decision has seen.
fn changes(item: &InventoryItem, known: &[Known], decision: &Decision) -> Vec<(Cause, Step)> {
    let same_kind = |one: &&Known| match item.source.is_browser() {
        true => one.identifier == item.identifier && is_browser(&one.source),
        false => one.source == item.source.name(),
    };
    let seen: Vec<&Known> = known
        .iter()
        .filter(same_kind)
        .filter(|one| decision.versions_seen.contains(&one.version))
        .collect();
    let mut found = Vec::new();
    if item.source.is_browser() && !seen.is_empty() {
        let before: BTreeSet<&str> =
            seen.iter().flat_map(|one| one.permissions.iter().map(String::as_str)).collect();
        let new: Vec<&str> = item
            .permissions
            .iter()
            .map(String::as_str)
            .filter(|permission| !before.contains(permission))
            .collect();
        if !new.is_empty() {
            let (name, new) = (&item.name, new.join(", "));
            let words = Step {
                ja: format!("{name} の新しい権限: {new}"),
                en: format!("{name} may now also: {new}"),
            };
            found.push((Cause::PermissionGrowth, words));
        }
    }
    let signers: BTreeSet<&str> =
        seen.iter().map(|one| one.signer.as_str()).filter(|signer| !signer.is_empty()).collect();
    if !item.signer.is_empty() && !signers.is_empty() && !signers.contains(item.signer.as_str()) {
        let (name, now) = (&item.name, &item.signer);
        let before = signers.into_iter().collect::<Vec<_>>().join(", ");
        let words = Step {
            ja: format!("{name} の署名者が {before} から {now} に変わりました"),
            en: format!("{name} is signed by {now}, before by {before}"),
        };
        found.push((Cause::SignerChange, words));
    }
    found
}

fn is_browser(source: &str) -> bool {
    SoftwareSource::of_name(source).is_some_and(SoftwareSource::is_browser)
}

async fn known_of(writing: &mut Writing, title: &str) -> Result<Vec<Known>, ControlError> {
    let rows = sqlx::query(
        "SELECT i.source, i.identifier, i.version, i.permissions, i.signer FROM item_judgement AS j \
         JOIN software_item AS i ON i.id = j.item_id WHERE j.title_id = $1 AND j.outcome = 'confirmed' \
         ORDER BY i.first_seen_at DESC LIMIT 2000",
    )
    .bind(title)
    .fetch_all(&mut **writing)
    .await?;
    rows.iter()
        .map(|row| {
            let permissions: String = row.try_get(3)?;
            Ok(Known {
                source: row.try_get(0)?,
                identifier: row.try_get(1)?,
                version: row.try_get(2)?,
                permissions: serde_json::from_str(&permissions).unwrap_or_default(),
                signer: row.try_get(4)?,
            })
        })
        .collect()
}
