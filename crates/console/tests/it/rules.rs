//! Rules: the list, one rule, and the editor that asks the past.

use crate::support::Console;
use axum::http::StatusCode;
use control::view::backtest::RuleInForce;
use model::Level;

const RULE: &str = "title: Curl <b>\ntitle_ja: カール\nid: curl/1\nlevel: high\nstatus: test\nlogsource: {product: linux}\ndetection:\n  s:\n    Image|endswith: /curl\n  condition: s\n";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn look_back(console: &Console, text: &str, filter: &str) -> String {
    let form = format!("text={}&filter={}&span=24h", encoded(text), encoded(filter));
    let answer = console.post("/rules/backtest", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body
}

#[tokio::test]
async fn rules_in_force_are_listed_with_what_they_found_and_the_refused_with_the_reason() {
    let console = Console::open().await;
    console.scene.control.show_rules(vec![RuleInForce {
        id: "curl/1".to_owned(),
        title: "Curl <b>".to_owned(),
        level: Level::High,
        status: "test".to_owned(),
        source: "mine.yml".to_owned(),
        text: RULE.to_owned(),
        document: RULE.to_owned(),
        revision: "0".repeat(64),
        active: true,
        correlation: false,
        log_source: Default::default(),
        filters: Vec::new(),
        fields: vec!["Image".to_owned()],
    }]);
    let page = console.get("/rules", "en").await.body;
    for expected in ["Curl &#60;b&#62;", "mine.yml", "broken.yml", "line 3: no detection"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("Curl <b>"));
    assert!(console.get("/rules", "ja").await.body.contains("カール"));
    // Found by words of its text in any case and by its file; the chips count what is found.
    for (sought, found) in
        [("カール", true), ("ENDSWITH: /Curl", true), ("mine.yml", true), ("curl by nobody", false)]
    {
        let page = console.get(&format!("/rules?q={}", encoded(sought)), "en").await.body;
        assert_eq!(page.contains("Curl &#60;b&#62;"), found, "{sought}: {page}");
        assert_eq!(page.contains("No rule fits."), !found, "{sought}");
    }
    let rule = console.get("/rules/in-force/curl%2F1", "en").await;
    assert_eq!(rule.status, StatusCode::OK);
    assert!(rule.body.contains("Image|endswith: /curl"));
    let missing = console.get("/rules/in-force/nothing", "en").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let editor = console.get("/rules/backtest?rule=curl%2F1", "en").await.body;
    assert!(editor.contains("id: curl/1") && editor.contains("hx-sync=\"this:replace\""));
}

#[tokio::test]
async fn an_edited_rule_shows_at_once_what_it_would_have_done() {
    let console = Console::open().await;
    let page = look_back(&console, RULE, "").await;
    for expected in
        ["4 matches", "<mark>/curl</mark>", "web-01", "/usr/bin/curl", "Matches per day"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let filter = "title: Not files\nid: f\nlogsource: {product: linux}\nfilter:\n  rules: [curl/1]\n  s: {TargetFilename|exists: true}\n  condition: not s\n";
    let page = look_back(&console, RULE, filter).await;
    assert!(page.contains("3 matches"), "{page}");
    let none = RULE.replace("/curl", "/nothing");
    assert!(look_back(&console, &none, "").await.contains("Nothing of that time matches"));
}

#[tokio::test]
async fn a_refused_rule_says_line_cause_and_remedy_and_stays_text() {
    let console = Console::open().await;
    let broken = RULE.replace("endswith", "<script>");
    let page = look_back(&console, &broken, "").await;
    assert!(page.contains("This cannot be evaluated as it is"), "{page}");
    assert!(page.contains("Line 9"), "{page}");
    assert!(!page.contains("<script>:"));
    for hostile in ["", "\u{0}\u{202e}", "&a [*a, *a]", "title: [", "a: &x [*x]"] {
        let page = look_back(&console, hostile, "").await;
        assert!(page.contains("This cannot be evaluated as it is"), "{hostile:?}");
    }
}
