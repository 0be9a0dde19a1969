//! The program itself: enrolment, a run, a kill, a stop in good order.

use crate::receiver::{Authority, Receiver, TOKEN};
use model::{
    EventKind, Observation,
    inventory::{InventoryMessage, SoftwareSource, items_hash},
};
use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

struct Rig {
    receiver: Receiver,
    scratch: tempfile::TempDir,
    pin: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Whatever the test came to, nothing of it stays in the kernel.
        self.agent(&["unload"], &[Path::new("--sensor-pin"), &self.pin]);
    }
}

/// A program of the machine that the agent is to notice, or not.
#[expect(clippy::disallowed_methods, reason = "the tests start what is to be recorded")]
fn other(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "the test starts the program it tests")]
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mimamori-agent"));
    command.args(arguments);
    command
}

impl Rig {
    fn new(name: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let authority = Arc::new(Authority::new());
        std::fs::write(scratch.path().join("given-ca.pem"), &authority.ca_pem).expect("writes");
        let receiver = Receiver::start(authority);
        let pin = format!("/sys/fs/bpf/mimamori-test-{name}-{}", std::process::id());
        Self { receiver, scratch, pin: pin.into() }
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn agent(&self, arguments: &[&str], paths: &[&Path]) -> Output {
        command(arguments).args(paths).output().expect("the program starts")
    }

    fn enrol(&self, token: &str) -> Output {
        let server = format!("https://localhost:{}", self.receiver.address.port());
        let ca = self.scratch.path().join("given-ca.pem");
        self.agent(
            &["enrol", "--server", &server, "--token", token],
            &[Path::new("--ca"), &ca, Path::new("--data"), &self.data()],
        )
    }

    fn run(&self) -> Child {
        self.run_with(&[])
    }

    fn run_with(&self, more: &[&str]) -> Child {
        command(&["run", "--stop-with-stdin", "--data"])
            .arg(self.data())
            .args(more)
            .arg("--sensor-pin")
            .arg(&self.pin)
            .stdin(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts")
    }

    /// Runs with a made-up machine for packages and homes.
    fn run_on(&self, machine: &Path) -> Child {
        let machine = machine.to_str().expect("is text");
        self.run_with(&["--inventory-root", machine])
    }

    fn inventory(&self) -> Vec<InventoryMessage> {
        let message = |seen: &Observation| {
            InventoryMessage::of_kind_and_fields(seen.kind, &seen.fields).expect("is well formed")
        };
        self.observations().iter().filter_map(message).collect()
    }

    /// What is known of a source after following every message, as the server does; `None` before the first
    /// summary, and when a summary does not agree.
    fn known(&self, source: SoftwareSource) -> Option<Vec<String>> {
        let mut items = BTreeMap::new();
        let mut agrees = None;
        for message in self.inventory().into_iter().filter(|message| message.source() == source) {
            match message {
                InventoryMessage::Added { item }
                | InventoryMessage::Present { item, .. }
                | InventoryMessage::Changed { item, .. } => {
                    items.insert(item.key.clone(), item);
                }
                InventoryMessage::Removed { item } => {
                    items.remove(&item.key);
                }
                InventoryMessage::Snapshot(summary) => {
                    let hash = items_hash(items.values());
                    agrees = Some(summary.complete && summary.items_hash == hash);
                }
            }
        }
        (agrees == Some(true)).then(|| items.into_keys().collect())
    }

    fn stop(&self, mut agent: Child) {
        drop(agent.stdin.take());
        assert!(agent.wait().expect("ends").success());
    }

    fn observations(&self) -> Vec<Observation> {
        let streams = self.receiver.streams();
        let decode = |bytes: &Vec<u8>| wire::decode_observation(bytes).expect("decodes");
        streams.stored.values().map(decode).collect()
    }

    fn count(&self, kind: EventKind) -> usize {
        self.observations().iter().filter(|seen| seen.kind == kind).count()
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        self.wait_at_most(30_000, what, holds);
    }

    fn wait_at_most(&self, wait_ms: u64, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..wait_ms / 50 {
            if holds(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited {wait_ms} ms in vain until {what}");
    }

    fn status(&self) -> serde_json::Value {
        let bytes = std::fs::read(self.data().join("status.json")).expect("there is a status");
        serde_json::from_slice(&bytes).expect("it is JSON")
    }

    /// Whether a class can be recorded on this machine with these privileges.
    fn records(&self, class: &str) -> bool {
        self.status()["recorded"].as_array().is_some_and(|all| all.contains(&class.into()))
    }

    /// Every number from the first to the last, once.
    fn assert_conserved(&self) {
        let streams = self.receiver.streams();
        assert_eq!(streams.doubles, 0);
        assert_eq!(streams.lost, []);
        assert!((1..).zip(streams.stored.keys()).all(|(expected, (_, seq))| *seq == expected));
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn enrolment_stores_a_private_key_and_refuses_bad_tokens_and_a_second_time() {
    let rig = Rig::new("enrol");
    let refused = rig.enrol("guessed");
    assert!(!refused.status.success());
    assert!(words(&refused).contains("token is not valid"), "{}", words(&refused));
    let enrolled = rig.enrol(TOKEN);
    assert!(enrolled.status.success(), "{}", words(&enrolled));
    let mode = std::fs::metadata(rig.data().join("agent.key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = rig.enrol(TOKEN);
    assert!(words(&again).contains("already enrolled"), "{}", words(&again));
}

#[test]
fn doctor_names_what_is_wrong_and_the_next_step() {
    let rig = Rig::new("doctor");
    let data = rig.data();
    let found = rig.agent(&["doctor", "--data"], &[&data]);
    assert_eq!(found.status.code(), Some(1));
    assert!(words(&found).contains("next: enrol this machine"), "{}", words(&found));
    assert!(rig.enrol(TOKEN).status.success());
    let found = rig.agent(&["doctor", "--data"], &[&data]);
    assert!(words(&found).contains("answers; durable through 0"), "{}", words(&found));
    assert!(words(&found).contains("has never run here"), "{}", words(&found));
}

#[test]
fn p4_started_killed_and_stopped_it_tells_its_story_exactly_once() {
    let rig = Rig::new("story");
    assert!(rig.enrol(TOKEN).status.success());
    let mut first = rig.run();
    rig.wait_until("the start arrives", |rig| rig.count(EventKind::AgentStart) == 1);
    let second = rig.agent(&["run", "--data"], &[&rig.data()]);
    assert_eq!(second.status.code(), Some(1));
    let named = format!("process {}", first.id());
    assert!(words(&second).contains(&named), "{}", words(&second));
    rig.wait_until("it is noted as alive", |rig| rig.data().join("alive").is_file());
    first.kill().expect("kills");
    first.wait().expect("ends");
    let mut next = rig.run();
    rig.wait_until("the loss is said", |rig| {
        rig.count(EventKind::AgentStart) == 2 && rig.count(EventKind::AgentLost) > 0
    });
    drop(next.stdin.take());
    assert!(next.wait().expect("ends").success());
    assert_eq!(rig.count(EventKind::AgentStop), 1);
    assert!(rig.count(EventKind::AgentCounters) >= 3);
    assert!(!rig.data().join("alive").is_file());
    let status = rig.status();
    assert_eq!((&status["state"], &status["waiting"]), (&"stopped".into(), &0.into()));
    rig.assert_conserved();
}

#[test]
fn p1_processes_started_around_a_kill_are_recorded_exactly_once() {
    let rig = Rig::new("kill");
    assert!(rig.enrol(TOKEN).status.success());
    let mut agent = rig.run();
    rig.wait_until("the start arrives", |rig| rig.count(EventKind::AgentStart) == 1);
    if !rig.records("process") {
        eprintln!("skipped: processes can not be recorded here: {}", rig.status()["not_recorded"]);
        drop(agent.stdin.take());
        agent.wait().expect("ends");
        return;
    }
    let marker = format!("mimamori-marker-{}", std::process::id());
    let program = |number: u32| {
        let mut child = other("/bin/true");
        child.arg(format!("{marker}-{number}-")).status().expect("starts");
    };
    (0..150).for_each(program);
    agent.kill().expect("kills");
    agent.wait().expect("ends");
    (150..200).for_each(program);
    agent = rig.run();
    (200..250).for_each(program);
    rig.wait_until("it runs again", |rig| rig.count(EventKind::AgentStart) == 2);
    std::thread::sleep(Duration::from_millis(500));
    drop(agent.stdin.take());
    assert!(agent.wait().expect("ends").success());
    let starts: Vec<String> = rig
        .observations()
        .into_iter()
        .filter(|seen| seen.kind == EventKind::ProcessStart)
        .filter_map(|seen| seen.fields.text("CommandLine").map(str::to_owned))
        .collect();
    for number in 0..250 {
        let wanted = format!("{marker}-{number}-");
        let times = starts.iter().filter(|line| line.contains(&wanted)).count();
        assert_eq!(times, 1, "{wanted}");
    }
    rig.assert_conserved();
}

fn put(machine: &Path, path: &str, text: &str) {
    let path = machine.join(path);
    std::fs::create_dir_all(path.parent().expect("has one")).expect("creates");
    std::fs::write(path, text).expect("writes");
}

#[test]
fn packages_and_extensions_that_come_and_go_are_told_also_when_the_agent_was_down() {
    let rig = Rig::new("inventory");
    let machine = rig.scratch.path().join("machine");
    let package = |name: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n")
    };
    put(&machine, "var/lib/dpkg/status", &package("bash"));
    assert!(rig.enrol(TOKEN).status.success());
    let agent = rig.run_on(&machine);
    let dpkg = |rig: &Rig| rig.known(SoftwareSource::Dpkg).unwrap_or_default();
    rig.wait_until("the first snapshot arrives", |rig| dpkg(rig) == ["bash:all"]);
    rig.wait_until("every source is summed up", |rig| {
        SoftwareSource::ALL.iter().all(|source| rig.known(*source).is_some())
    });
    assert!(!rig.inventory().iter().any(|message| {
        matches!(message, InventoryMessage::Added { item } if item.source == SoftwareSource::Dpkg)
    }));
    // Installed by a rename, as dpkg does; an extension's folder appears in a profile.
    put(&machine, "var/lib/dpkg/status-new", &(package("bash") + &package("zoom")));
    let dpkg_folder = machine.join("var/lib/dpkg");
    std::fs::rename(dpkg_folder.join("status-new"), dpkg_folder.join("status")).expect("renames");
    let folder = "home/bob/.config/chromium/Default/Extensions/abc";
    put(&machine, &format!("{folder}/1_0/manifest.json"), r#"{"name":"Placed","version":"1"}"#);
    rig.wait_until("both are told", |rig| {
        dpkg(rig) == ["bash:all", "zoom:all"]
            && rig.known(SoftwareSource::Chromium) == Some(vec!["abc@bob/Default".to_owned()])
    });
    rig.stop(agent);
    // Removed while nobody looked.
    std::fs::remove_dir_all(machine.join(folder)).expect("removes");
    put(&machine, "var/lib/dpkg/status", &package("bash"));
    let agent = rig.run_on(&machine);
    rig.wait_until("both removals are told", |rig| {
        dpkg(rig) == ["bash:all"] && rig.known(SoftwareSource::Chromium) == Some(Vec::new())
    });
    let told = rig.inventory();
    let removed = told.iter().filter(|message| matches!(message, InventoryMessage::Removed { .. }));
    assert_eq!(removed.filter(|message| message.source() != SoftwareSource::Executed).count(), 2);
    rig.stop(agent);
    rig.assert_conserved();
}

#[test]
fn a_program_without_a_package_is_told_within_five_seconds_of_its_run() {
    let rig = Rig::new("executed");
    assert!(rig.enrol(TOKEN).status.success());
    let agent = rig.run_on(rig.scratch.path());
    rig.wait_until("there is a status", |rig| rig.data().join("status.json").is_file());
    rig.wait_until("programs are watched", |rig| rig.status()["inventory"]["executed"].is_object());
    if !rig.records("process") {
        eprintln!("skipped: processes can not be recorded here: {}", rig.status()["not_recorded"]);
        return rig.stop(agent);
    }
    let program = rig.scratch.path().join("zoom-portable");
    // By another process: a file that this one holds open for writing may be held by a child that another test forks
    // meanwhile, and starting it would be refused as busy.
    assert!(other("/bin/cp").arg("/bin/true").arg(&program).status().expect("runs").success());
    let url = "https://zoom.us/download";
    let noted = rustix::fs::setxattr(
        &program,
        "user.xdg.origin.url",
        url.as_bytes(),
        rustix::fs::XattrFlags::empty(),
    );
    let run = || {
        assert!(other(&program).status().expect("runs").success());
    };
    let path = program.to_str().expect("is text").to_owned();
    let of_path = |rig: &Rig| {
        let own = |message: &InventoryMessage| match message {
            InventoryMessage::Added { item } | InventoryMessage::Removed { item } => {
                item.path == path
            }
            _ => false,
        };
        rig.inventory().into_iter().filter(own).collect::<Vec<_>>()
    };
    run();
    rig.wait_at_most(5_000, "the program is told", |rig| of_path(rig).len() == 1);
    let Some(InventoryMessage::Added { item }) = of_path(&rig).pop() else {
        panic!("it was added")
    };
    let size = std::fs::metadata(&program).expect("is there").len();
    assert_eq!((item.name.as_str(), item.user.as_str()), ("zoom-portable", "root"));
    assert_eq!((item.sha256.len(), item.size_bytes), (64, Some(size)));
    if noted.is_ok() {
        assert_eq!(item.origin_url, url);
    }
    // Packaged programs are nothing new, nor is the same one again.
    run();
    let mut packaged = other("/bin/true");
    packaged.status().expect("runs");
    std::fs::remove_file(&program).expect("removes");
    rig.wait_until("its removal is told", |rig| of_path(rig).len() == 2);
    assert!(matches!(of_path(&rig)[1], InventoryMessage::Removed { .. }));
    let told = rig.inventory();
    let packaged = told.iter().any(|message| match message {
        InventoryMessage::Added { item } => {
            item.path == "/usr/bin/true" || item.path == "/bin/true"
        }
        _ => false,
    });
    assert!(!packaged || std::fs::metadata("/var/lib/dpkg/info").is_err());
    rig.stop(agent);
    rig.assert_conserved();
}

#[test]
fn the_inventory_is_printed_for_people_and_for_programs() {
    let rig = Rig::new("print");
    let machine = rig.scratch.path().join("machine");
    let hostile = "Package: a\u{202e}b\nStatus: install ok installed\nVersion: 1\n";
    put(&machine, "var/lib/dpkg/status", hostile);
    let data = rig.data();
    let paths = [Path::new("--root"), &machine, Path::new("--data"), &data];
    let people = rig.agent(&["inventory", "--source", "dpkg"], &paths);
    assert!(people.status.success());
    let text = words(&people);
    assert!(text.contains("dpkg: 1 items") && text.contains("a\\u{202e}b"), "{text}");
    let programs = rig.agent(&["inventory", "--json"], &paths);
    let item: serde_json::Value = serde_json::from_slice(&programs.stdout).expect("is one line");
    assert_eq!((&item["source"], &item["version"]), (&"dpkg".into(), &"1".into()));
    let bad = rig.agent(&["inventory", "--source", "winget"], &paths);
    assert!(words(&bad).contains("there are dpkg, rpm"), "{}", words(&bad));
}

/// Waits for nothing: the server is not there, the quota is small, and files are made until it is full.
#[test]
fn p7_without_room_file_changes_are_given_up_first_and_it_is_said() {
    let rig = Rig::new("quota");
    let mut agent = rig.run_with(&["--spool-bytes-max", "6000000"]);
    rig.wait_until("there is a status", |rig| rig.data().join("status.json").is_file());
    if !rig.records("file") {
        eprintln!("skipped: files can not be recorded here: {}", rig.status()["not_recorded"]);
        drop(agent.stdin.take());
        agent.wait().expect("ends");
        return;
    }
    let shed = |rig: &Rig, class: &str| rig.status()["classes"][class]["Shed"].as_u64();
    let folder = rig.scratch.path().join("many");
    std::fs::create_dir(&folder).expect("creates");
    rig.wait_until("file changes are given up", |rig| {
        for number in 0..100 {
            std::fs::write(folder.join(format!("file-{number}")), "x").expect("writes");
            std::fs::remove_file(folder.join(format!("file-{number}"))).expect("removes");
        }
        shed(rig, "file") > Some(50)
    });
    assert_eq!(shed(&rig, "process"), Some(0));
    // Enrolled while it runs, it sends everything, and there is room again.
    assert!(rig.enrol(TOKEN).status.success());
    let said = |rig: &Rig| {
        let quota = |seen: &Observation| {
            let lost = model::Lost::from_fields(&seen.fields)?;
            let file = lost.class == Some(model::Class::File);
            (file && lost.reason == model::LostReason::Quota).then_some(lost.count?)
        };
        rig.observations()
            .iter()
            .filter(|seen| seen.kind == EventKind::AgentLost)
            .filter_map(quota)
            .sum::<u64>()
    };
    rig.wait_until("it is said", |rig| said(rig) > 50);
    drop(agent.stdin.take());
    assert!(agent.wait().expect("ends").success());
    let given_up = shed(&rig, "file").expect("a counter");
    assert_eq!(said(&rig), given_up, "what was given up is said, all of it, once");
    rig.assert_conserved();
}
