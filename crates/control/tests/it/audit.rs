//! The audit chain finds whatever is done to it behind the program's back.

use crate::{Place, behind_the_door, tamper};
use control::view::{SearchQuery, TimeRange};
use control::{AuditProblem, Control, RulesSummary};
use model::Clock;

async fn entries(folder: &Place) -> Vec<(String, String, String)> {
    let pool = behind_the_door(folder).await;
    sqlx::query_as("SELECT actor, action, target FROM audit ORDER BY n")
        .fetch_all(&pool)
        .await
        .expect("entries")
}

#[tokio::test]
async fn what_people_and_agents_do_is_in_the_chain() {
    let (folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let now = scene.clock.now();
    let query = SearchQuery {
        families: Vec::new(),
        range: TimeRange { from: now.plus_nanos(-1_000_000_000), to: now },
        device: None,
        filters: Vec::new(),
        words: vec!["salary.xlsx".into()],
        after: None,
    };
    scene.control.search(&actor, &query).await.expect("searched");
    scene.control.alert(&actor, scene.alert).await.expect("opened");
    let device = scene.web.enrolled.device;
    scene.control.device(&actor, device, query.range, None).await.expect("opened");
    scene.control.event(&actor, scene.download).await.expect("opened");
    assert!(scene.control.sign_in("forged").await.is_err());
    assert!(scene.control.enrol("forged", "", "h", "o").await.is_err());

    let found: Vec<(String, String)> =
        entries(&folder).await.into_iter().map(|(_, action, target)| (action, target)).collect();
    let agent = |stream: &control::fixture::Stream| format!("agent {}", stream.enrolled.agent);
    let key = scene.download;
    let expected = [
        ("enrolment_token_issued", String::new()),
        ("enrolled", agent(&scene.web)),
        ("enrolled", agent(&scene.db)),
        ("detections_opened", "detections".to_owned()),
        ("sign_in_token_issued", found[4].1.clone()),
        ("signed_in", String::new()),
        ("searched", String::new()),
        ("alert_opened", format!("alert {}", scene.alert)),
        ("device_opened", format!("device {device}")),
        ("event_opened", format!("event {}/{}/{}", key.agent, key.epoch, key.seq)),
        ("sign_in_refused", String::new()),
        ("enrolment_refused", String::new()),
    ]
    .map(|(action, target)| (action.to_owned(), target));
    assert_eq!(found, expected);
    let pool = behind_the_door(&folder).await;
    let detail: String = sqlx::query_scalar("SELECT detail FROM audit WHERE action = 'searched'")
        .fetch_one(&pool)
        .await
        .expect("an entry");
    assert!(detail.contains("salary.xlsx"), "{detail}");

    let report = scene.control.audit_verify().await.expect("verified");
    assert_eq!((report.entries, report.intact()), (12, true), "{report:?}");
}

#[tokio::test]
async fn tampering_is_found() {
    let cases: [(&'static str, AuditProblem); 8] = [
        ("UPDATE audit SET detail = '{}' WHERE n = 2", AuditProblem::Altered { n: 2 }),
        ("UPDATE audit SET actor = 'machine' WHERE n = 2", AuditProblem::Altered { n: 2 }),
        ("UPDATE audit SET at = at + 1 WHERE n = 3", AuditProblem::Altered { n: 3 }),
        ("UPDATE audit SET hash = prev WHERE n = 2", AuditProblem::Altered { n: 2 }),
        ("DELETE FROM audit WHERE n = 2", AuditProblem::Missing { expected: 2, found: 3 }),
        ("DELETE FROM audit WHERE n = 1", AuditProblem::Missing { expected: 1, found: 2 }),
        ("DELETE FROM audit WHERE n = 3", AuditProblem::Head { last: 2, head: 3 }),
        (
            "INSERT INTO audit SELECT 4, at, actor, action, target, detail, hash, hash FROM audit WHERE n = 3",
            AuditProblem::Altered { n: 4 },
        ),
    ];
    for (sql, expected) in cases {
        let (folder, scene) = empty_scene!();
        assert!(scene.control.audit_verify().await.expect("verified").intact());
        assert_eq!(tamper(&folder, sql).await, 1, "{sql}");
        let report = scene.control.audit_verify().await.expect("verified");
        assert!(report.problems.contains(&expected), "{sql}: {report:?}");
    }
}

#[tokio::test]
async fn reordering_is_found() {
    let (folder, scene) = empty_scene!();
    for sql in [
        "UPDATE audit SET n = -2 WHERE n = 2",
        "UPDATE audit SET n = 2 WHERE n = 3",
        "UPDATE audit SET n = 3 WHERE n = -2",
    ] {
        assert_eq!(tamper(&folder, sql).await, 1, "{sql}");
    }
    let report = scene.control.audit_verify().await.expect("verified");
    assert!(report.problems.contains(&AuditProblem::Unlinked { n: 2 }), "{report:?}");
    assert!(report.problems.contains(&AuditProblem::Altered { n: 2 }), "{report:?}");
}

#[tokio::test]
async fn a_chain_that_is_cut_and_its_head_moved_back_is_found() {
    let (folder, scene) = empty_scene!();
    assert_eq!(tamper(&folder, "DELETE FROM audit WHERE n = 3").await, 1);
    let moved = "UPDATE audit_head SET n = 2, hash = (SELECT hash FROM audit WHERE n = 2)";
    assert_eq!(tamper(&folder, moved).await, 1);
    let report = scene.control.audit_verify().await.expect("verified");
    assert_eq!(
        report.problems,
        [AuditProblem::Head { last: 2, head: -1 }],
        "the seal needs the key"
    );
    assert_eq!(tamper(&folder, "DELETE FROM audit_head").await, 1);
    let report = scene.control.audit_verify().await.expect("verified");
    assert_eq!(report.problems, [AuditProblem::Head { last: 2, head: -1 }]);
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let (folder, scene) = empty_scene!();
    let reopened = Control::open_at(
        folder.path(),
        &folder.store,
        scene.lake.clone(),
        RulesSummary::default(),
        scene.clock.clone(),
    )
    .await
    .expect("opened again");
    reopened.issue_enrolment_token(1).await.expect("a token");
    scene.control.issue_enrolment_token(1).await.expect("a token");
    let report = reopened.audit_verify().await.expect("verified");
    assert_eq!((report.entries, report.problems), (5, vec![]));
}
