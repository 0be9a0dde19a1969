//! The software check in a real browser, the whole way in both languages: an employee looks something up and asks
//! for it, a reviewer decides, the catalogue answers; an analyst excludes what is standard and follows a finding
//! up, its owner answers. With `MIMAMORI_SCREENSHOTS` set, keeps pictures of every screen.

use crate::browser::{Browser, is_here, serve, shoot};
use crate::office::{Office, program};
use crate::support::Console;
use control::Principal;
use control::fixture::SignedIn;
use control::limits::{DAY_NS, MINUTE_NS};
use fantoccini::Locator;
use model::inventory::SoftwareSource;
use serde_json::json;

/// What the walk looks for, in one language.
struct Words {
    tag: &'static str,
    ask_first: &'static str,
    may_with_conditions: &'static str,
    submitted: &'static str,
    decided: &'static str,
    saved: &'static str,
    sent: &'static str,
    promised: &'static str,
    reason: &'static str,
    condition_shown: &'static str,
}

/// Both languages, as a reviewer writes a condition.
const CONDITION: &str = "お客様の図面を保存しない / Do not store customers' drawings";

const JA: Words = Words {
    tag: "ja",
    ask_first: "申請が必要です",
    may_with_conditions: "条件付きで使えます",
    submitted: "申請を受け付けました",
    decided: "判定を記録し",
    saved: "保存しました",
    sent: "送信しました",
    promised: "次の棚卸しで",
    reason: "図面の確認に限って認めます。",
    condition_shown: "お客様の図面を保存しない",
};

const EN: Words = Words {
    tag: "en",
    ask_first: "Please ask first",
    may_with_conditions: "Allowed with conditions",
    submitted: "Your request was sent",
    decided: "the requester was told",
    saved: "Saved.",
    sent: "Sent.",
    promised: "next look",
    reason: "Allowed for checking drawings.",
    condition_shown: "Do not store customers' drawings",
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_software_check_is_walked_by_employee_reviewer_and_analyst_in_japanese() {
    walk(&JA).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_software_check_is_walked_by_employee_reviewer_and_analyst_in_english() {
    walk(&EN).await;
}

async fn walk(words: &Words) {
    if !is_here() {
        return;
    }
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let walker = Walker { browser: Browser::start().await, address: serve(&console).await, words };

    walker.is(&console, &office.employee).await;
    let request = walker.looks_up_and_asks(&console).await;
    walker.is(&console, &office.reviewer).await;
    walker.decides(&request).await;
    // The server does this every few seconds: messages go out.
    console.scene.control.tick().await.unwrap();
    walker.is(&console, &office.employee).await;
    walker.reads_the_answer(&request).await;

    walker.is(&console, &office.analyst).await;
    walker.excludes_what_is_standard().await;
    wait_for_the_draft(&mut console).await;
    walker.is(&console, &office.analyst).await;
    walker.sends_the_draft(&office.finding).await;
    console.scene.control.tick().await.unwrap();
    console.scene.clock.advance_ns(MINUTE_NS);
    walker.is(&console, &office.employee).await;
    walker.answers_on_my_pc(&office.finding).await;
    walker.is(&console, &office.analyst).await;
    walker.reads_the_figures().await;

    let complaints = walker.browser.complaints().await;
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    walker.nothing_scrolls_sideways(&console, &office).await;
    gallery(&walker, &console, &office).await;
    walker.browser.stop().await;
}

/// Nobody answers: after the reminders a draft waits for a person. The device goes on reporting.
async fn wait_for_the_draft(console: &mut Console) {
    let item = program("/home/hanako/Downloads/portable-notes.AppImage", "hanako");
    for _ in 0..40 {
        console.scene.clock.advance_ns(DAY_NS / 2);
        let items = std::slice::from_ref(&item);
        console.scene.web_reports(SoftwareSource::Executed, items).await.unwrap();
        console.scene.control.tick().await.unwrap();
    }
}

struct Walker<'w> {
    browser: Browser,
    address: String,
    words: &'w Words,
}

impl Walker<'_> {
    /// Somebody signs in with a link of his own.
    async fn is(&self, console: &Console, person: &SignedIn) {
        let control = &console.scene.control;
        let invited = control.invite_person(Principal::Machine, person.actor.id()).await.unwrap();
        self.goto(&format!("/signin?token={}", invited.token)).await;
        self.click(".signin form button.primary").await;
        self.browser.wait("nav.nav").await;
        self.browser.choose("language", self.words.tag).await;
    }

    async fn looks_up_and_asks(&self, console: &Console) -> String {
        let browser = &self.browser;
        // The answer comes while the name is typed.
        self.fill("#ask", "Sketch Measure").await;
        browser.wait_for_text("#answer", self.words.ask_first).await;
        self.click("#answer button.primary").await;
        browser.wait("#request").await;
        // What resembles it is shown while it is typed, in any script.
        self.fill("#name", "ズーム").await;
        browser.wait_for_text("#similar", "Zoom").await;
        // A request of somebody else for the same thing can be joined.
        self.fill("#name", "drawing measure").await;
        browser.wait("#similar button[formaction]").await;
        self.fill("#name", "Sketch Measure").await;
        self.fill("#purpose", "図面の寸法を確かめるため。").await;
        // What cannot be kept is said while it is typed, and a refusal loses nothing.
        self.fill("#url", "ftp://sketch.example/download").await;
        browser.wait("#kept .need").await;
        self.click("#request > .acts button.primary").await;
        browser.wait(".notice.bad").await;
        assert_eq!(browser.texts("#purpose").await, ["図面の寸法を確かめるため。"]);
        self.fill("#url", "https://sketch.example/download").await;
        self.fill("#sha256", &"ef".repeat(32)).await;
        // The draft is kept by itself.
        browser.wait("#kept span").await;
        self.click("#request > .acts button.primary").await;
        browser.wait_for_text(".notice.good", self.words.submitted).await;
        let url = browser.client.current_url().await.unwrap();
        let request = url.path().strip_prefix("/requests/").unwrap().to_owned();
        // The server does this in a loop.
        console.scene.control.gather_evidence().await.unwrap();
        request
    }

    async fn decides(&self, request: &str) {
        let browser = &self.browser;
        browser.wait(".desk").await;
        self.click(&format!("a[href='/desk/requests/{request}']")).await;
        // What objects to nothing is folded, and there for who wants to see it.
        self.click(".quiet > summary").await;
        browser.wait_for_text(".quiet .checks-list", "hash-list").await;
        self.click("button[data-rest]").await;
        browser.wait_for_text(".notice.good", self.words.saved).await;
        assert!(browser.texts(".checklist tr.bad").await.is_empty(), "a question is open");
        self.fill("#reason", self.words.reason).await;
        self.fill("#conditions", CONDITION).await;
        // No source knows where it comes from: that is said, and must be accepted.
        self.click("#decide input[name=unknown_accepted]").await;
        self.click("#decide button[value=approve_with_conditions]").await;
        browser.wait_for_text(".notice.good", self.words.decided).await;
    }

    async fn reads_the_answer(&self, request: &str) {
        let browser = &self.browser;
        self.goto(&format!("/requests/{request}")).await;
        browser.wait_for_text("main", self.words.reason).await;
        self.goto("/pc").await;
        browser.wait_for_text("main", "Sketch Measure").await;
        self.goto("/catalogue").await;
        self.fill("#ask", "sketch measure").await;
        browser.wait_for_text("#answer .answer-word", self.words.may_with_conditions).await;
        let shown = browser.text("#answer .conditions").await;
        assert!(shown.contains(self.words.condition_shown), "{shown}");
    }

    async fn excludes_what_is_standard(&self) {
        let browser = &self.browser;
        self.goto("/software").await;
        browser.wait("table.list").await;
        assert!(browser.text("main").await.contains("portable-notes"));
        self.goto("/exclusions").await;
        self.click("article form button.primary").await;
        browser.wait("#preview").await;
        self.click("#exclusion button[formaction='/exclusions']").await;
        browser.wait_for_text(".notice.good", self.words.saved).await;
        browser.wait("table.list tbody tr").await;
    }

    async fn sends_the_draft(&self, finding: &str) {
        let browser = &self.browser;
        self.goto("/findings?drafts=yes").await;
        self.click(&format!("a[href='/findings/{finding}']")).await;
        browser.wait("#body").await;
        let body = browser.client.find(Locator::Css("#body")).await.unwrap();
        body.send_keys("\nよろしくお願いします。").await.unwrap();
        self.click("form[action$='/send'] button.primary").await;
        browser.wait_for_text(".notice.good", self.words.sent).await;
    }

    async fn answers_on_my_pc(&self, finding: &str) {
        let browser = &self.browser;
        self.goto("/pc").await;
        browser.wait_for_text("main", "よろしくお願いします").await;
        self.click(&format!("#f-{finding} button[value=removed]")).await;
        browser.wait_for_text(".notice.good", self.words.promised).await;
    }

    async fn reads_the_figures(&self) {
        let browser = &self.browser;
        self.goto("/metrics").await;
        browser.wait_for_text("main table", "鈴木 一郎").await;
        assert!(browser.texts(".plot polyline").await.len() >= 3);
        self.goto("/outbox").await;
        browser.wait_for_text("main", "鈴木 一郎").await;
    }

    /// On a telephone only what stands in a box of its own scrolls sideways, never a page.
    async fn nothing_scrolls_sideways(&self, console: &Console, office: &Office) {
        if self.words.tag != "en" {
            return;
        }
        let size = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false });
        self.browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let mut last = String::new();
        for (person, path) in office.pages(console) {
            if last != person.actor.id() {
                self.is(console, person).await;
                person.actor.id().clone_into(&mut last);
            }
            self.goto(&path).await;
            let script = "return document.documentElement.scrollWidth";
            let width = self.browser.client.execute(script, Vec::new()).await.unwrap();
            assert!(width.as_u64().unwrap() <= 390, "{path} is {width} pixels wide");
        }
        self.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    async fn goto(&self, path: &str) {
        self.browser.client.goto(&format!("http://{}{path}", self.address)).await.unwrap();
    }

    /// Clicks something once it is there; when the click leads to another page, that is awaited by the driver.
    async fn click(&self, selector: &str) {
        self.browser.wait(selector).await;
        let found = self.browser.client.find(Locator::Css(selector)).await.unwrap();
        found.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    async fn fill(&self, selector: &str, text: &str) {
        self.browser.wait(selector).await;
        let field = self.browser.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// A picture of a whole page.
    async fn picture(&self, path: &str, width: u32, name: &str) {
        let size = |height: u64| json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.browser.devtools("Emulation.setDeviceMetricsOverride", size(900)).await;
        self.goto(path).await;
        let script = "return document.documentElement.scrollHeight";
        let height = self.browser.client.execute(script, Vec::new()).await.unwrap();
        let height = height.as_u64().unwrap().clamp(900, 4_000);
        self.browser.devtools("Emulation.setDeviceMetricsOverride", size(height)).await;
        shoot(&self.browser.client, name).await;
    }
}

/// Every screen, for people to look at: by day in Japanese, by night in English, wide and narrow.
async fn gallery(walker: &Walker<'_>, console: &Console, office: &Office) {
    if std::env::var_os("MIMAMORI_SCREENSHOTS").is_none() {
        return;
    }
    let scheme = if walker.words.tag == "ja" { "light" } else { "dark" };
    walker.browser.emulate(scheme).await;
    let mut last = String::new();
    for (person, path) in office.pages(console) {
        if last != person.actor.id() {
            walker.is(console, person).await;
            person.actor.id().clone_into(&mut last);
        }
        let name: String = path
            .replace(&office.request, "id")
            .replace(&office.finding, "id")
            .replace(&console.scene.web.enrolled.device.to_string(), "id")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        for width in [1_440, 420] {
            walker.picture(&path, width, &format!("{}-{width}{name}", walker.words.tag)).await;
        }
    }
}
