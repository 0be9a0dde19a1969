//! Search over the events of all devices.

use crate::chart::{self, Bar};
use crate::fault::Fault;
use crate::page::{Page, Section};
use crate::pages::alerts::preset_choices;
use crate::pages::rows::{EventLine, cursor_text};
use crate::pages::search_state::{EXACT, SearchState};
use crate::query::{self, QueryError, Terms};
use crate::refusal;
use crate::render::{filters, html};
use crate::session::Viewer;
use crate::url::Href;
use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use control::view::{SearchPage as SearchView, SearchQuery, TimeRange};
use model::{Family, Timestamp};

const RANGE_DEFAULT: &str = "24h";

/// A family to choose: value, label, chosen.
type Choice = (String, String, bool);

/// The bars over the results, with what stands at their ends.
pub(crate) struct Histogram {
    pub(crate) bars: Vec<Bar>,
    pub(crate) width: u32,
    pub(crate) largest: u64,
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    page: Page,
    state: SearchState,
    ranges: Vec<Choice>,
    exact: bool,
    from: String,
    to: String,
    families: Vec<Choice>,
    device: Option<(String, String, Href)>,
    /// What is wrong with the search, in words.
    problem: Option<String>,
    total: String,
    histogram: Option<Histogram>,
    events: Vec<EventLine>,
    more: Option<Href>,
}

#[derive(Template)]
#[template(path = "events_part.html")]
pub(crate) struct EventsPart {
    pub(crate) page: Page,
    pub(crate) events: Vec<EventLine>,
    pub(crate) more: Option<Href>,
}

/// `GET /search`, and its further rows for htmx.
pub(crate) async fn show(
    viewer: Viewer,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    let page = viewer.page(Section::Search);
    let mut state = SearchState::of(&parameters);
    if state.range.is_empty() {
        RANGE_DEFAULT.clone_into(&mut state.range);
    }
    let range = state.interval(&page);
    let answer = match (query::parse(&state.text), range) {
        (Err(error), _) => Err(problem(&page, &error)),
        (_, None) => Err(page.t("search-range-malformed")),
        (Ok(terms), Some(range)) => {
            let asked = search_query(&state, terms, range);
            match viewer.control.search(&viewer.actor, &asked).await {
                Ok(found) => Ok(found),
                Err(error) if refusal::is_about_the_search(&error) => {
                    Err(refusal::message(&error, page.preferences.language))
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let (found, problem) = match answer {
        Ok(found) => (found, None),
        Err(problem) => (nothing(), Some(problem)),
    };
    let events = events(&page, &state, &found);
    let more = found.next.map(|next| state.href_after("/search", &cursor_text(&next)));
    if viewer.fragment {
        return html(&EventsPart { page, events, more });
    }
    let device = device(&viewer, &state).await?;
    let input = |at: Option<Timestamp>| at.map(|at| page.input_time(at)).unwrap_or_default();
    html(&SearchPage {
        ranges: preset_choices(&page, &state.range),
        exact: state.range == EXACT,
        from: input(range.map(|range| range.from)),
        to: input(range.map(|range| range.to)),
        families: families(&page, &state),
        device,
        total: total(&page, &found),
        histogram: range.and_then(|range| histogram(&page, &state, "/search", range, &found)),
        problem,
        events,
        more,
        state,
        page,
    })
}

/// The lines of a search's events; each carries the search, so that its fields can narrow it.
pub(crate) fn events(page: &Page, state: &SearchState, found: &SearchView) -> Vec<EventLine> {
    let parameters = state.parameters();
    let carry: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    found.rows.iter().map(|row| EventLine::of(page, row, &carry)).collect()
}

/// How many there are, honestly.
pub(crate) fn total(page: &Page, found: &SearchView) -> String {
    let key = if found.capped { "count-events-at-least" } else { "count-events" };
    page.tn(key, found.total)
}

/// The families as checkboxes.
pub(crate) fn families(page: &Page, state: &SearchState) -> Vec<Choice> {
    let choice = |family: Family| {
        let chosen = state.families.contains(&family);
        (family.table().to_owned(), page.family(&family), chosen)
    };
    Family::ALL.into_iter().map(choice).collect()
}

/// The bars of a search; `None` when there is nothing to draw.
pub(crate) fn histogram(
    page: &Page,
    state: &SearchState,
    path: &str,
    range: TimeRange,
    found: &SearchView,
) -> Option<Histogram> {
    let largest = found.histogram.iter().map(|(_, number)| *number).max()?;
    if largest == 0 {
        return None;
    }
    let slices = &found.histogram;
    let mut bars = Vec::with_capacity(slices.len());
    let mut x = 0;
    for (place, (from, number)) in slices.iter().enumerate() {
        let to = slices.get(place + 1).map_or(range.to, |(next, _)| *next);
        let (y, height) = chart::bar(*number, largest);
        let title =
            format!("{} – {}", page.when_short(*from).text, page.tn("count-events", *number));
        let href = state.between(*from, to).href(path);
        bars.push(Bar { x, y, height, title, href });
        x += chart::SLICE_WIDTH;
    }
    Some(Histogram {
        bars,
        width: x,
        largest,
        from: page.when_short(range.from).text,
        to: page.when_short(range.to.min(page.now)).text,
    })
}

/// The search as control takes it.
pub(crate) fn search_query(state: &SearchState, terms: Terms, range: TimeRange) -> SearchQuery {
    SearchQuery {
        families: state.families.clone(),
        range,
        device: state.device,
        filters: terms.filters,
        words: terms.words,
        after: state.after,
    }
}

async fn device(
    viewer: &Viewer,
    state: &SearchState,
) -> Result<Option<(String, String, Href)>, Fault> {
    let Some(id) = state.device else { return Ok(None) };
    let devices = viewer.control.devices(&viewer.actor).await?;
    let name = devices.iter().find(|device| device.id == id).map(|device| device.name.clone());
    let without = SearchState { device: None, after: None, ..state.clone() };
    Ok(Some((id.to_string(), name.unwrap_or_else(|| id.to_string()), without.href("/search"))))
}

fn problem(page: &Page, error: &QueryError) -> String {
    match error {
        QueryError::OpenQuote => page.t("search-open-quote"),
        QueryError::NoValue(field) => page.ts("search-no-value", field),
        QueryError::OpenExclusion(field) => page.ts("search-open-exclusion", field),
        QueryError::TooMuch => page.t("search-too-much"),
    }
}

const fn nothing() -> SearchView {
    SearchView { rows: Vec::new(), next: None, total: 0, capped: false, histogram: Vec::new() }
}
