//! The review desk: what waits, and one request with its evidence, decided in a minute.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::requests::Said;
use crate::pages::settings::to;
use crate::pairs::unix_lines;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use case::check::{CheckKind, Verdict};
use case::decision::{Condition, Outcome, Ruling, Scope};
use case::form::Kind;
use case::request::State;
use control::ControlError;
use control::view::requests::{CheckView, DecisionRow, Desk, DeskFilter, ReviewPage as ReviewView};
use jiff::civil::Date;
use model::Timestamp;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk", get(list))
        .route("/desk/rechecks", get(rechecks))
        .route("/desk/rechecks/{id}/{action}", post(recheck))
        .route("/desk/requests/{id}", get(show))
        .route("/desk/requests/{id}/decide", post(decide))
        .route("/desk/requests/{id}/{action}", post(act))
}

#[derive(serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    view: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "desk.html")]
struct DeskPage {
    page: Page,
    said: Option<String>,
    desk: Desk,
    views: Vec<(Href, String, bool)>,
    words: String,
    filtered: bool,
    more: Option<Href>,
}

/// `GET /desk`.
async fn list(viewer: Viewer, Query(chosen): Query<Chosen>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let filter = DeskFilter {
        states: match chosen.view.as_str() {
            "decided" => vec![State::Approved, State::ApprovedWithConditions, State::Denied],
            _ => Vec::new(),
        },
        mine: chosen.view == "mine",
        unassigned: chosen.view == "unassigned",
        kind: Kind::of_name(&chosen.kind),
        words: chosen.q.trim().to_owned(),
        after: cursor(&chosen.after),
    };
    let desk = viewer.control.desk(&viewer.actor, &filter).await?;
    let view = |name: &str, key: &str| {
        (Href::new("/desk", &[("view", name)]), page.t(key), chosen.view == name)
    };
    let views = vec![
        view("", "desk-open"),
        view("mine", "desk-mine"),
        view("unassigned", "desk-unassigned"),
        view("decided", "desk-decided"),
    ];
    let more = desk.next.as_ref().map(|(at, id)| {
        let after = format!("{}~{id}", at.nanos());
        Href::new("/desk", &[("view", &chosen.view), ("q", &filter.words), ("after", &after)])
    });
    let filtered = !filter.words.is_empty() || !chosen.view.is_empty();
    let said = page.said(&chosen.said);
    html(&DeskPage { said, desk, views, words: filter.words, filtered, more, page })
}

fn cursor(text: &str) -> Option<(Timestamp, String)> {
    let (at, id) = text.split_once('~')?;
    Some((Timestamp::from_nanos(at.parse().ok()?), id.to_owned()))
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    page: Page,
    said: Option<String>,
    problem: Option<String>,
    view: ReviewView,
    /// Why it cannot be decided now.
    barred: Option<String>,
    /// What was typed before a refusal.
    typed: Decision,
    /// A question that was refused.
    asked: String,
    /// How many answers of sources object to nothing: they are folded.
    quiet: u64,
}

/// `GET /desk/requests/{id}`.
async fn show(
    viewer: Viewer,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let said = page.said(&said.said);
    review(&viewer, page, &id, said, None, Typed::default()).await
}

/// What was typed before a refusal: it stays in its form.
#[derive(Default)]
struct Typed {
    decision: Decision,
    question: String,
}

async fn review(
    viewer: &Viewer,
    page: Page,
    id: &str,
    said: Option<String>,
    problem: Option<String>,
    typed: Typed,
) -> Result<Response, Fault> {
    let view = viewer.control.review(&viewer.actor, id).await?;
    let language = page.language();
    let barred = view
        .may_decide
        .clone()
        .err()
        .map(|refusal| crate::refusal::message(&ControlError::Refused(refusal), language));
    let quiet = view.checks.iter().filter(|check| page.is_quiet(check)).count() as u64;
    let Typed { decision: typed, question: asked } = typed;
    html(&ReviewPage { page, said, problem, view, barred, typed, asked, quiet })
}

/// The decision as the form sends it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
struct Decision {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    reason: String,
    /// One condition a line; those of the template are ticked.
    #[serde(default)]
    conditions: String,
    #[serde(default)]
    versions: String,
    #[serde(default)]
    valid_until: String,
    #[serde(default)]
    unknown_accepted: String,
    #[serde(default)]
    title: String,
}

impl Decision {
    fn ruling(&self, page: &Page) -> Result<Ruling, Fault> {
        let outcome = Outcome::of_name(&self.outcome)
            .ok_or_else(|| Fault::Malformed("unknown outcome".to_owned()))?;
        let conditions = match outcome {
            Outcome::ApproveWithConditions => self.conditions(),
            _ => Vec::new(),
        };
        Ok(Ruling {
            outcome,
            scope: Scope { versions: self.versions.trim().to_owned(), ..Scope::default() },
            reason: unix_lines(&self.reason),
            conditions,
            valid_until: page.end_of_day(&self.valid_until)?,
            unknown_accepted: self.unknown_accepted == "yes",
        })
    }

    /// `日本語 / English`; one language alone stands for both.
    fn conditions(&self) -> Vec<Condition> {
        let lines = self.conditions.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (ja, en) = line.split_once(" / ").unwrap_or((line, line));
                Condition { text_ja: ja.to_owned(), text_en: en.to_owned(), must: None }
            })
            .collect()
    }
}

/// `POST /desk/requests/{id}/decide`.
async fn decide(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Decision>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let mut ruling = given.ruling(&page)?;
    if ruling.outcome == Outcome::ApproveWithConditions {
        // A condition of a template keeps what a machine checks of it.
        let known = viewer.control.review(&viewer.actor, &id).await?.condition_templates;
        for condition in &mut ruling.conditions {
            if let Some(same) = known.iter().find(|one| one.text_ja == condition.text_ja) {
                condition.must.clone_from(&same.must);
            }
        }
    }
    let title = (!given.title.is_empty()).then_some(given.title.as_str());
    match viewer.control.decide_request(&viewer.actor, &id, title, &ruling).await {
        Ok(()) => Ok(back(&id, "said-decided")),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = Some(crate::refusal::message(&error, page.language()));
            let typed = Typed { decision: given, ..Typed::default() };
            review(&viewer, page, &id, None, problem, typed).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What the other forms of the desk send.
#[derive(serde::Deserialize)]
struct Words {
    #[serde(default)]
    text: String,
    #[serde(default)]
    check: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    to: String,
}

/// `POST /desk/requests/{id}/{action}`.
async fn act(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(given): Sent<Words>,
) -> Result<Response, Fault> {
    let text = unix_lines(&given.text);
    match step(&viewer, &id, &action, &given, &text).await {
        Ok(Some(said)) => Ok(back(&id, said)),
        Ok(None) => Err(Fault::NotFound),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::Desk);
            let problem = Some(crate::refusal::message(&error, page.language()));
            let question = if action == "ask" { text } else { String::new() };
            let typed = Typed { question, ..Typed::default() };
            review(&viewer, page, &id, None, problem, typed).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Does it; what is said afterwards, nothing for an action that is not known.
async fn step(
    viewer: &Viewer,
    id: &str,
    action: &str,
    given: &Words,
    text: &str,
) -> Result<Option<&'static str>, ControlError> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    Ok(Some(match action {
        "take" => {
            control.assign_request(actor, id, Some(actor.id())).await?;
            "said-assigned"
        }
        "assign" => {
            let to = (!given.to.is_empty()).then_some(given.to.as_str());
            control.assign_request(actor, id, to).await?;
            "said-assigned"
        }
        "ask" => {
            control.ask_requester(actor, id, text).await?;
            "said-asked"
        }
        "rule" => {
            control.answer_checklist(actor, id, &given.rule, given.answer == "yes", text).await?;
            "said-saved"
        }
        "rest" => {
            control.answer_rest_with_no(actor, id).await?;
            "said-saved"
        }
        "recheck" => {
            control.recheck_request(actor, id).await?;
            "said-rechecked"
        }
        "escalate" => {
            control.escalate_request(actor, id, text).await?;
            "said-escalated"
        }
        "propose" => {
            control.propose_override(actor, id, &given.check, text).await?;
            "said-proposed"
        }
        "confirm" => {
            control.confirm_override(actor, id, &given.check, text).await?;
            "said-confirmed"
        }
        "take-up" => {
            control.take_up_appeal(actor, id).await?;
            "said-saved"
        }
        _ => return Ok(None),
    }))
}

#[derive(Template)]
#[template(path = "rechecks.html")]
struct RechecksPage {
    page: Page,
    said: Option<String>,
    rows: Vec<DecisionRow>,
}

/// `GET /desk/rechecks`: decisions that are looked at again.
async fn rechecks(viewer: Viewer, Query(said): Query<Said>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Desk);
    let rows = viewer.control.rechecks(&viewer.actor).await?;
    let said = page.said(&said.said);
    html(&RechecksPage { page, said, rows })
}

#[derive(serde::Deserialize)]
struct Kept {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    valid_until: String,
    #[serde(default)]
    unknown_accepted: String,
}

/// `POST /desk/rechecks/{id}/{action}`.
async fn recheck(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
    Sent(given): Sent<Kept>,
) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let reason = given.reason.trim();
    match action.as_str() {
        "keep" => {
            let until = viewer.page(Section::Desk).end_of_day(&given.valid_until)?;
            let accepted = given.unknown_accepted == "yes";
            control.keep_decision(actor, &id, reason, until, accepted).await?;
        }
        "suspend" => control.suspend_decision(actor, &id, reason).await?,
        "revoke" => control.revoke_decision(actor, &id, reason).await?,
        _ => return Err(Fault::NotFound),
    }
    Ok(to(&Href::new("/desk/rechecks", &[("said", "said-saved")])))
}

fn back(id: &str, said: &str) -> Response {
    to(&Href::new(&format!("/desk/requests/{}", segment(id)), &[("said", said)]))
}

impl Page {
    /// Whether an answer objects to nothing and tells nothing that the checklist does not say.
    pub(crate) fn is_quiet(&self, check: &CheckView) -> bool {
        let of_rule = check.kind == CheckKind::Policy && check.verdict == Verdict::Unknown;
        check.overridden.is_none() && (check.verdict == Verdict::Allow || of_rule)
    }

    /// Who says it, where that is not clear from the kind of the check.
    pub(crate) fn evidence_source<'a>(&self, check: &'a CheckView) -> &'a str {
        match check.kind {
            CheckKind::Hash | CheckKind::File | CheckKind::Url => &check.source,
            _ => "",
        }
    }

    /// Whether the name of an answer is that of what was found in a file or behind an address.
    pub(crate) fn names_malware(&self, check: &CheckView) -> bool {
        !self.evidence_source(check).is_empty() && !check.name.is_empty()
    }

    /// The end of a day that a form names (`YYYY-MM-DD`, in the viewer's zone); nothing for an empty field.
    pub(crate) fn end_of_day(&self, text: &str) -> Result<Option<Timestamp>, Fault> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let malformed = || Fault::Malformed("a day is written as YYYY-MM-DD".to_owned());
        let day: Date = text.trim().parse().map_err(|_| malformed())?;
        let next = day.tomorrow().map_err(|_| malformed())?;
        let zoned = next.to_zoned(self.preferences.zone.clone()).map_err(|_| malformed())?;
        let nanos = i64::try_from(zoned.timestamp().as_nanosecond()).map_err(|_| malformed())?;
        Ok(Some(Timestamp::from_nanos(nanos - 1_000_000_000)))
    }
}
