//! Rules are saved as revisions; an earlier one is taken up again as a new one.

use super::{LIFE_COLUMNS, life_of, no_rule};
use crate::audit::{Action, Cause, Entry};
use crate::digest::sha256_hex;
use crate::limits::{OWN_RULES_MAX, RULE_COMMENT_CHARS_MAX};
use crate::scope::statement;
use crate::store::{Writing, storable};
use crate::view::rulebook::{RuleCheck, RuleDraft, SavedRule};
use crate::{Actor, Control, ControlError, Permission};
use case::rule_life::{Life, LifeFault};
use serde_json::json;
use sqlx::Row as _;

impl Control {
    /// Saves a text as the newest revision of its rule; a new rule begins as a draft, any other one goes on where it
    /// stands with its new text. A text without a change is not saved again.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`]; [`ControlError::RuleRefused`] when the text does not load, one of its tests
    /// fails, or it is in force and has no test that it must match; [`ControlError::Changed`] when somebody else
    /// saved meanwhile.
    pub async fn save_rule(
        &self,
        actor: &Actor,
        draft: &RuleDraft,
    ) -> Result<SavedRule, ControlError> {
        self.require(actor, &[Permission::EditRules], "save_rule").await?;
        if draft.comment.chars().count() > RULE_COMMENT_CHARS_MAX {
            let reason = "it may have up to 1,000 characters";
            return Err(ControlError::BadArgument { what: "the comment", reason });
        }
        let check = self.checked(draft).await?;
        if let Some(refusal) = check.refusal() {
            return Err(refusal.into());
        }
        let Some(id) = check.id.clone() else { return Err(no_rule("")) };
        let mut writing = self.store.write().await?;
        let number = match &draft.id {
            None => self.first_revision(&mut writing, &id).await?,
            Some(_) => match self.next_revision(&mut writing, &id, draft, &check).await? {
                Some(number) => number,
                None => return Ok(SavedRule { id, number: draft.after }),
            },
        };
        let sha256 = self.write_revision(&mut writing, actor, draft, &check, number).await?;
        let entry = Entry {
            cause: Cause::Person(actor),
            action: Action::RuleSaved,
            target: format!("rule {id}"),
            detail: json!({ "revision": number, "sha256": sha256, "comment": draft.comment }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        self.rules_changed();
        Ok(SavedRule { id, number })
    }

    /// Takes up the text and the tests of an earlier revision as a new one.
    ///
    /// # Errors
    /// Those of [`Control::save_rule`], and [`ControlError::NotFound`].
    pub async fn take_up_revision(
        &self,
        actor: &Actor,
        id: &str,
        number: i64,
        after: i64,
    ) -> Result<SavedRule, ControlError> {
        self.require(actor, &[Permission::EditRules], "take_up_revision").await?;
        let found = self.revision(id, number).await?.ok_or_else(|| no_rule(id))?;
        let draft = RuleDraft {
            id: Some(id.to_owned()),
            after,
            text: found.text,
            tests: found.tests,
            comment: format!("= {number}"),
        };
        self.save_rule(actor, &draft).await
    }

    async fn first_revision(&self, writing: &mut Writing, id: &str) -> Result<i64, ControlError> {
        let now = self.clock.now();
        let rules: i64 = sqlx::query("SELECT COUNT(*) FROM own_rule")
            .fetch_one(&mut **writing)
            .await?
            .try_get(0)?;
        if rules >= OWN_RULES_MAX {
            let reason = "there are too many; put rules into a folder of the server";
            return Err(ControlError::BadArgument { what: "the number of rules", reason });
        }
        let made = sqlx::query(
            "INSERT INTO own_rule (id, head, created_at) VALUES ($1, 1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(now.nanos())
        .execute(&mut **writing)
        .await?;
        if made.rows_affected() != 1 {
            return Err(changed(id));
        }
        // The id may have been that of a rule of a file: it begins anew.
        sqlx::query("DELETE FROM rule_life WHERE rule_id = $1")
            .bind(id)
            .execute(&mut **writing)
            .await?;
        super::steps::write_life(writing, id, &Life::begun(now)).await?;
        Ok(1)
    }

    /// The number of the next revision; `None` when nothing was changed.
    async fn next_revision(
        &self,
        writing: &mut Writing,
        id: &str,
        draft: &RuleDraft,
        check: &RuleCheck,
    ) -> Result<Option<i64>, ControlError> {
        let row = sqlx::query(
            "SELECT o.head, r.text, r.tests FROM own_rule AS o JOIN own_rule_revision AS r \
             ON r.rule_id = o.id AND r.number = o.head WHERE o.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut **writing)
        .await?
        .ok_or_else(|| no_rule(id))?;
        let head: i64 = row.try_get(0)?;
        if head != draft.after {
            return Err(changed(id));
        }
        let (text, tests): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        if text == storable(&draft.text) && tests == storable(&draft.tests) {
            return Ok(None);
        }
        let row = statement(format!("SELECT {LIFE_COLUMNS} FROM rule_life WHERE rule_id = $1"))
            .bind(id.to_owned())
            .fetch_one(&mut **writing)
            .await?;
        let (_, life, _) = life_of(&row)?;
        if life.is_asked() && !check.is_tested() {
            return Err(super::RuleRefusal::Life(LifeFault::Untested).into());
        }
        sqlx::query("UPDATE own_rule SET head = $1 WHERE id = $2")
            .bind(head + 1)
            .bind(id)
            .execute(&mut **writing)
            .await?;
        Ok(Some(head + 1))
    }

    async fn write_revision(
        &self,
        writing: &mut Writing,
        actor: &Actor,
        draft: &RuleDraft,
        check: &RuleCheck,
        number: i64,
    ) -> Result<String, ControlError> {
        let text = storable(&draft.text).into_owned();
        let sha256 = sha256_hex(text.as_bytes());
        let count = |cases: usize| i64::try_from(cases).unwrap_or(i64::MAX);
        let must_match = check.outcomes.iter().filter(|outcome| outcome.must_match).count();
        sqlx::query(
            "INSERT INTO own_rule_revision (rule_id, number, text, sha256, tests, title, level, cases, must_match, \
             comment, author_id, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(check.id.clone().unwrap_or_default())
        .bind(number)
        .bind(text)
        .bind(sha256.clone())
        .bind(storable(&draft.tests).into_owned())
        .bind(storable(&check.title).into_owned())
        .bind(check.level.unwrap_or(model::Level::Medium).name())
        .bind(count(check.outcomes.len()))
        .bind(count(must_match))
        .bind(storable(draft.comment.trim()).into_owned())
        .bind(actor.id())
        .bind(self.clock.now().nanos())
        .execute(&mut **writing)
        .await?;
        Ok(sha256)
    }
}

fn changed(id: &str) -> ControlError {
    ControlError::Changed { what: "rule", id: id.chars().take(80).collect() }
}
