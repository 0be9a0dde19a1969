//! A computer whose agent lost its data: a new agent on the same device, and the old one is let in no more.
#![expect(clippy::disallowed_methods, reason = "these tests run programs")]

use crate::installation::{MIMAMORI, agent_program};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

struct Server {
    program: Child,
    announcement: serde_json::Value,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut program = Command::new(MIMAMORI)
            .args(["serve", "--console", "127.0.0.1:0", "--agents", "127.0.0.1:0"])
            .args(["--announce", "--announce-enrolment", "--stop-with-stdin", "--data"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mimamori starts");
        let mut line = String::new();
        let out = program.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it announces itself");
        let announcement = serde_json::from_str(&line).expect("an announcement");
        Self { program, announcement, folder }
    }

    fn said(&self, name: &str) -> String {
        self.announcement[name].as_str().expect(name).to_owned()
    }

    fn enrol(&self, token: &str, data: &Path) -> String {
        let ca = self.folder.path().join("server/ca.pem");
        let mut command = Command::new(agent_program());
        command.args(["enrol", "--server", &self.said("agents_url"), "--token", token, "--ca"]);
        let output = command.arg(ca).arg("--data").arg(data).output().expect("the agent runs");
        assert!(output.status.success(), "{}", words(&output));
        words(&output)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        // Best effort: the assertion is what counts.
        drop(self.program.wait());
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn device(said: &str) -> String {
    said.split("on device ").nth(1).expect("it names the device").trim().to_owned()
}

fn doctor(data: &Path) -> String {
    words(
        &Command::new(agent_program()).args(["doctor", "--data"]).arg(data).output().expect("runs"),
    )
}

#[test]
fn a_replacement_token_puts_a_new_agent_on_the_same_device_once() {
    if !agent_program().is_file() {
        eprintln!("skipped: {} is not built", agent_program().display());
        return;
    }
    let server = Server::start();
    let (old, new) = (server.folder.path().join("old"), server.folder.path().join("new"));
    let first = server.enrol(&server.said("enrolment_token"), &old);
    assert!(doctor(&old).contains("answers; durable through 0"), "{}", doctor(&old));
    assert!(doctor(&old).contains("the certificate is valid until"), "{}", doctor(&old));
    let output = Command::new(MIMAMORI)
        .args(["admin", "enrolment-token", "--replace", &device(&first), "--data"])
        .arg(server.folder.path())
        .output()
        .expect("mimamori runs");
    assert!(output.status.success(), "{}", words(&output));
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // Issued and not used: nothing has changed yet.
    assert!(doctor(&old).contains("answers; durable through 0"), "{}", doctor(&old));
    let second = server.enrol(&token, &new);
    assert_eq!(device(&second), device(&first));
    assert_ne!(second, first, "another agent");
    assert!(doctor(&old).contains("refused with status 403"), "{}", doctor(&old));
    assert!(doctor(&new).contains("answers; durable through 0"), "{}", doctor(&new));
}
