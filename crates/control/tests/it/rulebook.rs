//! The life of rules: written, saved as revisions, tried, put into force, stopped, resumed.

use case::rule_life::{Stage, Step, Stop, StopCause};
use control::fixture::alert_on;
use control::view::backtest::RuleInForce;
use control::view::rulebook::RuleDraft;
use control::{Actor, Control, ControlError, EventPlace, Language, RuleRefusal};
use detect::{CompileOptions, RuleSource};
use model::{Clock as _, EventKind, Level};

const RULE: &str = "title: Curl\nid: 6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11\nlevel: high\nlogsource: {product: linux, category: process_creation}\ndetection: {s: {Image|endswith: /curl}, condition: s}\n";
const ID: &str = "6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11";
const TESTS: &str = "rule: 6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11\ncases:\n  - name: curl\n    expect: match\n    event: {product: linux, category: process_creation, fields: {Image: /usr/bin/curl}}\n  - name: wget\n    expect: none\n    event: {product: linux, category: process_creation, fields: {Image: /usr/bin/wget}}\n";

fn draft(text: &str, tests: &str) -> RuleDraft {
    RuleDraft { text: text.to_owned(), tests: tests.to_owned(), ..RuleDraft::default() }
}

fn edited(after: i64, text: &str, tests: &str) -> RuleDraft {
    RuleDraft { id: Some(ID.to_owned()), after, comment: "why".to_owned(), ..draft(text, tests) }
}

fn refusal(error: ControlError) -> RuleRefusal {
    match error {
        ControlError::RuleRefused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

async fn stage(control: &Control, actor: &Actor, id: &str) -> Stage {
    control.rule_history(actor, id).await.expect("its history").life.stage
}

fn flood() -> Stop {
    Stop {
        cause: StopCause::Flood,
        reason_ja: "多すぎます".to_owned(),
        reason_en: "too many matches".to_owned(),
    }
}

#[tokio::test]
async fn a_rule_goes_from_draft_to_all_and_every_revision_stays() {
    let (_place, scene) = scene!();
    let (control, actor) = (&scene.control, scene.administrator().await.expect("signed in"));
    let mut changes = control.rule_changes();
    let saved = control.save_rule(&actor, &draft(RULE, "")).await.expect("a draft");
    assert_eq!((saved.id.as_str(), saved.number), (ID, 1));
    assert!(changes.has_changed().expect("open"));
    changes.mark_unchanged();
    assert_eq!(control.rulebook().await.expect("read").own, [], "a draft is not in force");
    let listed = control.rules(&actor).await.expect("a list");
    let row = listed.rows.iter().find(|row| row.rule.id == ID).expect("drafts are listed");
    assert!(row.own && row.life.stage == Stage::Draft);

    let untested = control.move_rule(&actor, ID, &Step::Release).await.expect_err("untested");
    assert!(untested.user_message(Language::Ja).contains("テスト"), "{untested}");
    let second = control.save_rule(&actor, &edited(1, RULE, TESTS)).await.expect("with tests");
    assert_eq!(second.number, 2);
    let same = control.save_rule(&actor, &edited(2, RULE, TESTS)).await.expect("no change");
    assert_eq!(same.number, 2, "a text without a change is not saved again");
    control.move_rule(&actor, ID, &Step::Release).await.expect("released");
    assert!(changes.has_changed().expect("open"));
    let book = control.rulebook().await.expect("read");
    assert_eq!((book.own.len(), book.lives[ID].stage), (1, Stage::Canary));
    assert_eq!(
        book.life("another", &book.own[0].source).map(|life| life.stage),
        Some(Stage::Canary)
    );

    // In force, it keeps a test that it must match.
    let bare = control.save_rule(&actor, &edited(2, &RULE.replace("Curl", "C"), "")).await;
    assert!(matches!(refusal(bare.expect_err("bare")), RuleRefusal::Life(_)));
    control.move_rule(&actor, ID, &Step::Widen).await.expect("widened");
    let third = RULE.replace("title: Curl", "title: Curls");
    control.save_rule(&actor, &edited(2, &third, TESTS)).await.expect("third");
    let stale = control.save_rule(&actor, &edited(2, RULE, TESTS)).await;
    assert!(matches!(stale, Err(ControlError::Changed { .. })));
    let back = control.take_up_revision(&actor, ID, 2, 3).await.expect("undone");
    assert_eq!(back.number, 4);
    let history = control.rule_history(&actor, ID).await.expect("its history");
    let numbers: Vec<i64> = history.revisions.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    assert_eq!(history.revisions[0].text, RULE);
    assert_eq!(
        (history.revisions[1].title.as_str(), history.revisions[1].cases),
        ("Curls", (2, 1))
    );
    assert_eq!(history.revisions[3].tests, "");
    assert_eq!(history.taken.len(), 2);
    assert_eq!(stage(control, &actor, ID).await, Stage::All);
}

#[tokio::test]
async fn a_text_that_does_not_load_or_fails_its_tests_is_not_saved() {
    let (_place, scene) = scene!();
    let (control, actor) = (&scene.control, scene.administrator().await.expect("signed in"));
    let broken = RULE.replace("endswith", "endwith");
    let check = control.check_rule(&actor, &draft(&broken, "")).await.expect("checked");
    let [refused] = check.refused.as_slice() else { panic!("{check:?}") };
    assert!(refused.line == Some(5) && !refused.remedy.ja.is_empty(), "{refused:?}");
    let cases = [
        (broken, ""),
        (String::new(), ""),
        (RULE.replace(&format!("id: {ID}\n"), ""), ""),
        (format!("{RULE}---\n{}", RULE.replace(ID, "other")), ""),
        (
            RULE.to_owned(),
            "rule: other\ncases: [{name: a, expect: match, event: {fields: {A: b}}}]",
        ),
        (RULE.to_owned(), "rule: ["),
        (RULE.replace("/curl", "/wget"), TESTS),
        (RULE.to_owned(), "cases: [{events: [{repeat: 100000}, {repeat: 100000}, {repeat: 9}]}]"),
    ];
    for (text, tests) in cases {
        let error = control.save_rule(&actor, &draft(&text, tests)).await.expect_err("refused");
        let words = error.user_message(Language::En);
        assert!(matches!(refusal(error), RuleRefusal::Text { .. } | RuleRefusal::Tests { .. }));
        assert!(words.len() > 20, "{words}");
    }
    control.save_rule(&actor, &draft(RULE, "")).await.expect("saved");
    let taken = control.save_rule(&actor, &draft(RULE, "")).await.expect_err("the id is taken");
    assert!(refusal(taken).to_string().contains("belongs to"));
    let renamed = edited(1, &RULE.replace(ID, "another"), "");
    let renamed = control.save_rule(&actor, &renamed).await.expect_err("a rule keeps its id");
    assert!(refusal(renamed).to_string().contains("keeps its id"));
    let counted = control.rule_history(&actor, ID).await.expect("its history");
    assert_eq!(counted.revisions.len(), 1, "nothing of it was saved");
}

#[tokio::test]
async fn a_correlation_may_refer_to_rules_of_files() {
    let (_place, scene) = scene!();
    let (control, actor) = (&scene.control, scene.administrator().await.expect("signed in"));
    let base = RULE.replace(ID, "base");
    let sources = [RuleSource { name: "base.yml", text: &base }];
    let compiled = detect::compile(sources, &CompileOptions::default());
    control.show_rules(RuleInForce::of(&compiled));
    let text = "title: Many\nid: many\nlevel: high\ncorrelation: {type: event_count, rules: [base], group-by: [User], timespan: 1m, condition: {gte: 2}}\n";
    let event = "{product: linux, category: process_creation, fields: {Image: /usr/bin/curl, User: a}, repeat: 2}";
    let tests = format!("rule: many\ncases: [{{name: two, expect: match, events: [{event}]}}]\n");
    let check = control.check_rule(&actor, &draft(text, &tests)).await.expect("checked");
    assert!(check.is_tested() && check.id.as_deref() == Some("many"), "{check:?}");
    let missing = text.replace("[base]", "[nowhere]");
    let check = control.check_rule(&actor, &draft(&missing, "")).await.expect("checked");
    assert!(!check.can_be_saved());
}

#[tokio::test]
async fn p9_a_stop_by_the_server_is_remembered_and_a_person_resumes() {
    let (_place, scene) = scene!();
    let (control, actor) = (&scene.control, scene.administrator().await.expect("signed in"));
    let sources = [RuleSource { name: "file.yml", text: RULE }];
    let compiled = detect::compile(sources, &CompileOptions::default());
    control.show_rules(RuleInForce::of(&compiled));
    assert!(control.stop_rule(ID, flood()).await.expect("stopped"));
    assert!(!control.stop_rule(ID, flood()).await.expect("already"), "the first reason stays");
    let today = control.today(&actor).await.expect("the first page");
    let [stopped] = today.rules_stopped.as_slice() else { panic!("{:?}", today.rules_stopped) };
    assert_eq!((stopped.title.as_str(), stopped.cause), ("Curl", StopCause::Flood));
    let book = control.rulebook().await.expect("read");
    assert_eq!(book.lives[ID].stage, Stage::Stopped);
    control.move_rule(&actor, ID, &Step::Resume).await.expect("resumed");
    assert_eq!(stage(control, &actor, ID).await, Stage::All);
    let person = Stop { cause: StopCause::Person, ..flood() };
    control.move_rule(&actor, ID, &Step::Stop(person)).await.expect("stopped by a person");
    let history = control.rule_history(&actor, ID).await.expect("its history");
    assert_eq!(history.taken.len(), 3);
    assert!(history.taken[2].by.is_empty() && !history.taken[0].by.is_empty());
    let draft = control.move_rule(&actor, ID, &Step::Withdraw).await.expect_err("of a file");
    assert!(matches!(refusal(draft), RuleRefusal::Life(_)));
    let unknown = control.move_rule(&actor, "nothing", &Step::Narrow).await;
    assert!(matches!(unknown, Err(ControlError::NotFound { .. })));
    let report = control.audit_verify().await.expect("read");
    assert!(report.intact());
}

#[tokio::test]
async fn the_canary_ring_is_chosen_and_what_a_canary_did_is_told() {
    let (_place, mut scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let web = scene.web.enrolled.device;
    let control = std::sync::Arc::clone(&scene.control);
    control.save_rule(&actor, &draft(RULE, TESTS)).await.expect("saved");
    control.move_rule(&actor, ID, &Step::Release).await.expect("released");
    control.set_canary_ring(&actor, &[web], &[], &[]).await.expect("chosen");
    let nobody = control.set_canary_ring(&actor, &[], &["nobody".to_owned()], &[]).await;
    assert!(matches!(nobody, Err(ControlError::NotFound { .. })), "and the ring stays");
    assert_eq!(control.rulebook().await.expect("read").ring, [web].into());
    let ring = control.canary_ring(&actor).await.expect("the ring");
    assert_eq!(ring.devices.iter().filter(|device| device.reached).count(), 1);

    let at = scene.clock.now().plus_nanos(1);
    let fields = [("Image", "/usr/bin/curl")].into_iter().collect();
    let event = scene.web.event(EventKind::ProcessStart, at, fields);
    let alert = alert_on(&event, ID, "Curl", Level::High);
    scene.commit(vec![event], vec![alert]).await.expect("committed");
    control.count_elsewhere(&[(ID.to_owned(), 7), ("x".to_owned(), 1)]).await.expect("counted");
    let canary = control.rule_history(&actor, ID).await.expect("its history").canary;
    let canary = canary.expect("it is a canary");
    assert_eq!((canary.alerts, canary.devices, canary.elsewhere, canary.ring), (1, 1, 7, 1));
    control.move_rule(&actor, ID, &Step::Widen).await.expect("widened");
    control.move_rule(&actor, ID, &Step::Narrow).await.expect("narrowed");
    let again = control.rule_history(&actor, ID).await.expect("its history").canary;
    assert_eq!(again.map(|canary| canary.elsewhere), Some(0), "counted anew");
}

#[tokio::test]
async fn a_hit_of_the_past_becomes_a_test() {
    let (_place, scene) = scene!();
    let (control, actor) = (&scene.control, scene.administrator().await.expect("signed in"));
    let event = control.event(&actor, scene.download).await.expect("the event");
    let place = EventPlace { key: scene.download, kind: event.kind, at: event.observed_at };
    let mut tests = String::new();
    for _ in 0..2 {
        tests = control.tests_with_event(&actor, ID, &tests, place).await.expect("a test");
    }
    let check = control.check_rule(&actor, &draft(RULE, &tests)).await.expect("checked");
    assert!(check.is_tested() && check.outcomes.len() == 2, "{check:?}\n{tests}");
    let other = EventPlace { at: event.observed_at.plus_nanos(9_000_000_000), ..place };
    let missing = control.tests_with_event(&actor, ID, "", other).await;
    assert!(matches!(missing, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn who_may_not_edit_rules_changes_none() {
    let (_place, scene) = scene!();
    let control = &scene.control;
    let auditor = scene
        .person("Auditor", control::Role::Auditor, Language::En)
        .await
        .expect("an auditor")
        .actor;
    let refused = |error: ControlError| matches!(error, ControlError::NotPermitted { .. });
    assert!(refused(control.save_rule(&auditor, &draft(RULE, "")).await.expect_err("refused")));
    assert!(refused(control.check_rule(&auditor, &draft(RULE, "")).await.expect_err("refused")));
    assert!(refused(control.move_rule(&auditor, ID, &Step::Resume).await.expect_err("refused")));
    assert!(refused(control.set_canary_ring(&auditor, &[], &[], &[]).await.expect_err("refused")));
    assert_eq!(control.rulebook().await.expect("read").own.len(), 0);
}
