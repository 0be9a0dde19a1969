//! Decisions through their life, and the answer of the catalogue that follows from them.

use case::catalogue::{Asked, May, Standing, Why};
use case::check::{Check, CheckKind, PendingCheck, Verdict};
use case::decision::{
    Cause, Decision, DecisionEffect, Life, Outcome, Recheck, Ruling, Scope, Turn, step,
};
use case::refusal::Refusal;
use model::Timestamp;

fn at(ns: i64) -> Timestamp {
    Timestamp::from_nanos(ns)
}

fn decision(id: &str, outcome: Outcome, scope: Scope) -> Decision {
    let ruling = Ruling {
        outcome,
        scope,
        reason: "because".into(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted: false,
    };
    Decision::new(id.into(), "zoom".into(), ruling, "anna".into(), at(1))
}

fn recheck(cause: Cause, version: &str, sha256: &str) -> Recheck {
    Recheck {
        cause,
        version: version.into(),
        sha256: sha256.into(),
        detail: String::new(),
        detail_ja: String::new(),
        since: at(2),
    }
}

fn begin(cause: Cause, version: &str, sha256: &str) -> Turn {
    let pending = PendingCheck { kind: CheckKind::Hash, subject: sha256.into(), since: at(2) };
    let ask = if sha256.is_empty() { Vec::new() } else { vec![pending] };
    Turn::BeginRecheck { recheck: recheck(cause, version, sha256), ask }
}

fn answers(sha256: &str, verdict: Verdict) -> Turn {
    let answer = Check {
        id: "c".into(),
        kind: CheckKind::Hash,
        source: "list".into(),
        subject: sha256.into(),
        verdict,
        name: String::new(),
        detail: String::new(),
        detail_ja: String::new(),
        at: at(3),
        expires_at: None,
    };
    Turn::RecordChecks { kind: CheckKind::Hash, subject: sha256.into(), answers: vec![answer] }
}

fn after(decision: &Decision, turns: &[(Turn, Option<&str>)]) -> Decision {
    let mut now = decision.clone();
    for (turn, person) in turns {
        now = step(&now, turn, *person, at(4)).unwrap_or_else(|err| panic!("{turn:?}: {err}")).0;
    }
    now
}

#[test]
fn a_new_version_is_checked_by_itself_and_only_a_clean_one_passes_by_itself() {
    let mut old = decision("d", Outcome::Approve, Scope::default());
    old.versions_seen.push("6.1".into());
    for (verdict, life) in [
        (Verdict::Allow, Life::Active),
        (Verdict::Unknown, Life::ReReview),
        (Verdict::Error, Life::ReReview),
        (Verdict::Deny, Life::ReReview),
        (Verdict::DenyMalware, Life::Suspended),
    ] {
        let turns = [(begin(Cause::NewVersion, "6.2", "h"), None), (answers("h", verdict), None)];
        let new = after(&old, &turns);
        assert_eq!(new.life, life, "{verdict:?}");
        let seen = new.versions_seen.contains(&"6.2".to_owned());
        assert_eq!(seen, verdict == Verdict::Allow, "{verdict:?}");
    }
    // A version without a hash was looked at by nobody, whatever another one's hash gives.
    let both = [
        (begin(Cause::NewVersion, "6.2", ""), None),
        (begin(Cause::NewVersion, "6.3", "h"), None),
        (answers("h", Verdict::Allow), None),
    ];
    assert_eq!(after(&old, &both).life, Life::ReReview);
    let grown =
        [(begin(Cause::PermissionGrowth, "6.2", "h"), None), (answers("h", Verdict::Allow), None)];
    assert_eq!(after(&old, &grown).life, Life::ReReview, "more permissions are for a person");
}

#[test]
fn keeping_needs_a_person_who_did_not_ask_for_it_and_no_bad_evidence() {
    let mut old = decision("d", Outcome::Approve, Scope::default());
    old.requester = Some("rita".into());
    let keep = Turn::Keep { reason: "fine".into(), valid_until: None, unknown_accepted: true };
    let clean = after(
        &old,
        &[(begin(Cause::NewVersion, "6.2", "h"), None), (answers("h", Verdict::Unknown), None)],
    );
    assert_eq!(step(&clean, &keep, None, at(5)), Err(Refusal::NotReviewer));
    assert_eq!(step(&clean, &keep, Some("rita"), at(5)), Err(Refusal::OwnRequest));
    assert_eq!(step(&clean, &keep, Some("anna"), at(5)).expect("kept").0.life, Life::Active);
    for verdict in [Verdict::Deny, Verdict::Error, Verdict::Escalate] {
        let bad = after(
            &old,
            &[(begin(Cause::NewVersion, "6.2", "h"), None), (answers("h", verdict), None)],
        );
        assert!(
            matches!(step(&bad, &keep, Some("anna"), at(5)), Err(Refusal::Blocked { .. })),
            "{verdict:?}"
        );
    }
    let waiting = after(&old, &[(begin(Cause::NewVersion, "6.2", "h"), None)]);
    assert!(matches!(
        step(&waiting, &keep, Some("anna"), at(5)),
        Err(Refusal::StillChecking { .. })
    ));
}

#[test]
fn suspended_stays_without_force_while_it_is_looked_at_again() {
    let old = decision("d", Outcome::Approve, Scope::default());
    let suspended = after(&old, &[(Turn::Suspend { reason: "leak".into() }, Some("anna"))]);
    let same = after(&suspended, &[(begin(Cause::NewVersion, "6.2", "h"), None)]);
    assert_eq!(same.life, Life::Suspended, "the machine does not lift it");
    let again = after(&suspended, &[(begin(Cause::Asked, "", ""), Some("anna"))]);
    assert_eq!(again.life, Life::ReReview);
    assert_eq!(judge(std::slice::from_ref(&again), &asked()).1, Some(Why::Suspended));
    let keep = Turn::Keep { reason: "mended".into(), valid_until: None, unknown_accepted: true };
    let back = after(&again, &[(keep, Some("anna"))]);
    assert_eq!(judge(&[back], &asked()), (May::Use, None));
    let revoked = after(&suspended, &[(Turn::Revoke { reason: "no".into() }, Some("anna"))]);
    assert_eq!(judge(std::slice::from_ref(&revoked), &asked()), (May::MayNot, Some(Why::Revoked)));
    assert!(step(&revoked, &begin(Cause::Asked, "", ""), Some("anna"), at(5)).is_err());
}

#[test]
fn expiry_asks_a_person() {
    let mut old = decision("d", Outcome::Approve, Scope::default());
    old.ruling.valid_until = Some(at(10));
    let (early, _) = step(&old, &Turn::Tick, None, at(9)).expect("ticked");
    assert_eq!(early.life, Life::Active);
    let (late, effects) = step(&old, &Turn::Tick, None, at(10)).expect("ticked");
    assert_eq!(
        (late.life, effects.as_slice()),
        (Life::ReReview, [DecisionEffect::TellReviewers].as_slice())
    );
    let (again, effects) = step(&late, &Turn::Tick, None, at(11)).expect("ticked");
    assert_eq!((again.life, effects.len()), (Life::ReReview, 0), "said once");
    assert_eq!(standing(&[late]).judge(&asked(), at(10)).why, Some(Why::Expired));
}

fn asked() -> Asked<'static> {
    Asked { title: "zoom", person: "rita", department: "sales", ..Asked::default() }
}

fn standing(decisions: &[Decision]) -> Standing {
    Standing { decisions: decisions.to_vec(), ..Standing::default() }
}

fn judge(decisions: &[Decision], asked: &Asked<'_>) -> (May, Option<Why>) {
    let standing = standing(decisions);
    let judged = standing.judge(asked, at(4));
    (judged.may, judged.why)
}

/// Outcomes, each for whom.
type Decisions = Vec<(Outcome, Scope)>;

#[test]
fn the_most_particular_decision_counts() {
    let everybody = || Scope::default();
    let sales = || Scope { departments: vec!["sales".into()], ..Scope::default() };
    let rita = || Scope { people: vec!["rita".into()], ..Scope::default() };
    let old = || Scope { versions: "<6".into(), ..Scope::default() };
    let (yes, no) = (Outcome::Approve, Outcome::Deny);
    let cases: Vec<(Decisions, &str, May)> = vec![
        (vec![], "", May::Ask),
        (vec![(yes, everybody())], "", May::Use),
        (vec![(no, everybody()), (yes, sales())], "", May::Use),
        (vec![(yes, everybody()), (no, sales())], "", May::MayNot),
        (vec![(no, sales()), (yes, rita())], "", May::Use),
        (vec![(yes, everybody()), (no, everybody())], "", May::MayNot),
        (vec![(yes, everybody()), (no, old())], "5.9", May::MayNot),
        (vec![(yes, everybody()), (no, old())], "6.1", May::Use),
        (vec![(yes, old())], "6.1", May::Ask),
        (vec![(yes, Scope { people: vec!["otto".into()], ..Scope::default() })], "", May::Ask),
    ];
    for (rulings, version, expected) in cases {
        let decisions: Vec<Decision> = rulings
            .iter()
            .enumerate()
            .map(|(n, (outcome, scope))| decision(&format!("d{n}"), *outcome, scope.clone()))
            .collect();
        let asked = Asked { version, ..asked() };
        assert_eq!(judge(&decisions, &asked).0, expected, "{rulings:?} {version}");
    }
    let stranger = Asked { person: "", department: "", ..asked() };
    assert_eq!(judge(&[decision("d", yes, rita())], &stranger), (May::Ask, Some(Why::OutOfScope)));
}

#[test]
fn new_versions_and_the_end_of_life() {
    let mut seen = decision("d", Outcome::Approve, Scope::default());
    seen.versions_seen.push("6.1.0".into());
    let standing = standing(std::slice::from_ref(&seen));
    let is_new = |version| standing.judge(&Asked { version, ..asked() }, at(4)).is_new;
    assert_eq!([is_new("6.1"), is_new("6.1.0"), is_new("6.2")], [false, false, true]);
    let waiting = after(&seen, &[(begin(Cause::NewVersion, "6.2", ""), None)]);
    let asked = |version| Asked { version, ..asked() };
    assert_eq!(
        judge(std::slice::from_ref(&waiting), &asked("6.2")),
        (May::Ask, Some(Why::Unchecked))
    );
    assert_eq!(judge(&[waiting], &asked("6.1")), (May::Use, None), "the old one goes on");
    let over = Standing { end_of_life: Some(at(4)), ..standing.clone() };
    assert_eq!(over.judge(&asked(""), at(3)).may, May::Use);
    assert_eq!(over.judge(&asked(""), at(4)).why, Some(Why::EndOfLife));
}
