//! How often and how fast findings are remedied after a message, by sender and channel.
//!
//! A remedy is credited to the last message before it: a reminder that was followed by a person's message earns
//! nothing for what the person achieved.
//!
//! Invariant: shares are of messages sent long enough ago to be judged; a curve never counts a finding as failed
//! before its day has come.

use crate::finding::{Closing, words};
use crate::limits::DAY_NS;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

words! {
    /// How somebody was told.
    Channel {
        /// The product itself.
        Bot "bot" "自動" "Product";
        /// A named person of the team.
        Person "person" "担当者" "Person";
        /// The product told the manager.
        Manager "manager" "上長" "Manager";
    }
}

impl Closing {
    /// Whether somebody did something about it: removed it, or obtained a permission.
    #[must_use]
    pub const fn is_remedy(self) -> bool {
        matches!(self, Self::Removed | Self::Approved)
    }
}

/// One message about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which finding.
    pub finding: String,
    /// How.
    pub channel: Channel,
    /// Who sent it.
    pub sender: String,
    /// When.
    pub at: Timestamp,
    /// When the finding was remedied after it; `None`: not yet, or otherwise closed.
    pub remedied_at: Option<Timestamp>,
}

/// What the messages of one sender over one channel achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// The channel.
    pub channel: Channel,
    /// The sender.
    pub sender: String,
    /// Messages.
    pub sent: u64,
    /// Of those, remedied before the next message.
    pub remedied: u64,
    /// The median of the time it took, in seconds.
    pub median_seconds: Option<i64>,
    /// For each day from 0: the share remedied by its end, of the messages at least that old.
    pub curve: Vec<f64>,
}

/// How old a message is, and how long its remedy took, in nanoseconds.
type Course = (i64, Option<i64>);

/// Computes the rates. `days`: the length of the curves.
#[must_use]
pub fn rates(attempts: &[Attempt], now: Timestamp, days: u32) -> Vec<Rate> {
    let mut by_finding: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        by_finding.entry(&attempt.finding).or_default().push(attempt);
    }
    let mut groups: BTreeMap<(Channel, &str), Vec<Course>> = BTreeMap::new();
    for of_finding in by_finding.values_mut() {
        of_finding.sort_by_key(|attempt| attempt.at);
        for (place, attempt) in of_finding.iter().enumerate() {
            let next = of_finding.get(place + 1).map(|next| next.at);
            let earned = attempt
                .remedied_at
                .filter(|at| *at >= attempt.at && next.is_none_or(|next| *at < next));
            let took = earned.map(|at| at.nanos() - attempt.at.nanos());
            let age = now.nanos() - attempt.at.nanos();
            groups.entry((attempt.channel, &attempt.sender)).or_default().push((age, took));
        }
    }
    groups
        .into_iter()
        .map(|((channel, sender), of_group)| rate(channel, sender, &of_group, days))
        .collect()
}

fn rate(channel: Channel, sender: &str, of_group: &[Course], days: u32) -> Rate {
    let mut times: Vec<i64> = of_group.iter().filter_map(|(_, took)| *took).collect();
    let curve = (0..days).map(|day| share(of_group, i64::from(day + 1) * DAY_NS)).collect();
    Rate {
        channel,
        sender: sender.to_owned(),
        sent: of_group.len() as u64,
        remedied: times.len() as u64,
        median_seconds: median(&mut times).map(|ns| ns / 1_000_000_000),
        curve,
    }
}

fn share(of_group: &[Course], within_ns: i64) -> f64 {
    let old_enough = |(age, took): &&Course| *age >= within_ns || took.is_some();
    let judged = of_group.iter().filter(old_enough).count();
    let done =
        of_group.iter().filter(|(_, took)| took.is_some_and(|took| took < within_ns)).count();
    if judged == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share of far fewer than 2^52 messages")]
    let share = done as f64 / judged as f64;
    share
}

/// The lower median.
#[must_use]
pub fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(finding: &str, channel: Channel, day: i64, remedied: Option<i64>) -> Attempt {
        Attempt {
            finding: finding.into(),
            channel,
            sender: if channel == Channel::Bot { "mimamori".into() } else { "佐藤".into() },
            at: Timestamp::from_nanos(day * DAY_NS),
            remedied_at: remedied.map(|day| Timestamp::from_nanos(day * DAY_NS)),
        }
    }

    #[test]
    fn the_last_message_earns_the_remedy() {
        let attempts = [
            attempt("a", Channel::Bot, 0, Some(6)),
            attempt("a", Channel::Person, 5, Some(6)),
            attempt("b", Channel::Bot, 0, Some(2)),
            attempt("c", Channel::Bot, 9, None),
        ];
        let rates = rates(&attempts, Timestamp::from_nanos(10 * DAY_NS), 4);
        let [bot, person] = rates.as_slice() else { panic!("{rates:?}") };
        assert_eq!((bot.sent, bot.remedied, bot.median_seconds), (3, 1, Some(2 * 86_400)));
        assert_eq!((person.sent, person.remedied, person.median_seconds), (1, 1, Some(86_400)));
        // "c" is only one day old: it counts for the first day, and for no later one.
        assert_eq!(bot.curve, [0.0, 0.0, 0.5, 0.5]);
        assert_eq!(person.curve, [0.0, 1.0, 1.0, 1.0]);
    }
}
