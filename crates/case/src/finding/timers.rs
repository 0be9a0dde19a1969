//! The ladder of messages and its clock.

use super::{Around, Effect, Finding, Letter, Pause, Rung, Status};
use crate::limits::{DAY_NS, MINUTE_NS};
use model::Timestamp;

/// How long the steps take. Days are working days of the person who is asked; what happens, happens in the
/// afternoon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// From finding to the first message, in nanoseconds: what is removed again at once troubles nobody.
    pub grace_ns: i64,
    /// From one message of the product to the next.
    pub reminder_days: u32,
    /// From a promise of removal to the next message, when the software is still seen.
    pub promise_days: u32,
    /// From the person's message to the manager's.
    pub manager_days: u32,
    /// After how long without a report the clock of a device's findings is paused, in nanoseconds.
    pub silent_after_ns: i64,
    /// For how many days a risk may be accepted.
    pub risk_days_max: i64,
}

impl Default for Timetable {
    fn default() -> Self {
        Self {
            grace_ns: 10 * MINUTE_NS,
            reminder_days: 2,
            promise_days: 2,
            manager_days: 3,
            // A summary comes hourly. A laptop that sleeps over a weekend is silent by Sunday evening: its clock stands,
            // and goes on on Monday.
            silent_after_ns: 2 * DAY_NS,
            risk_days_max: 366,
        }
    }
}

/// When a new finding's first message is due.
pub(super) fn first(
    finding: &Finding,
    hold_until: Option<Timestamp>,
    around: &Around<'_>,
    now: Timestamp,
) -> Option<Timestamp> {
    let due = now.plus_nanos(around.timetable.grace_ns);
    finding.kind.asks_person().then(|| hold_until.map_or(due, |hold| hold.max(due)))
}

/// When the timer of the present status and rung is due.
pub(super) fn next(finding: &Finding, around: &Around<'_>, now: Timestamp) -> Option<Timestamp> {
    if !finding.kind.asks_person() {
        return None;
    }
    let afternoon = |days| Some(around.workplace.afternoon_after(now, days));
    let table = around.timetable;
    match (finding.status, finding.rung) {
        (Status::Open, _) => Some(now.plus_nanos(table.grace_ns)),
        (Status::RemovalPromised, _) => afternoon(table.promise_days),
        // A draft waits for a person, however long; after the manager nobody is left to tell.
        (Status::Notified, Rung::Drafted | Rung::ManagerTold) => None,
        (Status::Notified, Rung::PersonSent) => afternoon(table.manager_days),
        (Status::Notified | Status::Acknowledged, _) => afternoon(table.reminder_days),
        _ => None,
    }
}

/// A timer is due: one rung further.
pub(super) fn rung(finding: &mut Finding, around: &Around<'_>, now: Timestamp) -> Vec<Effect> {
    if finding.paused.is_some() || finding.due_at.is_none_or(|due| due > now) {
        return Vec::new();
    }
    match finding.status {
        Status::Open if !around.has_owner => {
            // Somebody may be made its owner meanwhile.
            finding.due_at = Some(now.plus_nanos(DAY_NS));
            Vec::new()
        }
        Status::Open => tell(finding, Rung::Bot, Effect::Tell(Letter::Notice), around, now),
        Status::RiskAccepted => {
            restart(finding, around, now);
            Vec::new()
        }
        Status::Notified | Status::Acknowledged | Status::RemovalPromised if !around.has_owner => {
            // Who was asked has left. Nobody would read the next message, so nothing is climbed and nothing is said to
            // have been sent; the next owner is waited for.
            finding.due_at = Some(now.plus_nanos(DAY_NS));
            Vec::new()
        }
        Status::Notified | Status::Acknowledged | Status::RemovalPromised => {
            climb(finding, around, now)
        }
        // The request was permitted, and what was found is not covered by it.
        Status::RequestFiled => {
            finding.due_at = None;
            finding.resume(around, now);
            Vec::new()
        }
        _ => {
            finding.due_at = None;
            Vec::new()
        }
    }
}

fn climb(finding: &mut Finding, around: &Around<'_>, now: Timestamp) -> Vec<Effect> {
    let (rung, effect) = match finding.rung {
        Rung::Grace => (Rung::Bot, Effect::Tell(Letter::Notice)),
        Rung::Bot => (Rung::Reminded, Effect::Tell(Letter::Reminder(1))),
        Rung::Reminded => (Rung::RemindedAgain, Effect::Tell(Letter::Reminder(2))),
        Rung::RemindedAgain | Rung::Drafted => (Rung::Drafted, Effect::Draft),
        Rung::PersonSent if around.has_manager => (Rung::ManagerTold, Effect::TellManager),
        Rung::PersonSent | Rung::ManagerTold => (Rung::ManagerTold, Effect::Draft),
    };
    tell(finding, rung, effect, around, now)
}

fn tell(
    finding: &mut Finding,
    rung: Rung,
    effect: Effect,
    around: &Around<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    finding.rung = rung;
    finding.enter(Status::Notified, now);
    finding.due_at = next(finding, around, now);
    vec![effect]
}

/// Begins the ladder anew.
pub(super) fn restart(finding: &mut Finding, around: &Around<'_>, now: Timestamp) {
    finding.rung = Rung::Grace;
    (finding.paused, finding.answered) = (None, None);
    finding.enter(Status::Open, now);
    finding.due_at = first(finding, None, around, now);
}

/// Stops the clock.
pub(super) fn pause(finding: &mut Finding, now: Timestamp) {
    // An end that was said to people stays where it is.
    if finding.paused.is_none() && finding.status != Status::RiskAccepted {
        let left_ns = finding.due_at.map(|due| due.nanos().saturating_sub(now.nanos()).max(0));
        finding.paused = Some(Pause { since: now, left_ns });
        finding.due_at = None;
    }
}

/// Lets it go on with what was left. Reminders come in the afternoon of a working day also then.
pub(super) fn resume_clock(finding: &mut Finding, around: &Around<'_>, now: Timestamp) {
    if let Some(pause) = finding.paused.take() {
        let due = pause.left_ns.map(|left_ns| now.plus_nanos(left_ns));
        let at_once = matches!(finding.status, Status::Open | Status::RequestFiled);
        let afternoon = |due: Timestamp| around.workplace.afternoon_after(due.plus_nanos(-1), 0);
        finding.due_at = if at_once { due } else { due.map(afternoon) };
    }
}

/// A timer that was set while the clock stands runs only when it goes on.
pub(super) fn keep_paused(finding: &mut Finding, now: Timestamp) {
    if let (Some(pause), Some(due)) = (finding.paused.as_mut(), finding.due_at) {
        pause.left_ns = Some(due.nanos().saturating_sub(now.nanos()).max(0));
        finding.due_at = None;
    }
}
