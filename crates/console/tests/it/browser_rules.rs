//! A rule in a real browser: written, its past seen while typing, a test made of a hit, saved, tried, put into force.
//! With `MIMAMORI_SCREENSHOTS` set, keeps pictures of every screen.

use crate::browser::{Browser, is_here, serve, shoot};
use crate::support::Console;
use fantoccini::Locator;
use serde_json::json;

const ID: &str = "6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11";
const RULE: &str = "title: Download by curl\ntitle_ja: curl によるダウンロード\nid: 6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11\nstatus: experimental\nlevel: high\nlogsource:\n  product: linux\n  category: process_creation\ndetection:\n  selection:\n    Image|endswith: /curl\n  condition: selection\n";

/// Puts a text into the editor as typing would.
async fn write(browser: &Browser, field: &str, text: &str) {
    let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1]; \
         field.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.client.execute(script, vec![json!(field), json!(text)]).await.unwrap();
}

async fn click(browser: &Browser, selector: &str) {
    browser.wait(selector).await;
    let found = browser.client.find(Locator::Css(selector)).await.unwrap();
    found.click().await.unwrap();
}

/// The screen in both languages and colours.
async fn picture(browser: &Browser, name: &str) {
    if std::env::var_os("MIMAMORI_SCREENSHOTS").is_none() {
        return;
    }
    for scheme in ["light", "dark"] {
        browser.emulate(scheme).await;
        shoot(&browser.client, &format!("{name}-{scheme}")).await;
    }
    browser.emulate("light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_written_sees_its_past_and_is_put_into_force() {
    if !is_here() {
        return;
    }
    let console = Console::open().await;
    let address = serve(&console).await;
    let browser = Browser::start().await;
    let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();
    let goto = |path: &str| format!("http://{address}{path}");
    browser.client.goto(&goto(&format!("/signin?token={token}"))).await.unwrap();
    click(&browser, "main form button").await;
    browser.wait("#strip").await;
    browser.choose("language", "en").await;

    browser.client.goto(&goto("/rules/new")).await.unwrap();
    browser.wait("#looking").await;
    write(&browser, "#text", &RULE.replace("endswith", "endwith")).await;
    browser.wait_for_text("#answer", "endwith").await;
    assert_eq!(browser.text(".numbers").await.lines().count(), RULE.lines().count() + 1);
    picture(&browser, "rule-edit-refused-en").await;
    write(&browser, "#text", RULE).await;
    browser.wait("#samples button").await;
    click(&browser, "#samples button").await;
    browser.wait_for_text("#outcomes", "1 of 1 tests pass").await;
    picture(&browser, "rule-edit-en").await;
    click(&browser, "button[formaction='/rules/save']").await;
    browser.wait(".rule-stage-draft").await;
    picture(&browser, "rule-draft-en").await;
    click(&browser, "form.inline button.primary").await;
    browser.wait("#canary-did").await;
    browser.choose("language", "ja").await;
    picture(&browser, "rule-canary-ja").await;
    click(&browser, "form.inline button.primary").await;
    browser.wait(".rule-stage-all").await;

    browser.client.goto(&goto(&format!("/rules/{ID}/edit"))).await.unwrap();
    browser.wait("#samples").await;
    picture(&browser, "rule-edit-ja").await;
    write(&browser, "#text", &RULE.replace("level: high", "level: critical")).await;
    browser.wait("#outcomes").await;
    click(&browser, "button[formaction='/rules/save']").await;
    browser.wait("#revisions tbody tr + tr").await;
    picture(&browser, "rule-ja").await;
    click(&browser, "#revisions td.acts a").await;
    browser.wait(".diff-new").await;
    picture(&browser, "rule-history-ja").await;
    for path in ["/rules", "/rules/canary"] {
        browser.client.goto(&goto(path)).await.unwrap();
        picture(&browser, &format!("{}-ja", path.trim_start_matches('/').replace('/', "-"))).await;
    }
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    browser.stop().await;
}
