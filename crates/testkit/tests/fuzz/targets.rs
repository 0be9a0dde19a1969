//! What is done with hostile bytes. A target returns, or the test fails.

use detect::{CompileOptions, Compiled, Correlator, RuleSource, plain, testing};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp,
};
use std::sync::Arc;

pub(crate) const FILTERS_AND_CORRELATIONS: &[&str] = &[
    "title: F\nid: f\nlogsource: {product: windows}\nfilter:\n  rules: any\n  s: {Image|endswith: a}\n  condition: not s\n---\ntitle: R\nid: r\nlevel: low\nlogsource: {product: windows}\ndetection: {s: {Image: '*'}, condition: s}\n",
    "title: A\nname: a\nid: a\nlevel: low\nlogsource: {product: windows}\ndetection: {s: {Image: '*'}, condition: s}\n---\ntitle: C\nid: c\nlevel: low\ncorrelation:\n  type: value_count\n  rules: [a]\n  group-by: [Image, DeviceId]\n  timespan: 5m\n  condition: {field: [User, Image], gte: 1, lt: 9}\n---\ntitle: D\nid: d\nlevel: low\ncorrelation: {type: temporal_ordered, rules: [c, a], aliases: {x: {c: Image, a: User}}, group-by: [x], timespan: 1d}\n---\ntitle: E\nid: e\nlevel: low\ncorrelation: {type: temporal, rules: [a, d], timespan: 2h, condition: 'a and not (d or a) or 1 of them', generate: true}\n",
];

pub(crate) const CONDITIONS: &[&str] = &[
    "a and not b or (c and 1 of s_*)",
    "all of them and not 1 of _x*",
    "not not (a or (b and c)) and any of *_1",
    "A OR B AND ALL OF s*",
];

pub(crate) const REGEXES: &[&str] = &[
    r"^(?:[a-z]{2,5}\d+)+$",
    r"(?i)invoke-\w+\s+-enc\s[A-Za-z0-9+/=]{20,}",
    r"\\\\(?:[^\\]+\\)*cmd\.exe",
    r"[\x00-\x1f\u{200b}]|\p{Greek}+?",
];

fn compiled(text: &str) -> Compiled {
    detect::compile([RuleSource { name: "fuzz.yml", text }], &CompileOptions::default())
}

fn event() -> Event {
    let fields: Fields = [
        ("Image", r"C:\Windows\System32\cmd.exe"),
        ("CommandLine", "cmd /c \"powershell -enc aQBlAHgA\" ＡＢＣ"),
        ("User", "joe"),
        ("EventID", "1"),
        ("F", "ab12 x"),
    ]
    .into_iter()
    .collect();
    Event {
        kind: EventKind::ProcessStart,
        device: DeviceId::from_bits(1),
        stream: StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq: 1 },
        observed_at: Timestamp::from_nanos(1),
        received_at: Timestamp::from_nanos(1),
        source: LogSource {
            product: "windows".into(),
            services: vec!["sysmon".into(), "security".into()],
            categories: vec!["process_creation".into(), "file_event".into()],
        },
        fields,
        raw: None,
    }
}

/// Any text is loaded or refused; what is loaded is evaluated, and both evaluators agree.
pub(crate) fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let compiled = compiled(&text);
    for refused in &compiled.refused {
        assert!(!refused.reason.is_empty() && !refused.remedy.is_empty());
    }
    let event = event();
    let found = compiled.rules.evaluate(&event);
    for rule in compiled.rules.rules().iter().filter(|rule| rule.is_active()) {
        let text = rule.text_with_filters();
        let explained = plain::explain(&text, &event);
        let explained = explained.unwrap_or_else(|err| panic!("{err}\n{text}"));
        let matched = found.iter().any(|found| found.rule.id == rule.id);
        assert_eq!(matched, explained.verdict, "{text}");
    }
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    for seq in 1..4 {
        let mut event = event.clone();
        event.stream.seq = seq;
        let told = state.observe(&event, &found);
        assert!(told.iter().all(|found| !found.why().is_empty()));
    }
    let restored = Correlator::restore(Arc::clone(&compiled.correlations), &state.checkpoint());
    assert_eq!(restored.expect("a checkpoint").statistics(), state.statistics());
    drop(state.finish());
}

/// JSON text is YAML too.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if (control as u32) < 0x20 || control == '\u{7f}' => {
                out.push_str(&format!("\\u{:04x}", control as u32));
            }
            other => out.push(other),
        }
    }
    out + "\""
}

fn around(detection: &str) -> String {
    format!(
        "title: T\nid: t\nlevel: low\nlogsource: {{product: windows}}\ndetection: {{{detection}}}\n"
    )
}

pub(crate) fn condition(bytes: &[u8]) {
    let condition = quoted(&String::from_utf8_lossy(bytes));
    let selections =
        "a: {F: ab*}, b: {F: x}, c: {User: joe}, s_1: {Image: '*'}, s_2: [cmd], _x: {G: null}";
    rules(around(&format!("{selections}, condition: {condition}")).as_bytes());
}

pub(crate) fn regex(bytes: &[u8]) {
    let value = quoted(&String::from_utf8_lossy(bytes));
    for flags in ["", "|i|m|s"] {
        let detection = format!(
            "s: {{CommandLine|re{flags}: {value}}}, k: {{'|re': {value}}}, condition: s or k"
        );
        rules(around(&detection).as_bytes());
    }
}

pub(crate) fn rule_test(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A number that repeats an event is limited, but a limit of many events is slow here.
    if let Ok(test) = testing::parse("fuzz.test.yml", &text) {
        let rules = compiled(&around("s: {Image: '*'}, condition: s"));
        let outcomes = testing::run(&rules, &test);
        assert_eq!(outcomes.len(), test.cases.len());
    }
}

/// An event log is read to its end: records and errors, no panic, and no more records than bytes.
pub(crate) fn event_log(bytes: &[u8]) {
    let Ok(reader) = decode::evtx::Reader::new(bytes.to_vec()) else { return };
    let mut records = 0_usize;
    for record in reader {
        records += 1;
        assert!(records <= bytes.len(), "more records than bytes");
        if let Ok(record) = record {
            let stream = StreamKey {
                agent: AgentId::from_bits(1),
                epoch: EpochId::from_bits(1),
                seq: record.record_id,
            };
            let event = record.into_event(DeviceId::from_bits(1), stream, Timestamp::default());
            assert!(event.fields.len() <= model::limits::FIELDS_MAX);
        }
    }
}

fn correlated() -> Compiled {
    compiled(FILTERS_AND_CORRELATIONS[1])
}

pub(crate) fn checkpoint_seed() -> Vec<u8> {
    let compiled = correlated();
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    for seq in 1..9 {
        let mut event = event();
        event.stream.seq = seq;
        drop(state.observe(&event, &compiled.rules.evaluate(&event)));
    }
    state.checkpoint()
}

/// A changed checkpoint is refused: by its checksum, or, where that was made to fit, by its content or not
/// at all.
pub(crate) fn checkpoint(bytes: &[u8]) {
    let set = correlated().correlations;
    let seed = checkpoint_seed();
    let restored = Correlator::restore(Arc::clone(&set), bytes);
    assert_eq!(restored.is_ok(), bytes == seed);
}
