//! Figures of requests: how many, how they ended, how long they took.

use crate::actor::Permission;
use crate::scope::statement;
use crate::view::requests::{Outcome, RequestMetrics, State};
use crate::{Actor, Control, ControlError};
use model::Timestamp;
use sqlx::Row as _;

const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// Days of a range at most.
const DAYS_MAX: u32 = 400;

/// What the figures need of one request.
struct Facts {
    state: State,
    submitted_at: Option<i64>,
    decided_at: Option<i64>,
}

impl Control {
    /// Figures of the requests that the reader may see, over `days` days from `from` on (at most 400).
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`]; the store's.
    pub async fn request_metrics(
        &self,
        actor: &Actor,
        from: Timestamp,
        days: u32,
    ) -> Result<RequestMetrics, ControlError> {
        self.require(actor, &[Permission::ReadRequests], "request_metrics").await?;
        let condition = actor.scope(Permission::ReadRequests).on_person("p", 1);
        let sql = format!(
            "SELECT r.state, r.submitted_at, r.decided_at FROM request AS r \
             JOIN person AS p ON p.id = r.requester_id \
             WHERE r.submitted_at IS NOT NULL AND {}",
            condition.sql
        );
        let rows = condition.bind(statement(sql)).fetch_all(self.store.pool()).await?;
        let facts = rows
            .iter()
            .map(|row| {
                let state: String = row.try_get(0)?;
                let state = State::of_name(&state).ok_or_else(|| ControlError::Corrupt {
                    what: "request",
                    id: state.clone(),
                    reason: "unknown state".to_owned(),
                })?;
                Ok(Facts { state, submitted_at: row.try_get(1)?, decided_at: row.try_get(2)? })
            })
            .collect::<Result<Vec<_>, ControlError>>()?;
        Ok(figures(&facts, from, days.min(DAYS_MAX)))
    }
}

fn figures(facts: &[Facts], from: Timestamp, days: u32) -> RequestMetrics {
    let day_of = |at: Option<i64>| {
        let day = at?.checked_sub(from.nanos())?.div_euclid(DAY_NS);
        usize::try_from(day).ok().filter(|day| *day < days as usize)
    };
    let mut metrics = RequestMetrics {
        days: (0..days)
            .map(|day| (from.plus_nanos(i64::from(day).saturating_mul(DAY_NS)), 0, 0, 0))
            .collect(),
        ..RequestMetrics::default()
    };
    let mut open = vec![0_u64; State::ALL.len()];
    let mut outcomes = [0_u64; 3];
    for one in facts {
        if let Some(day) = day_of(one.submitted_at).and_then(|day| metrics.days.get_mut(day)) {
            day.1 += 1;
        }
        let in_range = day_of(one.decided_at);
        let outcome = match one.state {
            State::Approved => Some(Outcome::Approve),
            State::ApprovedWithConditions => Some(Outcome::ApproveWithConditions),
            State::Denied => Some(Outcome::Deny),
            _ => None,
        };
        if let (Some(day), Some(outcome)) = (in_range, outcome) {
            if let Some(day) = metrics.days.get_mut(day) {
                if outcome == Outcome::Deny { day.3 += 1 } else { day.2 += 1 }
            }
            let place = Outcome::ALL.iter().position(|known| *known == outcome);
            if let Some(count) = place.and_then(|place| outcomes.get_mut(place)) {
                *count += 1;
            }
            let took = one.decided_at.zip(one.submitted_at).map(|(end, begin)| end - begin);
            metrics.decision_ns.extend(took.map(|took| took.max(0)));
        }
        if one.state == State::Duplicate && day_of(one.submitted_at).is_some() {
            metrics.duplicates += 1;
        }
        let place = State::ALL.iter().position(|state| *state == one.state);
        if let Some(count) = place.and_then(|place| open.get_mut(place)) {
            *count += 1;
        }
    }
    metrics.decision_ns.sort_unstable();
    metrics.median_ns = share(&metrics.decision_ns, 50);
    metrics.p90_ns = share(&metrics.decision_ns, 90);
    metrics.open = State::ALL
        .into_iter()
        .zip(open)
        .filter(|(state, count)| *count > 0 && OPEN.contains(state))
        .collect();
    metrics.outcomes = Outcome::ALL.into_iter().zip(outcomes).collect();
    metrics
}

/// The smallest value that so many percent of the sorted values do not exceed.
fn share(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(place).copied()
}

const OPEN: [State; 6] = [
    State::Submitted,
    State::Screening,
    State::InReview,
    State::NeedsInfo,
    State::Escalated,
    State::Appealed,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_on_its_days_and_outside_the_range_not_at_all() {
        let from = Timestamp::from_nanos(100 * DAY_NS);
        let fact = |state, submitted: i64, decided: Option<i64>| Facts {
            state,
            submitted_at: Some(submitted * DAY_NS),
            decided_at: decided.map(|day| day * DAY_NS),
        };
        let facts = [
            fact(State::Approved, 100, Some(101)),
            fact(State::ApprovedWithConditions, 100, Some(103)),
            fact(State::Denied, 90, Some(102)),
            fact(State::Denied, 90, Some(99)),
            fact(State::InReview, 104, None),
            fact(State::Duplicate, 101, None),
            fact(State::Withdrawn, 100, None),
        ];
        let metrics = figures(&facts, from, 5);
        let counts: Vec<_> =
            metrics.days.iter().map(|(_, asked, yes, no)| (*asked, *yes, *no)).collect();
        assert_eq!(counts, [(3, 0, 0), (1, 1, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]);
        assert_eq!(metrics.decision_ns, [DAY_NS, 3 * DAY_NS, 12 * DAY_NS]);
        assert_eq!((metrics.median_ns, metrics.p90_ns), (Some(3 * DAY_NS), Some(12 * DAY_NS)));
        assert_eq!(metrics.open, [(State::InReview, 1)]);
        assert_eq!(metrics.duplicates, 1);
        assert_eq!(share(&[], 50), None);
    }
}
