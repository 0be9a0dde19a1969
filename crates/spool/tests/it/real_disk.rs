//! The spool on the real file system, with real threads.

use spool::{Item, Options, Spool, SpoolError};
use std::{collections::BTreeSet, time::Duration};

fn options() -> Options {
    Options { segment_bytes_max: 20_000, ..Options::new(9, 64 << 20) }
}

#[test]
fn many_threads_append_while_one_reads_and_acknowledges() {
    let directory = tempfile::tempdir().expect("a scratch folder");
    let spool = Spool::open(directory.path(), options()).expect("opens");
    const THREADS: u8 = 6;
    const EACH: u16 = 120;
    let total = usize::from(THREADS) * usize::from(EACH);
    let seen = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let spool = spool.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    let mut body = vec![thread; 60];
                    body.extend_from_slice(&number.to_le_bytes());
                    spool.append(&[body]).expect("appends");
                }
            });
        }
        let mut seen = Vec::new();
        let mut next = 1;
        while seen.len() < total {
            spool.wait_for(next, Duration::from_secs(20)).expect("waits");
            for item in spool.read(next, 3_000).expect("reads") {
                next = item.next_seq();
                let Item::Record { bytes, .. } = item else { panic!("a gap on a healthy disk") };
                seen.push(bytes);
            }
            spool.acknowledge(next - 1).expect("acknowledges");
        }
        seen
    });
    assert_eq!(seen.len(), total);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), total, "nothing twice");
    for thread in 0..THREADS {
        let numbers: Vec<&[u8]> =
            seen.iter().filter(|body| body[0] == thread).map(|body| &body[60..]).collect();
        assert!(numbers.is_sorted_by_key(|n| u16::from_le_bytes([n[0], n[1]])), "P5 in order");
    }
    let left = std::fs::read_dir(directory.path()).expect("lists").count();
    assert!(left <= 3 + 1, "acknowledged segments are deleted, {left} files are left");
}

#[test]
fn a_second_user_is_refused_by_name_and_a_next_one_continues() {
    let directory = tempfile::tempdir().expect("a scratch folder");
    let spool = Spool::open(directory.path(), options()).expect("opens");
    spool.append(&[b"one"]).expect("appends");
    let err = Spool::open(directory.path(), options()).expect_err("it is in use");
    let own = std::process::id();
    assert!(matches!(err, SpoolError::InUse { holder: Some(pid), .. } if pid == own), "{err}");
    drop(spool);
    let spool = Spool::open(directory.path(), Options::new(10, 1 << 20)).expect("opens");
    assert_eq!((spool.epoch(), spool.next_seq()), (9, 2));
}

#[test]
fn a_record_that_is_too_large_is_refused_and_the_rest_goes_on() {
    let directory = tempfile::tempdir().expect("a scratch folder");
    let options = Options { record_bytes_max: 10, ..options() };
    let spool = Spool::open(directory.path(), options).expect("opens");
    assert!(matches!(spool.append(&[[0; 11]]), Err(SpoolError::TooLarge { .. })));
    assert_eq!(spool.append(&[[0; 10]]).expect("appends").last, 1);
}
