//! The form of an exclusion of rules: filled from an alert, a look back or another exclusion; previewed on the past
//! before it is saved.

use crate::App;
use crate::fault::Fault;
use crate::page::{Page, Section, When};
use crate::pages::rows::{device_href, event_href};
use crate::pages::settings::to;
use crate::pairs::{Pairs, many, one, unix_lines};
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::{Href, segment};
use askama::Template;
use axum::Router;
use axum::extract::{Form as Sent, Path, Query};
use axum::response::Response;
use axum::routing::get;
use control::Permission;
use control::view::backtest::SampleHit;
use control::view::rule_exclusions::{
    Compared, ExclusionForm, FieldCondition, NewRuleExclusion, RuleExclusionPreview,
    RuleExclusionView, Written,
};
use model::registry::FIELDS;
use std::collections::BTreeSet;
use std::sync::Arc;

const DAY_NS: i64 = 86_400_000_000_000;
/// What the form offers as the end.
const LIFE_NS: i64 = 90 * DAY_NS;
/// Lines for conditions that are there at least.
const LINES_MIN: usize = 3;
/// Characters of a value in the title that is proposed.
const TITLE_VALUE_CHARS_MAX: usize = 60;
/// Days that a preview may look back, with the key of the words.
const SPANS: [(i64, &str); 3] =
    [(7, "rules-span-week"), (30, "rules-span-month"), (90, "rules-span-quarter")];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/rules/exclusions/new", get(begin).post(create))
}

/// What the form holds.
#[derive(Debug, Clone, Default)]
struct Given {
    /// `form` or `hand`.
    mode: String,
    title: String,
    rules: String,
    product: String,
    category: String,
    conditions: Vec<FieldCondition>,
    text: String,
    reason: String,
    until: String,
    owner: String,
    days: i64,
    version: i64,
}

impl Given {
    fn empty(page: &Page) -> Self {
        Self {
            mode: "form".to_owned(),
            until: page.day_input(page.now.plus_nanos(LIFE_NS)),
            days: SPANS[1].0,
            ..Self::default()
        }
    }

    fn of_pairs(pairs: &Pairs) -> Self {
        let text = |name: &str| one(pairs, name).to_owned();
        let raw = pairs.iter().find(|(key, _)| key == "text").map_or("", |(_, value)| value);
        let days = one(pairs, "days").parse().unwrap_or(0);
        Self {
            mode: if one(pairs, "mode") == "hand" { "hand" } else { "form" }.to_owned(),
            title: text("title"),
            rules: unix_lines(one(pairs, "rules")),
            product: text("product"),
            category: text("category"),
            conditions: conditions(pairs),
            text: raw.replace("\r\n", "\n"),
            reason: unix_lines(one(pairs, "reason")),
            until: text("until"),
            owner: text("owner"),
            days: SPANS.iter().map(|(days, _)| *days).find(|one| *one == days).unwrap_or(30),
            version: one(pairs, "version").parse().unwrap_or(0),
        }
    }

    fn of_view(page: &Page, view: &RuleExclusionView) -> Self {
        let form = view.form.clone().unwrap_or_default();
        let is_form = view.form.is_some() && !has_line_ends(&form.conditions);
        Self {
            mode: if is_form { "form" } else { "hand" }.to_owned(),
            title: view.row.title.clone(),
            rules: form.rules.join("\n"),
            product: form.product,
            category: form.category,
            conditions: form.conditions,
            text: view.document.clone(),
            reason: view.row.reason.clone(),
            until: page.day_input(view.row.expires_at),
            owner: view.row.owner.clone(),
            days: SPANS[1].0,
            version: view.row.version,
        }
    }

    fn form(&self) -> ExclusionForm {
        let rules = self.rules.lines().map(str::trim).filter(|rule| !rule.is_empty());
        ExclusionForm {
            rules: rules.map(str::to_owned).collect(),
            product: self.product.clone(),
            category: self.category.clone(),
            conditions: self.conditions.clone(),
        }
    }

    fn exclusion(&self, page: &Page) -> Result<NewRuleExclusion, String> {
        let until = page.end_of_day(&self.until).ok().flatten();
        Ok(NewRuleExclusion {
            title: self.title.clone(),
            written: match self.mode.as_str() {
                "hand" => Written::ByHand(self.text.clone()),
                _ => Written::Form(self.form()),
            },
            reason: self.reason.clone(),
            expires_at: until.ok_or_else(|| page.t("exclusion-no-end"))?,
            owner: self.owner.clone(),
        })
    }
}

/// The conditions of a form or a link: fields with the comparison and the values that follow each. A link calls the
/// comparison `match` and gives a value of its own each time; a form gives values a line each.
fn conditions(pairs: &Pairs) -> Vec<FieldCondition> {
    let mut conditions: Vec<FieldCondition> = Vec::new();
    for (key, value) in pairs {
        if key == "field" {
            let field = value.trim().to_owned();
            conditions.push(FieldCondition { field, ..FieldCondition::default() });
            continue;
        }
        let Some(last) = conditions.last_mut() else { continue };
        match key.as_str() {
            "how" | "match" => last.how = Compared::of_name(value).unwrap_or_default(),
            "value" => last.values.push(value.clone()),
            "values" => {
                let values = value.lines().filter(|line| !line.trim().is_empty());
                last.values.extend(values.map(str::to_owned));
            }
            _ => {}
        }
    }
    conditions.retain(|one| !one.field.is_empty() || !one.values.is_empty());
    conditions
}

/// Whether a value cannot be told from several: the form has one a line.
fn has_line_ends(conditions: &[FieldCondition]) -> bool {
    conditions.iter().flat_map(|one| &one.values).any(|value| value.contains(['\n', '\r']))
}

/// One condition as the form shows it.
struct Line {
    place: usize,
    field: String,
    hows: Vec<(String, String, bool)>,
    values: String,
    rows: usize,
}

/// A match that would be taken away.
struct Sample {
    title: String,
    at: When,
    event_href: Href,
    device: String,
    device_href: Href,
    why: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "rule_exclusion_form.html")]
struct FormPage {
    page: Page,
    heading: &'static str,
    form_href: Href,
    given: Given,
    known: Vec<String>,
    lines: Vec<Line>,
    fields: BTreeSet<&'static str>,
    spans: Vec<(String, String, bool)>,
    preview: Option<RuleExclusionPreview>,
    samples: Vec<Sample>,
    problem: Option<String>,
}

/// Which form it is: of a new exclusion, or of one that is changed.
#[derive(Clone, Copy)]
struct Target<'a>(Option<&'a str>);

impl Target<'_> {
    fn action(self) -> Href {
        match self.0 {
            None => Href::new("/rules/exclusions/new", &[]),
            Some(id) => Href::new(&format!("/rules/exclusions/{}/edit", segment(id)), &[]),
        }
    }
}

async fn page_of(
    viewer: &Viewer,
    page: Page,
    target: Target<'_>,
    given: Given,
    preview: Option<RuleExclusionPreview>,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let mut lines = Vec::new();
    let wanted = LINES_MIN.max(given.conditions.len() + 1);
    for place in 0..wanted {
        let condition = given.conditions.get(place).cloned().unwrap_or_default();
        let how = |one: Compared| {
            (one.name().to_owned(), page.word("compared", one.name()), one == condition.how)
        };
        lines.push(Line {
            place,
            hows: Compared::ALL.into_iter().map(how).collect(),
            rows: condition.values.len().clamp(1, 8),
            values: condition.values.join("\n"),
            field: condition.field,
        });
    }
    let mut known = Vec::new();
    for id in given.form().rules.iter().take(LINES_MIN) {
        known.extend(
            viewer.control.rule(&viewer.actor, id).await.ok().map(|row| row.rule.title.clone()),
        );
    }
    let span = |(days, key): &(i64, &str)| (days.to_string(), page.t(key), *days == given.days);
    let samples = preview.iter().flat_map(|preview| &preview.samples);
    html(&FormPage {
        heading: if target.0.is_some() { "rule-exclusions-edit" } else { "rule-exclusions-new" },
        form_href: target.action(),
        known,
        lines,
        fields: FIELDS.iter().map(|field| field.sigma).collect(),
        spans: SPANS.iter().map(span).collect(),
        samples: samples.map(|sample| sample_of(&page, sample)).collect(),
        given,
        preview,
        problem,
        page,
    })
}

fn sample_of(page: &Page, sample: &SampleHit) -> Sample {
    let any = || page.t("alert-any-field");
    let why = sample.why.iter().map(|why| {
        let field = why.field.clone().unwrap_or_else(any);
        (field, why.value.clone().unwrap_or_else(|| page.t("alert-field-missing")))
    });
    Sample {
        title: sample.rule_title.clone(),
        at: page.when_short(sample.observed_at),
        event_href: event_href(sample.key, &[]),
        device: sample.device_name.clone(),
        device_href: device_href(sample.device),
        why: why.collect(),
    }
}

/// `GET /rules/exclusions/new`: empty, filled by the link (`rule`, `field`, `match`, `value`, each any number of
/// times), or like another one (`like`).
async fn begin(viewer: Viewer, Query(pairs): Query<Pairs>) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let page = viewer.page(Section::Rules);
    let like = one(&pairs, "like");
    let given = if like.is_empty() {
        let mut given = Given::empty(&page);
        given.rules = many(&pairs, "rule").collect::<Vec<_>>().join("\n");
        given.conditions = conditions(&pairs);
        given.title = title(&viewer, &given).await;
        if has_line_ends(&given.conditions)
            && let Ok(new) = given.exclusion(&page)
            && let Ok(text) = viewer.control.draft_rule_exclusion(&viewer.actor, &new, None).await
        {
            given.mode = "hand".to_owned();
            given.text = text;
        }
        given
    } else {
        let view = viewer.control.rule_exclusion(&viewer.actor, like).await?;
        let mut given = Given::of_view(&page, &view);
        given.until = page.day_input(page.now.plus_nanos(LIFE_NS));
        given.version = 0;
        if given.mode == "hand" {
            // A new one must have an id of its own.
            let text = given.text.lines().filter(|line| !line.starts_with("id:"));
            given.text = text.collect::<Vec<_>>().join("\n");
        }
        given
    };
    page_of(&viewer, page, Target(None), given, None, None).await
}

/// The rule and the value: what a list of exclusions is searched by.
async fn title(viewer: &Viewer, given: &Given) -> String {
    let Some(value) = given.conditions.first().and_then(|one| one.values.first()) else {
        return String::new();
    };
    let value = crate::show::visible(value);
    let value = crate::show::shortened(&value, TITLE_VALUE_CHARS_MAX);
    let rule = match given.form().rules.first() {
        Some(id) => viewer.control.rule(&viewer.actor, id).await.ok(),
        None => None,
    };
    match rule {
        Some(row) => format!("{}: {value}", crate::show::shortened(&row.rule.title, 120)),
        None => value.into_owned(),
    }
}

/// `POST /rules/exclusions/new`: previews, saves, or switches between form and text.
async fn create(viewer: Viewer, Sent(pairs): Sent<Pairs>) -> Result<Response, Fault> {
    answer(viewer, Target(None), &pairs).await
}

/// `GET /rules/exclusions/{id}/edit`.
pub(super) async fn edit(
    viewer: Viewer,
    Path((id, action)): Path<(String, String)>,
) -> Result<Response, Fault> {
    if action != "edit" {
        return Err(Fault::NotFound);
    }
    viewer.require(Permission::EditRules)?;
    let page = viewer.page(Section::Rules);
    let view = viewer.control.rule_exclusion(&viewer.actor, &id).await?;
    let given = Given::of_view(&page, &view);
    page_of(&viewer, page, Target(Some(&id)), given, None, None).await
}

/// `POST /rules/exclusions/{id}/edit`.
pub(super) async fn change(viewer: Viewer, id: &str, pairs: &Pairs) -> Result<Response, Fault> {
    answer(viewer, Target(Some(id)), pairs).await
}

async fn answer(viewer: Viewer, target: Target<'_>, pairs: &Pairs) -> Result<Response, Fault> {
    viewer.require(Permission::EditRules)?;
    let page = viewer.page(Section::Rules);
    let (control, actor) = (&viewer.control, &viewer.actor);
    let mut given = Given::of_pairs(pairs);
    let act = one(pairs, "act");
    if act == "switch" && given.mode == "hand" {
        given.mode = "form".to_owned();
        return page_of(&viewer, page, target, given, None, None).await;
    }
    let new = match given.exclusion(&page) {
        Ok(new) => new,
        Err(problem) => return page_of(&viewer, page, target, given, None, Some(problem)).await,
    };
    if act == "save" {
        let saved = match target.0 {
            None => control.create_rule_exclusion(actor, &new).await,
            Some(id) => {
                let changed = control.change_rule_exclusion(actor, id, given.version, &new).await;
                changed.map(|()| id.to_owned())
            }
        };
        return match saved {
            Ok(id) => {
                let path = format!("/rules/exclusions/{}", segment(&id));
                Ok(to(&Href::new(&path, &[("said", "said-saved")])))
            }
            Err(error) if crate::refusal::is_about_the_form(&error) => {
                let problem = crate::refusal::message(&error, page.language());
                page_of(&viewer, page, target, given, None, Some(problem)).await
            }
            Err(error) => Err(error.into()),
        };
    }
    if act == "switch" {
        given.mode = "hand".to_owned();
        let draft = control.draft_rule_exclusion(actor, &new, target.0).await;
        if let Ok(text) = draft {
            given.text = text;
        } else if given.text.is_empty() {
            EXAMPLE.clone_into(&mut given.text);
        }
        return page_of(&viewer, page, target, given, None, None).await;
    }
    match control.preview_rule_exclusion(actor, &new, target.0, given.days).await {
        Ok(preview) => page_of(&viewer, page, target, given, Some(preview), None).await,
        Err(error) if crate::refusal::is_about_the_form(&error) => {
            let problem = crate::refusal::message(&error, page.language());
            page_of(&viewer, page, target, given, None, Some(problem)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// What writing by hand begins with when the form does not make a filter yet.
const EXAMPLE: &str = "\
title: Backup writes many files
logsource:
  product: linux
filter:
  rules:
    - 00000000-0000-4000-8000-000000000000
  selection:
    Image|endswith: /backup
  condition: not selection
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_and_a_form_give_the_same_conditions() {
        let pairs = |all: &[(&str, &str)]| -> Pairs {
            all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let link = pairs(&[
            ("rule", "r"),
            ("field", "Image"),
            ("value", "/a b"),
            ("value", "/c"),
            ("field", "User"),
            ("match", "startswith"),
            ("value", "svc"),
        ]);
        let form = pairs(&[
            ("field", " Image "),
            ("how", "is"),
            ("values", "/a b\r\n\r\n/c\r\n"),
            ("field", "User"),
            ("how", "startswith"),
            ("values", "svc"),
            ("field", ""),
            ("how", "is"),
            ("values", ""),
        ]);
        assert_eq!(conditions(&link), conditions(&form));
        assert_eq!(conditions(&link).len(), 2);
        assert_eq!(conditions(&pairs(&[("value", "x")])), []);
    }
}
