//! Damaged files: every loss is told, everything else is read, nothing panics.

use crate::forge::{element, event, file, process_start};
use crate::{logs_below, shared};
use decode::evtx::Reader;
use decode::{DecodeError, RecordError};
use proptest::prelude::*;

const CHUNK: usize = 65_536;
const HEADER: usize = 4_096;

fn three_chunks() -> Vec<u8> {
    let chunk = |from: usize| {
        (from..from + 20).map(|n| process_start("C:\\a.exe", &format!("a.exe /n:{n}"))).collect()
    };
    file(&[chunk(0), chunk(20), chunk(40)])
}

/// The ids of the records that could be read, and the errors in words.
fn read(bytes: Vec<u8>) -> (Vec<u64>, Vec<RecordError>) {
    let (mut ids, mut errors) = (Vec::new(), Vec::new());
    for item in Reader::new(bytes).expect("is an event log") {
        match item {
            Ok(record) => ids.push(record.record_id),
            Err(error) => errors.push(error),
        }
    }
    (ids, errors)
}

#[test]
fn an_intact_file_gives_every_record_and_no_error() {
    let (ids, errors) = read(three_chunks());
    assert_eq!(ids, (1..=60).collect::<Vec<_>>());
    assert_eq!(errors, []);
}

#[test]
fn what_is_no_event_log_is_refused_with_the_next_step() {
    let check = |bytes: &[u8], expected: &str| {
        let error = Reader::new(bytes.to_vec()).err().expect("is refused").to_string();
        assert!(error.contains(expected), "{error:?} should contain {expected:?}");
    };
    check(b"", "the file is empty: copy it again");
    check(b"PK\x03\x04 zip", "begins with \"PK\\x03\\x04 zip\"");
    check(b"PK\x03\x04 zip", "unpack it first");
    check(b"<Events><Event/>", "export the log as .evtx");
    check(b"\xef\xbb\xbf<Events/>", "export the log as .evtx");
    check(b"\x30\0\0\0LfLe\x01\0\0\0", "/lf:true");
    check(&[0; 70_000], "only zeros");
    check(b"MZ\x90\0 program", "wevtutil epl");
    check(b"ElfFile\0 cut", "ends after 12 bytes, inside its header of 4096 bytes");
    check(b"ElfF", "ends after 4 bytes");
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    let mut bytes = file(&[]);
    bytes[40..42].copy_from_slice(&u16::MAX.to_le_bytes());
    let error = Reader::new(bytes).err().expect("is refused");
    assert!(matches!(error, DecodeError::HeaderDamaged { .. }), "{error}");
}

#[test]
fn p9_a_cut_file_gives_the_records_before_the_cut_and_says_how_much_is_missing() {
    let whole = three_chunks();
    let (all, _) = read(whole.clone());
    for cut_at in [HEADER, HEADER + 1, HEADER + 700, HEADER + CHUNK, HEADER + CHUNK + 9_000] {
        let (ids, errors) = read(whole[..cut_at].to_vec());
        assert_eq!(ids, all[..ids.len()], "cut at {cut_at}");
        let missing_bytes = (whole.len() - cut_at) as u64;
        let last = errors.last().expect("the cut is told");
        assert_eq!(*last, RecordError::Truncated { missing_bytes }, "cut at {cut_at}");
        if cut_at >= HEADER + CHUNK {
            assert!(ids.len() >= 20, "the first chunk is whole");
        }
    }
}

#[test]
fn p9_a_broken_chunk_costs_itself_only() {
    let mut bytes = three_chunks();
    bytes[HEADER + CHUNK..HEADER + CHUNK + 8].copy_from_slice(b"garbage!");
    let (ids, errors) = read(bytes);
    assert_eq!(ids, (1..=20).chain(41..=60).collect::<Vec<_>>());
    let [RecordError::Chunk { chunk: 1, offset, reason }] = errors.as_slice() else {
        panic!("{errors:?}")
    };
    assert_eq!(*offset, (HEADER + CHUNK) as u64);
    assert!(reason.contains("chunk header magic"), "{reason}");
}

#[test]
fn p3_a_broken_record_costs_itself_only_and_is_named() {
    let mut bytes = three_chunks();
    let magic = b"\x2a\x2a\0\0";
    let starts: Vec<usize> =
        (HEADER..HEADER + CHUNK).filter(|at| bytes[*at..].starts_with(magic)).collect();
    // A token that binary XML does not have, in the second record.
    bytes[starts[1] + 28] = 0x7e;
    // The header of the fifth record.
    bytes[starts[4]..starts[4] + 4].copy_from_slice(b"oops");
    let (ids, errors) = read(bytes);
    assert_eq!(ids, [1, 3, 4].into_iter().chain(6..=60).collect::<Vec<_>>());
    let named: Vec<_> = errors.iter().map(RecordError::record_id).collect();
    assert_eq!(named, [None, Some(2), None], "{errors:?}");
    assert!(matches!(errors[0], RecordError::Checksum { chunk: 0, .. }), "{errors:?}");
}

#[test]
fn p3_records_that_the_chunk_promises_and_lacks_are_counted() {
    let mut bytes = three_chunks();
    let starts: Vec<usize> =
        (HEADER..HEADER + CHUNK).filter(|at| bytes[*at..].starts_with(b"\x2a\x2a\0\0")).collect();
    // Three neighbours lose their headers: the reader finds its way again after them.
    for start in &starts[5..8] {
        bytes[*start..*start + 4].copy_from_slice(b"oops");
    }
    let (ids, errors) = read(bytes);
    assert_eq!(ids.len(), 57);
    let missing = RecordError::Missing { chunk: 0, expected: 20, count: 2 };
    assert!(errors.contains(&missing), "{errors:?}");
}

#[test]
fn a_record_that_was_changed_is_given_with_a_warning() {
    let mut bytes = three_chunks();
    let (a, n): (Vec<u8>, Vec<u8>) = (b"/\0n\0:\x000\0".to_vec(), b"/\0n\0:\x007\0".to_vec());
    let at = bytes.windows(a.len()).position(|window| window == a).expect("is there");
    bytes[at..at + a.len()].copy_from_slice(&n);
    let (ids, errors) = read(bytes);
    assert_eq!(ids.len(), 60);
    let reason = "checksum of the records".to_owned();
    assert_eq!(errors, [RecordError::Checksum { chunk: 0, reason }]);
}

#[test]
fn nesting_and_numbers_of_fields_are_limited_and_the_record_says_so() {
    let mut deep = element("Leaf").text("x");
    for _ in 0..40 {
        deep = element("Deeper").child(deep);
    }
    let mut wide = element("EventData");
    for n in 0..600 {
        wide = wide.child(element("Data").with("Name", &format!("F{n}")).text("v"));
    }
    let forged = file(&[
        vec![event("P", "7", "C").child(element("UserData").child(deep))],
        vec![event("P", "8", "C").child(wide)],
    ]);
    let records: Vec<_> =
        Reader::new(forged).expect("is an event log").map(|item| item.expect("is read")).collect();
    for record in &records {
        assert_eq!(record.fields.get("Truncated"), Some(&model::Value::Bool(true)));
        assert!(record.fields.len() <= model::limits::FIELDS_MAX);
    }
    assert_eq!(records[0].fields.get("Leaf"), None);
    assert_eq!(records[1].fields.text("F100"), Some("v"));
}

/// Reads everything there is to read; the property is that this ends without a panic.
fn survives(bytes: Vec<u8>) {
    let bytes_len = bytes.len();
    let Ok(reader) = Reader::new(bytes) else { return };
    let items = reader.count();
    assert!(items <= bytes_len / 20 + 8, "{items} items out of {bytes_len} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn p9_bit_flips_never_panic(flips in prop::collection::vec((0usize..HEADER + 3 * CHUNK, 0u8..8), 1..40)) {
        let mut bytes = three_chunks();
        for (at, bit) in flips {
            bytes[at] ^= 1 << bit;
        }
        survives(bytes);
    }

    #[test]
    fn p9_flips_where_the_records_are_never_panic(flips in prop::collection::vec((0usize..12_000, any::<u8>()), 1..30)) {
        let mut bytes = three_chunks();
        for (at, value) in flips {
            bytes[HEADER + at] = value;
        }
        survives(bytes);
    }

    #[test]
    fn p9_any_cut_is_told_or_refused(cut_at in 0usize..HEADER + 3 * CHUNK) {
        let whole = three_chunks();
        match Reader::new(whole[..cut_at].to_vec()) {
            Err(_) => prop_assert!(cut_at < HEADER),
            Ok(reader) => {
                let items: Vec<_> = reader.collect();
                let missing_bytes = (whole.len() - cut_at) as u64;
                prop_assert_eq!(items.last(), Some(&Err(RecordError::Truncated { missing_bytes })));
                let ids: Vec<u64> = items.iter().flatten().map(|record| record.record_id).collect();
                prop_assert_eq!(&ids, &(1..=ids.len() as u64).collect::<Vec<_>>());
            }
        }
    }
}

/// The same on real files, which have templates and every type of value.
#[test]
fn p9_flips_and_cuts_in_real_logs_never_panic() {
    let Some(folder) = shared("data/sigma/regression_data") else { return };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for path in logs_below(&folder) {
        let intact = std::fs::read(&path).expect("can be read");
        for _ in 0..8 {
            let mut bytes = intact.clone();
            for _ in 0..=random(24) {
                // Where the first chunk's header, strings, templates and records are.
                let at = random(bytes.len().min(HEADER + 16_000));
                bytes[at] ^= 1 << random(8);
            }
            survives(bytes);
        }
        survives(intact[..random(intact.len())].to_vec());
    }
}
