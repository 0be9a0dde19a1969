//! Rules change while the agent streams: a saved rule judges within seconds, nothing is lost, a flood is stopped and
//! stays stopped.
#![expect(clippy::disallowed_methods, reason = "these tests run programs and wait for them")]

use crate::installation::{Installation, why_not};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ID: &str = "6f1f7d0e-2f1e-4c1c-9d53-0a7f6c2b8a11";
const MARK: &str = "mimamori-test-rule-life";

fn rule(title: &str, mark: &str) -> String {
    format!(
        "title: {title}\nid: {ID}\nlevel: low\nlogsource: {{product: linux, category: process_creation}}\ndetection: {{s: {{CommandLine|contains: '{mark}'}}, condition: s}}\n"
    )
}

fn tests(mark: &str) -> String {
    format!(
        "rule: {ID}\ncases: [{{name: it, expect: match, event: {{product: linux, category: process_creation, fields: {{CommandLine: 'true {mark}'}}}}}}]\n"
    )
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A browser's session with the console, without the browser.
struct Session {
    host: String,
    cookie: String,
}

impl Session {
    /// Signs in by the link that the product printed.
    fn begin(link: &str) -> Self {
        let rest = link.strip_prefix("http://").expect("a link");
        let (host, path) = rest.split_once('/').expect("a path");
        let (_, token) = path.split_once("token=").expect("a token");
        let mut session = Self { host: host.to_owned(), cookie: String::new() };
        let answer = session.ask("POST", "/signin", &format!("token={token}"));
        let cookies = answer.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next())?
        });
        session.cookie = cookies.map(str::trim).collect::<Vec<_>>().join("; ");
        assert!(!session.cookie.is_empty(), "{answer}");
        session.cookie.push_str("; mimamori_language=en; language=en");
        session
    }

    /// The whole answer.
    fn ask(&self, method: &str, path: &str, form: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).expect("the console listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nsec-fetch-site: same-origin\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.host,
            self.cookie,
            form.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn done(&self, path: &str, form: &str) {
        let answer = self.ask("POST", path, form);
        assert!(answer.starts_with("HTTP/1.1 303"), "{path}: {answer}");
    }

    fn save(&self, after: i64, text: &str, tests: &str) {
        let id = if after == 0 { "" } else { ID };
        let (text, tests) = (encoded(text), encoded(tests));
        self.done("/rules/save", &format!("id={id}&after={after}&text={text}&tests={tests}"));
    }

    fn step(&self, step: &str) {
        self.done(&format!("/rules/in-force/{ID}/move"), &format!("step={step}"));
    }
}

fn start(mark: &str) {
    let status = Command::new("/bin/true").arg(mark).status().expect("true runs");
    assert!(status.success());
}

fn alerts(own: &Installation, title: &str) -> u64 {
    own.count(&format!(
        "SELECT count(*) FROM alert WHERE rule_id = '{ID}' AND rule_title = '{title}'"
    ))
}

/// Exactly: the command line of a query holds what it asks for.
fn stored(own: &Installation, mark: &str) -> u64 {
    own.count(&format!(
        "SELECT count(*) FROM process WHERE kind = 'process_start' AND command_line = '/bin/true {mark}'"
    ))
}

#[test]
fn p9_a_rule_changes_while_the_agent_streams_and_a_flood_stays_stopped() {
    if let Some(reason) = why_not() {
        println!("skipped: {reason}");
        return;
    }
    let mut own = Installation::start();
    let session = Session::begin(&own.sign_in_link);
    let device = own.query("SELECT device FROM agent LIMIT 1")[0]["device"].clone();
    session.done("/rules/canary", &format!("device={}", device.as_str().expect("a device")));
    let (stream, started) = (AtomicBool::new(true), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while stream.load(Ordering::Relaxed) {
                start(&format!("{MARK}-n"));
                started.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        session.save(0, &rule("First", MARK), &tests(MARK));
        session.step("release");
        own.wait("the rule judges on the ring", Duration::from_secs(20), |own| {
            alerts(own, "First") > 0
        });
        let saved = Instant::now();
        session.save(1, &rule("Second", MARK), &tests(MARK));
        own.wait("the changed rule judges", Duration::from_secs(20), |own| {
            alerts(own, "Second") > 0
        });
        println!("a changed rule judged {} ms after it was saved", saved.elapsed().as_millis());
        session.step("widen");
        stream.store(false, Ordering::Relaxed);
    });
    let started = started.load(Ordering::Relaxed) as u64;
    own.wait("every process is stored once", Duration::from_secs(120), |own| {
        stored(own, &format!("{MARK}-n")) == started
    });
    own.wait("the sums agree", Duration::from_secs(60), |own| {
        own.run(&["audit", "events"]).status.success()
    });

    // A flood: more than a thousand in one minute.
    for _ in 0..2_600 {
        start(&format!("{MARK}-flood"));
    }
    let page = format!("/rules/in-force/{ID}");
    own.wait("the flood is stopped", Duration::from_secs(120), |_| {
        session.ask("GET", &page, "").contains("id=\"stopped\"")
    });
    own.stop();
    own.start_again();
    let session = Session::begin(&own.sign_in_link);
    assert!(session.ask("GET", &page, "").contains("id=\"stopped\""), "also after a restart");
    start(&format!("{MARK}-after"));
    own.wait("the event is stored", Duration::from_secs(60), |own| {
        stored(own, &format!("{MARK}-after")) == 1
    });
    let after = format!(
        "SELECT count(*) FROM alert WHERE rule_id = '{ID}' AND fields LIKE '%{MARK}-after%'"
    );
    assert_eq!(own.count(&after), 0, "a stopped rule raises nothing");
    session.step("resume");
    own.wait("the rule judges again", Duration::from_secs(60), |own| {
        start(&format!("{MARK}-after"));
        own.count(&after) > 0
    });
    own.stop();
}
