//! The groups of a device on its page: seen by who sees devices, changed by who manages people.

use crate::support::Console;
use axum::http::StatusCode;
use control::{Language, Role};

#[tokio::test]
async fn a_device_says_its_groups_and_who_manages_people_changes_them() {
    let console = Console::open().await;
    let path = format!("/devices/{}", console.scene.web.enrolled.device);
    let page = console.get(&path, "ja").await.body;
    assert!(page.contains("端末グループ") && page.contains("なし"), "{page}");
    let form = "groups=pilot%E3%80%81canary%2C+%2C%3Cb%3E";
    let sent = console.post(&format!("{path}/groups"), form).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let page = console.get(&path, "en").await.body;
    assert!(page.contains("&#60;b&#62;, canary, pilot"), "{page}");
    assert!(page.contains("Change the groups"));

    let analyst = console.scene.person("ana", Role::Analyst, Language::En).await.unwrap();
    let page = console.get_as(&analyst.secret, &path, "en").await.body;
    assert!(page.contains("canary, pilot") && !page.contains("Change the groups"));
    let sent = console.post_as(&analyst.secret, &format!("{path}/groups"), "groups=").await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    let sent = console.post(&format!("{path}/groups"), &format!("groups={}", "x".repeat(61))).await;
    assert_eq!(sent.status, StatusCode::BAD_REQUEST);
}
