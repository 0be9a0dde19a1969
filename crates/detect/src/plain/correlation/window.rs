//! Whether the condition of a correlation holds of one window.

use super::asked::{Asked, Bound, Test, holds};
use super::{Fact, Held};
use crate::plain::PlainError;
use std::collections::BTreeSet;

/// Judges the window that ends (or, with something denied, begins) with the fact at `at`.
pub(super) fn held(asked: &Asked, own: &[Fact], at: usize) -> Result<Option<Held>, PlainError> {
    let Some(decides) = own.get(at) else { return Ok(None) };
    let from = decides.time.saturating_sub(asked.span_ns);
    let window: Vec<&Fact> = own.iter().take(at + 1).filter(|fact| fact.time >= from).collect();
    let rules = window.iter().fold(0, |mask, fact| mask | fact.mask);
    let numbers = || -> Vec<f64> {
        let first = asked.fields.first();
        window.iter().filter_map(|fact| number(fact.value(first?)?)).collect()
    };
    let decides_number =
        || asked.fields.first().and_then(|name| decides.value(name)).and_then(number).is_some();
    let compared = |measure: f64, bounds: &[Bound]| compare(bounds, measure).then_some(measure);
    let whole = |measure: Option<f64>| measure.map(|measure| (measure, window.clone()));
    let found = match &asked.test {
        Test::Count(bounds) => whole(compared(window.len() as f64, bounds)),
        Test::Distinct(bounds) => {
            let rows: BTreeSet<_> = window.iter().filter_map(|it| it.row(&asked.fields)).collect();
            let counts = decides.row(&asked.fields).is_some();
            whole(compared(rows.len() as f64, bounds).filter(|_| counts))
        }
        Test::Sum(bounds) => {
            whole(compared(numbers().iter().sum(), bounds).filter(|_| decides_number()))
        }
        Test::Average(bounds) => {
            let all = numbers();
            let average = all.iter().sum::<f64>() / all.len() as f64;
            whole(compared(average, bounds).filter(|_| decides_number()))
        }
        Test::Percentile(percent, bounds) if decides_number() => {
            whole(compared(percentile(numbers(), *percent), bounds))
        }
        Test::Percentile(..) => None,
        Test::Rules(bounds) => whole(compared(f64::from(rules.count_ones()), bounds)),
        Test::Together(text) => {
            let holds = holds(asked, text, rules)?;
            whole(holds.then(|| f64::from(rules.count_ones())))
        }
        Test::Ordered(order) => backward(order, &window).map(|chain| (chain.len() as f64, chain)),
        Test::Absent { .. } | Test::OrderedAbsent { .. } => return forward(asked, own, at),
    };
    Ok(found.map(|(measure, facts)| Held {
        time: decides.time,
        stream: decides.stream,
        measure,
        facts: facts.into_iter().cloned().collect(),
    }))
}

/// Judges the window that begins with the fact at `at` and ends after the time span.
fn forward(asked: &Asked, own: &[Fact], at: usize) -> Result<Option<Held>, PlainError> {
    let Some(begin) = own.get(at) else { return Ok(None) };
    let deadline = begin.time.saturating_add(asked.span_ns);
    let in_window = |fact: &&Fact| fact.time >= begin.time && fact.time <= deadline;
    let rules = own.iter().filter(in_window).fold(0, |mask, fact| mask | fact.mask);
    let facts: Option<Vec<Fact>> = match &asked.test {
        Test::Absent { text, begins } if begin.mask & begins != 0 && holds(asked, text, rules)? => {
            Some(
                own.iter()
                    .filter(in_window)
                    .filter(|fact| fact.mask & begins != 0)
                    .cloned()
                    .collect(),
            )
        }
        Test::OrderedAbsent { order, denied } if rules & denied == 0 => {
            let mut rest = own.iter().skip(at).filter(in_window);
            let first = order.first().copied().unwrap_or_default();
            let begins = begin.mask >> first & 1 == 1;
            let chain: Option<Vec<Fact>> = order
                .iter()
                .map(|rule| rest.find(|fact| fact.mask >> rule & 1 == 1).cloned())
                .collect();
            chain.filter(|_| begins)
        }
        _ => None,
    };
    let measure = f64::from(rules.count_ones());
    Ok(facts.map(|facts| Held { time: deadline, stream: begin.stream, measure, facts }))
}

/// The latest facts that come one after the other in this order, the last of them at the window's end.
fn backward<'f>(order: &[usize], window: &[&'f Fact]) -> Option<Vec<&'f Fact>> {
    let mut chain = Vec::new();
    let mut end = window.len();
    for (step, rule) in order.iter().rev().enumerate() {
        let place = window.get(..end)?.iter().rposition(|fact| fact.mask >> rule & 1 == 1)?;
        if step == 0 && place + 1 != window.len() {
            return None;
        }
        chain.insert(0, *window.get(place)?);
        end = place;
    }
    Some(chain)
}

fn compare(bounds: &[Bound], measure: f64) -> bool {
    bounds.iter().all(|(operator, bound)| match operator.as_str() {
        "gt" => measure > *bound,
        "gte" => measure >= *bound,
        "lt" => measure < *bound,
        "lte" => measure <= *bound,
        "eq" => (measure - bound).abs() < f64::EPSILON,
        _ => (measure - bound).abs() >= f64::EPSILON,
    })
}

fn number(text: &str) -> Option<f64> {
    let number: f64 =
        text.chars().all(|it| "0123456789+-.eE".contains(it)).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank lies between 0 and the number of events of a window"
)]
fn percentile(mut numbers: Vec<f64>, percent: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let rank = numbers.len().saturating_sub(1) as f64 * percent / 100.0;
    let at = |place: f64| numbers.get(place as usize).copied().unwrap_or_default();
    let (low, high) = (at(rank.floor()), at(rank.ceil()));
    low + (high - low) * (rank - rank.floor())
}
