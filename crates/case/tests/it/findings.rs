//! Findings against a reference model: random inventories, answers and times.

use case::calendar::Workplace;
use case::finding::{
    Answer, Around, By, Closing, Event, Finding, Kind, Moment, Ruling, Status, Timetable, step,
};
use model::Timestamp;
use model::inventory::SoftwareSource;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SOURCES: [SoftwareSource; 3] =
    [SoftwareSource::Dpkg, SoftwareSource::Chrome, SoftwareSource::Executed];

/// What may happen, in the words of the world outside.
#[derive(Debug, Clone)]
enum Happening {
    Seen(usize),
    Looked(usize),
    /// A look that is reported late: its order lies before the newest one.
    LateLook(usize, u64),
    Cleared(Closing),
    Pass(i64),
    Silent,
    Back,
    Answer(Answer),
    Filed,
    RequestEnded(bool),
    Ruled(Ruling),
    Risk(i64),
    RiskEnded,
    DraftSent,
    Retired,
}

fn happening() -> impl Strategy<Value = Happening> {
    let source = 0..SOURCES.len();
    prop_oneof![
        6 => source.clone().prop_map(Happening::Seen),
        6 => source.clone().prop_map(Happening::Looked),
        2 => (source, 1u64..40).prop_map(|(source, back)| Happening::LateLook(source, back)),
        2 => proptest::sample::select(Closing::ALL).prop_map(Happening::Cleared),
        6 => (1i64..100).prop_map(Happening::Pass),
        1 => Just(Happening::Silent),
        1 => Just(Happening::Back),
        3 => proptest::sample::select(Answer::ALL).prop_map(Happening::Answer),
        2 => Just(Happening::Filed),
        1 => any::<bool>().prop_map(Happening::RequestEnded),
        1 => proptest::sample::select(Ruling::ALL).prop_map(Happening::Ruled),
        1 => (-2i64..500).prop_map(Happening::Risk),
        1 => Just(Happening::RiskEnded),
        2 => Just(Happening::DraftSent),
        1 => Just(Happening::Retired),
    ]
}

/// The reference: who saw it last when, who looked later and did not find it.
#[derive(Debug, Default)]
struct Reference {
    seen: BTreeMap<SoftwareSource, u64>,
    absent: BTreeMap<SoftwareSource, u64>,
    resolved: bool,
}

impl Reference {
    fn seen(&mut self, source: SoftwareSource, order: u64) {
        if self.resolved {
            self.seen.clear();
            self.absent.clear();
            self.resolved = false;
        }
        let newest = self.seen.entry(source).or_insert(order);
        *newest = (*newest).max(order);
        if self.absent.get(&source).is_some_and(|look| *look <= order) {
            self.absent.remove(&source);
        }
    }

    fn looked(&mut self, source: SoftwareSource, order: u64) {
        if let Some(seen) = self.seen.get(&source)
            && order > *seen
            && !self.resolved
        {
            let newest = self.absent.entry(source).or_insert(order);
            *newest = (*newest).max(order);
        }
    }

    fn proved(&self) -> bool {
        self.seen
            .iter()
            .all(|(source, seen)| self.absent.get(source).is_some_and(|look| look > seen))
    }
}

const HOUR_NS: i64 = 3_600 * 1_000_000_000;

fn event_of(happening: &Happening, order: u64, now: Timestamp) -> (Event, By) {
    let moment = |order: u64| Moment { order, at: now };
    match happening {
        Happening::Seen(source) => {
            (Event::Seen { source: SOURCES[*source], moment: moment(order) }, By::Machine)
        }
        Happening::Looked(source) => {
            (Event::Looked { source: SOURCES[*source], moment: moment(order) }, By::Machine)
        }
        Happening::LateLook(source, back) => {
            let moment = moment(order.saturating_sub(*back));
            (Event::Looked { source: SOURCES[*source], moment }, By::Machine)
        }
        Happening::Cleared(closing) => (Event::Cleared(*closing), By::Machine),
        Happening::Pass(_) => (Event::Timer, By::Machine),
        Happening::Silent => (Event::Silent, By::Machine),
        Happening::Back => (Event::Back, By::Machine),
        Happening::Answer(answer) => (Event::Answered(*answer), By::Owner),
        Happening::Filed => (Event::RequestFiled { request: "r".into() }, By::Owner),
        Happening::RequestEnded(permitted) => {
            (Event::RequestEnded { permitted: *permitted }, By::Machine)
        }
        Happening::Ruled(ruling) => (Event::Ruled(*ruling), By::Team),
        Happening::Risk(days) => {
            (Event::RiskAccepted { until: now.plus_nanos(days * 24 * HOUR_NS) }, By::Team)
        }
        Happening::RiskEnded => (Event::RiskEnded, By::Team),
        Happening::DraftSent => (Event::DraftSent, By::Team),
        Happening::Retired => (Event::DeviceRetired, By::Team),
    }
}

/// Checks one step against the reference.
fn check(before: &Finding, after: &Finding, event: &Event, reference: &Reference) {
    let closes = before.status != Status::Resolved && after.status == Status::Resolved;
    if after.status == Status::Resolved && after.closing == Some(Closing::Removed) {
        assert!(
            reference.proved(),
            "closed as removed without a fresh look of every source: {after:?}"
        );
        assert!(after.proof().is_some_and(|proof| proof.len() == after.sightings.len()));
    }
    if closes {
        match (event, after.closing) {
            (Event::Looked { .. }, Some(Closing::Removed))
            | (Event::DeviceRetired, Some(Closing::DeviceRetired)) => {}
            (Event::Cleared(said), Some(closing)) => {
                assert_eq!(*said, closing);
                assert!(!matches!(closing, Closing::Removed | Closing::DeviceRetired));
            }
            other => panic!("nothing else closes a finding: {other:?}"),
        }
    }
    if before.status == Status::Resolved && after.status != Status::Resolved {
        assert!(matches!(event, Event::Seen { .. }), "only a sighting reopens: {event:?}");
        assert_eq!(after.reopened, before.reopened + 1);
    }
    assert_eq!(after.status == Status::Resolved, after.closing.is_some());
    if after.paused.is_some() {
        assert_eq!(after.due_at, None, "the clock of a silent device stands");
    }
    if matches!(event, Event::Silent | Event::Back) {
        assert_eq!(before.status, after.status, "silence closes and opens nothing");
    }
    // What is not proved to be absent and not closed otherwise is never forgotten.
    assert!(!after.sightings.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_finding_is_resolved_without_a_fresh_look_of_every_source(
        kind in proptest::sample::select(Kind::ALL),
        first in 0..SOURCES.len(),
        happenings in proptest::collection::vec(happening(), 1..60),
        has_owner in any::<bool>(),
        has_manager in any::<bool>(),
    ) {
        let (timetable, workplace) = (Timetable::default(), Workplace::of_zone("Asia/Tokyo"));
        let around = Around { timetable: &timetable, workplace: &workplace, has_owner, has_manager };
        let mut now = Timestamp::parse("2026-11-20T01:00:00Z").expect("a time");
        let mut order = 100u64;
        let mut reference = Reference::default();
        reference.seen(SOURCES[first], order);
        let moment = Moment { order, at: now };
        let mut finding = Finding::open(kind, SOURCES[first], moment, None, &around, now);
        for happening in &happenings {
            order += 1;
            if let Happening::Pass(hours) = happening {
                now = now.plus_nanos(hours * HOUR_NS);
            }
            let (event, by) = event_of(happening, order, now);
            let Ok((next, _)) = step(&finding, &event, by, &around, now) else { continue };
            match &event {
                Event::Seen { source, moment } => reference.seen(*source, moment.order),
                Event::Looked { source, moment } => reference.looked(*source, moment.order),
                _ => {}
            }
            check(&finding, &next, &event, &reference);
            reference.resolved = next.status == Status::Resolved;
            finding = next;
        }
        // Whatever happened before: a fresh look of every source closes it.
        for source in SOURCES {
            order += 1;
            let event = Event::Looked { source, moment: Moment { order, at: now } };
            finding = step(&finding, &event, By::Machine, &around, now).expect("always taken").0;
        }
        prop_assert_eq!(finding.status, Status::Resolved);
    }

    #[test]
    fn only_the_right_person_acts(
        happenings in proptest::collection::vec(happening(), 1..20),
    ) {
        let (timetable, workplace) = (Timetable::default(), Workplace::of_zone("Asia/Tokyo"));
        let around =
            Around { timetable: &timetable, workplace: &workplace, has_owner: true, has_manager: true };
        let now = Timestamp::parse("2026-11-20T01:00:00Z").expect("a time");
        let moment = Moment { order: 1, at: now };
        let finding = Finding::open(Kind::Portable, SOURCES[2], moment, None, &around, now);
        for happening in &happenings {
            let (event, right) = event_of(happening, 2, now);
            for wrong in [By::Machine, By::Owner, By::Team] {
                if wrong != right {
                    prop_assert!(step(&finding, &event, wrong, &around, now).is_err(), "{:?} {:?}", event, wrong);
                }
            }
        }
    }
}

#[test]
fn stored_names_round_trip() {
    fn check<T: Copy + PartialEq + std::fmt::Debug + serde::Serialize>(
        all: &[T],
        name: fn(T) -> &'static str,
        of_name: fn(&str) -> Option<T>,
    ) {
        for one in all {
            assert_eq!(of_name(name(*one)), Some(*one));
            let json = serde_json::to_string(one).expect("JSON");
            assert_eq!(json, format!("{:?}", name(*one)), "JSON and the store say the same name");
        }
    }
    check(Kind::ALL, Kind::name, Kind::of_name);
    check(Status::ALL, Status::name, Status::of_name);
    check(Closing::ALL, Closing::name, Closing::of_name);
    check(Answer::ALL, Answer::name, Answer::of_name);
    check(Ruling::ALL, Ruling::name, Ruling::of_name);
    check(case::finding::Rung::ALL, case::finding::Rung::name, case::finding::Rung::of_name);
    use case::exclusion::Class;
    use case::judgement::Verdict;
    use case::remedy::Channel;
    check(Class::ALL, Class::name, Class::of_name);
    check(Verdict::ALL, Verdict::name, Verdict::of_name);
    check(Channel::ALL, Channel::name, Channel::of_name);
}
