//! Exclusions of rules, lists, packs and health as people see them.

use crate::browser::{Browser, is_here, serve, shoot};
use crate::support::Console;
use axum::http::StatusCode;
use control::view::backtest::RefusedSource;
use control::view::backtest::RuleInForce;
use control::view::detections::Said;
use control::view::rule_lists::{PackTrust, RulePack};
use control::{Language, Role, RulesSummary};
use fantoccini::Locator;
use fantoccini::key::Key;
use model::Level;

const RULE: &str = "title: Curl <b>\nid: curl/1\nlevel: high\nlogsource: {product: linux, category: process_creation}\ndetection:\n  s:\n    Image|endswith: /curl\n  condition: s\n";
const FORM: &str = "mode=form&title=Backup&rules=curl%2F1&field=CommandLine&how=contains&values=203.0.113.7&reason=it+is+the+backup&days=30";

async fn console() -> Console {
    let console = Console::open().await;
    let mut rule = RuleInForce {
        id: "curl/1".to_owned(),
        title: "Curl <b>".to_owned(),
        level: Level::High,
        status: String::new(),
        source: "mine.yml".to_owned(),
        text: RULE.to_owned(),
        document: RULE.to_owned(),
        revision: "0".repeat(64),
        active: true,
        correlation: false,
        log_source: Default::default(),
        filters: Vec::new(),
        fields: vec!["Image".to_owned()],
    };
    rule.log_source.product = Some("linux".to_owned());
    console.scene.control.show_rules(vec![rule]);
    let reason = "jump.yml:5: Jump: placeholder %Jump% has no values; give a list";
    let refused = vec![RefusedSource {
        file: "jump.yml".to_owned(),
        reason: Said::new("jump.yml:5: Jump: プレースホルダー %Jump% の値がありません", reason),
        lacks: Some("Jump".to_owned()),
    }];
    console.scene.control.show_rules_summary(RulesSummary { loaded: 1, refused });
    console.scene.control.show_rule_packs(vec![RulePack {
        name: "Pack \u{202e}<i>".to_owned(),
        version: "1.2".to_owned(),
        description: String::new(),
        licence: "MIT".to_owned(),
        authors: vec!["A".to_owned()],
        folder: Some("packs/x".into()),
        trust: PackTrust::Refused(Said::new(
            "linux/t.yml が署名後に変更されています",
            "linux/t.yml was changed after it was signed",
        )),
        files: 1,
        rules: 0,
        refused: 0,
        digest: "0".repeat(64),
        commit: "a".repeat(40),
    }]);
    console
}

fn until(console: &Console) -> String {
    use model::Clock as _;
    let day = console.scene.clock.now().plus_nanos(30 * 86_400_000_000_000);
    day.to_string().chars().take(10).collect()
}

#[tokio::test]
async fn an_exclusion_is_made_from_a_link_previewed_and_saved() {
    let console = console().await;
    let empty = console.get("/rules/exclusions", "en").await.body;
    assert!(
        empty.contains("No exclusions of rules yet") && empty.contains("aria-current=\"page\"")
    );
    let link = "/rules/exclusions/new?rule=curl%2F1&field=CommandLine&match=contains&value=203.0.113.7&field=User&value=www-data";
    let form = console.get(link, "en").await;
    assert_eq!(form.status, StatusCode::OK);
    for expected in
        ["value=\"CommandLine\"", ">203.0.113.7<", ">www-data<", "Curl &#60;b&#62;: 203.0.113.7"]
    {
        assert!(form.body.contains(expected), "{expected}: {}", form.body);
    }
    let until = until(&console);
    let preview =
        console.post("/rules/exclusions/new", &format!("{FORM}&until={until}&act=preview")).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.body);
    for expected in [
        "id=\"preview\"",
        "1 match without it",
        "1 taken away",
        "which is to stop the rule",
        "web-01",
    ] {
        assert!(preview.body.contains(expected), "{expected}: {}", preview.body);
    }
    let by_hand = console
        .post("/rules/exclusions/new", &format!("{FORM}&until={until}&act=switch"))
        .await
        .body;
    assert!(by_hand.contains("condition: not selection") && by_hand.contains("name=\"text\""));
    let saved =
        console.post("/rules/exclusions/new", &format!("{FORM}&until={until}&act=save")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let path = saved.header("location").to_owned();
    for language in ["ja", "en"] {
        let list = console.get("/rules/exclusions", language).await.body;
        assert!(
            list.contains("Backup") && list.contains("curl/1") && !list.contains('⟦'),
            "{list}"
        );
        let one = console.get(&path, language).await.body;
        assert!(one.contains("CommandLine|contains") && !one.contains('⟦'), "{one}");
    }
    let path = path.split('?').next().expect("a path").to_owned();
    let edit = console.get(&format!("{path}/edit"), "en").await.body;
    assert!(edit.contains("value=\"Backup\"") && edit.contains("name=\"version\" value=\"1\""));
    let copy = format!("/rules/exclusions/new?like={}", path.rsplit('/').next().expect("an id"));
    assert!(console.get(&copy, "en").await.body.contains("value=\"Backup\""));
    let changed = format!("{FORM}&until={until}&act=save&version=1&owner=nobody");
    let refused = console.post(&format!("{path}/edit"), &changed).await.body;
    assert!(refused.contains("Nobody who may sign in is called"), "{refused}");
    let short = console.post(&format!("{path}/end"), "reason=x").await;
    assert!(short.body.contains("Give a reason of 3 to"), "{}", short.body);
    let ended = console.post(&format!("{path}/end"), "reason=not+needed").await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert!(console.get(&path, "en").await.body.contains("not needed"));
    assert_eq!(console.get(&format!("{path}/nonsense"), "en").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_form_in_both_languages() {
    let console = console().await;
    let until = until(&console);
    let by_hand = "mode=hand&text=title%3A+F%0Aid%3A+f%0Alogsource%3A+%7Bproduct%3A+linux%7D%0Afilter%3A%0A++rules%3A+any%0A++s%3A+%7BA%7Cre%3A+%27(%27%7D%0A++condition%3A+not+s%0A&reason=because&act=preview";
    let refused = console.post("/rules/exclusions/new", &format!("{by_hand}&until={until}")).await;
    assert_eq!(refused.status, StatusCode::OK);
    assert!(refused.body.contains("Line 6:") && refused.body.contains("A|re"), "{}", refused.body);
    let nowhere = format!(
        "mode=form&title=T&rules=&field=A&how=is&values=b&reason=because&act=preview&until={until}"
    );
    let said = console.post("/rules/exclusions/new", &nowhere).await.body;
    assert!(said.contains("give a product or a category"), "{said}");
    let no_end = console.post("/rules/exclusions/new", &format!("{FORM}&act=save")).await.body;
    assert!(no_end.contains("Give an end."));
    let hostile = format!(
        "mode=form&title=T&rules=&field=A%0A&how=is&values={}&reason=because&act=save&until={until}",
        "%E2%80%AEx"
    );
    let said = console.post("/rules/exclusions/new", &hostile).await.body;
    assert!(!said.contains('\u{202e}') || said.contains("<textarea"), "{said}");
    let huge = format!("{FORM}&until={until}&act=save&values={}", "x".repeat(1 << 20));
    assert_eq!(
        console.post("/rules/exclusions/new", &huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // A value with a line end would be two values in the form.
    let lines = "/rules/exclusions/new?rule=curl%2F1&field=CommandLine&value=a%0Ab";
    let page = console.get(lines, "en").await.body;
    assert!(page.contains("name=\"text\"") && page.contains("a\\nb"), "{page}");
}

#[tokio::test]
async fn lists_packs_and_health_speak_both_languages() {
    let console = console().await;
    for path in [
        "/rules/lists",
        "/rules/lists/edit?name=Jump",
        "/rules/packs",
        "/rules/health",
        "/rules/health?view=costly",
        "/rules/exclusions/new",
    ] {
        for language in ["ja", "en"] {
            let page = console.get(path, language).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(!page.body.contains('⟦'), "{path}: {}", page.body);
            assert!(!page.body.contains('\u{202e}') && !page.body.contains("<i>"), "{path}");
        }
    }
    let packs = console.get("/rules/packs", "en").await.body;
    assert!(packs.contains("was changed after it was signed") && packs.contains(&"a".repeat(40)));
    let packs = console.get("/rules/packs", "ja").await.body;
    assert!(packs.contains("linux/t.yml が署名後に変更されています"), "{packs}");
    assert!(!packs.contains("was changed after it was signed"), "{packs}");
    let rules = console.get("/rules", "ja").await.body;
    assert!(rules.contains("プレースホルダー %Jump% の値がありません"), "{rules}");
    assert!(!rules.contains("has no values"), "{rules}");
    let lists = console.get("/rules/lists", "en").await.body;
    assert!(
        lists.contains("%<bdi>Jump</bdi>%")
            && lists.contains("jump.yml")
            && lists.contains("Devices")
    );
    let saved = console
        .post("/rules/lists/edit", "version=0&name=Jump&description=&values=j1%0D%0Aj2")
        .await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    assert!(console.get("/rules/lists/edit?name=Jump", "en").await.body.contains("j1\nj2"));
    let wrong =
        console.post("/rules/lists/edit", "version=0&name=a+b&description=&values=x").await.body;
    assert!(wrong.contains("letters, digits or _") && wrong.contains("value=\"a b\""));
    let removed = console.post("/rules/lists/remove", "name=Jump").await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    let health = console.get("/rules/health?view=loud", "en").await.body;
    assert!(health.contains("2 of 2 devices"), "{health}");
    let employee = console.scene.person("E", Role::Employee, Language::En).await.expect("added");
    for path in [
        "/rules/exclusions",
        "/rules/exclusions/new",
        "/rules/lists",
        "/rules/packs",
        "/rules/health",
    ] {
        let answer = console.get_as(&employee.secret, path, "en").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

/// With `MIMAMORI_SCREENSHOTS` set to a folder, keeps pictures there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_makes_an_exclusion_and_no_page_is_wider_than_its_window() {
    if !is_here() {
        return;
    }
    let console = console().await;
    let address = serve(&console).await;
    let browser = Browser::start().await;
    let token = console.scene.control.issue_sign_in_token("administrator").await.expect("a token");
    let to = |path: &str| format!("http://{address}{path}");
    browser.client.goto(&to(&format!("/signin?token={token}"))).await.expect("there");
    browser.press(&Key::Enter.to_string()).await;
    browser.wait("#strip").await;
    let link =
        "/rules/exclusions/new?rule=curl%2F1&field=CommandLine&match=contains&value=203.0.113.7";
    browser.client.goto(&to(link)).await.expect("there");
    let reason = browser.client.find(Locator::Css("#reason")).await.expect("a field");
    reason.send_keys("the backup fetches its lists from there").await.expect("typed");
    browser
        .client
        .find(Locator::Css("button[value=preview]"))
        .await
        .expect("a button")
        .click()
        .await
        .expect("clicked");
    browser.wait("#preview").await;
    shoot(&browser.client, "rule-exclusion-preview").await;
    browser
        .client
        .find(Locator::Css("button[value=save]"))
        .await
        .expect("a button")
        .click()
        .await
        .expect("clicked");
    browser.wait(".notice.good").await;
    let one = browser.client.current_url().await.expect("an address").path().to_owned();
    let screens = [
        ("rule-exclusions", "/rules/exclusions"),
        ("rule-exclusion", one.as_str()),
        ("rule-exclusion-new", link),
        ("rule-lists", "/rules/lists"),
        ("rule-list-edit", "/rules/lists/edit?name=Jump"),
        ("rule-packs", "/rules/packs"),
        ("rule-health", "/rules/health?view=loud"),
        ("rule-with-health", "/rules/in-force/curl%2F1"),
    ];
    for language in ["ja", "en"] {
        browser.choose("language", language).await;
        for scheme in ["light", "dark"] {
            browser.emulate(scheme).await;
            for (name, path) in screens {
                browser.client.goto(&to(path)).await.expect("there");
                shoot(&browser.client, &format!("{name}-{language}-{scheme}")).await;
                let script = "return document.documentElement.scrollWidth <= window.innerWidth";
                let fits = browser.client.execute(script, Vec::new()).await.expect("an answer");
                assert_eq!(fits, serde_json::Value::Bool(true), "{name} {language}");
            }
        }
    }
    assert_eq!(browser.complaints().await, Vec::<serde_json::Value>::new());
    browser.stop().await;
}
