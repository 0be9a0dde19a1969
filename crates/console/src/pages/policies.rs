//! Policies: the rules of the checklist with their counts, each tried against the past before it is saved.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::{Pairs, many, one};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::check::Verdict;
use case::form::Kind;
use case::policy::{FIELDS, PolicyRule};
use case::predicate::Predicate;
use control::Permission;
use control::view::requests::{PolicyDryRun, PolicyRow};
use std::sync::Arc;

/// What a rule may say when it objects.
const VERDICTS: [Verdict; 3] = [Verdict::Escalate, Verdict::Deny, Verdict::DenyMalware];

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk/policies", get(list).post(save))
        .route("/desk/policies/new", get(begin))
        .route("/desk/policies/try", post(dry_run))
        .route("/desk/policies/rules/{id}", get(show))
        .route("/desk/policies/rules/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage {
    page: Page,
    said: Option<String>,
    rows: Vec<PolicyRow>,
}

/// `GET /desk/policies`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let rows = viewer.control.policies(&viewer.actor).await?;
    let said = page.said(&said.said);
    html(&PoliciesPage { page, said, rows })
}

/// The form, also with what a dry run found.
#[derive(Template)]
#[template(path = "policy_form.html")]
struct FormPage {
    page: Page,
    given: Given,
    kinds: Vec<(String, String, bool)>,
    verdicts: Vec<(String, String, bool)>,
    fields: String,
    run: Option<PolicyDryRun>,
    problem: Option<String>,
}

/// What the form holds.
#[derive(Debug, Clone, Default)]
struct Given {
    id: String,
    /// The revision that is edited; empty: a new rule.
    revision: String,
    title_ja: String,
    title_en: String,
    question_ja: String,
    question_en: String,
    kinds: Vec<Kind>,
    when: String,
    unless: String,
    hint: String,
    ask: bool,
    verdict: String,
    condition_ja: String,
    condition_en: String,
    priority: String,
    from: String,
    until: String,
    enabled: bool,
}

impl Given {
    fn of_row(page: &Page, row: &PolicyRow) -> Self {
        let rule = &row.rule;
        let json = |predicate: &Option<Predicate>| {
            predicate.as_ref().map(Predicate::to_json).unwrap_or_default()
        };
        Self {
            id: rule.id.clone(),
            revision: row.revision.to_string(),
            title_ja: rule.title_ja.clone(),
            title_en: rule.title_en.clone(),
            question_ja: rule.question_ja.clone(),
            question_en: rule.question_en.clone(),
            kinds: rule.kinds.clone(),
            when: json(&rule.when),
            unless: json(&rule.unless),
            hint: json(&rule.hint),
            ask: rule.ask,
            verdict: rule.verdict.name().to_owned(),
            condition_ja: rule.condition_ja.clone(),
            condition_en: rule.condition_en.clone(),
            priority: rule.priority.to_string(),
            from: rule.valid_from.map(|at| page.day_input(at)).unwrap_or_default(),
            until: rule.valid_until.map(|at| page.day_input(at)).unwrap_or_default(),
            enabled: rule.enabled,
        }
    }

    fn of_pairs(pairs: &Pairs) -> Self {
        let text = |name: &str| one(pairs, name).to_owned();
        Self {
            id: text("id"),
            revision: text("revision"),
            title_ja: text("title_ja"),
            title_en: text("title_en"),
            question_ja: text("question_ja"),
            question_en: text("question_en"),
            kinds: many(pairs, "kind").filter_map(Kind::of_name).collect(),
            when: text("when"),
            unless: text("unless"),
            hint: text("hint"),
            ask: one(pairs, "ask") == "yes",
            verdict: text("verdict"),
            condition_ja: text("condition_ja"),
            condition_en: text("condition_en"),
            priority: text("priority"),
            from: text("from"),
            until: text("until"),
            enabled: one(pairs, "enabled") == "yes",
        }
    }

    fn rule(&self, page: &Page) -> Result<PolicyRule, String> {
        let predicate = |key: &str, text: &str| match text.is_empty() {
            true => Ok(None),
            false => Predicate::parse(text, FIELDS)
                .map(Some)
                .map_err(|fault| format!("{}: {}", page.t(key), page.predicate_fault(&fault))),
        };
        let day = |text: &str| page.end_of_day(text).map_err(|_| page.t("policy-bad-day"));
        Ok(PolicyRule {
            id: self.id.clone(),
            title_ja: self.title_ja.clone(),
            title_en: self.title_en.clone(),
            question_ja: self.question_ja.clone(),
            question_en: self.question_en.clone(),
            kinds: self.kinds.clone(),
            when: predicate("policy-when", &self.when)?,
            unless: predicate("policy-unless", &self.unless)?,
            hint: predicate("policy-hint", &self.hint)?,
            ask: self.ask,
            verdict: Verdict::of_name(&self.verdict).ok_or_else(|| page.t("policy-bad-verdict"))?,
            condition_ja: self.condition_ja.clone(),
            condition_en: self.condition_en.clone(),
            priority: self.priority.parse().map_err(|_| page.t("policy-bad-priority"))?,
            // The field shows a day; the window begins with it.
            valid_from: day(&self.from)?.map(|end| end.plus_nanos(-LAST_SECOND_OF_DAY_NS)),
            valid_until: day(&self.until)?,
            enabled: self.enabled,
        })
    }
}

fn form(page: Page, given: Given, run: Option<PolicyDryRun>, problem: Option<String>) -> FormPage {
    let kinds = Kind::ALL
        .iter()
        .map(|kind| (kind.name().to_owned(), page.kind_word(kind), given.kinds.contains(kind)))
        .collect();
    let verdicts = VERDICTS
        .iter()
        .map(|one| (one.name().to_owned(), page.verdict_word(one), one.name() == given.verdict))
        .collect();
    FormPage { page, given, kinds, verdicts, fields: FIELDS.join(", "), run, problem }
}

/// `GET /desk/policies/new`.
async fn begin(viewer: Viewer) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    viewer.require(Permission::EditPolicies)?;
    let rows = viewer.control.policies(&viewer.actor).await?;
    let last = rows.iter().map(|row| row.rule.priority).max().unwrap_or(0);
    let given = Given {
        ask: true,
        enabled: true,
        verdict: Verdict::Escalate.name().to_owned(),
        priority: last.saturating_add(10).to_string(),
        ..Given::default()
    };
    html(&form(page, given, None, None))
}

/// `GET /desk/policies/rules/{id}`.
async fn show(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let rows = viewer.control.policies(&viewer.actor).await?;
    let row = rows.iter().find(|row| row.rule.id == id).ok_or(Fault::NotFound)?;
    let given = Given::of_row(&page, row);
    html(&form(page, given, None, None))
}

/// `POST /desk/policies/try`: what the rule would object to; nothing is saved.
async fn dry_run(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let given = Given::of_pairs(&pairs);
    let rule = match given.rule(&page) {
        Ok(rule) => rule,
        Err(problem) => return html(&form(page, given, None, Some(problem))),
    };
    match viewer.control.dry_run_policy(&viewer.actor, &rule).await {
        Ok(run) => html(&form(page, given, Some(run), None)),
        Err(error) => refused(page, given, error),
    }
}

/// `POST /desk/policies`.
async fn save(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let given = Given::of_pairs(&pairs);
    let rule = match given.rule(&page) {
        Ok(rule) => rule,
        Err(problem) => return html(&form(page, given, None, Some(problem))),
    };
    match viewer.control.save_policy(&viewer.actor, &rule, given.revision.parse().ok()).await {
        Ok(()) => Ok(to(&Href::new("/desk/policies", &[("said", "said-saved")]))),
        Err(error) => refused(page, given, error),
    }
}

fn refused(page: Page, given: Given, error: control::ControlError) -> Result<Response, Fault> {
    if crate::refusal::is_about_the_form(&error) {
        let problem = crate::refusal::message(&error, page.language());
        return html(&form(page, given, None, Some(problem)));
    }
    Err(error.into())
}

/// `POST /desk/policies/rules/{id}/delete`.
async fn delete(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    viewer.control.delete_policy(&viewer.actor, &id).await?;
    Ok(to(&Href::new("/desk/policies", &[("said", "said-deleted")])))
}

/// From the beginning of a day to the end that [`Page::end_of_day`] gives.
const LAST_SECOND_OF_DAY_NS: i64 = 86_399 * 1_000_000_000;
