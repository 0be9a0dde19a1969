//! The editor of rules: what a text would have done is asked of the past on every edit, before it is saved.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::rule_page::rule_href;
use crate::pages::rules::{Answer, answer_of, query_of, spans};
use crate::pages::settings::to;
use crate::pairs::{self, Pairs};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use case::rule_life::Stage;
use control::backtest::{BacktestId, SoFar};
use control::view::detections::Said;
use control::view::rulebook::{RuleCheck, RuleDraft};
use control::{ControlError, EventPlace, Permission};
use model::{AgentId, EpochId, EventKind, StreamKey, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How long the first answer waits for the look back: most are finished by then.
const FIRST_WAIT: Duration = Duration::from_millis(900);
/// How long each further question waits.
const NEXT_WAIT: Duration = Duration::from_millis(1_200);
/// How long a browser without script waits.
const WHOLE_WAIT: Duration = Duration::from_secs(20);

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/rules/new", get(new))
        .route("/rules/{id}/edit", get(edit))
        .route("/rules/check", post(check))
        .route("/rules/check/{looking}", get(looking))
        .route("/rules/tests", post(make_test))
        .route("/rules/save", post(save))
}

#[derive(Template)]
#[template(path = "rule_edit.html")]
struct EditorPage {
    page: Page,
    draft: RuleDraft,
    /// Where the rule stands; `None` for a new one.
    stage: Option<Stage>,
    /// The rule of a file that this one is made from.
    copied: String,
    problem: Option<String>,
    spans: Vec<(String, String, bool)>,
    check: Option<CheckPart>,
    looking: Option<Looking>,
    answer: Option<Answer>,
    editing: bool,
}

#[derive(Template)]
#[template(path = "rule_live.html")]
struct LivePart {
    page: Page,
    check: Option<CheckPart>,
    looking: Option<Looking>,
    answer: Option<Answer>,
    editing: bool,
}

#[derive(Template)]
#[template(path = "rule_looking.html")]
struct LookingPart {
    page: Page,
    looking: Option<Looking>,
    answer: Option<Answer>,
    editing: bool,
}

#[derive(Template)]
#[template(path = "rule_tests_part.html")]
struct TestsPart {
    page: Page,
    draft: RuleDraft,
}

/// What a check says, with the lines that are meant.
struct CheckPart {
    check: RuleCheck,
    /// Line, its text, what is wrong, what can be done.
    refused: Vec<(Option<u64>, String, Said, Said)>,
    passed: u64,
}

/// How far a look back is.
struct Looking {
    /// Where the next answer is; `None` when this is the last one.
    next_href: Option<Href>,
    done: u64,
    of: u64,
    percent: u64,
}

impl CheckPart {
    fn of(check: RuleCheck, draft: &RuleDraft) -> Self {
        let refused = check.refused.iter().map(|refused| {
            let text = refused.line.and_then(|line| draft.text.lines().nth(line.saturating_sub(1)));
            let line = refused.line.map(|line| line as u64);
            let text = text.unwrap_or_default().to_owned();
            (line, text, refused.reason.clone(), refused.remedy.clone())
        });
        Self {
            refused: refused.collect(),
            passed: check.outcomes.iter().filter(|outcome| outcome.passed).count() as u64,
            check,
        }
    }

    fn failed(&self) -> u64 {
        self.check.outcomes.len() as u64 - self.passed
    }

    fn total(&self) -> u64 {
        self.check.outcomes.len() as u64
    }
}

/// `GET /rules/new`.
async fn new(viewer: Viewer) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let id = viewer.control.fresh_rule_id()?;
    let draft = RuleDraft { text: BEGINNING.replace("{id}", &id), ..RuleDraft::default() };
    html(&editor(&viewer, draft, None, String::new()))
}

/// `GET /rules/{id}/edit`: a rule that was written here, or a copy of one that comes from a file.
async fn edit(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let row = viewer.control.rule(&viewer.actor, &id).await?;
    let life = viewer.control.rule_history(&viewer.actor, &id).await?;
    if let Some(newest) = life.revisions.into_iter().next() {
        let draft = RuleDraft {
            id: Some(id),
            after: newest.number,
            text: newest.text,
            tests: newest.tests,
            comment: String::new(),
        };
        return html(&editor(&viewer, draft, Some(life.life.stage), String::new()));
    }
    let text = copy_of(&row.rule.document, &id, &viewer.control.fresh_rule_id()?);
    let draft = RuleDraft { text, ..RuleDraft::default() };
    html(&editor(&viewer, draft, None, row.rule.title.clone()))
}

fn editor(viewer: &Viewer, draft: RuleDraft, stage: Option<Stage>, copied: String) -> EditorPage {
    let page = viewer.page(Section::Rules);
    EditorPage {
        spans: spans(&page, "7d"),
        page,
        draft,
        stage,
        copied,
        problem: None,
        check: None,
        looking: None,
        answer: None,
        editing: true,
    }
}

/// A rule's document under another id, which says where it comes from.
fn copy_of(document: &str, old: &str, fresh: &str) -> String {
    let mut out = String::new();
    let mut named = false;
    let related = document.lines().any(|line| line.starts_with("related:"));
    for line in document.lines() {
        let is_id = line.starts_with("id:");
        if is_id || (!named && line.starts_with("logsource:")) {
            out.push_str(&format!("id: {fresh}\n"));
            if !related {
                out.push_str(&format!("related:\n  - id: {old}\n    type: derived\n"));
            }
            named = true;
        }
        if !is_id {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// What the form sends.
fn draft_of(pairs: &Pairs) -> RuleDraft {
    // Not trimmed: the first line's number and its depth count.
    let raw = |name: &str| {
        let pair = pairs.iter().find(|(key, _)| key == name);
        pair.map_or_else(String::new, |(_, value)| value.replace("\r\n", "\n"))
    };
    RuleDraft {
        id: pairs::some(pairs, "id"),
        after: pairs::one(pairs, "after").parse().unwrap_or(0),
        text: raw("text"),
        tests: raw("tests"),
        comment: pairs::one(pairs, "comment").to_owned(),
    }
}

/// `POST /rules/check`: load errors, remarks, tests, and the beginning of a look back. Runs on every edit; the
/// person's earlier look back ends.
async fn check(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let draft = draft_of(&pairs);
    let check = viewer.control.check_rule(&viewer.actor, &draft).await?;
    let wait = if viewer.fragment { FIRST_WAIT } else { WHOLE_WAIT };
    let (looking, answer) = match check.refused.is_empty() {
        true => {
            let page = viewer.page(Section::Rules);
            let query = query_of(&page, &draft.text, "", pairs::one(&pairs, "span"));
            let id = viewer.control.begin_backtest(&viewer.actor, query).await?;
            look(&viewer, &id, wait).await?
        }
        false => (None, None),
    };
    let check = Some(CheckPart::of(check, &draft));
    if viewer.fragment {
        let page = viewer.page(Section::Rules);
        return html(&LivePart { page, check, looking, answer, editing: true });
    }
    let stage = stage_of(&viewer, &draft).await?;
    let spans = spans(&viewer.page(Section::Rules), pairs::one(&pairs, "span"));
    let page = editor(&viewer, draft, stage, String::new());
    html(&EditorPage { check, looking, answer, spans, ..page })
}

async fn stage_of(viewer: &Viewer, draft: &RuleDraft) -> Result<Option<Stage>, Fault> {
    let Some(id) = &draft.id else { return Ok(None) };
    Ok(Some(viewer.control.rule_history(&viewer.actor, id).await?.life.stage))
}

/// `GET /rules/check/{looking}`: what the look back knows by now.
async fn looking(viewer: Viewer, Path(id): Path<String>) -> Result<Response, Fault> {
    let page = viewer.page(Section::Rules);
    let (looking, answer) = match look(&viewer, &BacktestId::from(id), NEXT_WAIT).await {
        Ok(found) => found,
        // A newer edit took its place and shows its own.
        Err(Fault::Control(ControlError::NotFound { .. })) => (None, None),
        Err(fault) => return Err(fault),
    };
    html(&LookingPart { page, looking, answer, editing: true })
}

async fn look(
    viewer: &Viewer,
    id: &BacktestId,
    wait: Duration,
) -> Result<(Option<Looking>, Option<Answer>), Fault> {
    let page = viewer.page(Section::Rules);
    let so_far = viewer.control.backtest_so_far(&viewer.actor, id, wait).await?;
    let SoFar { answer, finished, looked_at, of } = so_far;
    let path = format!("/rules/check/{}", segment(&id.to_string()));
    let looking = Looking {
        next_href: (!finished).then(|| Href::new(&path, &[])),
        done: looked_at,
        of,
        percent: looked_at.saturating_mul(100) / of.max(1),
    };
    Ok((Some(looking), answer.map(|answer| answer_of(&page, answer, "", ""))))
}

#[derive(serde::Deserialize)]
struct Hit {
    agent: String,
    epoch: String,
    seq: u64,
    kind: String,
    at: i64,
}

impl Hit {
    fn place(&self) -> Result<EventPlace, Fault> {
        let malformed = || Fault::Malformed("the event's place is malformed".to_owned());
        Ok(EventPlace {
            key: StreamKey {
                agent: AgentId::parse(&self.agent).map_err(|_| malformed())?,
                epoch: EpochId::parse(&self.epoch).map_err(|_| malformed())?,
                seq: self.seq,
            },
            kind: EventKind::of_name(&self.kind).ok_or_else(malformed)?,
            at: Timestamp::from_nanos(self.at),
        })
    }
}

/// `POST /rules/tests`: a hit of the past becomes a test that the rule must match.
async fn make_test(
    viewer: Viewer,
    Query(hit): Query<Hit>,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Fault> {
    let mut draft = draft_of(&pairs);
    let checked = viewer.control.check_rule(&viewer.actor, &draft).await?;
    let rule = checked.id.unwrap_or_default();
    let place = hit.place()?;
    draft.tests =
        viewer.control.tests_with_event(&viewer.actor, &rule, &draft.tests, place).await?;
    if viewer.fragment {
        let mut part = html(&TestsPart { page: viewer.page(Section::Rules), draft })?;
        let told = HeaderValue::from_static("tests-changed");
        part.headers_mut().insert(HeaderName::from_static("hx-trigger"), told);
        return Ok(part);
    }
    let stage = stage_of(&viewer, &draft).await?;
    html(&editor(&viewer, draft, stage, String::new()))
}

/// `POST /rules/save`.
async fn save(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    let draft = draft_of(&pairs);
    match viewer.control.save_rule(&viewer.actor, &draft).await {
        Ok(saved) => Ok(to(&rule_href(&saved.id, "said-rule-saved"))),
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let page = viewer.page(Section::Rules);
            let problem = Some(crate::refusal::message(&error, page.language()));
            let check = viewer.control.check_rule(&viewer.actor, &draft).await?;
            let check = Some(CheckPart::of(check, &draft));
            let stage = stage_of(&viewer, &draft).await?;
            html(&EditorPage { problem, check, ..editor(&viewer, draft, stage, String::new()) })
        }
        Err(error) => Err(error.into()),
    }
}

/// What a new rule begins with.
const BEGINNING: &str = "\
title: Download by curl into a temporary folder
id: {id}
status: experimental
description: What it finds, and why that matters.
level: medium
logsource:
  product: linux
  category: process_creation
detection:
  selection:
    Image|endswith: /curl
    CommandLine|contains: /tmp/
  condition: selection
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_an_id_of_its_own_and_says_where_it_comes_from() {
        let copy = copy_of("title: T\nid: old\nlogsource: {product: linux}\n", "old", "new");
        let expected = "title: T\nid: new\nrelated:\n  - id: old\n    type: derived\nlogsource: {product: linux}\n";
        assert_eq!(copy, expected);
        let unnamed = copy_of("title: T\nlogsource: {product: linux}\n", "file-stem", "new");
        assert!(unnamed.contains("id: new\nrelated:") && unnamed.ends_with("linux}\n"));
    }
}
