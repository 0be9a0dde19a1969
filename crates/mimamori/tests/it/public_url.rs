//! `--public-url`: links name the address by which people reach the console.
#![expect(clippy::disallowed_methods, reason = "these tests run programs and wait for them")]

use crate::installation::MIMAMORI;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// As somebody types it; the origin below is what it means.
const TYPED: &str = "HTTPS://Mimamori.Example.test:443/";
const ORIGIN: &str = "https://mimamori.example.test";
const HOST: &str = "mimamori.example.test";

struct Server {
    process: Child,
    console: String,
    announcement: serde_json::Value,
}

impl Server {
    fn start(data: &Path) -> Self {
        // The console's own address is in no output any more, so a port is chosen here.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let console = free.local_addr().expect("an address").to_string();
        drop(free);
        let mut process = Command::new(MIMAMORI)
            .args(["serve", "--console", &console, "--agents", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(["--public-url", TYPED, "--announce", "--stop-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mimamori starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it announces itself");
        let announcement = serde_json::from_str(&line).expect("an announcement");
        Self { process, console, announcement }
    }

    fn text(&self, name: &str) -> &str {
        self.announcement[name].as_str().expect("text")
    }

    /// One request as the server in front of it would pass it on.
    fn ask(&self, head: &str, cookie: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.console).expect("connects");
        let length = body.len();
        let request = format!(
            "{head}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("asks");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, cookie: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {HOST}"), cookie, "")
    }

    fn post(&self, path: &str, cookie: &str, body: &str) -> String {
        self.ask(&format!("POST {path} HTTP/1.1\r\nHost: {HOST}"), cookie, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn run(data: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(MIMAMORI).args(arguments).arg("--data").arg(data).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn links_name_the_public_address_wherever_they_are_made() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let link = format!("{ORIGIN}/signin?token=");
    assert_eq!(server.text("console_url"), format!("{ORIGIN}/"));
    assert!(server.text("sign_in_link").starts_with(&link), "{}", server.announcement);
    // What is run on the machine beside the server says the same.
    assert!(run(&data, &["admin", "sign-in-link"]).starts_with(&link));
    let invited = run(&data, &["admin", "person", "add", "Tanaka", "--role", "employee"]);
    assert!(invited.starts_with(&link), "{invited}");
    let again = run(&data, &["admin", "person", "invite", "Tanaka"]);
    assert!(again.starts_with(&link), "{again}");

    // The console answers to that name and to nobody else's.
    assert!(server.get("/signin", "").starts_with("HTTP/1.1 200"));
    let foreign = server.ask("GET /signin HTTP/1.1\r\nHost: evil.example", "", "");
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");

    let token = server.text("sign_in_link").rsplit('=').next().expect("a token");
    let entered = server.post("/signin", "", &format!("token={token}"));
    let cookie = entered
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .filter(|cookie| cookie.contains("session"))
        .unwrap_or_else(|| panic!("no session in: {entered}"));
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a value");

    // An invitation that is made in the console.
    let people = server.get("/people?words=Tanaka", cookie);
    let person = people
        .split("href=\"/people/")
        .filter_map(|rest| rest.split('"').next())
        .find(|id| id.len() > 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .unwrap_or_else(|| panic!("no person in: {people}"));
    let page = server.post(&format!("/people/{person}/invite"), cookie, "");
    assert!(page.contains(&link), "{page}");

    // What older messages lead to.
    let old = server.get("/my-pc", cookie);
    assert!(old.starts_with("HTTP/1.1 308") && old.contains("location: /pc\r\n"), "{old}");
    // No page leads to where the server listens; messages and findings lead on in the console by path.
    for path in ["/outbox", "/findings", "/waiting", "/pc", &format!("/people/{person}")] {
        let page = server.get(path, cookie);
        assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        assert!(!page.contains(&server.console), "{path} names {}", server.console);
    }
}

#[test]
fn an_address_that_is_no_origin_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (typed, word) in [
        ("mimamori.example", "write https://mimamori.example"),
        ("ftp://mimamori.example", "by ftp"),
        ("https://mimamori.example/console", "no path"),
        ("https://user:secret@mimamori.example", "password"),
        ("https://mimamori.example:99999", "no port"),
    ] {
        for command in ["serve", "up"] {
            let data = folder.path().join("data");
            let output = Command::new(MIMAMORI)
                .args([command, "--public-url", typed, "--data"])
                .arg(&data)
                .stdin(Stdio::null())
                .output()
                .expect("mimamori runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{typed}");
            for part in ["--public-url", typed, word] {
                assert!(said.contains(part), "{part:?} is not in: {said}");
            }
            assert!(!data.exists(), "nothing was begun");
        }
    }
}

#[test]
fn commands_on_software_say_what_to_do_next_when_there_is_nothing() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let data = folder.path().join("data");
    let _server = Server::start(&data);
    let said = |arguments: &[&str]| {
        let output =
            Command::new(MIMAMORI).args(arguments).arg("--data").arg(&data).output().expect("runs");
        assert!(output.status.success(), "{arguments:?}");
        (
            String::from_utf8(output.stdout).expect("text"),
            String::from_utf8(output.stderr).expect("text"),
        )
    };
    for (arguments, words) in [
        (&["software", "list"][..], "within a minute"),
        (&["software", "list", "zoom"], "without words and filters"),
        (&["findings", "list"], "--closed"),
        (&["findings", "list", "--closed"], "no finding yet"),
        (&["findings", "list", "--kind", "portable"], "without words and filters"),
    ] {
        let (out, note) = said(arguments);
        assert_eq!(out, "", "{arguments:?}: no empty table");
        assert!(note.contains(words), "{arguments:?}: {note}");
        let with_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        assert_eq!(said(&with_json), (String::new(), String::new()), "a script gets no words");
    }
    let (out, note) = said(&["software", "explain", "ズーム", "--language", "ja"]);
    assert!(note.contains("どの端末にもありません"), "{note}");
    assert!(out.contains("特定") && out.contains("判定"), "{out}");
    let (out, note) = said(&["software", "explain", "Zoom", "--json"]);
    assert_eq!(note, "");
    let explained: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(
        (&explained["devices"], &explained["source"]),
        (&0.into(), &serde_json::Value::Null)
    );
    assert!(explained["identification"].as_array().is_some_and(|steps| !steps.is_empty()), "{out}");
}
