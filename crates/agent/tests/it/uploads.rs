//! The uploader against the receiver: conservation, judged by sequence numbers.

use crate::receiver::{Authority, Fault, Receiver};
use agent::{
    clock::SystemClock, home::Home, server::Server, status::Shared, stop::Stop, upload::Uploader,
};
use model::EpochId;
use spool::{Options, Spool};
use std::{
    sync::{Arc, atomic::AtomicU64},
    thread::JoinHandle,
    time::Duration,
};

const EPOCH: u128 = 77;

struct Rig {
    receiver: Receiver,
    home: Home,
    spool: Spool,
    status: Arc<Shared>,
    skip_to: Arc<AtomicU64>,
    _scratch: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let home = Home::open(scratch.path()).expect("opens");
        let authority = Arc::new(Authority::new());
        let receiver = Receiver::start(Arc::clone(&authority));
        authority.enrolled(&home, receiver.address);
        let options = Options { segment_bytes_max: 30_000, ..Options::new(EPOCH, 64 << 20) };
        let spool = Spool::open(&home.spool(), options).expect("opens");
        let (status, skip_to) = (Arc::default(), Arc::default());
        Self { receiver, home, spool, status, skip_to, _scratch: scratch }
    }

    fn upload(&self) -> (Stop, JoinHandle<bool>) {
        let stop = Stop::default();
        let uploader = Uploader {
            spool: self.spool.clone(),
            status: Arc::clone(&self.status),
            stop: stop.clone(),
            clock: Arc::new(SystemClock),
            skip_to: Arc::clone(&self.skip_to),
        };
        let home = self.home.clone();
        (stop, std::thread::spawn(move || uploader.run(&home)))
    }

    fn append(&self, count: u64) {
        for _ in 0..count {
            let seq = self.spool.next_seq();
            self.spool.append(&[body(seq)]).expect("appends");
        }
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

    fn stored(&self) -> u64 {
        self.receiver.streams().stored.len() as u64
    }
}

fn body(seq: u64) -> Vec<u8> {
    format!("record {seq} {}", "x".repeat(usize::try_from(seq % 200).expect("small"))).into_bytes()
}

#[test]
fn p4_every_record_arrives_exactly_once_whatever_the_server_does() {
    let rig = Rig::new();
    rig.receiver.streams().faults = vec![
        Fault::Later,
        Fault::DropAnswer,
        Fault::DropBefore,
        Fault::Later,
        Fault::DropAnswer,
        Fault::Broken,
    ];
    let (stop, uploader) = rig.upload();
    for _ in 0..12 {
        rig.append(60);
        std::thread::sleep(Duration::from_millis(20));
    }
    let all = rig.spool.next_seq() - 1;
    rig.wait_until("everything is stored", |rig| rig.stored() == all);
    rig.wait_until("the spool is freed", |rig| rig.spool.first_seq() == all + 1);
    stop.ask();
    assert!(uploader.join().expect("ends"), "nothing is left");
    let streams = rig.receiver.streams();
    assert_eq!(streams.doubles, 0, "nothing twice");
    assert!(streams.faults.is_empty(), "all faults happened: {:?}", streams.faults);
    for (expected, ((epoch, seq), bytes)) in (1..).zip(&streams.stored) {
        assert_eq!((*epoch, *seq), (EpochId::from_bits(EPOCH), expected), "P5, no hole");
        assert_eq!(*bytes, body(*seq));
    }
}

#[test]
fn p1_the_spool_keeps_what_is_durable_there_and_not_yet_committed() {
    let rig = Rig::new();
    rig.receiver.streams().commit_lag = 10;
    let (stop, uploader) = rig.upload();
    rig.append(50);
    rig.wait_until("everything is stored", |rig| rig.stored() == 50);
    rig.wait_until("the committed part is freed", |rig| rig.spool.first_seq() == 41);
    rig.receiver.streams().commit_lag = 0;
    rig.wait_until("the rest is freed", |rig| rig.spool.first_seq() == 51);
    stop.ask();
    assert!(uploader.join().expect("ends"));
}

#[test]
fn p3_a_server_that_lost_everything_is_told_what_is_gone() {
    let rig = Rig::new();
    let (stop, uploader) = rig.upload();
    rig.append(30);
    rig.wait_until("the spool is freed", |rig| rig.spool.first_seq() == 31);
    {
        let mut streams = rig.receiver.streams();
        streams.states.clear();
        streams.stored.clear();
    }
    rig.append(5);
    rig.wait_until("the rest is stored", |rig| rig.stored() == 5);
    stop.ask();
    assert!(uploader.join().expect("ends"));
    let streams = rig.receiver.streams();
    assert_eq!(streams.lost, [(1, 30)], "last - first + 1 = stored + lost");
}

#[test]
fn a_damaged_record_in_the_spool_arrives_as_a_gap() {
    let rig = Rig::new();
    rig.spool.append(&[vec![1; 40]]).expect("appends");
    rig.spool.skip_to(4).expect("skips");
    rig.spool.append(&[vec![4; 40]]).expect("appends");
    let (stop, uploader) = rig.upload();
    rig.wait_until("both are stored", |rig| rig.stored() == 2);
    stop.ask();
    assert!(uploader.join().expect("ends"));
    assert_eq!(rig.receiver.streams().lost, [(2, 3)]);
}

#[test]
fn numbers_that_only_the_server_knows_are_asked_to_be_left_out() {
    let rig = Rig::new();
    let epoch = EpochId::from_bits(EPOCH);
    let known = wire::receive::StreamState::resume(9);
    rig.receiver.streams().states.insert(epoch, known);
    rig.append(2);
    let (stop, uploader) = rig.upload();
    rig.wait_until("it asks", |rig| rig.skip_to.load(std::sync::atomic::Ordering::SeqCst) == 10);
    stop.ask();
    uploader.join().expect("ends");
    assert_eq!(rig.stored(), 0);
}

#[test]
fn a_server_of_another_authority_gets_nothing() {
    let rig = Rig::new();
    let stranger = Receiver::start(Arc::new(Authority::new()));
    let mut identity =
        agent::identity::Identity::load(&rig.home).expect("loads").expect("enrolled");
    identity.server = format!("https://localhost:{}", stranger.address.port());
    let server = Server::of_identity(&identity).expect("a server");
    let err = server.position(EpochId::from_bits(EPOCH)).expect_err("it must be refused");
    assert!(err.to_string().contains("not from the pinned authority"), "{err}");
    assert_eq!(stranger.streams().requests, 0);
}

#[test]
fn a_server_that_is_away_is_an_error_to_be_tried_again() {
    let rig = Rig::new();
    let mut identity =
        agent::identity::Identity::load(&rig.home).expect("loads").expect("enrolled");
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    identity.server = format!("https://localhost:{port}");
    let server = Server::of_identity(&identity).expect("a server");
    let err = server.position(EpochId::from_bits(EPOCH)).expect_err("nobody listens");
    assert_eq!(err.class(), agent::ErrorClass::Retry, "{err}");
}
