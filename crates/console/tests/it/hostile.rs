//! Texts that attack the reader: none becomes markup, none hides, none is cut where it matters.

use crate::support::Console;
use control::fixture::{Program, alert_on, process_fields};
use model::{Clock as _, EventKind, Level};

const ATTACK: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' {{7*7}} &amp; \u{202e}gpj.exe\u{200b}\u{1b}[31m";
/// How the attack looks in a page: every character there, none of them alive.
const SHOWN: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#62;&#60;img src=x onerror=alert(2)&#62;&#39; \
    {{7*7}} &#38;amp; ⟪U+202E⟫gpj.exe⟪U+200B⟫␛[31m";

#[tokio::test]
async fn hostile_texts_are_shown_and_harmless_on_every_page() {
    let mut console = Console::open().await;
    let device = console.scene.web.enrolled.device;
    let at = console.scene.clock.now().plus_nanos(-1_000_000_000);
    let arguments = [ATTACK];
    let program = Program { pid: 6666, parent: 4001, image: ATTACK, arguments: &arguments };
    let mut fields = process_fields(device, &program);
    fields.set("User", ATTACK);
    let event = console.scene.web.event(EventKind::ProcessStart, at, fields);
    let mut alert = alert_on(&event, "hostile", ATTACK, Level::Critical);
    alert.rule_text =
        format!("title: x\ndescription: {ATTACK}\ndetection:\n  selection:\n    Image: {ATTACK}\n");
    alert.why[0].pattern = ATTACK.to_owned();
    alert.why[0].modifier = String::new();
    let (id, key) = (alert.id, event.stream);
    let alerts = vec![alert];
    console.scene.commit(vec![event], alerts.clone()).await.unwrap();
    console.scene.control.take_alerts(&alerts).await.unwrap();
    for path in [
        "/".to_owned(),
        "/alerts".to_owned(),
        "/alerts?view=single".to_owned(),
        "/timeline".to_owned(),
        format!("/alerts/{id}"),
        "/search?range=1h".to_owned(),
        format!("/devices/{device}"),
        format!("/events/{}/{}/{}", key.agent, key.epoch, key.seq),
    ] {
        let page = console.get(&path, "en").await.body;
        assert!(page.contains(SHOWN), "{path} does not show the text:\n{page}");
        for alive in ["<script>", "<img src=x", "\u{202e}", "\u{200b}", "\u{1b}"] {
            assert!(!page.contains(alive), "{path} has {alive:?}");
        }
    }
}

#[tokio::test]
async fn a_search_text_comes_back_harmless() {
    let console = Console::open().await;
    let encoded: String = ATTACK.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in [
        format!("/search?q={encoded}"),
        format!("/search?q=NoSuchField:{encoded}"),
        format!("/search?q=x&range={encoded}&from={encoded}&device={encoded}&after={encoded}"),
        format!("/alerts?rule={encoded}&level={encoded}&after={encoded}"),
        format!("/alerts/{encoded}"),
        format!("/events/{encoded}/{encoded}/{encoded}"),
        format!("/signin?token={encoded}"),
    ] {
        let page = console.get(&path, "en").await.body;
        for alive in ["<script>", "<img src=x"] {
            assert!(!page.contains(alive), "{path} has {alive:?}");
        }
    }
}

#[tokio::test]
async fn the_command_line_of_an_alert_is_never_cut() {
    let mut console = Console::open().await;
    let device = console.scene.web.enrolled.device;
    let at = console.scene.clock.now().plus_nanos(-1_000_000_000);
    let long: String = (0..20_000).map(|number| format!("a{number} ")).collect();
    let arguments = [long.as_str(), "the-very-end"];
    let program =
        Program { pid: 7777, parent: 4001, image: "/usr/bin/long", arguments: &arguments };
    let event =
        console.scene.web.event(EventKind::ProcessStart, at, process_fields(device, &program));
    let alert = alert_on(&event, "long", "Long", Level::Low);
    let id = alert.id;
    console.scene.commit(vec![event], vec![alert]).await.unwrap();
    let page = console.get(&format!("/alerts/{id}"), "ja").await.body;
    let command = page.split("id=\"command\"").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(command.contains(long.trim_end()) && command.contains("the-very-end"));
}
