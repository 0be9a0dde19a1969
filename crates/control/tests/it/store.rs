//! The store over either database.

use super::enrolment::reopen;
use crate::number;
use control::{Control, Principal, RulesSummary, StoreAddress};
use std::sync::Arc;

#[tokio::test]
async fn opening_again_changes_nothing_and_two_at_once_are_no_harm() {
    let (folder, scene) = empty_scene!();
    let before = number(&folder, "SELECT count(*) FROM schema_version").await;
    let (one, two) = tokio::join!(reopen(&folder, &scene), reopen(&folder, &scene));
    assert_eq!(number(&folder, "SELECT count(*) FROM schema_version").await, before);
    one.issue_enrolment_token(1).await.expect("a token");
    two.issue_enrolment_token(1).await.expect("a token");
}

#[tokio::test]
async fn a_new_store_may_be_opened_by_several_at_once() {
    let Some(place) = crate::Place::new(super::DATABASE).await else { return };
    let (_lake_folder, scene) = empty_scene!();
    let open = || {
        let (lake, clock) = (scene.lake.clone(), scene.clock.clone());
        Control::open_at(place.path(), &place.store, lake, RulesSummary::default(), clock)
    };
    // The keys are made by whoever comes first.
    drop(open().await.expect("opened"));
    let (one, two, three) = tokio::join!(open(), open(), open());
    for control in [one, two, three] {
        control.expect("opened").issue_enrolment_token(1).await.expect("a token");
    }
}

#[tokio::test]
async fn many_writers_of_several_processes_keep_one_chain() {
    let (folder, scene) = empty_scene!();
    let mut tasks = Vec::new();
    for writer in 0..4 {
        // A pool of its own, as another process has.
        let control = Arc::new(reopen(&folder, &scene).await);
        for half in 0..2 {
            let control = control.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..12 {
                    let name = format!("department {writer} {half} {round}");
                    control.add_department(Principal::Machine, &name).await.expect("added");
                }
            }));
        }
    }
    for task in tasks {
        task.await.expect("done");
    }
    let report = scene.control.audit_verify().await.expect("verified");
    assert!(report.intact(), "{report:?}");
    assert_eq!(number(&folder, "SELECT count(*) FROM department").await, 96);
    let added = "SELECT count(*) FROM audit WHERE action = 'department_added'";
    assert_eq!(number(&folder, added).await, 96);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_and_no_panic() {
    let (folder, scene) = empty_scene!();
    let address =
        StoreAddress::parse("postgres://nobody:secret@127.0.0.1:9/none").expect("an address");
    let (lake, clock) = (scene.lake.clone(), scene.clock.clone());
    let rules = RulesSummary::default();
    let err =
        Control::open_at(folder.path(), &address, lake, rules, clock).await.expect_err("no server");
    assert_eq!(err.class(), control::ErrorClass::Retry);
    assert!(!format!("{err:?} {err}").contains("secret"));
}
