//! The story of an attack as a page.

use crate::support::Console;
use control::fixture::{Program, alert_on, process_fields, process_guid};
use model::{Clock as _, EventKind, Fields, Level};

/// What repeats is folded behind the first of it; every command stands by itself.
#[tokio::test]
async fn what_repeats_is_folded_and_commands_are_not() {
    let mut console = Console::open().await;
    let device = console.scene.web.enrolled.device;
    let begin = console.scene.clock.now().plus_nanos(-60_000_000_000);
    let at = |number: i64| begin.plus_nanos(1_000_000_000 * number);
    let mut events = Vec::new();
    for pid in 0..5 {
        let program =
            Program { pid: 700 + pid, parent: 700, image: "/opt/loop", arguments: &["loop"] };
        let fields = process_fields(device, &program);
        events.push(console.scene.web.event(EventKind::ProcessStart, at(pid), fields));
    }
    for number in 0..9 {
        let mut fields = Fields::new();
        fields.set("Image", "/opt/loop");
        fields.set("ProcessGuid", process_guid(device, 700));
        fields.set("TargetFilename", format!("/srv/{number}.locked"));
        events.push(console.scene.web.event(EventKind::FileCreate, at(10 + number), fields));
    }
    let alerts = vec![alert_on(&events[0], "loop", "Loop", Level::High)];
    console.scene.commit(events, alerts.clone()).await.unwrap();
    console.scene.control.take_alerts(&alerts).await.unwrap();

    let page = console.get(&format!("/timeline?range=15m&device={device}"), "en").await.body;
    assert!(page.contains("8 more alike"), "{page}");
    assert_eq!(page.matches("more alike").count(), 1, "{page}");
    for number in 0..9 {
        assert!(page.contains(&format!("/srv/{number}.locked")), "{number}: {page}");
    }
}
