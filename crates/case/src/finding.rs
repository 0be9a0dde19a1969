//! A finding: software on a device that should not be there, or not like this, until it is gone or permitted.
//!
//! ```text
//!            grace                one-click answer
//! Open ─► Notified ─► Acknowledged ─► RequestFiled ─┐
//!            │  ▲  └─────────────────► RemovalPromised ─► Verifying ─► Resolved
//!            │  └── still seen ◄──────────────┘                          ▲
//!            ├─► Disputed ─► Notified | Verifying                        │
//!            └─► Verifying (gone, not yet proved) ───────────────────────┘
//! any but Resolved ─► RiskAccepted (until) ─► Open;   Resolved ─► Open (reopened, history kept)
//! ```
//!
//! Beside the status stands the *rung* of the ladder of messages: bot, reminders, a draft that a named person
//! sends, the manager. A silent device pauses the clock of the ladder and never closes anything.
//!
//! Invariant: it is closed as *removed* only by [`Finding::proof`]: for every source that saw the software there is
//! a confirmed look of that source, later than its last sighting, that did not find it.
//! Invariant: it is closed otherwise only because the judgement says so, or because the device was retired by a person.
//! Invariant: every change of status has an actor and a cause.
//!
//! What is earlier and later on a device is said by a count of what it reported ([`Moment::order`]), not by clocks.

use crate::limits::DAY_NS;
use model::Timestamp;
use model::inventory::SoftwareSource;
use serde::{Deserialize, Serialize};

mod outside;
mod timers;
mod words;

pub use outside::{Around, Effect, Letter, Refused};
pub use timers::Timetable;
pub(crate) use words::words;
pub use words::{Answer, Closing, Kind, Ruling, Rung, Status};

/// A place in what a device reported: the order decides, the time is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Grows with every report of the device that was taken.
    pub order: u64,
    /// By the server's clock.
    pub at: Timestamp,
}

/// What one source knows of the software on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Which source.
    pub source: SoftwareSource,
    /// When it saw the software last.
    pub seen: Moment,
    /// Its newest confirmed look that did not find it, when that is later.
    pub absent: Option<Moment>,
}

/// A finding. One per device, software and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub status_at: Timestamp,
    /// How far the messages got.
    pub rung: Rung,
    /// When it was opened last.
    pub opened_at: Timestamp,
    /// When its timer is due; `None`: it waits for somebody or something.
    pub due_at: Option<Timestamp>,
    /// Since when the device is silent, and how much of the timer was left then, in nanoseconds.
    pub paused: Option<Pause>,
    /// Every source that saw the software.
    pub sightings: Vec<Sighting>,
    /// How often it came back.
    pub reopened: u32,
    /// The request that was filed for it.
    pub request: Option<String>,
    /// Why it was closed.
    pub closing: Option<Closing>,
    /// The rung at which an answer set the timer anew. Another answer at the same rung gives no more time: otherwise a
    /// button pressed every other day would hold the ladder for ever.
    #[serde(default)]
    pub answered: Option<Rung>,
}

/// A paused clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// What was left, in nanoseconds.
    pub left_ns: Option<i64>,
}

/// What happens to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A source sees the software, and the judgement calls for this finding.
    Seen {
        /// Which source.
        source: SoftwareSource,
        /// When.
        moment: Moment,
    },
    /// A source was read wholly, what it said was confirmed, and the software was not there.
    Looked {
        /// Which source.
        source: SoftwareSource,
        /// When.
        moment: Moment,
    },
    /// The software is there, and the judgement calls for this finding no more.
    Cleared(Closing),
    /// Time has passed.
    Timer,
    /// The device does not report any more.
    Silent,
    /// It reports again.
    Back,
    /// The person at the device answered.
    Answered(Answer),
    /// A request was filed for it.
    RequestFiled {
        /// Which.
        request: String,
    },
    /// That request ended; a permission clears the finding by itself.
    RequestEnded {
        /// Whether it was permitted.
        permitted: bool,
    },
    /// The team answers a dispute.
    Ruled(Ruling),
    /// The team lives with it for a time.
    RiskAccepted {
        /// Until when.
        until: Timestamp,
    },
    /// It does not any more.
    RiskEnded,
    /// A named person sent the drafted message.
    DraftSent,
    /// The device is gone for good.
    DeviceRetired,
}

impl Event {
    /// The name in the history. Stored; never changes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Seen { .. } => "seen",
            Self::Looked { .. } => "looked",
            Self::Cleared(_) => "cleared",
            Self::Timer => "timer",
            Self::Silent => "silent",
            Self::Back => "back",
            Self::Answered(_) => "answered",
            Self::RequestFiled { .. } => "request_filed",
            Self::RequestEnded { .. } => "request_ended",
            Self::Ruled(_) => "ruled",
            Self::RiskAccepted { .. } => "risk_accepted",
            Self::RiskEnded => "risk_ended",
            Self::DraftSent => "draft_sent",
            Self::DeviceRetired => "device_retired",
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The machine: inventory, judgement, timers.
    Machine,
    /// The person whom the finding asks.
    Owner,
    /// Somebody of the team, vouched for by the caller.
    Team,
}

impl Finding {
    /// A new finding: a source sees the software. `hold_until`: no message before that.
    #[must_use]
    pub fn open(
        kind: Kind,
        source: SoftwareSource,
        seen: Moment,
        hold_until: Option<Timestamp>,
        around: &Around<'_>,
        now: Timestamp,
    ) -> Self {
        let mut finding = Self {
            kind,
            status: Status::Open,
            status_at: now,
            rung: Rung::Grace,
            opened_at: now,
            due_at: None,
            paused: None,
            sightings: vec![Sighting { source, seen, absent: None }],
            reopened: 0,
            request: None,
            closing: None,
            answered: None,
        };
        finding.due_at = timers::first(&finding, hold_until, around, now);
        finding
    }

    /// The proof that the software is gone: for each source that saw it, the later look that did not find it.
    /// `None`: it is not proved.
    #[must_use]
    pub fn proof(&self) -> Option<Vec<(SoftwareSource, Moment)>> {
        let proved = |sighting: &Sighting| {
            let absent = sighting.absent.filter(|look| look.order > sighting.seen.order)?;
            Some((sighting.source, absent))
        };
        let proof: Option<Vec<_>> = self.sightings.iter().map(proved).collect();
        proof.filter(|proof| !proof.is_empty())
    }

    /// When the software was seen last.
    #[must_use]
    pub fn last_seen(&self) -> Option<Moment> {
        self.sightings.iter().map(|sighting| sighting.seen).max_by_key(|seen| seen.order)
    }

    /// The answers that the person at the device may give now.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let mut answers = Vec::new();
        if !self.kind.asks_person() || !self.awaits_person() {
            return answers;
        }
        if self.kind.may_be_requested() {
            answers.push(Answer::RequestNow);
        }
        answers.extend([Answer::Removed, Answer::NotMine]);
        answers
    }

    /// Whether the team said that it removes it, and its time for that is not over.
    fn has_time_at(&self, at: Timestamp) -> bool {
        self.due_at.is_some_and(|due| at < due)
            || self.paused.is_some_and(|pause| pause.left_ns.is_some())
    }

    const fn awaits_person(&self) -> bool {
        matches!(
            self.status,
            Status::Open | Status::Notified | Status::Acknowledged | Status::RemovalPromised
        )
    }

    fn enter(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.status_at = now;
    }

    fn close(&mut self, closing: Closing, now: Timestamp) -> Vec<Effect> {
        self.enter(Status::Resolved, now);
        (self.closing, self.due_at, self.paused) = (Some(closing), None, None);
        vec![Effect::Withdraw]
    }

    /// Back to where the ladder stands.
    fn resume(&mut self, around: &Around<'_>, now: Timestamp) {
        let status = if self.rung == Rung::Grace { Status::Open } else { Status::Notified };
        self.enter(status, now);
        let next = timers::next(self, around, now);
        self.due_at = self.within_the_answer(next);
    }

    /// A timer that an earlier answer at this rung does not let be put off.
    fn within_the_answer(&self, next: Option<Timestamp>) -> Option<Timestamp> {
        let runs = self.due_at.filter(|_| self.answered == Some(self.rung));
        runs.map_or(next, |due| Some(next.map_or(due, |next| next.min(due))))
    }
}

/// Takes one step.
///
/// # Errors
/// [`Refused`] when the status or the person does not allow it; nothing changed then.
pub fn step(
    finding: &Finding,
    event: &Event,
    by: By,
    around: &Around<'_>,
    now: Timestamp,
) -> Result<(Finding, Vec<Effect>), Refused> {
    permitted(finding, event, by)?;
    let mut next = finding.clone();
    let effects = match event {
        Event::Seen { source, moment } => seen(&mut next, *source, *moment, around, now),
        Event::Looked { source, moment } => looked(&mut next, *source, *moment, now),
        Event::Cleared(closing) => next.close(*closing, now),
        Event::Timer => timers::rung(&mut next, around, now),
        Event::Silent => {
            timers::pause(&mut next, now);
            Vec::new()
        }
        Event::Back => {
            timers::resume_clock(&mut next, around, now);
            Vec::new()
        }
        Event::Answered(answer) => answered(&mut next, *answer, around, now),
        Event::RequestFiled { request } => {
            next.request = Some(request.clone());
            next.enter(Status::RequestFiled, now);
            next.due_at = None;
            vec![Effect::Withdraw]
        }
        Event::RequestEnded { permitted } => {
            // A permission becomes a judgement, which closes it. One that does not cover this device or this file does
            // not, and then the person is needed again, as after a denial or a withdrawal.
            if *permitted {
                next.due_at = Some(now.plus_nanos(around.timetable.grace_ns));
            } else {
                next.resume(around, now);
            }
            Vec::new()
        }
        Event::Ruled(ruling) => ruled(&mut next, *ruling, around, now),
        Event::RiskAccepted { until } => {
            let longest = now.plus_nanos(around.timetable.risk_days_max * DAY_NS);
            if *until <= now || *until > longest {
                return Err(Refused::Until { days_max: around.timetable.risk_days_max });
            }
            next.enter(Status::RiskAccepted, now);
            (next.due_at, next.paused) = (Some(*until), None);
            vec![Effect::Withdraw]
        }
        Event::RiskEnded => {
            timers::restart(&mut next, around, now);
            Vec::new()
        }
        Event::DraftSent => {
            next.rung = Rung::PersonSent;
            if matches!(next.status, Status::Open | Status::Acknowledged) {
                next.enter(Status::Notified, now);
            }
            next.due_at = timers::next(&next, around, now);
            Vec::new()
        }
        Event::DeviceRetired => next.close(Closing::DeviceRetired, now),
    };
    timers::keep_paused(&mut next, now);
    Ok((next, effects))
}

/// Who may cause what, and in which status.
fn permitted(finding: &Finding, event: &Event, by: By) -> Result<(), Refused> {
    let status = finding.status;
    let (right_person, right_status) = match event {
        Event::Seen { .. } | Event::Looked { .. } => (by == By::Machine, true),
        Event::Cleared(closing) => {
            // Removal has its own door, and it needs the proof.
            let by_judgement = !matches!(closing, Closing::Removed | Closing::DeviceRetired);
            (by == By::Machine && by_judgement, status != Status::Resolved)
        }
        Event::Timer | Event::Silent | Event::Back => {
            (by == By::Machine, status != Status::Resolved)
        }
        Event::RequestEnded { .. } => (by == By::Machine, status == Status::RequestFiled),
        Event::Answered(answer) => (by == By::Owner, finding.answers().contains(answer)),
        Event::RequestFiled { .. } => {
            let open = finding.awaits_person() || status == Status::Disputed;
            (by == By::Owner, open && finding.kind.may_be_requested())
        }
        Event::Ruled(_) => (by == By::Team, status == Status::Disputed),
        Event::RiskAccepted { .. } | Event::DeviceRetired => {
            (by == By::Team, status != Status::Resolved)
        }
        Event::RiskEnded => (by == By::Team, status == Status::RiskAccepted),
        Event::DraftSent => {
            let waits = finding.awaits_person() || status == Status::Disputed;
            (by == By::Team, waits && finding.kind.asks_person())
        }
    };
    if !right_person {
        return Err(Refused::NotYours { event: event.name() });
    }
    if !right_status {
        return Err(Refused::Status { status, event: event.name() });
    }
    Ok(())
}

fn seen(
    finding: &mut Finding,
    source: SoftwareSource,
    moment: Moment,
    around: &Around<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    let place = finding.sightings.iter().position(|sighting| sighting.source == source);
    let newer = match place.and_then(|place| finding.sightings.get_mut(place)) {
        Some(sighting) if moment.order > sighting.seen.order => {
            sighting.seen = moment;
            sighting.absent = sighting.absent.filter(|look| look.order > moment.order);
            true
        }
        Some(_) => false,
        None => {
            finding.sightings.push(Sighting { source, seen: moment, absent: None });
            true
        }
    };
    match finding.status {
        Status::Resolved => {
            finding.reopened += 1;
            finding.closing = None;
            (finding.request, finding.answered) = (None, None);
            finding.opened_at = now;
            // What a source saw before the closing must not keep it open now.
            finding.sightings.retain(|sighting| sighting.source == source);
            timers::restart(finding, around, now);
        }
        // Promised, or nearly proved, and still there.
        Status::RemovalPromised if newer && moment.at > finding.status_at => {
            finding.resume(around, now);
        }
        Status::Verifying if newer && !finding.has_time_at(moment.at) => {
            finding.resume(around, now)
        }
        _ => {}
    }
    Vec::new()
}

fn looked(
    finding: &mut Finding,
    source: SoftwareSource,
    moment: Moment,
    now: Timestamp,
) -> Vec<Effect> {
    if finding.status == Status::Resolved {
        return Vec::new();
    }
    let Some(sighting) = finding.sightings.iter_mut().find(|known| known.source == source) else {
        return Vec::new();
    };
    let later = sighting.absent.is_none_or(|known| moment.order > known.order);
    if moment.order <= sighting.seen.order || !later {
        return Vec::new();
    }
    sighting.absent = Some(moment);
    if finding.proof().is_some() {
        return finding.close(Closing::Removed, now);
    }
    if !matches!(finding.status, Status::Verifying | Status::RiskAccepted) {
        finding.enter(Status::Verifying, now);
        finding.due_at = None;
    }
    Vec::new()
}

fn answered(
    finding: &mut Finding,
    answer: Answer,
    around: &Around<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    match answer {
        Answer::RequestNow => finding.enter(Status::Acknowledged, now),
        Answer::Removed => finding.enter(Status::RemovalPromised, now),
        Answer::NotMine => finding.enter(Status::Disputed, now),
    }
    let next = timers::next(finding, around, now);
    finding.due_at = match answer {
        Answer::NotMine => next,
        Answer::RequestNow | Answer::Removed => finding.within_the_answer(next),
    };
    finding.answered = Some(finding.rung);
    vec![Effect::Withdraw]
}

fn ruled(
    finding: &mut Finding,
    ruling: Ruling,
    around: &Around<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    match ruling {
        Ruling::Stands => finding.resume(around, now),
        Ruling::TakenOver => {
            finding.enter(Status::Verifying, now);
            let days = around.timetable.promise_days;
            finding.due_at = Some(around.workplace.afternoon_after(now, days));
        }
    }
    Vec::new()
}
