//! Exclusions: what needs no request, proposed by what most devices share, previewed before it is saved.

use crate::App;
use crate::fault::Fault;
use crate::page::{At, Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::exclusion::Class;
use case::judgement::ITEM_FIELDS;
use case::predicate::{Comparison, Operator, Predicate, PredicateFault};
use control::view::findings::{
    ExclusionPreview, ExclusionProposal, ExclusionRow, FindingPage, NewExclusion,
};
use std::sync::Arc;

/// Comparisons that the form offers; the wizard's proposals may hold more and are kept whole.
const LINES: usize = 3;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/exclusions", get(list).post(create))
        .route("/exclusions/new", get(begin))
        .route("/exclusions/preview", post(preview))
        .route("/exclusions/{id}/{action}", post(act))
}

#[derive(Template)]
#[template(path = "exclusions.html")]
struct ExclusionsPage {
    page: Page,
    said: Option<String>,
    rows: Vec<ExclusionRow>,
    proposals: Vec<Proposed>,
}

/// A proposal with the values of its form.
struct Proposed {
    proposal: ExclusionProposal,
    predicate: String,
    until: String,
}

/// `GET /exclusions`.
async fn list(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let rows = viewer.control.exclusions(&viewer.actor).await?;
    let proposals = match viewer.actor.may(control::Permission::EditExclusions) {
        true => viewer.control.exclusion_proposals(&viewer.actor).await?,
        false => Vec::new(),
    };
    let proposals = proposals
        .into_iter()
        .map(|proposal| Proposed {
            predicate: proposal.exclusion.predicate.to_json(),
            until: page.day_input(proposal.exclusion.expires_at),
            proposal,
        })
        .collect();
    let said = page.said(&said.said);
    html(&ExclusionsPage { page, said, rows, proposals })
}

/// The form, also with what a preview found.
#[derive(Template)]
#[template(path = "exclusion_form.html")]
struct FormPage {
    page: Page,
    given: Given,
    lines: Vec<Line>,
    classes: Vec<(String, String, bool)>,
    preview: Option<ExclusionPreview>,
    problem: Option<String>,
}

/// One comparison as the form shows it.
struct Line {
    place: usize,
    fields: Vec<(String, String, bool)>,
    operators: Vec<(String, String, bool)>,
    values: String,
}

/// What the form sends. `predicate` is JSON when it came from a proposal; else the lines speak.
#[derive(Debug, Clone, Default, serde::Deserialize)]
struct Given {
    #[serde(default)]
    class: String,
    #[serde(default)]
    predicate: String,
    #[serde(default)]
    field0: String,
    #[serde(default)]
    op0: String,
    #[serde(default)]
    values0: String,
    #[serde(default)]
    field1: String,
    #[serde(default)]
    op1: String,
    #[serde(default)]
    values1: String,
    #[serde(default)]
    field2: String,
    #[serde(default)]
    op2: String,
    #[serde(default)]
    values2: String,
    #[serde(default)]
    parent: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: String,
}

impl Given {
    fn line(&self, place: usize) -> (&str, &str, &str) {
        match place {
            0 => (&self.field0, &self.op0, &self.values0),
            1 => (&self.field1, &self.op1, &self.values1),
            _ => (&self.field2, &self.op2, &self.values2),
        }
    }

    /// Values are separated by line ends or commas.
    fn predicate(&self, page: &Page) -> Result<Predicate, String> {
        let said = |fault: PredicateFault| page.predicate_fault(&fault);
        if !self.predicate.trim().is_empty() {
            return Predicate::parse(&self.predicate, ITEM_FIELDS).map_err(said);
        }
        let mut parts = Vec::new();
        for place in 0..LINES {
            let (field, op, values) = self.line(place);
            let Some(op) = Operator::of_name(op).filter(|_| !field.is_empty()) else { continue };
            let values: Vec<String> = values
                .split([',', '\n', '、'])
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect();
            parts.push(Predicate::Is(Comparison { field: field.to_owned(), op, values }));
        }
        let predicate = match parts.len() {
            1 => parts.swap_remove(0),
            _ => Predicate::All(parts),
        };
        predicate.check(ITEM_FIELDS).map_err(said)?;
        Ok(predicate)
    }

    fn exclusion(&self, page: &Page) -> Result<NewExclusion, String> {
        let class = Class::of_name(&self.class).ok_or_else(|| page.t("exclusion-no-class"))?;
        let until = page.end_of_day(&self.until).ok().flatten();
        Ok(NewExclusion {
            class,
            predicate: self.predicate(page)?,
            parent: Some(self.parent.trim().to_owned()).filter(|parent| !parent.is_empty()),
            reason: self.reason.trim().to_owned(),
            expires_at: until.ok_or_else(|| page.t("exclusion-no-end"))?,
        })
    }
}

fn form(
    page: Page,
    given: Given,
    preview: Option<ExclusionPreview>,
    problem: Option<String>,
) -> FormPage {
    let classes = Class::ALL
        .iter()
        .map(|class| {
            let label = page.either(class.label_ja(), class.label_en()).to_owned();
            (class.name().to_owned(), label, class.name() == given.class)
        })
        .collect();
    let lines = (0..LINES)
        .map(|place| {
            let (field, op, values) = given.line(place);
            let mut fields = vec![(String::new(), page.t("exclusion-no-field"), field.is_empty())];
            fields.extend(
                ITEM_FIELDS
                    .iter()
                    .map(|known| ((*known).to_owned(), page.word("item", known), *known == field)),
            );
            let operators = Operator::ALL
                .iter()
                .map(|known| {
                    (known.name().to_owned(), page.word("op", known.name()), known.name() == op)
                })
                .collect();
            Line { place, fields, operators, values: values.to_owned() }
        })
        .collect();
    FormPage { page, given, lines, classes, preview, problem }
}

#[derive(serde::Deserialize)]
struct From {
    #[serde(default)]
    finding: String,
}

/// `GET /exclusions/new`, filled from a finding when one is named.
async fn begin(viewer: Viewer, Query(from): Query<From>) -> Result<Response, Fault> {
    viewer.require(control::Permission::EditExclusions)?;
    let page = viewer.page(Section::Software);
    let mut given = Given {
        class: Class::StandardImage.name().to_owned(),
        until: page.day_input(page.now.plus_nanos(YEAR_NS)),
        op0: Operator::Equals.name().to_owned(),
        ..Given::default()
    };
    if !from.finding.is_empty() {
        let view = viewer.control.finding(&viewer.actor, &from.finding).await?;
        fill(&mut given, &view);
    }
    html(&form(page, given, None, None))
}

fn fill(given: &mut Given, view: &FindingPage) {
    let Some(row) = view.items.first() else { return };
    let (field, value) = match row.item.identifier.is_empty() {
        true => ("name", row.item.name.clone()),
        false => ("identifier", row.item.identifier.clone()),
    };
    field.clone_into(&mut given.field0);
    given.values0 = value;
}

/// `POST /exclusions/preview`: what it would do; nothing is saved.
async fn preview(viewer: Viewer, Sent(given): Sent<Given>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let exclusion = match given.exclusion(&page) {
        Ok(exclusion) => exclusion,
        Err(problem) => return html(&form(page, given, None, Some(problem))),
    };
    match viewer.control.preview_exclusion(&viewer.actor, &exclusion).await {
        Ok(preview) => html(&form(page, given, Some(preview), None)),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = crate::refusal::message(&error, page.language());
            html(&form(page, given, None, Some(problem)))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /exclusions`.
async fn create(viewer: Viewer, Sent(given): Sent<Given>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Software);
    let exclusion = match given.exclusion(&page) {
        Ok(exclusion) => exclusion,
        Err(problem) => return html(&form(page, given, None, Some(problem))),
    };
    match viewer.control.create_exclusion(&viewer.actor, &exclusion).await {
        Ok(_) => Ok(to(&Href::new("/exclusions", &[("said", "said-saved")]))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = crate::refusal::message(&error, page.language());
            html(&form(page, given, None, Some(problem)))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(serde::Deserialize)]
struct Turn {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    until: String,
}

/// `POST /exclusions/{id}/renew|withdraw`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(turn): Sent<Turn>,
) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let page = viewer.page(Section::Software);
    match action.as_str() {
        "renew" => {
            let until = page.end_of_day(&turn.until)?;
            let until = until.ok_or_else(|| Fault::Malformed("a day is needed".to_owned()))?;
            control.renew_exclusion(actor, &id, until, turn.reason.trim()).await?;
        }
        "withdraw" => control.withdraw_exclusion(actor, &id, turn.reason.trim()).await?,
        _ => return Err(Fault::NotFound),
    }
    Ok(to(&Href::new("/exclusions", &[("said", "said-saved")])))
}

impl Page {
    /// A day as the value of a `date` input, in the viewer's zone.
    pub(crate) fn day_input(&self, at: impl At) -> String {
        self.input_time(at).chars().take(10).collect()
    }

    /// What is wrong with a predicate.
    pub(crate) fn predicate_fault(&self, fault: &PredicateFault) -> String {
        match fault {
            PredicateFault::UnknownField { field, .. } => self.ts("predicate-unknown-field", field),
            PredicateFault::TooDeep => self.t("predicate-too-deep"),
            PredicateFault::TooLarge => self.t("predicate-too-large"),
            PredicateFault::BadValue { field } => {
                let known = ITEM_FIELDS.contains(&field.as_str());
                let field = if known { self.word("item", field) } else { field.clone() };
                self.ts("predicate-bad-value", field)
            }
            PredicateFault::Everything => self.t("predicate-everything"),
            PredicateFault::Malformed { reason } => self.ts("predicate-malformed", reason),
        }
    }

    /// A predicate in words: `名前 が "x" で始まる かつ …`.
    pub(crate) fn predicate(&self, predicate: &Predicate) -> String {
        self.predicate_words(predicate, usize::MAX)
    }

    /// The same with the first of many values only.
    pub(crate) fn predicate_short(&self, predicate: &Predicate) -> String {
        self.predicate_words(predicate, VALUES_SHOWN)
    }

    fn predicate_words(&self, predicate: &Predicate, shown: usize) -> String {
        let many = |parts: &[Predicate], with: &str| {
            let words: Vec<String> =
                parts.iter().map(|part| self.predicate_words(part, shown)).collect();
            match words.len() {
                1 => words.into_iter().next().unwrap_or_default(),
                _ => format!("({})", words.join(with)),
            }
        };
        match predicate {
            Predicate::All(parts) => many(parts, &format!(" {} ", self.t("predicate-and"))),
            Predicate::Any(parts) => many(parts, &format!(" {} ", self.t("predicate-or"))),
            Predicate::Not(part) => {
                format!("{} {}", self.t("predicate-not"), self.predicate_words(part, shown))
            }
            Predicate::Is(Comparison { field, op, values }) => {
                let known = ITEM_FIELDS.contains(&field.as_str());
                let field = if known { self.word("item", field) } else { field.clone() };
                let first: Vec<&str> = values.iter().take(shown).map(String::as_str).collect();
                let rest = (values.len() - first.len()) as u64;
                let more = if rest == 0 { String::new() } else { self.tn("predicate-more", rest) };
                format!("{field} {} {}{more}", self.word("op", op.name()), first.join(", "))
            }
        }
    }
}

/// Values of a comparison that a list of exclusions shows; the rest on demand.
const VALUES_SHOWN: usize = 8;
const YEAR_NS: i64 = 364 * 86_400 * 1_000_000_000;
