//! What the review desk shows of evidence, checklist and decisions.

use crate::decision_rows::{StoredDecision, of_life};
use crate::policies::{facts_of, rules, title_of};
use crate::request_rows::Stored;
use crate::view::requests::{
    CheckView, ChecklistRow, Condition, DecisionRow, Life, OverrideView, Verdict,
};
use crate::{Actor, Control, ControlError, Permission};
use case::check::{self, Check, CheckKind};
use case::fact_words::Reason;
use case::policy::Judged;
use case::request::Request;
use model::Timestamp;
use sqlx::Row as _;
use std::collections::HashMap;

impl Control {
    pub(crate) async fn decision_rows(
        &self,
        found: Vec<StoredDecision>,
    ) -> Result<Vec<DecisionRow>, ControlError> {
        let titles = self.titles_snapshot().await?;
        let departments =
            sqlx::query("SELECT id, name FROM department").fetch_all(self.store.pool()).await?;
        let mut words: HashMap<String, String> = HashMap::new();
        for row in &departments {
            words.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let people = found.iter().flat_map(|one| {
            let scope = &one.decision.ruling.scope;
            scope.people.iter().chain(Some(&one.decision.by)).cloned()
        });
        words.extend(self.names(people.collect::<Vec<_>>().into_iter()).await?);
        let now = self.clock.now();
        Ok(found.into_iter().map(|one| decision_row(one, &titles, &words, now)).collect())
    }

    pub(crate) async fn rule_words(
        &self,
    ) -> Result<HashMap<String, (String, String)>, ControlError> {
        let rules = rules(self.store.pool()).await?;
        Ok(rules.into_iter().map(|one| (one.id, (one.title_ja, one.title_en))).collect())
    }

    pub(crate) async fn checklist(
        &self,
        stored: &Stored,
        names: &HashMap<String, String>,
    ) -> Result<Vec<ChecklistRow>, ControlError> {
        let now = self.clock.now();
        let request = &stored.request;
        let titles = self.titles_snapshot().await?;
        let facts = facts_of(request, title_of(&titles, &stored.title), now);
        let mut rows = Vec::new();
        for rule in rules(self.store.pool()).await? {
            let asked = request.open_questions.contains(&rule.id);
            let answer = request.answers.iter().rfind(|one| one.rule == rule.id);
            let Some(judged) = rule.judge(request.kind, &facts, now) else {
                if !asked && answer.is_none() {
                    continue;
                }
                rows.push(row(rule, None, &[], answer, names));
                continue;
            };
            let (machine, because) = match judged {
                Judged::Says { verdict, because } => (Some(verdict), because),
                Judged::Asks { because, .. } => (None, because),
            };
            rows.push(row(rule, machine.filter(|_| !asked), &because, answer, names));
        }
        Ok(rows)
    }

    /// Conditions of earlier permissions, and those that the rules propose for this request.
    pub(crate) async fn condition_templates(
        &self,
        request: &Request,
    ) -> Result<Vec<Condition>, ControlError> {
        let mut counted: Vec<(usize, Condition)> = Vec::new();
        let objecting: Vec<&str> = case::review::counting(request)
            .into_iter()
            .filter(|one| one.kind == CheckKind::Policy && one.verdict != Verdict::Allow)
            .map(|one| one.source.as_str())
            .collect();
        for rule in rules(self.store.pool()).await? {
            if objecting.contains(&rule.id.as_str()) && !rule.condition_ja.is_empty() {
                let (text_ja, text_en) = (rule.condition_ja, rule.condition_en);
                counted.push((usize::MAX, Condition { text_ja, text_en, must: None }));
            }
        }
        for life in [Life::Active, Life::ReReview] {
            for stored in of_life(self.store.pool(), life).await? {
                for condition in stored.decision.ruling.conditions {
                    match counted.iter_mut().find(|(_, known)| *known == condition) {
                        Some((count, _)) => *count = count.saturating_add(1),
                        None => counted.push((1, condition)),
                    }
                }
            }
        }
        counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        Ok(counted.into_iter().map(|(_, condition)| condition).take(12).collect())
    }
}

fn row(
    rule: crate::view::requests::PolicyRule,
    machine: Option<Verdict>,
    because: &[Reason],
    answer: Option<&case::review::ChecklistAnswer>,
    names: &HashMap<String, String>,
) -> ChecklistRow {
    ChecklistRow {
        rule,
        machine,
        because: because.iter().map(Reason::words).collect(),
        answer: answer.map(|one| one.yes),
        answered_by: answer.and_then(|one| names.get(&one.by).cloned()),
    }
}

pub(crate) fn check_views(
    request: &Request,
    actor: &Actor,
    names: &HashMap<String, String>,
    words: &HashMap<String, (String, String)>,
    now: Timestamp,
) -> Vec<CheckView> {
    let counting: Vec<&str> =
        case::review::counting(request).into_iter().map(|one| one.id.as_str()).collect();
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let mut views: Vec<CheckView> = request
        .checks
        .iter()
        .map(|one| {
            let found = request.overrides.iter().find(|known| known.check == one.id);
            let overridden = found.map(|found| OverrideView {
                proposed_by: name(&found.proposed.by),
                reason: found.proposed.reason.clone(),
                confirmed_by: found.confirmed.as_ref().map(|word| name(&word.by)),
                confirm_reason: found
                    .confirmed
                    .as_ref()
                    .map(|word| word.reason.clone())
                    .unwrap_or_default(),
                may_confirm: found.confirmed.is_none()
                    && actor.may(Permission::ReviewRequests)
                    && found.proposed.by != actor.id()
                    && request.requester != actor.id(),
            });
            let counts = counting.contains(&one.id.as_str());
            CheckView { counts, overridden, ..view_of(one, words, now) }
        })
        .collect();
    views.sort_by_key(|one| (!one.counts, std::cmp::Reverse(one.verdict), one.kind));
    views
}

fn view_of(one: &Check, words: &HashMap<String, (String, String)>, now: Timestamp) -> CheckView {
    let is_rule = one.kind == CheckKind::Policy;
    CheckView {
        id: one.id.clone(),
        kind: one.kind,
        source: one.source.clone(),
        source_words: words.get(&one.source).filter(|_| is_rule).cloned(),
        subject: one.subject.clone(),
        verdict: one.verdict_at(now),
        name: one.name.clone(),
        detail: one.detail.clone(),
        detail_ja: one.detail_ja.clone(),
        at: one.at,
        counts: true,
        overridden: None,
    }
}

fn decision_row(
    stored: StoredDecision,
    titles: &software::Titles,
    words: &HashMap<String, String>,
    now: Timestamp,
) -> DecisionRow {
    let decision = stored.decision;
    let scope = &decision.ruling.scope;
    let named = scope.departments.iter().chain(&scope.people);
    let mut scope_words: Vec<String> =
        named.map(|id| words.get(id).cloned().unwrap_or_else(|| id.clone())).collect();
    scope_words.extend(scope.groups.iter().cloned());
    let title = title_of(titles, &decision.title);
    let none = HashMap::new();
    DecisionRow {
        title_name: title.map(|title| title.name.clone()).unwrap_or_default(),
        by: words.get(&decision.by).cloned().unwrap_or_default(),
        checks: check::current(&decision.checks)
            .into_iter()
            .map(|one| view_of(one, &none, now))
            .collect(),
        rechecks: decision.rechecks,
        pending: decision.pending.len(),
        at: decision.at,
        life: decision.life,
        life_reason: decision.life_reason.clone(),
        versions_seen: decision.versions_seen.clone(),
        request: decision.request.clone(),
        scope_words,
        revision: stored.revision,
        id: decision.id,
        title: decision.title,
        ruling: decision.ruling,
    }
}
