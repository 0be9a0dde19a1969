//! Random commands against a reference model: no way to an approval past bad evidence or by the requester.

use case::check::{Check, CheckKind, PendingCheck, Verdict};
use case::command::{By, Command, Effect};
use case::decision::{Outcome, Ruling, Scope};
use case::form::{Attachment, Form, Kind};
use case::refusal::Refusal;
use case::request::{Request, State, step};
use case::review::RuleAnswer;
use model::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const PEOPLE: [&str; 4] = ["requester", "anna", "ben", "chloe"];

/// What a step tries. Sources are numbered, so are people; `who` 0 is the requester.
#[derive(Debug, Clone)]
enum Try {
    Submit { who: usize },
    Screen { sources: usize },
    Answer { source: usize, verdict: Verdict },
    Silence,
    Rules { ask: bool, verdict: Verdict },
    Checklist { who: usize, yes: bool },
    AskMore { source: usize },
    Question { who: usize },
    Reply { who: usize },
    Propose { who: usize, nth: usize },
    Confirm { who: usize, nth: usize },
    Escalate { who: usize },
    Decide { who: usize, outcome: Outcome, accepted: bool },
    Appeal { who: usize },
    TakeUp { who: usize },
    Withdraw { who: usize },
}

fn verdict() -> impl Strategy<Value = Verdict> {
    // Mostly harmless, or hardly any sequence gets far enough to try an approval.
    prop_oneof![
        6 => Just(Verdict::Allow), 1 => Just(Verdict::Unknown), 1 => Just(Verdict::Escalate),
        1 => Just(Verdict::Error), 1 => Just(Verdict::Deny), 1 => Just(Verdict::DenyMalware),
    ]
}

fn attempt() -> impl Strategy<Value = Try> {
    let who = 0..PEOPLE.len();
    let outcome = prop_oneof![3 => Just(Outcome::Approve), 1 => Just(Outcome::Deny)];
    prop_oneof![
        2 => who.clone().prop_map(|who| Try::Submit { who }),
        3 => (0usize..3).prop_map(|sources| Try::Screen { sources }),
        6 => (0usize..3, verdict()).prop_map(|(source, verdict)| Try::Answer { source, verdict }),
        1 => Just(Try::Silence),
        1 => (any::<bool>(), verdict()).prop_map(|(ask, verdict)| Try::Rules { ask, verdict }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, yes)| Try::Checklist { who, yes }),
        1 => (0usize..3).prop_map(|source| Try::AskMore { source }),
        1 => who.clone().prop_map(|who| Try::Question { who }),
        1 => who.clone().prop_map(|who| Try::Reply { who }),
        3 => (who.clone(), 0usize..4).prop_map(|(who, nth)| Try::Propose { who, nth }),
        3 => (who.clone(), 0usize..4).prop_map(|(who, nth)| Try::Confirm { who, nth }),
        1 => who.clone().prop_map(|who| Try::Escalate { who }),
        6 => (who.clone(), outcome, any::<bool>())
            .prop_map(|(who, outcome, accepted)| Try::Decide { who, outcome, accepted }),
        1 => who.clone().prop_map(|who| Try::Appeal { who }),
        1 => who.clone().prop_map(|who| Try::TakeUp { who }),
        1 => who.prop_map(|who| Try::Withdraw { who }),
    ]
}

/// The reference: what an approval needs, told by sets of people instead of by a machine.
#[derive(Debug, Default)]
struct Model {
    /// The word of each source that counts, with the number of the check.
    words: BTreeMap<String, (Verdict, usize)>,
    waiting: BTreeSet<usize>,
    asked_rule: bool,
    checks: usize,
    proposed: BTreeMap<usize, usize>,
    confirmed: BTreeMap<usize, (usize, usize)>,
    escalated_by: Option<usize>,
    objected: Option<usize>,
}

impl Model {
    fn hear(&mut self, source: String, verdict: Verdict) {
        let before = self.words.get(&source).map(|word| word.0);
        let silent = matches!(verdict, Verdict::Unknown | Verdict::Error);
        let bad = matches!(before, Some(Verdict::Deny | Verdict::DenyMalware | Verdict::Escalate));
        if !(silent && bad) {
            self.words.insert(source, (verdict, self.checks));
        }
        self.checks += 1;
    }

    fn may_approve(&self, who: usize, accepted: bool) -> bool {
        let looked = self.words.keys().any(|source| !source.starts_with("rule"));
        let mut unknown = !looked;
        for (verdict, number) in self.words.values() {
            let people = self.confirmed.get(number);
            let fine = match verdict {
                Verdict::Allow => true,
                Verdict::Unknown => {
                    unknown = true;
                    true
                }
                Verdict::Escalate => people.is_some() || self.escalated_by.is_some(),
                Verdict::Deny | Verdict::Error => people.is_some(),
                Verdict::DenyMalware => people.is_some_and(|(one, two)| who != *one && who != *two),
            };
            if !fine {
                return false;
            }
        }
        let second = self.escalated_by != Some(who);
        who != 0 && second && self.waiting.is_empty() && !self.asked_rule && (accepted || !unknown)
    }
}

fn person(who: usize) -> By<'static> {
    By::Person { id: PEOPLE[who], reviewer: true, senior: true }
}

fn check(number: usize, source: &str, subject: &str, verdict: Verdict, at: Timestamp) -> Check {
    Check {
        id: format!("check-{number}"),
        kind: CheckKind::Hash,
        source: source.to_owned(),
        subject: subject.to_owned(),
        verdict,
        name: String::new(),
        detail: String::new(),
        detail_ja: String::new(),
        at,
        expires_at: None,
    }
}

fn filled() -> Request {
    let mut request = Request::draft("r".into(), "requester".into(), Kind::Installer, at(0));
    request.form = Form {
        name: "Zoom".into(),
        url: "https://zoom.us/".into(),
        purpose: "meetings".into(),
        sha256: HASH.into(),
        ..Form::default()
    };
    request
}

fn at(ns: i64) -> Timestamp {
    Timestamp::from_nanos(ns)
}

fn ruling(outcome: Outcome, unknown_accepted: bool) -> Ruling {
    Ruling {
        outcome,
        scope: Scope::default(),
        reason: "because".into(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted,
    }
}

/// One source is one kind of check here, so that each can wait alone.
const KINDS: [CheckKind; 3] = [CheckKind::Hash, CheckKind::Sightings, CheckKind::Permissions];

fn pending(source: usize, now: Timestamp) -> PendingCheck {
    PendingCheck { kind: KINDS[source], subject: HASH.into(), since: now }
}

fn command_of(tried: &Try, request: &Request, now: Timestamp) -> (Command, By<'static>) {
    let reason = || "because".to_owned();
    let nth = |nth: usize| request.checks.get(nth).map_or("none".into(), |one| one.id.clone());
    match tried {
        Try::Submit { who } => (Command::Submit, person(*who)),
        Try::Screen { sources } => {
            let checks = (0..*sources).map(|one| pending(one, now)).collect();
            (Command::BeginScreening(checks), By::Machine)
        }
        Try::Answer { source, verdict } => {
            let mut answer = check(request.checks.len(), "source", HASH, *verdict, now);
            answer.kind = KINDS[*source];
            let (kind, subject) = (answer.kind, HASH.to_owned());
            (Command::RecordChecks { kind, subject, answers: vec![answer] }, By::Machine)
        }
        Try::Silence => (Command::Tick, By::Machine),
        Try::Rules { ask, verdict } => {
            let ask = if *ask { vec!["rule-person".to_owned()] } else { Vec::new() };
            let answer = check(request.checks.len(), "rule-machine", "machine", *verdict, now);
            (Command::RecordPolicy { answers: vec![answer], ask }, By::Machine)
        }
        Try::Checklist { who, yes } => {
            let answer = RuleAnswer {
                rule: "rule-person".into(),
                yes: *yes,
                verdict: Verdict::Deny,
                note: String::new(),
            };
            (Command::AnswerRule(answer), person(*who))
        }
        Try::AskMore { source } => (Command::BeginChecks(vec![pending(*source, now)]), By::Machine),
        Try::Question { who } => (Command::Ask { text: "why?".into() }, person(*who)),
        Try::Reply { who } => (Command::Answer { text: "so".into(), form: None }, person(*who)),
        Try::Propose { who, nth: place } => {
            (Command::ProposeOverride { check: nth(*place), reason: reason() }, person(*who))
        }
        Try::Confirm { who, nth: place } => {
            (Command::ConfirmOverride { check: nth(*place), reason: reason() }, person(*who))
        }
        Try::Escalate { who } => (Command::Escalate { reason: reason() }, person(*who)),
        Try::Decide { who, outcome, accepted } => {
            (Command::Decide(Box::new(ruling(*outcome, *accepted))), person(*who))
        }
        Try::Appeal { who } => (Command::Appeal { reason: reason() }, person(*who)),
        Try::TakeUp { who } => (Command::TakeUp, person(*who)),
        Try::Withdraw { who } => (Command::Withdraw, person(*who)),
    }
}

/// What the model learns from a step that was taken.
fn learn(model: &mut Model, tried: &Try, before: &Request, after: &Request) {
    match tried {
        Try::Screen { sources } => model.waiting = (0..*sources).collect(),
        Try::Answer { source, verdict } => {
            if model.waiting.remove(source) {
                model.hear(format!("source {source}"), *verdict);
            }
        }
        Try::Silence => assert_eq!(before, after, "too early for a timer"),
        Try::Rules { ask, verdict } => {
            model.hear("rule-machine".into(), *verdict);
            model.asked_rule |= *ask && model.objected.is_none() && !before_answered(before);
        }
        Try::Checklist { who, yes } => {
            let verdict = if *yes { Verdict::Deny } else { Verdict::Allow };
            assert!(*who != 0, "the requester answers no checklist");
            assert!(*yes || model.objected != Some(*who), "took back an objection alone");
            model.objected = yes.then_some(*who);
            model.asked_rule = false;
            model.hear("rule-person".into(), verdict);
        }
        Try::AskMore { source } => drop(model.waiting.insert(*source)),
        Try::Propose { who, nth } => drop(model.proposed.insert(*nth, *who)),
        Try::Confirm { who, nth } => {
            let first = *model.proposed.get(nth).expect("nothing was proposed");
            assert!(first != *who && first != 0 && *who != 0, "one person overrode alone");
            model.confirmed.insert(*nth, (first, *who));
        }
        Try::Escalate { who } => model.escalated_by = Some(*who),
        Try::Decide { .. } => {
            model.escalated_by = None;
            model.waiting.clear();
        }
        Try::Withdraw { .. } => model.waiting.clear(),
        Try::Submit { .. }
        | Try::Question { .. }
        | Try::Reply { .. }
        | Try::Appeal { .. }
        | Try::TakeUp { .. } => {}
    }
}

fn before_answered(request: &Request) -> bool {
    !request.answers.is_empty()
}

fn may_follow(from: State, to: State) -> bool {
    use State::*;
    from == to
        || matches!(
            (from, to),
            (Draft, Submitted)
                | (Submitted, Duplicate | Screening | InReview | Withdrawn)
                | (Screening, Denied | InReview | Withdrawn)
                | (
                    InReview,
                    NeedsInfo | Approved | ApprovedWithConditions | Denied | Escalated | Withdrawn
                )
                | (NeedsInfo, InReview | Denied | Withdrawn)
                | (Escalated, Approved | ApprovedWithConditions | Denied | Withdrawn)
                | (Denied, Appealed)
                | (Appealed, InReview | Withdrawn)
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_path_to_approved_past_a_failed_check_or_by_the_requester(
        tries in proptest::collection::vec(attempt(), 1..60),
    ) {
        let mut request = filled();
        let mut model = Model::default();
        // The first steps are given, so that most sequences reach the reviewers.
        let start = [Try::Submit { who: 0 }, Try::Screen { sources: 2 }];
        for (second, tried) in (1i64..).zip(start.iter().chain(&tries)) {
            let now = at(second);
            let (command, by) = command_of(tried, &request, now);
            let expected_approval = match tried {
                Try::Decide { who, outcome: Outcome::Approve, accepted } => {
                    let reviewing = matches!(request.state, State::InReview | State::Escalated);
                    Some(reviewing && model.may_approve(*who, *accepted))
                }
                _ => None,
            };
            match step(&request, &command, by, now) {
                Ok((next, effects)) => {
                    prop_assert_ne!(expected_approval, Some(false), "approved: {:?}", request);
                    prop_assert!(may_follow(request.state, next.state), "{:?} → {:?}", request.state, next.state);
                    if next.state.is_approved() && !request.state.is_approved() {
                        prop_assert_eq!(expected_approval, Some(true), "approved by {:?}", tried);
                        let enacted = effects.iter().any(|one| matches!(one, Effect::Enact(_)));
                        prop_assert!(enacted);
                    }
                    learn(&mut model, tried, &request, &next);
                    let json = serde_json::to_string(&next).expect("stored");
                    prop_assert_eq!(&serde_json::from_str::<Request>(&json).expect("read"), &next);
                    request = next;
                }
                Err(refusal) => {
                    prop_assert_ne!(expected_approval, Some(true), "{}: {:?}", refusal, request);
                }
            }
        }
    }
}

fn reviewed(verdicts: &[Verdict]) -> Request {
    let mut request = filled();
    let mut take = |command: Command, by: By<'_>| {
        request = step(&request, &command, by, at(1)).expect("a step").0;
    };
    take(Command::Submit, person(0));
    take(Command::BeginScreening(vec![pending(0, at(1))]), By::Machine);
    let answers = verdicts
        .iter()
        .enumerate()
        .map(|(number, verdict)| check(number, &format!("s{number}"), HASH, *verdict, at(1)))
        .collect();
    let asked = Command::RecordChecks { kind: CheckKind::Hash, subject: HASH.into(), answers };
    take(asked, By::Machine);
    request
}

fn decide(request: &Request, who: usize) -> Result<State, Refusal> {
    let command = Command::Decide(Box::new(ruling(Outcome::Approve, false)));
    step(request, &command, person(who), at(2)).map(|(next, _)| next.state)
}

#[test]
fn an_appeal_is_not_for_the_person_who_denied() {
    let denial = Command::Decide(Box::new(ruling(Outcome::Deny, false)));
    let mut request = reviewed(&[Verdict::Allow]);
    let mut take = |command: Command, by: By<'_>| {
        request = step(&request, &command, by, at(2)).expect("a step").0;
        request.clone()
    };
    take(denial.clone(), person(1));
    let appealed = take(Command::Appeal { reason: "it is needed".into() }, person(0));
    let refused = |request: &Request, command: &Command, who: usize| {
        matches!(step(request, command, person(who), at(2)), Err(Refusal::SecondPerson { .. }))
    };
    assert!(refused(&appealed, &Command::TakeUp, 1));
    let handed = Command::Assign { to: Some(PEOPLE[1].to_owned()) };
    assert!(refused(&appealed, &handed, 2), "nor is it handed to that person");
    let open = take(Command::TakeUp, person(2));
    assert_eq!((open.state, open.assignee.as_deref()), (State::InReview, Some(PEOPLE[2])));
    assert!(refused(&open, &denial, 1), "who denied does not deny it again");
    assert_eq!(decide(&open, 2), Ok(State::Approved));
}

#[test]
fn a_question_that_nobody_answers_does_not_keep_a_request_open_for_ever() {
    let request = reviewed(&[Verdict::Allow]);
    let asked = Command::Ask { text: "what for?".into() };
    let request = step(&request, &asked, person(1), at(2)).expect("a step").0;
    assert_eq!(request.state, State::NeedsInfo);
    assert!(matches!(decide(&request, 1), Err(Refusal::State { .. })), "it is not approved");
    let denial = Command::Decide(Box::new(ruling(Outcome::Deny, false)));
    assert_eq!(step(&request, &denial, person(0), at(3)), Err(Refusal::OwnRequest));
    let denied = step(&request, &denial, person(1), at(3)).expect("a step").0;
    assert_eq!(denied.state, State::Denied);
}

#[test]
fn malware_is_denied_by_the_machine_and_needs_three_people_to_come_back() {
    let request = reviewed(&[Verdict::Allow, Verdict::DenyMalware]);
    assert_eq!(request.state, State::Denied);
    let mut request = request;
    let mut take = |command: Command, by: By<'_>| {
        request = step(&request, &command, by, at(2)).expect("a step").0;
        request.clone()
    };
    take(Command::Appeal { reason: "it is ours".into() }, person(0));
    let open = take(Command::TakeUp, person(1));
    assert!(matches!(decide(&open, 1), Err(Refusal::Blocked { .. })));
    let check = "check-1".to_owned();
    take(Command::ProposeOverride { check: check.clone(), reason: "known".into() }, person(1));
    let done = take(Command::ConfirmOverride { check, reason: "agreed".into() }, person(2));
    assert!(matches!(decide(&done, 1), Err(Refusal::SecondPerson { .. })));
    assert!(matches!(decide(&done, 2), Err(Refusal::SecondPerson { .. })));
    assert_eq!(decide(&done, 0), Err(Refusal::OwnRequest));
    assert_eq!(decide(&done, 3), Ok(State::Approved));
}

#[test]
fn unknown_is_not_clean_and_an_error_never_approves() {
    assert_eq!(decide(&reviewed(&[Verdict::Unknown]), 1), Err(Refusal::UnknownNotAccepted));
    let failed = reviewed(&[Verdict::Allow, Verdict::Error]);
    assert_eq!(failed.state, State::InReview);
    assert!(matches!(decide(&failed, 1), Err(Refusal::Blocked { .. })));
    let silent = reviewed(&[]);
    assert!(matches!(decide(&silent, 1), Err(Refusal::Blocked { .. })), "no answer is an error");
    assert_eq!(decide(&reviewed(&[Verdict::Allow]), 1), Ok(State::Approved));
}

#[test]
fn of_paid_software_nothing_is_kept() {
    let mut request = filled();
    let file = Attachment {
        sha256: HASH.into(),
        name: "setup.exe".into(),
        size_bytes: 1,
        by: "requester".into(),
        at: at(1),
    };
    request = step(&request, &Command::Attach(file.clone()), person(0), at(1)).expect("taken").0;
    let paid = Form { paid: true, ..request.form.clone() };
    let (next, effects) = step(&request, &Command::Edit(paid), person(0), at(2)).expect("edited");
    assert!(next.files.is_empty());
    assert_eq!(effects, [Effect::DropFiles(vec![HASH.to_owned()])]);
    let refused = step(&next, &Command::Attach(file), person(0), at(3));
    assert_eq!(refused, Err(Refusal::PaidSoftware));
}

#[test]
fn a_source_that_stays_silent_is_an_error_in_time() {
    let mut request = filled();
    request = step(&request, &Command::Submit, person(0), at(1)).expect("submitted").0;
    let screen = Command::BeginScreening(vec![pending(0, at(1))]);
    request = step(&request, &screen, By::Machine, at(1)).expect("screening").0;
    let late = at(1 + case::limits::CHECK_ANSWER_NS_MAX);
    request = step(&request, &Command::Tick, By::Machine, late).expect("ticked").0;
    assert_eq!(request.state, State::InReview);
    assert_eq!(case::check::worst(&request.checks, late), Verdict::Error);
}

#[test]
fn malware_stays_when_the_hash_is_replaced() {
    let mut request = reviewed(&[Verdict::Deny, Verdict::DenyMalware, Verdict::Allow]);
    request.state = State::InReview;
    let ask = Command::Ask { text: "which file?".into() };
    request = step(&request, &ask, person(1), at(2)).expect("asked").0;
    let form = Form { sha256: "b".repeat(64), ..request.form.clone() };
    let answer = Command::Answer { text: "this one".into(), form: Some(Box::new(form)) };
    request = step(&request, &answer, person(0), at(3)).expect("answered").0;
    let failed = case::review::blockers(&request, at(3)).failed;
    assert_eq!(failed, ["check-1"], "the denial of the old hash is gone, malware is not");
}

#[test]
fn forms_say_which_field_is_wrong() {
    let faults = |kind, form: Form| {
        let faults = form.faults(kind, false);
        faults.into_iter().map(|one| format!("{} {}", one.field, one.fault)).collect::<Vec<_>>()
    };
    let empty = faults(Kind::Installer, Form::default());
    assert_eq!(empty, ["name is missing", "purpose is missing", "url is missing"]);
    let extension = faults(Kind::Extension, Form::default());
    assert_eq!(extension.last().map(String::as_str), Some("extension_id is missing"));
    let hostile = Form {
        name: "a\u{1b}[31m".into(),
        purpose: "x".repeat(1 << 20),
        url: "javascript:alert(1)".into(),
        sha256: "ABC".into(),
        ..Form::default()
    };
    let found = faults(Kind::Portable, hostile);
    for expected in [
        "name holds control characters",
        "purpose is too long",
        "url is not a web address",
        "sha256 is not a SHA-256 in lower-case hex",
    ] {
        assert!(found.iter().any(|fault| fault == expected), "{expected}: {found:?}");
    }
}
