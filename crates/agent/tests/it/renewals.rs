//! Renewal against a real TLS server: by itself, in time, and with a usable pair whatever is cut short.

use crate::receiver::{Authority, Fault, Receiver};
use agent::{
    certificate::Certificate, clock::SystemClock, home::Home, identity::Identity, server::Server,
    status::Shared, stop::Stop, upload::Uploader,
};
use model::{Clock, EpochId, Timestamp};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use spool::{Options, Spool};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const EPOCH: u128 = 78;
const HOUR_NS: u64 = 3_600_000_000_000;

/// The system's clock, so many nanoseconds ahead.
#[derive(Default)]
struct AheadClock(AtomicU64);

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        let ahead = i64::try_from(self.0.load(Ordering::SeqCst)).expect("days");
        SystemClock.now().plus_nanos(ahead)
    }

    fn monotonic_ns(&self) -> u64 {
        SystemClock.monotonic_ns() + self.0.load(Ordering::SeqCst)
    }
}

struct Rig {
    receiver: Receiver,
    home: Home,
    spool: Spool,
    status: Arc<Shared>,
    clock: Arc<AheadClock>,
    first: Identity,
    _scratch: tempfile::TempDir,
}

impl Rig {
    /// An enrolled agent with so many of its certificate's ninety days left.
    fn new(days_left: u32) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let home = Home::open(scratch.path()).expect("opens");
        let authority = Arc::new(Authority::new());
        let receiver = Receiver::start(Arc::clone(&authority));
        let first = authority.enrolled_with(&home, receiver.address, days_left);
        let spool = Spool::open(&home.spool(), Options::new(EPOCH, 64 << 20)).expect("opens");
        let (status, clock) = (Arc::default(), Arc::default());
        Self { receiver, home, spool, status, clock, first, _scratch: scratch }
    }

    fn upload(&self) -> (Stop, JoinHandle<bool>) {
        let stop = Stop::default();
        let uploader = Uploader {
            spool: self.spool.clone(),
            status: Arc::clone(&self.status),
            stop: stop.clone(),
            clock: self.clock.clone(),
            skip_to: Arc::default(),
        };
        let home = self.home.clone();
        (stop, std::thread::spawn(move || uploader.run(&home)))
    }

    fn now(&self) -> Identity {
        Identity::load(&self.home).expect("a whole identity").expect("enrolled")
    }

    fn status(&self) -> serde_json::Value {
        let path = self.home.root().join("status-of-test.json");
        self.status.write(&path, SystemClock.now()).expect("writes");
        serde_json::from_slice(&std::fs::read(path).expect("reads")).expect("is JSON")
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..600 {
            if holds(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited 30 s in vain until {what}");
    }

    /// Runs the uploader until the certificate is another one, and until records go over it.
    fn run_until_renewed(&self) {
        let (stop, uploader) = self.upload();
        self.wait_until("the certificate is renewed", |rig| {
            rig.status()["certificate"]["renewed"] == 1
        });
        let before = self.receiver.streams().stored.len();
        self.spool.append(&[b"after".to_vec()]).expect("appends");
        self.wait_until("records go on", |rig| rig.receiver.streams().stored.len() > before);
        stop.ask();
        assert!(uploader.join().expect("ends"), "nothing is left");
        self.assert_renewed();
    }

    /// The new pair is in its place and in use, and nothing of the renewal is left over.
    fn assert_renewed(&self) {
        let now = self.now();
        assert_ne!(now.certificate_pem, self.first.certificate_pem);
        assert_eq!((now.agent, now.device), (self.first.agent, self.first.device));
        assert_eq!(read(&self.home.key()), now.key_pem.0, "the key is in its place");
        assert!(!there(&self.home.renewal_key()), "nothing is left over");
        assert_ne!(now.key_pem.0, self.first.key_pem.0, "a new key");
        assert_eq!(self.receiver.streams().last_peer, der(&now.certificate_pem));
    }

    /// The pair on the disk opens the server's door.
    fn assert_usable(&self) -> Identity {
        let now = self.now();
        let server = Server::of_identity(&now).expect("a pair");
        server.position(EpochId::from_bits(EPOCH)).expect("is let in");
        assert_eq!(self.receiver.streams().last_peer, der(&now.certificate_pem));
        now
    }
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate").to_vec()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("reads")
}

fn there(path: &Path) -> bool {
    path.try_exists().expect("can be looked at")
}

#[test]
fn in_its_last_third_the_agent_renews_by_itself_and_goes_on_with_the_new_pair() {
    let rig = Rig::new(29);
    rig.spool.append(&[b"before".to_vec()]).expect("appends");
    rig.run_until_renewed();
    let status = rig.status();
    assert_eq!((&status["certificate"]["failed"], &status["last_error"]), (&0.into(), &().into()));
    let life = Certificate::parse(&rig.now().certificate_pem).expect("read").life;
    assert_eq!(status["certificate"]["ends_at"], life.ends.to_string());
    assert_eq!(life.days_left(SystemClock.now()), 89);
    assert_eq!(rig.receiver.streams().doubles, 0);
    assert_eq!(rig.receiver.streams().stored.len(), 2);
    use std::os::unix::fs::PermissionsExt as _;
    for path in [rig.home.key(), rig.home.certificate()] {
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    // It was renewed once: the next start finds nothing to do.
    rig.spool.append(&[b"later".to_vec()]).expect("appends");
    let (stop, uploader) = rig.upload();
    rig.wait_until("records go on", |rig| rig.receiver.streams().stored.len() == 3);
    stop.ask();
    uploader.join().expect("ends");
    assert_eq!(rig.receiver.streams().renewal_keys.len(), 1);
}

#[test]
fn before_its_last_third_nothing_is_asked_for() {
    let rig = Rig::new(31);
    rig.spool.append(&[b"one".to_vec()]).expect("appends");
    let (stop, uploader) = rig.upload();
    rig.wait_until("it is stored", |rig| rig.receiver.streams().stored.len() == 1);
    rig.wait_until("it looked", |rig| rig.status()["certificate"]["ends_at"].is_string());
    stop.ask();
    uploader.join().expect("ends");
    assert_eq!(rig.receiver.streams().renewal_keys, Vec::<Vec<u8>>::new());
    assert_eq!(rig.now().certificate_pem, rig.first.certificate_pem);
}

#[test]
fn an_agent_that_runs_for_weeks_looks_again_and_renews_when_the_time_has_come() {
    let rig = Rig::new(31);
    let (stop, uploader) = rig.upload();
    rig.wait_until("it looked", |rig| rig.status()["certificate"]["ends_at"].is_string());
    rig.clock.0.store(23 * HOUR_NS, Ordering::SeqCst);
    rig.spool.append(&[b"one".to_vec()]).expect("appends");
    rig.wait_until("records go on", |rig| rig.receiver.streams().stored.len() == 1);
    assert!(rig.receiver.streams().renewal_keys.is_empty(), "not yet");
    rig.clock.0.store(25 * HOUR_NS, Ordering::SeqCst);
    rig.wait_until("it renewed", |rig| rig.status()["certificate"]["renewed"] == 1);
    rig.spool.append(&[b"two".to_vec()]).expect("appends");
    rig.wait_until("records go on", |rig| rig.receiver.streams().stored.len() == 2);
    stop.ask();
    assert!(uploader.join().expect("ends"));
    rig.assert_renewed();
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let rig = Rig::new(20);
    rig.receiver.streams().renewal_faults =
        vec![Fault::Broken, Fault::DropAnswer, Fault::DropBefore];
    rig.run_until_renewed();
    let streams = rig.receiver.streams();
    assert!(streams.renewal_faults.is_empty());
    assert!(streams.renewal_keys.len() >= 4, "{} requests", streams.renewal_keys.len());
    assert!(streams.renewal_keys.iter().all(|key| *key == streams.renewal_keys[0]), "one key");
    assert_eq!(streams.renewed.len(), 1, "and one certificate");
    drop(streams);
    assert_eq!(rig.status()["certificate"]["failed"], 3);
}

/// What a bad answer leaves: the old pair, in use, and words about it.
#[test]
fn an_answer_that_can_not_be_used_changes_nothing() {
    let cases = [
        (Fault::Refused, "the agent was replaced", false),
        (Fault::WrongKey, "for another key", true),
        (Fault::WrongName, "for somebody else", true),
        (Fault::TooShort, "does not live longer", true),
    ];
    for (fault, words, key_kept) in cases {
        let rig = Rig::new(10);
        rig.receiver.streams().renewal_faults = vec![fault];
        let (stop, uploader) = rig.upload();
        rig.wait_until("it failed", |rig| rig.status()["certificate"]["failed"] == 1);
        rig.spool.append(&[b"after".to_vec()]).expect("appends");
        rig.wait_until("records go on", |rig| rig.receiver.streams().stored.len() == 1);
        let said = rig.status()["last_error"].to_string();
        assert!(said.contains("could not renew") && said.contains(words), "{fault:?}: {said}");
        stop.ask();
        uploader.join().expect("ends");
        assert_eq!(rig.assert_usable().certificate_pem, rig.first.certificate_pem, "{fault:?}");
        assert_eq!(there(&rig.home.renewal_key()), key_kept, "{fault:?}");
        // The next start tries again and succeeds.
        rig.run_until_renewed();
    }
}

/// Every state of the disk that a crash can leave: between the key, the certificate and the key's last move.
#[test]
fn a_crash_at_any_point_leaves_a_usable_pair_and_the_next_start_finishes() {
    // What a whole renewal leaves.
    let done = Rig::new(20);
    done.run_until_renewed();
    let new = done.now();

    // 1: the key is there, nobody heard of it.
    let rig = Rig::new(20);
    let key = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(rig.home.renewal_key(), key.serialize_pem()).expect("writes");
    assert_eq!(rig.assert_usable().certificate_pem, rig.first.certificate_pem);
    rig.run_until_renewed();
    assert_eq!(rig.now().key_pem.0, key.serialize_pem(), "the same key was taken");

    // 2: the certificate is there, the key has not moved yet: also without any further renewal.
    std::fs::rename(done.home.key(), done.home.renewal_key()).expect("moves");
    std::fs::write(done.home.key(), &done.first.key_pem.0).expect("writes");
    let between = done.assert_usable();
    assert_eq!(between.certificate_pem, new.certificate_pem);
    assert_eq!(between.key_pem.0, new.key_pem.0, "the new key belongs to the new certificate");
    let (stop, uploader) = done.upload();
    done.wait_until("the key has moved", |rig| !there(&rig.home.renewal_key()));
    stop.ask();
    uploader.join().expect("ends");
    done.assert_renewed();
    assert_eq!(done.receiver.streams().renewal_keys.len(), 1, "nothing was renewed again");

    // 3: half of a file: the write beside never counts.
    for beside in ["certificate.new", "renewal.new", "agent.new"] {
        std::fs::write(rig.home.root().join(beside), "-----BEGIN").expect("writes");
    }
    rig.assert_usable();

    // 4: a key that a broken disk damaged is replaced by another.
    let rig = Rig::new(20);
    std::fs::write(rig.home.renewal_key(), "-----BEGIN PRIVATE KEY-----").expect("writes");
    rig.run_until_renewed();
}

#[test]
fn an_identity_without_its_key_is_named_and_a_new_one_forgets_old_renewals() {
    let rig = Rig::new(90);
    std::fs::write(rig.home.renewal_key(), "left over").expect("writes");
    rig.first.store(&rig.home).expect("stores");
    assert!(!there(&rig.home.renewal_key()));
    let other = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(rig.home.key(), other.serialize_pem()).expect("writes");
    let err = Identity::load(&rig.home).expect_err("no pair");
    assert!(
        err.to_string().contains("agent.key") && err.to_string().contains("enrol again"),
        "{err}"
    );
}
