//! The ladder of messages where people and devices do not behave: each fault that was found has its test.

use case::calendar::Workplace;
use case::finding::{
    Answer, Around, By, Effect, Event, Finding, Kind, Letter, Moment, Ruling, Rung, Status,
    Timetable, step,
};
use model::Timestamp;
use model::inventory::SoftwareSource;

const HOUR_NS: i64 = 3_600 * 1_000_000_000;
/// Thursday, ten in the morning in Tokyo.
const THURSDAY: &str = "2026-11-19T01:00:00Z";

/// A finding with its people and its clock.
struct Scene {
    finding: Finding,
    timetable: Timetable,
    workplace: Workplace,
    has_owner: bool,
    now: Timestamp,
    order: u64,
}

impl Scene {
    fn new() -> Self {
        let (timetable, workplace) = (Timetable::default(), Workplace::of_zone("Asia/Tokyo"));
        let now = Timestamp::parse(THURSDAY).expect("a time");
        let around = Around {
            timetable: &timetable,
            workplace: &workplace,
            has_owner: true,
            has_manager: true,
        };
        let seen = Moment { order: 1, at: now };
        let source = SoftwareSource::Dpkg;
        let finding = Finding::open(Kind::Unapproved, source, seen, None, &around, now);
        Self { finding, timetable, workplace, has_owner: true, now, order: 1 }
    }

    /// One that its owner was told of, at ten past ten.
    fn told() -> Self {
        let mut scene = Self::new();
        scene.pass_to("2026-11-19T01:10:00Z");
        assert_eq!(scene.take(&Event::Timer, By::Machine), [Effect::Tell(Letter::Notice)]);
        scene
    }

    fn pass_to(&mut self, time: &str) {
        self.now = Timestamp::parse(time).expect(time);
    }

    fn take(&mut self, event: &Event, by: By) -> Vec<Effect> {
        let around = Around {
            timetable: &self.timetable,
            workplace: &self.workplace,
            has_owner: self.has_owner,
            has_manager: true,
        };
        let (next, effects) =
            step(&self.finding, event, by, &around, self.now).expect("a step that is allowed");
        self.finding = next;
        effects
    }

    fn see(&mut self) {
        self.order += 1;
        let moment = Moment { order: self.order, at: self.now };
        self.take(&Event::Seen { source: SoftwareSource::Dpkg, moment }, By::Machine);
    }

    fn due(&self) -> String {
        self.finding.due_at.map(|due| due.to_string()).unwrap_or_default()
    }
}

#[test]
fn a_clock_that_goes_on_again_reminds_on_a_working_afternoon() {
    let mut scene = Scene::told();
    // Two working days on: Friday, and Tuesday, for Monday is a holiday.
    assert_eq!(scene.due(), "2026-11-24T05:00:00Z");
    scene.pass_to("2026-11-22T00:00:00Z");
    scene.take(&Event::Silent, By::Machine);
    // Friday, nine in the morning: 53 hours were left, which would end on a Sunday.
    scene.pass_to("2026-11-27T00:00:00Z");
    scene.take(&Event::Back, By::Machine);
    assert_eq!(scene.due(), "2026-11-30T05:00:00Z");
    // What was to be said within minutes is said within minutes.
    let mut fresh = Scene::new();
    fresh.take(&Event::Silent, By::Machine);
    fresh.pass_to("2026-11-22T00:00:00Z");
    fresh.take(&Event::Back, By::Machine);
    assert_eq!(fresh.due(), "2026-11-22T00:10:00Z");
}

#[test]
fn a_promise_that_is_made_again_every_day_does_not_hold_the_ladder() {
    let mut scene = Scene::told();
    let mut reminded = 0;
    for _ in 0..14 {
        scene.take(&Event::Answered(Answer::Removed), By::Owner);
        scene.now = scene.now.plus_nanos(HOUR_NS);
        scene.see();
        assert_eq!(scene.finding.status, Status::Notified, "it is still there");
        scene.now = scene.now.plus_nanos(23 * HOUR_NS);
        let effects = scene.take(&Event::Timer, By::Machine);
        reminded += effects.iter().filter(|one| matches!(one, Effect::Tell(_))).count();
    }
    assert_eq!((reminded, scene.finding.rung), (2, Rung::Drafted));
    // The same for who says every day that he is about to ask.
    let mut scene = Scene::told();
    for _ in 0..14 {
        scene.take(&Event::Answered(Answer::RequestNow), By::Owner);
        scene.now = scene.now.plus_nanos(24 * HOUR_NS);
        scene.take(&Event::Timer, By::Machine);
    }
    assert_eq!(scene.finding.rung, Rung::Drafted);
}

#[test]
fn who_left_is_not_reminded_and_nothing_is_said_to_have_been_sent() {
    let mut scene = Scene::told();
    scene.has_owner = false;
    for day in 24..30 {
        scene.pass_to(&format!("2026-11-{day}T06:00:00Z"));
        assert_eq!(scene.take(&Event::Timer, By::Machine), []);
    }
    assert_eq!(scene.finding.rung, Rung::Bot);
    // Somebody else has the device now.
    scene.has_owner = true;
    scene.pass_to("2026-12-01T06:00:00Z");
    assert_eq!(scene.take(&Event::Timer, By::Machine), [Effect::Tell(Letter::Reminder(1))]);
}

#[test]
fn what_the_team_takes_over_is_given_time() {
    let mut scene = Scene::told();
    scene.take(&Event::Answered(Answer::NotMine), By::Owner);
    scene.take(&Event::Ruled(Ruling::TakenOver), By::Team);
    scene.now = scene.now.plus_nanos(HOUR_NS);
    scene.see();
    assert_eq!(scene.finding.status, Status::Verifying, "the next look is an hour later");
    scene.pass_to("2026-11-24T05:00:00Z");
    scene.take(&Event::Timer, By::Machine);
    scene.see();
    assert_eq!(scene.finding.status, Status::Notified, "nobody removed it");
}

#[test]
fn a_permission_that_does_not_cover_what_was_found_leaves_nothing_waiting() {
    let mut scene = Scene::told();
    scene.take(&Event::RequestFiled { request: "r1".into() }, By::Owner);
    assert_eq!(scene.due(), "");
    scene.take(&Event::RequestEnded { permitted: true }, By::Machine);
    assert_eq!(scene.finding.status, Status::RequestFiled, "the judgement comes first");
    scene.now = scene.now.plus_nanos(HOUR_NS);
    scene.take(&Event::Timer, By::Machine);
    assert_eq!(scene.finding.status, Status::Notified);
    assert!(scene.finding.due_at.is_some());
}

#[test]
fn findings_stored_before_answers_were_counted_are_read() {
    let mut stored = serde_json::to_value(&Scene::told().finding).expect("JSON");
    stored.as_object_mut().expect("an object").remove("answered").expect("the field");
    let read: Finding = serde_json::from_value(stored).expect("read");
    assert_eq!(read.answered, None);
}
