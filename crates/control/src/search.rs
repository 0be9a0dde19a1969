//! Search: pages of events of several families, merged, newest first, with a histogram.

use crate::audit::{Action, Cause, Entry};
use crate::events::table;
use crate::limits::{COUNTED_EVENTS_MAX, HISTOGRAM_SLICES};
use crate::predicate::{Checked, after_sql};
use crate::rows::{Parameters, rows_of};
use crate::view::{Cursor, EventRow, PAGE_ROWS_MAX, SearchPage, SearchQuery, TimeRange};
use crate::{Actor, Control, ControlError, Permission};
use model::{Family, StreamKey, Timestamp};
use serde_json::json;
use std::cmp::Reverse;

impl Control {
    /// Searches events. The search itself is in the audit chain.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadQuery`], [`ControlError::UnknownField`] with
    /// suggestions, or [`ControlError::Lake`] when the search is too expensive.
    pub async fn search(
        &self,
        actor: &Actor,
        query: &SearchQuery,
    ) -> Result<SearchPage, ControlError> {
        self.require(actor, &[Permission::ReadEvents], "search").await?;
        let checked = Checked::new(query)?;
        self.record(Entry {
            cause: Cause::Person(actor),
            action: Action::Searched,
            target: query.device.map_or_else(String::new, |device| format!("device {device}")),
            detail: search_detail(query),
        })
        .await?;
        self.search_page(&checked, query).await
    }

    /// The page of a search that was checked and is audited already.
    pub(crate) async fn search_page(
        &self,
        checked: &Checked<'_>,
        query: &SearchQuery,
    ) -> Result<SearchPage, ControlError> {
        let counted = self.count(checked, query.range).await?;
        let mut merged = Merged::default();
        for family in &counted.families {
            let mut parameters = Parameters::default();
            let mut condition = checked.sql(*family, &mut parameters);
            if let Some(after) = query.after {
                condition = format!("{condition} AND {}", after_sql(after, &mut parameters));
            }
            let (rows, more) =
                self.newest_events(*family, &condition, &parameters, PAGE_ROWS_MAX).await?;
            merged.add(rows, more);
        }
        let (mut rows, next) = merged.finish();
        self.complete(&mut rows).await?;
        Ok(SearchPage {
            rows,
            next,
            total: counted.total,
            capped: counted.capped,
            histogram: counted.histogram,
        })
    }

    /// Counts family by family: one statement over all of them would outgrow what a query may hold.
    async fn count(
        &self,
        checked: &Checked<'_>,
        range: TimeRange,
    ) -> Result<Counted, ControlError> {
        let from = range.from.micros();
        let span = range.to.micros().saturating_sub(from).max(1);
        let width = span / HISTOGRAM_SLICES + i64::from(span % HISTOGRAM_SLICES != 0);
        let mut counted = Counted::empty(range, width);
        for family in &checked.families {
            let mut parameters = Parameters::default();
            let condition = checked.sql(*family, &mut parameters);
            let sql = format!(
                "SELECT slice, count(*) AS events FROM \
                 (SELECT (CAST(observed_at AS BIGINT) - ({from})) / {width} AS slice FROM {} \
                 WHERE {condition} LIMIT {COUNTED_EVENTS_MAX}) AS matching GROUP BY slice",
                table(*family)
            );
            let rows_max = counted.histogram.len() + 1;
            let found = self.lake.query_with(&sql, parameters.values(), rows_max).await?;
            let mut of_family = 0;
            for mut cells in rows_of(&found, "count") {
                let slice = usize::try_from(cells.int()?).unwrap_or(0);
                let events = cells.count()?;
                if let Some((_, sum)) = counted.histogram.get_mut(slice) {
                    *sum += events;
                }
                of_family += events;
            }
            counted.total += of_family;
            counted.capped |= of_family >= COUNTED_EVENTS_MAX as u64;
            if of_family > 0 {
                counted.families.push(*family);
            }
        }
        Ok(counted)
    }
}

/// How many events match, when, and in which families at all.
struct Counted {
    families: Vec<Family>,
    total: u64,
    capped: bool,
    histogram: Vec<(Timestamp, u64)>,
}

impl Counted {
    fn empty(range: TimeRange, width_us: i64) -> Self {
        let starts = (0..HISTOGRAM_SLICES).map(|slice| {
            range.from.plus_nanos(width_us.saturating_mul(slice).saturating_mul(1_000))
        });
        let histogram =
            starts.take_while(|start| *start < range.to).map(|start| (start, 0)).collect();
        Self { families: Vec::new(), total: 0, capped: false, histogram }
    }
}

/// The newest rows of several families.
#[derive(Default)]
struct Merged {
    rows: Vec<EventRow>,
    /// The newest place up to which some family answered in full; older rows must wait for the next page,
    /// or that family's rows in between would be left out.
    horizon: Option<(Timestamp, StreamKey)>,
}

impl Merged {
    fn add(&mut self, rows: Vec<EventRow>, more: bool) {
        if more {
            self.horizon = self.horizon.max(rows.last().map(place));
        }
        self.rows.extend(rows);
    }

    fn finish(mut self) -> (Vec<EventRow>, Option<Cursor>) {
        self.rows.sort_unstable_by_key(|row| Reverse(place(row)));
        let mut more = self.horizon.is_some();
        if let Some(horizon) = self.horizon {
            self.rows.retain(|row| place(row) >= horizon);
        }
        if self.rows.len() > PAGE_ROWS_MAX {
            self.rows.truncate(PAGE_ROWS_MAX);
            more = true;
        }
        let last = self.rows.last().map(|row| Cursor { at: row.observed_at, key: row.key });
        (self.rows, if more { last } else { None })
    }
}

fn place(row: &EventRow) -> (Timestamp, StreamKey) {
    (row.observed_at, row.key)
}

fn search_detail(query: &SearchQuery) -> serde_json::Value {
    let families: Vec<_> = query.families.iter().map(|family| family.table()).collect();
    let filters: Vec<_> = query
        .filters
        .iter()
        .map(|filter| json!([filter.field, format!("{:?}", filter.compare), filter.value]))
        .collect();
    json!({
        "from": query.range.from.to_string(),
        "to": query.range.to.to_string(),
        "families": families,
        "filters": filters,
        "words": query.words,
        "continued": query.after.is_some(),
    })
}
