//! An installation of the product in a scratch folder, started as a user starts it.
#![expect(clippy::disallowed_methods, reason = "these tests run programs and wait for them")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The server's program, built by cargo for this test.
pub(crate) const MIMAMORI: &str = env!("CARGO_BIN_EXE_mimamori");

/// Why the whole product cannot record here, if so.
pub(crate) fn why_not() -> Option<String> {
    if !agent_program().is_file() {
        return Some(format!(
            "{} is not built (cargo xtask test builds it)",
            agent_program().display()
        ));
    }
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    (!root).then(|| "recording needs root".to_owned())
}

/// The agent's program lies beside the server's.
pub(crate) fn agent_program() -> PathBuf {
    Path::new(MIMAMORI).with_file_name("mimamori-agent")
}

/// `mimamori up` in a folder of its own.
pub(crate) struct Installation {
    folder: tempfile::TempDir,
    pin: PathBuf,
    console: u16,
    agents: u16,
    up: Option<Child>,
    pub(crate) sign_in_link: String,
}

impl Installation {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a scratch folder"))
    }

    /// With its data in a folder that the test prepared.
    pub(crate) fn start_in(folder: tempfile::TempDir) -> Self {
        let pin = PathBuf::from(format!(
            "/sys/fs/bpf/mimamori-test-{}-{}",
            std::process::id(),
            free_port()
        ));
        let mut installation = Self {
            folder,
            pin,
            console: free_port(),
            agents: free_port(),
            up: None,
            sign_in_link: String::new(),
        };
        installation.start_again();
        installation
    }

    /// Starts `up` and waits until it prints the sign-in link.
    #[expect(
        clippy::print_stdout,
        reason = "what the product says belongs to a failed test's output"
    )]
    pub(crate) fn start_again(&mut self) {
        let mut up = Command::new(MIMAMORI)
            .arg("up")
            .arg("--data")
            .arg(self.data())
            .args(["--console", &format!("127.0.0.1:{}", self.console)])
            .args(["--agents", &format!("127.0.0.1:{}", self.agents)])
            .arg("--sensor-pin")
            .arg(&self.pin)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mimamori starts");
        let words = up.stderr.take().expect("its words are piped");
        let mut lines = BufReader::new(words).lines();
        let mut said = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            if let Some(link) = line.strip_prefix("sign in") {
                self.sign_in_link = link.trim().to_owned();
                break;
            }
        }
        assert!(!self.sign_in_link.is_empty(), "no sign-in link in:\n{said}");
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| println!("up: {line}"))
        });
        self.up = Some(up);
        self.wait("the agent records", Duration::from_secs(60), |own| {
            own.count("SELECT count(*) FROM agent") > 0
        });
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("mimamori-data")
    }

    /// Runs a command of `mimamori` on this installation's data.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(MIMAMORI);
        command.args(arguments).arg("--data").arg(self.data());
        command.output().expect("mimamori runs")
    }

    /// The rows of a query as JSON objects.
    pub(crate) fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        let output = self.run(&["query", sql, "--format", "jsonl", "--rows", "100000"]);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)
            .expect("output is text")
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    /// The one number of a query; 0 while the lake has no such table yet.
    pub(crate) fn count(&self, sql: &str) -> u64 {
        let output = self.run(&["query", sql, "--format", "jsonl"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let row: Option<serde_json::Value> =
            text.lines().next().and_then(|line| serde_json::from_str(line).ok());
        row.and_then(|row| row.as_object()?.values().next()?.as_u64()).unwrap_or(0)
    }

    /// Waits until something holds; fails with its name after `most`.
    pub(crate) fn wait(&self, what: &str, most: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < most, "within {} s: {what}\n{}", most.as_secs(), self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The process that `up` started with this word in its arguments.
    pub(crate) fn child(&self, word: &str) -> Option<u32> {
        let up = self.up.as_ref()?.id();
        let listing = std::fs::read_dir("/proc").ok()?;
        listing.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(
            |pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                let parent = stat
                    .rsplit(") ")
                    .next()
                    .and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
                let arguments =
                    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                parent == Some(up) && arguments.split('\0').any(|argument| argument == word)
            },
        )
    }

    /// `kill -9` of the process that `up` started with this word; waits until another one lives.
    pub(crate) fn kill(&self, word: &str) {
        let pid = self.child(word).unwrap_or_else(|| panic!("no {word} process\n{}", self.logs()));
        send("KILL", pid);
        self.wait(&format!("{word} lives again"), Duration::from_secs(30), |own| {
            own.child(word).is_some_and(|other| other != pid)
        });
    }

    /// Ctrl-C; waits for a stop in good order.
    pub(crate) fn stop(&mut self) {
        let Some(mut up) = self.up.take() else { return };
        send("INT", up.id());
        let status = up.wait().expect("up ends");
        assert!(status.success(), "up ended with {status}\n{}", self.logs());
    }

    pub(crate) fn logs(&self) -> String {
        ["server", "agent"]
            .iter()
            .map(|name| {
                let text = std::fs::read_to_string(self.data().join(format!("log/{name}.log")))
                    .unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(20).collect();
                format!("--- {name}\n{}\n", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
            })
            .collect()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(mut up) = self.up.take() {
            send("INT", up.id());
            // Best effort: the test already failed, its assertion is what counts.
            drop(up.wait());
        }
    }
}

fn send(signal: &str, pid: u32) {
    let status = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(status.success(), "kill -{signal} {pid}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").port()
}
