//! The outbox: state, audit and messages commit together, and messages are delivered.

use super::enrolment::reopen;
use crate::{Place, number};
use control::fixture::{NOW, Scene, StillClock};
use control::view::people::MessageState;
use control::{
    Channel, Control, ControlError, Delivery, Language, NewPerson, Outgoing, Principal, Role,
    RulesSummary, StoreAddress, Undelivered,
};
use lake::{Access, Lake};
use model::Timestamp;
use std::path::Path;
use std::sync::{Arc, Mutex};

async fn add(control: &Control, name: &str, role: Role) -> String {
    let new = NewPerson {
        name: name.to_owned(),
        roles: vec![role],
        language: if name == "ren" { Language::En } else { Language::Ja },
        time_zone: "Asia/Tokyo".to_owned(),
        department: None,
        manager: None,
        limited_to: Vec::new(),
    };
    control.add_person(Principal::Machine, &new).await.expect("added").id
}

async fn people(scene: &Scene) -> (String, String) {
    add(&scene.control, "ada", Role::Administrator).await;
    let aoi = add(&scene.control, "aoi", Role::Employee).await;
    (aoi, add(&scene.control, "ren", Role::Employee).await)
}

async fn change(control: &Control, person: &str, role: Role) {
    control.set_roles(Principal::Machine, person, &[role], &[]).await.expect("changed");
}

#[tokio::test]
async fn a_message_reaches_its_person_in_the_persons_language() {
    let (folder, scene) = empty_scene!();
    let (aoi, ren) = people(&scene).await;
    change(&scene.control, &aoi, Role::Analyst).await;
    change(&scene.control, &ren, Role::Analyst).await;
    let secret =
        scene.control.invite_person(Principal::Machine, &aoi).await.expect("invited").token;
    let secret = scene.control.sign_in(&secret).await.expect("signed in").secret;
    let actor = scene.control.actor(&secret).await.expect("an actor");
    assert_eq!(scene.control.my_messages(&actor).await.expect("messages"), [], "not delivered yet");
    scene.control.tick().await.expect("ticked");
    let mine = scene.control.my_messages(&actor).await.expect("messages");
    assert_eq!((mine.len(), mine[0].state), (1, MessageState::Delivered));
    assert_eq!(mine[0].subject, "権限が変更されました");
    assert!(mine[0].body.contains("アナリスト"), "{}", mine[0].body);
    let all =
        scene.control.outbox(&actor, Some(MessageState::Delivered)).await.expect("the outbox");
    assert_eq!(all.len(), 2);
    let other = all.iter().find(|row| row.to == ren).expect("the other's");
    assert_eq!((other.language, &*other.subject), (Language::En, "Your roles were changed"));
    let read = "SELECT count(*) FROM audit WHERE action = 'outbox_read'";
    assert_eq!(number(&folder, read).await, 1, "who looked is in the chain");
}

#[tokio::test]
async fn a_refused_change_leaves_no_message() {
    let (folder, scene) = empty_scene!();
    let ada = add(&scene.control, "ada", Role::Administrator).await;
    let refused = scene.control.set_roles(Principal::Machine, &ada, &[Role::Employee], &[]).await;
    assert!(matches!(refused, Err(ControlError::People(_))));
    assert_eq!(number(&folder, "SELECT count(*) FROM message").await, 0);
    assert_eq!(
        number(&folder, "SELECT count(*) FROM audit WHERE action = 'roles_changed'").await,
        0
    );
}

/// A channel that is out of order, then takes everything.
#[derive(Debug, Default)]
struct Flaky {
    tries: Mutex<Vec<String>>,
}

impl Channel for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    fn deliver<'a>(&'a self, message: &'a Outgoing) -> Delivery<'a> {
        let mut tries = self.tries.lock().expect("unpoisoned");
        tries.push(message.id.clone());
        let outcome = if tries.len() < 3 {
            Err(Undelivered::Later { reason: "out of order".to_owned() })
        } else {
            Ok(())
        };
        Box::pin(std::future::ready(outcome))
    }
}

#[tokio::test]
async fn a_channel_is_tried_again_later_and_under_the_same_identifier() {
    let (folder, scene) = empty_scene!();
    let (aoi, _) = people(&scene).await;
    let mut control = reopen(&folder, &scene).await;
    let flaky = Arc::new(Flaky::default());
    control.use_channel(flaky.clone());
    change(&control, &aoi, Role::Analyst).await;
    for minutes in [0, 1, 2] {
        scene.clock.advance_ns(minutes * 60_000_000_000);
        control.tick().await.expect("ticked");
        control.tick().await.expect("ticked, too early to try again");
    }
    let tries = flaky.tries.lock().expect("unpoisoned").clone();
    assert_eq!(tries.len(), 3);
    assert!(tries.iter().all(|id| *id == tries[0]));
    let delivered = "SELECT count(*) FROM message WHERE state = 'delivered' AND attempts = 3";
    assert_eq!(number(&folder, delivered).await, 1);

    // Without its channel a message is given up in words, and one to a disabled person too.
    change(&control, &aoi, Role::Employee).await;
    scene.control.tick().await.expect("ticked");
    let failed = "SELECT count(*) FROM message WHERE state = 'failed' AND reason LIKE '%flaky%'";
    assert_eq!(number(&folder, failed).await, 1);
    change(&scene.control, &aoi, Role::Analyst).await;
    scene.control.disable_person(Principal::Machine, &aoi).await.expect("disabled");
    scene.control.tick().await.expect("ticked");
    let failed = "SELECT count(*) FROM message WHERE state = 'failed' AND reason LIKE '%disabled%'";
    assert_eq!(number(&folder, failed).await, 1);
}

/// Not a test of its own: the process that the next test kills. It changes roles until it dies and says each
/// time after the change has returned.
#[tokio::test]
async fn child_that_changes_roles_until_it_is_killed() {
    let Ok(folder) = std::env::var("MIMAMORI_CONTROL_CRASH_FOLDER") else { return };
    let person = std::env::var("MIMAMORI_CONTROL_CRASH_PERSON").expect("a person");
    let folder = Path::new(&folder);
    let store = match std::env::var("MIMAMORI_CONTROL_CRASH_STORE") {
        Ok(url) => StoreAddress::parse(&url).expect("an address"),
        Err(_) => StoreAddress::in_folder(folder),
    };
    let lake = Lake::open(&folder.join("lake"), Access::Read).await.expect("the lake");
    let clock = StillClock::at(Timestamp::parse(NOW).expect("a time"));
    let rules = RulesSummary::default();
    let control =
        Control::open_at(folder, &store, Arc::new(lake), rules, clock).await.expect("opened");
    for role in [Role::Analyst, Role::Reviewer, Role::Auditor].into_iter().cycle() {
        change(&control, &person, role).await;
        println!("changed");
        control.tick().await.expect("ticked");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test needs a process of its own to kill")]
async fn p1_a_kill_between_state_and_message_leaves_both_or_neither() {
    use std::io::BufRead as _;
    let (folder, scene): (Place, Scene) = empty_scene!();
    let (aoi, _) = people(&scene).await;
    let module = module_path!().split_once("::").expect("within the crate").1;
    let mut confirmed = 0;
    for round in 0..5u64 {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
        command
            .args(["--exact", &format!("{module}::child_that_changes_roles_until_it_is_killed")])
            .arg("--nocapture")
            .env("MIMAMORI_CONTROL_CRASH_FOLDER", folder.path())
            .env("MIMAMORI_CONTROL_CRASH_PERSON", &aoi)
            .stdout(std::process::Stdio::piped());
        if let StoreAddress::Postgres(url) = &folder.store {
            command.env("MIMAMORI_CONTROL_CRASH_STORE", url);
        }
        let mut child = command.spawn().expect("starts");
        let out = child.stdout.take().expect("piped");
        let mut lines = std::io::BufReader::new(out).lines().map_while(Result::ok);
        let seen = lines.by_ref().filter(|line| line.contains("changed")).take(3).count();
        assert_eq!(seen, 3, "the child works");
        std::thread::sleep(std::time::Duration::from_millis(7 * round));
        child.kill().expect("killed");
        child.wait().expect("gone");
        confirmed +=
            3 + i64::try_from(lines.filter(|line| line.contains("changed")).count()).expect("few");
        // The server may still be ending the killed one's transaction; taking the write lock waits for it.
        scene.control.issue_enrolment_token(1).await.expect("a token");

        let changes =
            number(&folder, "SELECT count(*) FROM audit WHERE action = 'roles_changed'").await;
        let messages =
            number(&folder, "SELECT count(*) FROM message WHERE kind = 'roles_changed'").await;
        assert_eq!(changes, messages, "state, audit and outbox commit together");
        assert!(changes >= confirmed, "{changes} in the chain, {confirmed} confirmed");
        let agrees = "SELECT count(*) FROM person WHERE name = 'aoi' AND \
             (SELECT detail FROM audit WHERE action = 'roles_changed' ORDER BY n DESC LIMIT 1) \
             LIKE '%' || roles || '%'";
        assert_eq!(number(&folder, agrees).await, 1, "the last change in the chain is the state");
        let report = scene.control.audit_verify().await.expect("verified");
        assert!(report.intact(), "{report:?}");
        scene.control.tick().await.expect("ticked");
        let waiting = "SELECT count(*) FROM message WHERE state <> 'delivered'";
        assert_eq!(number(&folder, waiting).await, 0, "what was left is delivered");
    }
}
