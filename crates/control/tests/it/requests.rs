//! Requests from the first draft to the catalogue's answer, with real evidence ports of the tests' own making.

use crate::{number, tamper};
use control::evidence::{Answering, EvidenceFault, EvidencePort, FileReport, FileVerdict};
use control::fixture::Scene;
use control::view::detections::Said;
use control::view::requests::{
    Audience, CatalogueFilter, Cause, Condition, DeskFilter, Form, ImportPlan, Kind, Life, May,
    Outcome, Refusal, Ruling, Scope, State, Verdict, Why,
};
use control::{Actor, ControlError, Export, Language, NewPerson, Principal, Role};
use model::{Clock, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex};

const HERE: Principal<'static> = Principal::Machine;
const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A port that says what the test told it, and remembers what it was asked.
#[derive(Debug)]
struct Oracle {
    says: Mutex<Result<Verdict, EvidenceFault>>,
    asked: Mutex<Vec<String>>,
}

impl Oracle {
    fn saying(verdict: Verdict) -> Arc<Self> {
        Arc::new(Self { says: Mutex::new(Ok(verdict)), asked: Mutex::new(Vec::new()) })
    }

    fn say(&self, what: Result<Verdict, EvidenceFault>) {
        *self.says.lock().expect("a lock") = what;
    }

    fn answer(&self, question: String) -> Result<Vec<FileVerdict>, EvidenceFault> {
        self.asked.lock().expect("a lock").push(question);
        let verdict = self.says.lock().expect("a lock").clone()?;
        Ok(vec![FileVerdict {
            scanner: "oracle".into(),
            verdict,
            name: String::new(),
            detail: String::new(),
            detail_ja: String::new(),
            at: Timestamp::parse("2026-08-21T05:00:00Z").expect("a time"),
            database_date: None,
        }])
    }
}

impl EvidencePort for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn hash<'a>(&'a self, sha256: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        Box::pin(async move { self.answer(format!("hash {sha256}")) })
    }

    fn file<'a>(&'a self, path: &'a Path, name: &'a str, _: Kind) -> Answering<'a, FileReport> {
        Box::pin(async move {
            let bytes = std::fs::read(path).expect("the file is where its hash says");
            let verdicts = self.answer(format!("file {name} {}", bytes.len()))?;
            Ok(FileReport { verdicts, ..FileReport::default() })
        })
    }

    fn url<'a>(&'a self, url: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        Box::pin(async move { self.answer(format!("url {url}")) })
    }
}

struct People {
    rita: Actor,
    otto: Actor,
    anna: Actor,
    ben: Actor,
}

async fn person(scene: &Scene, name: &str, role: Role) -> Actor {
    let new = NewPerson {
        name: name.to_owned(),
        roles: vec![role],
        language: Language::Ja,
        time_zone: "Asia/Tokyo".to_owned(),
        department: None,
        manager: None,
        limited_to: Vec::new(),
    };
    let id = scene.control.add_person(HERE, &new).await.expect("added").id;
    let invitation = scene.control.invite_person(HERE, &id).await.expect("invited");
    let secret = scene.control.sign_in(&invitation.token).await.expect("signed in").secret;
    scene.control.actor(&secret).await.expect("an actor")
}

async fn people(scene: &Scene) -> People {
    People {
        rita: person(scene, "rita", Role::Employee).await,
        otto: person(scene, "otto", Role::Employee).await,
        anna: person(scene, "anna", Role::Reviewer).await,
        ben: person(scene, "ben", Role::Reviewer).await,
    }
}

fn form(name: &str) -> Form {
    Form {
        name: name.into(),
        url: "https://tool.example/setup".into(),
        purpose: "測定のため".into(),
        sha256: HASH.into(),
        audience: Audience::Myself,
        ..Form::default()
    }
}

fn ruling(outcome: Outcome) -> Ruling {
    let condition = Condition {
        text_ja: "機密情報を入力しない".into(),
        text_en: "No confidential information".into(),
        must: None,
    };
    Ruling {
        outcome,
        scope: Scope::default(),
        reason: "確認しました".into(),
        conditions: if outcome == Outcome::ApproveWithConditions {
            vec![condition]
        } else {
            vec![]
        },
        valid_until: None,
        unknown_accepted: true,
    }
}

/// A request of Rita's in review, its evidence gathered and its checklist answered.
async fn in_review(scene: &Scene, people: &People, name: &str) -> String {
    let control = &scene.control;
    let id = control.begin_request(&people.rita, Kind::Portable, &form(name)).await.expect("begun");
    control.submit_request(&people.rita, &id).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    control.answer_rest_with_no(&people.anna, &id).await.expect("answered");
    id
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> Refusal {
    match outcome {
        Err(ControlError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn from_draft_to_the_catalogue() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let port = Oracle::saying(Verdict::Allow);
    control.add_evidence_port(port.clone());
    let people = people(&scene).await;
    let before = control.may_use(Some(&people.otto), "測定くん").await.expect("answered");
    assert_eq!((before.may, before.why), (May::Ask, Some(Why::Undecided)));

    // A draft is kept, and says what is missing.
    let id =
        control.begin_request(&people.rita, Kind::Portable, &Form::default()).await.expect("begun");
    let missing = refused(control.submit_request(&people.rita, &id).await);
    assert!(matches!(&missing, Refusal::Form(faults) if faults.len() == 3), "{missing:?}");
    let revision =
        control.save_draft(&people.rita, &id, Some(1), &form("測定くん")).await.expect("kept");
    let late = control.save_draft(&people.rita, &id, Some(1), &form("x")).await;
    assert!(matches!(late, Err(ControlError::Changed { .. })), "{late:?} after {revision}");
    assert!(matches!(control.request(&people.otto, &id).await, Err(ControlError::NotFound { .. })));
    assert!(matches!(control.review(&people.anna, &id).await, Err(ControlError::NotFound { .. })));

    assert_eq!(
        control.submit_request(&people.rita, &id).await.expect("submitted"),
        State::Screening
    );
    assert!(control.gather_evidence().await.expect("gathered") >= 4);
    assert_eq!(control.gather_evidence().await.expect("gathered"), 0);
    let asked = port.asked.lock().expect("a lock").clone();
    assert_eq!(asked, [format!("hash {HASH}"), "url https://tool.example/setup".to_owned()]);

    // Somebody else is shown the open request while typing, in any spelling, and joins it.
    let similar = control.similar(&people.otto, "測定クン").await.expect("similar");
    assert_eq!(similar.requests.first().map(|hit| hit.request.as_str()), Some(id.as_str()));
    let draft = control
        .begin_request(&people.otto, Kind::Portable, &form("測定クン"))
        .await
        .expect("begun");
    control.join_request(&people.otto, &id, Some(&draft)).await.expect("joined");
    let mine = control.my_requests(&people.otto).await.expect("mine");
    assert_eq!((mine.own[0].state, mine.followed.len()), (State::Duplicate, 1));

    // The desk shows it; the checklist waits for a person.
    let desk = control.desk(&people.anna, &DeskFilter::default()).await.expect("desk");
    assert_eq!(desk.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    let page = control.review(&people.anna, &id).await.expect("opened");
    assert_eq!(page.page.row.state, State::InReview);
    assert!(page.unanswered.iter().any(|rule| rule == "remote-desktop"), "{:?}", page.unanswered);
    let early = control.decide_request(&people.anna, &id, None, &ruling(Outcome::Approve)).await;
    assert!(matches!(refused(early), Refusal::Unanswered { .. }));
    control.ask_requester(&people.anna, &id, "どの部署で使いますか？").await.expect("asked");
    let open = control.my_requests(&people.rita).await.expect("mine");
    assert_eq!(open.own[0].state, State::NeedsInfo);
    control.answer_question(&people.rita, &id, "開発部です", None).await.expect("answered");
    control.answer_rest_with_no(&people.anna, &id).await.expect("answered");
    control
        .decide_request(&people.anna, &id, None, &ruling(Outcome::ApproveWithConditions))
        .await
        .expect("decided");

    let after = control.may_use(None, "測定くん").await.expect("answered");
    assert_eq!(
        (after.may, after.conditions_ja.as_str()),
        (May::WithConditions, "機密情報を入力しない")
    );
    for (actor, kind) in [(&people.rita, "request_decided"), (&people.otto, "request_decided")] {
        let sql = "SELECT COUNT(*) FROM message WHERE kind = 'request_decided'";
        assert_eq!(number(&place, sql).await, 2, "{} {kind}", actor.name());
    }
    assert!(control.audit_verify().await.expect("verified").intact());
}

#[tokio::test]
async fn nobody_approves_alone_past_bad_evidence_or_for_himself() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let port = Oracle::saying(Verdict::Deny);
    control.add_evidence_port(port.clone());
    let people = people(&scene).await;
    let id = in_review(&scene, &people, "あやしい道具").await;
    let approve = ruling(Outcome::Approve);
    let decide = |actor| control.decide_request(actor, &id, None, &approve);
    assert!(matches!(refused(decide(&people.anna).await), Refusal::Blocked { .. }));
    assert!(matches!(decide(&people.rita).await, Err(ControlError::NotPermitted { .. })));
    let page = control.review(&people.anna, &id).await.expect("opened");
    assert!(!page.failed.is_empty());
    for check in &page.failed {
        control.propose_override(&people.anna, &id, check, "誤検知").await.expect("proposed");
        let alone = control.confirm_override(&people.anna, &id, check, "はい").await;
        assert!(matches!(refused(alone), Refusal::SecondPerson { .. }));
        control.confirm_override(&people.ben, &id, check, "確認した").await.expect("confirmed");
    }
    // A reviewer's own request is not the reviewer's to decide.
    let own = control
        .begin_request(&people.anna, Kind::Portable, &form("自分の道具"))
        .await
        .expect("begun");
    control.submit_request(&people.anna, &own).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    let refusal = refused(control.decide_request(&people.anna, &own, None, &approve).await);
    assert_eq!(refusal, Refusal::OwnRequest);
    decide(&people.anna).await.expect("two people overrode it");

    // An error of a port is no approval either, and malware ends the screening.
    port.say(Err(EvidenceFault { reason: Said::new("時間切れです", "timeout") }));
    let id = in_review(&scene, &people, "別の道具").await;
    let refusal = refused(control.decide_request(&people.ben, &id, None, &approve).await);
    assert!(matches!(refusal, Refusal::Blocked { .. }), "{refusal:?}");
    port.say(Ok(Verdict::Allow));
    control.recheck_request(&people.ben, &id).await.expect("asked again");
    control.gather_evidence().await.expect("gathered");
    control.decide_request(&people.ben, &id, None, &approve).await.expect("the answer came");
    port.say(Ok(Verdict::DenyMalware));
    let bad = control
        .begin_request(&people.rita, Kind::Portable, &form("悪い道具"))
        .await
        .expect("begun");
    control.submit_request(&people.rita, &bad).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    let page = control.request(&people.rita, &bad).await.expect("read");
    assert_eq!(page.row.state, State::Denied);
}

#[tokio::test]
async fn files_are_kept_by_hash_and_never_of_paid_software() {
    use std::os::unix::fs::PermissionsExt;
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let port = Oracle::saying(Verdict::Allow);
    control.add_evidence_port(port.clone());
    let people = people(&scene).await;
    let plain = Form { sha256: String::new(), ..form("道具") };
    let id = control.begin_request(&people.rita, Kind::Portable, &plain).await.expect("begun");
    let stranger = control.attach_begin(&people.otto, &id, "x").await;
    assert!(matches!(stranger, Err(ControlError::NotFound { .. })), "{stranger:?}");
    let mut upload =
        control.attach_begin(&people.rita, &id, "../../etc/tool\u{202e}.exe").await.expect("begun");
    upload.write(b"abc").expect("written");
    let file = control.attach_end(&people.rita, upload).await.expect("taken");
    assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let path = place.path().join("attachments").join(&file.sha256);
    let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(control.attach_begin(&people.rita, &id, "left").await.expect("begun"));
    let count = std::fs::read_dir(place.path().join("attachments")).expect("the folder").count();
    assert_eq!(count, 1, "an upload that is dropped leaves nothing");

    let paid = Form { paid: true, ..plain.clone() };
    control.save_draft(&people.rita, &id, None, &paid).await.expect("kept");
    let refusal = refused(control.attach_begin(&people.rita, &id, "x").await);
    assert_eq!(refusal, Refusal::PaidSoftware);
    control.tick().await.expect("ticked");
    assert!(!path.try_exists().expect("a look"), "what was given before is gone");
    let hashed = Form { sha256: HASH.into(), ..paid };
    control.save_draft(&people.rita, &id, None, &hashed).await.expect("kept");
    control.submit_request(&people.rita, &id).await.expect("submitted");
    control.gather_evidence().await.expect("gathered");
    let asked = port.asked.lock().expect("a lock").clone();
    assert!(asked.iter().all(|one| !one.starts_with("file")), "{asked:?}");
}

#[tokio::test]
async fn a_decision_expires_is_rechecked_suspended_and_revoked() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let port = Oracle::saying(Verdict::Allow);
    control.add_evidence_port(port.clone());
    let people = people(&scene).await;
    let id = in_review(&scene, &people, "期限つき").await;
    let soon = scene.clock.now().plus_nanos(control::limits::DAY_NS);
    let until = Ruling { valid_until: Some(soon), ..ruling(Outcome::Approve) };
    control.decide_request(&people.anna, &id, None, &until).await.expect("decided");
    let answer = control.may_use(Some(&people.rita), "期限つき").await.expect("answered");
    assert_eq!(answer.may, May::Use);
    let title = answer.title.expect("a title").title;

    scene.clock.advance_ns(control::limits::DAY_NS);
    let anna = person(&scene, "anna2", Role::Reviewer).await;
    control.tick().await.expect("ticked");
    let waiting = control.rechecks(&anna).await.expect("rechecks");
    assert_eq!(
        waiting.iter().map(|one| one.rechecks[0].cause).collect::<Vec<_>>(),
        [Cause::Expiry]
    );
    let answer = control.may_use(None, "期限つき").await.expect("answered");
    assert_eq!((answer.may, answer.why), (May::Ask, Some(Why::Expired)));
    let decision = waiting[0].id.clone();
    control.keep_decision(&anna, &decision, "問題なし", None, true).await.expect("kept");
    assert_eq!(control.may_use(None, "期限つき").await.expect("answered").may, May::Use);
    control.suspend_decision(&anna, &decision, "調査中").await.expect("suspended");
    assert_eq!(
        control.may_use(None, "期限つき").await.expect("answered").why,
        Some(Why::Suspended)
    );
    control.revoke_decision(&anna, &decision, "危険").await.expect("revoked");
    assert_eq!(control.may_use(None, "期限つき").await.expect("answered").why, Some(Why::Revoked));
    let rows = control.decisions(&anna, &title).await.expect("decisions");
    assert_eq!(rows.iter().map(|row| row.life).collect::<Vec<_>>(), [Life::Revoked]);
}

#[tokio::test]
async fn a_sheet_is_imported_exactly_as_previewed_with_every_row_accounted_for() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let people = people(&scene).await;
    let mut sheet = String::from("ソフトウェア名,発行元,判定,条件\r\n");
    let odd = [
        "ズーム,,○,",
        "Zoom Workplace,,×,",
        "ＺＯＯＭ,,△,会議のみ",
        "=1+1,,○,",
        ",,○,",
        "独自ツール,,△,社内のみ",
    ];
    for row in odd {
        sheet.push_str(row);
        sheet.push_str("\r\n");
    }
    for number in 0..494 {
        sheet.push_str(&format!("業務ツール{number:03},会社{number},○,\r\n"));
    }
    let denied = control.preview_import(&people.rita, sheet.as_bytes()).await;
    assert!(matches!(denied, Err(ControlError::NotPermitted { .. })));
    let preview = control.preview_import(&people.anna, sheet.as_bytes()).await.expect("read");
    let body = preview.rows.iter().filter(|row| row.line > 1).count();
    assert_eq!(body, 500);
    assert_eq!((preview.rows_of_table(), preview.aside), (500, 1), "the headings are no row");
    let parts = preview.rows_of_table() + preview.aside;
    assert_eq!(parts, preview.rows.len() as u64, "every line is accounted for");
    for remark in preview.rows.iter().flat_map(|row| &row.remarks) {
        assert!(!remark.ja.is_empty() && remark.ja != remark.en, "{remark:?}");
    }
    let zoom: Vec<_> =
        preview.rows.iter().filter(|row| (2..5).contains(&row.line)).map(|row| &row.plan).collect();
    assert!(matches!(zoom[0], ImportPlan::Known(id, _) if id.contains("zoom")), "{zoom:?}");
    assert!(matches!(zoom[1..], [ImportPlan::Repeats(2), ImportPlan::Repeats(2)]), "{zoom:?}");
    let titles = number(&place, "SELECT COUNT(*) FROM title").await;

    let done = control.commit_import(&people.anna, &preview.id).await.expect("committed");
    assert!(done.committed_at.is_some());
    let more = number(&place, "SELECT COUNT(*) FROM title").await - titles;
    assert_eq!(u64::try_from(more).expect("more"), preview.new_titles);
    let decisions = number(&place, "SELECT COUNT(*) FROM decision").await;
    assert_eq!(u64::try_from(decisions).expect("some"), preview.decisions);
    let again = control.commit_import(&people.anna, &preview.id).await;
    assert!(matches!(again, Err(ControlError::Changed { .. })), "{again:?}");
    let answer = control.may_use(None, "独自ツール").await.expect("answered");
    assert_eq!((answer.may, answer.conditions_ja.as_str()), (May::WithConditions, "社内のみ"));

    // Out again: no cell is a formula, and reading it gives the same titles.
    let csv = control.export_catalogue(Some(&people.anna), Export::Csv).await.expect("written");
    let text = String::from_utf8(csv.clone()).expect("UTF-8");
    assert!(text.contains("'=1+1") && !text.lines().any(|line| line.starts_with('=')), "guarded");
    let back = control.preview_import(&people.anna, &csv).await.expect("read");
    assert_eq!(
        back.new_titles,
        0,
        "{:?}",
        back.rows.iter().find(|row| matches!(row.plan, ImportPlan::NewTitle(_)))
    );
    let json = control.export_catalogue(None, Export::Json).await.expect("written");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    // Titles past their end of life are told of too, without anybody's decision.
    let decided = |list: &Vec<serde_json::Value>| {
        list.iter().filter(|one| !one["decided_at"].is_null()).count()
    };
    let wanted = usize::try_from(decisions).expect("some");
    assert_eq!(json["titles"].as_array().map(decided), Some(wanted));
}

#[tokio::test]
async fn similar_names_are_one_title_and_policies_run_dry_first() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let people = people(&scene).await;
    let mut found = Vec::new();
    for name in ["ズーム", "Zoom Workplace", "ＺＯＯＭ"] {
        let similar = control.similar(&people.rita, name).await.expect("similar");
        found.push(similar.titles.first().map(|hit| hit.title.clone()).expect(name));
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);

    let rows = control.policies(&people.anna).await.expect("policies");
    assert!(rows.len() >= 12 && rows.iter().all(|row| row.in_force), "{}", rows.len());
    let mut rule =
        rows.into_iter().find(|row| row.rule.id == "remote-desktop").expect("a rule").rule;
    rule.title_en = "Remote control".into();
    let run = control.dry_run_policy(&people.anna, &rule).await.expect("a dry run");
    assert!(
        !run.titles_hit.is_empty() && run.titles > 100,
        "{} of {}",
        run.titles_hit.len(),
        run.titles
    );
    assert_eq!(number(&place, "SELECT COUNT(*) FROM policy_rule WHERE revision > 1").await, 0);
    control.save_policy(&people.anna, &rule, Some(1)).await.expect("saved");
    let stale = control.save_policy(&people.anna, &rule, Some(1)).await;
    assert!(matches!(stale, Err(ControlError::Changed { .. })));
    assert!(matches!(control.policies(&people.rita).await, Err(ControlError::NotPermitted { .. })));
}

#[tokio::test]
async fn titles_retire_and_the_public_reads_the_catalogue() {
    let (place, scene) = empty_scene!();
    let control = &scene.control;
    let people = people(&scene).await;
    let id = in_review(&scene, &people, "古い道具").await;
    control
        .decide_request(&people.anna, &id, None, &ruling(Outcome::Approve))
        .await
        .expect("decided");
    let filter = CatalogueFilter { may: Some(May::Use), ..CatalogueFilter::default() };
    let list = control.catalogue(None, &filter).await.expect("a list");
    assert_eq!(list.rows.iter().map(|row| row.may).collect::<Vec<_>>(), [May::Use]);
    let title = list.rows[0].title.clone();
    let public = control.title(None, &title).await.expect("a title");
    assert!(public.decisions.is_empty(), "who decided what is for reviewers");
    let card = control::view::requests::Card {
        heading_ja: "新しい道具".into(),
        instead_of: vec![title.clone()],
        title: "7-zip".into(),
        ..Default::default()
    };
    let known = control
        .titles_snapshot()
        .await
        .expect("titles")
        .iter()
        .any(|one| one.id.as_str() == "7-zip");
    if known {
        control.save_card(&people.anna, &card).await.expect("saved");
        assert_eq!(
            control.recommended(None).await.expect("cards")[0].card.heading_ja,
            "新しい道具"
        );
    }
    control.retire_title(&people.anna, &title, "提供終了").await.expect("retired");
    let answer = control.may_use(None, "古い道具").await.expect("answered");
    assert_eq!((answer.may, answer.why), (May::MayNot, Some(Why::EndOfLife)));
    // What is damaged behind the program's back is said, not passed over.
    assert_eq!(tamper(&place, "UPDATE decision SET document = '{}'").await, 1);
    assert_eq!(
        tamper(&place, "UPDATE catalogue_state SET decisions_revision = decisions_revision + 1")
            .await,
        1
    );
    let broken = control.may_use(None, "古い道具").await;
    assert!(matches!(broken, Err(ControlError::Corrupt { .. })), "{broken:?}");
}
