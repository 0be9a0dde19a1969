//! Rules and events.

use model::{AgentId, DeviceId, EpochId, Event, StreamKey, Timestamp};
use std::path::{Path, PathBuf};

pub struct Corpus {
    pub events: Vec<Event>,
    /// As flat JSON objects with Sigma's field names.
    pub lines: Vec<String>,
}

impl Corpus {
    pub fn attacks(data: &Path) -> Self {
        let records = files(&data.join("evtx-attack-samples"), "evtx")
            .into_iter()
            .filter_map(|file| decode::evtx::Reader::new(std::fs::read(file).expect("readable")).ok())
            .flat_map(|reader| reader.filter_map(Result::ok).collect::<Vec<_>>());
        let events = records.zip(1..).map(|(record, seq)| {
            let (agent, epoch) = (AgentId::from_bits(0), EpochId::from_bits(0));
            let key = StreamKey { agent, epoch, seq };
            record.into_event(DeviceId::from_bits(0), key, Timestamp::from_nanos(0))
        });
        Self::of(events.collect())
    }

    pub fn everyday(seed: u64, count: usize) -> Self {
        Self::of(testkit::everyday::events(seed, count))
    }

    fn of(events: Vec<Event>) -> Self {
        let line = |event: &Event| serde_json::to_string(&event.fields).expect("serialises");
        let lines = events.iter().map(line).collect();
        Self { events, lines }
    }
}

/// The public rules as (name, text).
pub fn rules(data: &Path) -> Vec<(String, String)> {
    rule_folders(data)
        .iter()
        .flat_map(|folder| files(folder, "yml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable")))
        .collect()
}

pub fn rule_folders(data: &Path) -> [PathBuf; 3] {
    ["rules", "rules-emerging-threats", "rules-threat-hunting"].map(|name| data.join("sigma").join(name))
}

pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
