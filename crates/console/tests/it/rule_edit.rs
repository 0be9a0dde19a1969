//! The life of a rule as a person sees it: the editor, the look back on every edit, saving, moving on, stopping.

use crate::support::{Console, ask};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use case::rule_life::{Stop, StopCause};
use control::view::backtest::RuleInForce;

const ID: &str = "6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11";
const RULE: &str = "title: Curl <b>\ntitle_ja: カール\nid: 6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11\nlevel: high\nlogsource: {product: linux, category: process_creation}\ndetection:\n  s:\n    Image|endswith: /curl\n  condition: s\n";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn form(id: &str, after: i64, text: &str, tests: &str) -> String {
    let (text, tests) = (encoded(text), encoded(tests));
    format!("id={id}&after={after}&text={text}&tests={tests}&span=24h&comment=why")
}

/// A form as htmx sends it.
async fn part(console: &Console, path: &str, form: &str) -> (StatusCode, String) {
    part_in(console, "en", path, form).await
}

async fn part_in(
    console: &Console,
    language: &str,
    path: &str,
    form: &str,
) -> (StatusCode, String) {
    let request = Request::post(path)
        .header(header::HOST, crate::support::HOST)
        .header("sec-fetch-site", "same-origin")
        .header("hx-request", "true")
        .header(header::COOKIE, console.cookie(language))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = ask(&console.router, request.body(Body::from(form.to_owned())).unwrap()).await;
    (answer.status, answer.body)
}

/// The link that begins with `before`, with its signs decoded.
fn link(page: &str, before: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{before}: {page}"));
    let (link, _) = rest.split_once('"').unwrap();
    format!("{before}{link}").replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_rule_is_said_in_the_language_of_the_reader() {
    let console = Console::open().await;
    let broken = RULE.replace("endswith", "endswth");
    for (language, said, unsaid) in [
        ("ja", "Sigma の修飾子ではありません", "is not a modifier"),
        ("en", "is not a modifier of Sigma", "修飾子"),
    ] {
        let (status, live) =
            part_in(&console, language, "/rules/check", &form("", 0, &broken, "")).await;
        assert_eq!(status, StatusCode::OK, "{live}");
        assert!(live.contains("endswth") && live.contains(said), "{language}: {live}");
        assert!(!live.contains(unsaid), "{language}: {live}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_written_tried_and_put_into_force() {
    let console = Console::open().await;
    let editor = console.get("/rules/new", "ja").await;
    assert_eq!(editor.status, StatusCode::OK);
    assert!(editor.body.contains("下書きとして保存") && editor.body.contains("data-numbered"));

    let (status, live) = part(&console, "/rules/check", &form("", 0, RULE, "")).await;
    assert_eq!(status, StatusCode::OK, "{live}");
    for expected in ["stays a draft", "<mark>/curl</mark>", "Make a test of this", "id=\"looking\""]
    {
        assert!(live.contains(expected), "{expected}: {live}");
    }
    assert!(!live.contains("<html"), "a part only");
    let made = link(&live, "/rules/tests?");
    let (status, tests) = part(&console, &made, &form("", 0, RULE, "")).await;
    assert_eq!(status, StatusCode::OK, "{tests}");
    assert!(tests.starts_with("<textarea id=\"tests\"") && tests.contains("expect: match"));

    let tests = format!(
        "rule: {ID}\ncases:\n  - name: curl\n    expect: match\n    event: {{product: linux, category: process_creation, fields: {{Image: /usr/bin/curl}}}}\n"
    );
    let (_, live) = part(&console, "/rules/check", &form("", 0, RULE, &tests)).await;
    assert!(live.contains("1 of 1 tests pass"), "{live}");
    let saved = console.post("/rules/save", &form("", 0, RULE, &tests)).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let path = format!("/rules/in-force/{ID}");
    assert!(saved.header(header::LOCATION).starts_with(&path));
    let page = console.get(&path, "en").await.body;
    assert!(
        page.contains("Curl &#60;b&#62;") && page.contains("Try it on the canary ring"),
        "{page}"
    );
    assert!(console.get("/rules?show=draft", "ja").await.body.contains("カール"));

    for (step, then) in [("release", "The canary so far"), ("widen", "Back to the canary ring")] {
        let moved = console.post(&format!("{path}/move"), &format!("step={step}")).await;
        assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.body);
        let page = console.get(&path, "en").await.body;
        assert!(page.contains(then), "{step}: {page}");
    }
    let other = RULE.replace("Curl", "Curls");
    let saved = console.post("/rules/save", &form(ID, 1, &other, &tests)).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let compared = console.get(&format!("{path}/history?from=1&to=2"), "en").await.body;
    assert!(compared.contains("diff-gone") && compared.contains("diff-new"), "{compared}");
    let back = console.post(&format!("{path}/take-up"), "number=1&after=2").await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    let again = console.get(&format!("/rules/{ID}/edit"), "en").await.body;
    assert!(again.contains("name=\"after\" value=\"3\"") && again.contains("Curl &#60;b&#62;"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_saved_is_said_beside_the_text_and_nothing_is_lost() {
    let console = Console::open().await;
    let broken = RULE.replace("endswith", "endwith");
    let (_, live) = part(&console, "/rules/check", &form("", 0, &broken, "")).await;
    assert!(
        live.contains("Line 8") && live.contains("endwith") && !live.contains("looking"),
        "{live}"
    );
    let saved = console.post("/rules/save", &form("", 0, &broken, "some: tests")).await;
    assert_eq!(saved.status, StatusCode::OK);
    for kept in ["The rule cannot be loaded", "endwith", "some: tests"] {
        assert!(saved.body.contains(kept), "{kept}: {}", saved.body);
    }
    let failing = format!(
        "rule: {ID}\ncases:\n  - name: wget\n    expect: match\n    event: {{product: linux, category: process_creation, fields: {{Image: /usr/bin/wget}}}}\n"
    );
    let (_, live) = part(&console, "/rules/check", &form("", 0, RULE, &failing)).await;
    assert!(live.contains("0 of 1 tests pass") && live.contains("found none"), "{live}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p9_a_stopped_rule_is_seen_on_the_list_the_page_and_the_first_page() {
    let console = Console::open().await;
    let saved = console.post("/rules/save", &form("", 0, RULE, "")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let control = &console.scene.control;
    control.show_rules(vec![RuleInForce {
        id: "of-file".to_owned(),
        title: "Of a file".to_owned(),
        level: model::Level::High,
        status: String::new(),
        source: "file.yml".to_owned(),
        text: RULE.to_owned(),
        document: RULE.to_owned(),
        revision: "0".repeat(64),
        active: true,
        correlation: false,
        log_source: Default::default(),
        filters: Vec::new(),
        fields: Vec::new(),
    }]);
    let stop = Stop {
        cause: StopCause::Flood,
        reason_ja: "一致が多すぎるため停止しました。".to_owned(),
        reason_en: "more than 1000 matches in one minute".to_owned(),
    };
    assert!(control.stop_rule("of-file", stop).await.unwrap());
    for (path, language, expected) in [
        ("/rules", "en", "more than 1000 matches"),
        ("/rules/in-force/of-file", "ja", "一致が多すぎるため停止しました。"),
        ("/", "ja", "一致が多すぎるため停止しました。"),
    ] {
        let page = console.get(path, language).await.body;
        assert!(page.contains(expected), "{path}: {page}");
    }
    let resumed = console.post("/rules/in-force/of-file/move", "step=resume").await;
    assert_eq!(resumed.status, StatusCode::SEE_OTHER);
    assert!(!console.get("/", "ja").await.body.contains("一致が多すぎる"));
    let short = console.post("/rules/in-force/of-file/move", "step=stop&reason=x").await;
    assert!(short.body.contains("at least three characters"), "{}", short.body);
}

#[tokio::test]
async fn the_canary_ring_is_chosen() {
    let console = Console::open().await;
    let device = console.scene.web.enrolled.device;
    let chosen = console.post("/rules/canary", &format!("device={device}")).await;
    assert_eq!(chosen.status, StatusCode::SEE_OTHER);
    let page = console.get("/rules/canary", "en").await.body;
    assert!(page.contains("1 device in the ring") && page.contains("web-01"), "{page}");
    let hostile = console.post("/rules/canary", "device=%00").await;
    assert_eq!(hostile.status, StatusCode::BAD_REQUEST);
}
