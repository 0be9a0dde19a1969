//! What the tests share: rules and events in short form, and where foreign data lies.

use detect::{CompileOptions, Compiled, Match, RuleSource};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp,
};
use std::path::{Path, PathBuf};

/// The folder of foreign data, when it is on this machine.
pub(crate) fn shared() -> Option<PathBuf> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    start.ancestors().map(|folder| folder.join("shared")).find(|shared| shared.is_dir())
}

/// A rule document around a detection in JSON, which is YAML too.
pub(crate) fn rule(detection: &str) -> String {
    format!(
        "title: Test\nid: test\nlevel: low\nlogsource:\n  product: test\ndetection: {detection}\n"
    )
}

/// Compiles one source called `test.yml`.
pub(crate) fn compile(text: &str) -> Compiled {
    detect::compile([RuleSource { name: "test.yml", text }], &CompileOptions::default())
}

/// An event of the log source `test` with fields in JSON.
pub(crate) fn event(fields: &str) -> Event {
    let fields: Fields = serde_json::from_str(fields).expect("fields in JSON");
    Event {
        kind: EventKind::Other,
        device: DeviceId::from_bits(1),
        stream: StreamKey { agent: AgentId::from_bits(2), epoch: EpochId::from_bits(3), seq: 4 },
        observed_at: Timestamp::from_nanos(5),
        received_at: Timestamp::from_nanos(6),
        source: LogSource { product: "test".into(), ..LogSource::default() },
        fields,
        raw: None,
    }
}

/// What the detection says to the event; the rule must load.
pub(crate) fn matches(detection: &str, fields: &str) -> Vec<Match> {
    let compiled = compile(&rule(detection));
    assert_eq!(compiled.refused, [], "{detection}");
    compiled.rules.evaluate(&event(fields))
}

/// Asserts what the selection `sel` says to the event.
pub(crate) fn check(selection: &str, fields: &str, expected: bool) {
    let detection = format!("{{sel: {selection}, condition: sel}}");
    let found = !matches(&detection, fields).is_empty();
    assert_eq!(found, expected, "{selection} against {fields}");
}

/// The reason for which the document is refused.
pub(crate) fn refusal(text: &str) -> detect::Refused {
    let mut compiled = compile(text);
    assert_eq!(compiled.rules.rules().len(), 0, "must be refused: {text}");
    assert_eq!(compiled.refused.len(), 1, "{text}");
    compiled.refused.remove(0)
}
