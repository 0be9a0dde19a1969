//! Real event logs.

use crate::{logs_below, shared};
use decode::evtx::Reader;
use model::EventKind;
use std::collections::BTreeMap;

#[test]
fn every_record_of_the_attack_samples_is_read() {
    let Some(folder) = shared("data/evtx-attack-samples") else { return };
    let (mut files, mut records) = (0, 0);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for path in logs_below(&folder) {
        let bytes = std::fs::read(&path).expect("can be read");
        for item in Reader::new(bytes).expect("is an event log") {
            let record = item.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
            assert!(record.fields.int("EventID").is_some(), "{:?}", record.raw);
            assert!(record.fields.get("Truncated").is_none(), "{:?}", record.raw);
            *kinds.entry(record.kind.name()).or_default() += 1;
            records += 1;
        }
        files += 1;
    }
    assert_eq!((files, records), (277, 8_255));
    for kind in [
        EventKind::ProcessStart,
        EventKind::ProcessAccess,
        EventKind::FileCreate,
        EventKind::RegistrySet,
        EventKind::NetworkConnect,
        EventKind::Logon,
        EventKind::ImageLoad,
        EventKind::Script,
    ] {
        assert!(kinds.contains_key(kind.name()), "{} is missing in {kinds:?}", kind.name());
    }
}
