//! Who may do what: every role against every use case.

use crate::tamper;
use control::fixture::Scene;
use control::view::{AlertFilter, SearchQuery, TimeRange};
use control::{Actor, ControlError, Permission, Role};
use model::Clock;

/// One line per use case; `x`: allowed to administrator, analyst, operator, nobody in particular.
const MATRIX: &str = "
    today    x x - -
    alerts   x x - -
    alert    x x - -
    search   x x - -
    event    x x - -
    devices  x x x -
    device   x x - -
";

#[tokio::test]
async fn every_use_case_asks_for_its_permission() {
    let (folder, scene) = scene!();
    let roles: [&str; 4] = ["administrator", "analyst", "operator", "role_of_a_newer_version"];
    let mut answers = String::new();
    let mut actors = Vec::new();
    for role in roles {
        let statement = match role {
            "administrator" => "UPDATE person SET roles = 'administrator'",
            "analyst" => "UPDATE person SET roles = 'analyst'",
            "operator" => "UPDATE person SET roles = 'operator'",
            _ => "UPDATE person SET roles = 'role_of_a_newer_version'",
        };
        let secret = scene.session_secret().await.expect("signed in");
        assert_eq!(tamper(&folder, statement).await, 1);
        actors.push(scene.control.actor(&secret).await.expect("signed in"));
    }
    let mut refusals = 0;
    for use_case in ["today", "alerts", "alert", "search", "event", "devices", "device"] {
        let mut line = format!("    {use_case:<8}");
        for actor in &actors {
            match call(&scene, actor, use_case).await {
                Ok(()) => line.push_str(" x"),
                Err(ControlError::NotPermitted { .. }) => {
                    refusals += 1;
                    line.push_str(" -");
                }
                Err(err) => panic!("{use_case}: {err:?}"),
            }
        }
        answers.push_str(&line);
        answers.push('\n');
    }
    assert_eq!(answers.trim_end(), MATRIX.trim_matches('\n').trim_end());

    let pool = crate::behind_the_door(&folder).await;
    let audited: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'permission_refused'")
            .fetch_one(&pool)
            .await
            .expect("a count");
    assert_eq!(audited, refusals, "each refusal is in the audit chain");
}

async fn call(scene: &Scene, actor: &Actor, use_case: &str) -> Result<(), ControlError> {
    let control = &scene.control;
    let now = scene.clock.now();
    let range = TimeRange { from: now.plus_nanos(-7_200_000_000_000), to: now };
    let query = SearchQuery {
        families: Vec::new(),
        range,
        device: None,
        filters: Vec::new(),
        words: Vec::new(),
        after: None,
    };
    match use_case {
        "today" => control.today(actor).await.map(drop),
        "alerts" => control.alerts(actor, &AlertFilter::default()).await.map(drop),
        "alert" => control.alert(actor, scene.alert).await.map(drop),
        "search" => control.search(actor, &query).await.map(drop),
        "event" => control.event(actor, scene.download).await.map(drop),
        "devices" => control.devices(actor).await.map(drop),
        "device" => control.device(actor, scene.web.enrolled.device, range, None).await.map(drop),
        other => panic!("no use case {other}"),
    }
}

#[test]
fn an_administrator_may_everything_and_names_round_trip() {
    assert_eq!(Role::Administrator.permissions(), Permission::ALL);
    for role in Role::ALL {
        assert_eq!(Role::of_name(role.name()), Some(role));
    }
}
