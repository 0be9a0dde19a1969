//! What becomes of one record: names, values, kind, log sources, aliases.

use crate::forge::{element, file, process_start};
use decode::evtx::Reader;
use model::{EventKind, Timestamp, Value};

/// `Event` of a system part and a payload, decoded, as `name=value` lines in order.
fn fields(system: &str, payload: &str) -> Vec<String> {
    let text = format!(r#"{{"Event":{{"System":{{{system}}},{payload}}}}}"#);
    let decoded = decode::windows::of_json(&text).expect("is an event");
    decoded
        .fields
        .iter()
        .map(|(name, value)| {
            format!("{name}={}", serde_json::to_string(value).expect("serialises"))
        })
        .collect()
}

const SYSTEM: &str = r##""Provider":{"#attributes":{"Name":"P","Guid":"{1}"}},"EventID":{"#attributes":{"Qualifiers":16384},"#text":7036},"Channel":"C","Security":null"##;

#[test]
fn the_system_part_is_flattened_as_sigma_names_it() {
    let expected = [
        r#"Provider_Name="P""#,
        r#"Provider_Guid="{1}""#,
        "EventID_Qualifiers=16384",
        "EventID=7036",
        r#"Channel="C""#,
    ];
    assert_eq!(fields(SYSTEM, r#""EventData":null"#), expected);
}

#[test]
fn payloads_are_flattened() {
    let check = |payload: &str, expected: &[&str]| {
        assert_eq!(fields(r#""EventID":1"#, payload)[1..], *expected, "{payload}");
    };
    check(
        r#""EventData":{"A":"x ","B":5,"C":true,"D":null}"#,
        &[
            // The blank at the end stays: Windows wrote it.
            r#"A="x ""#,
            "B=5",
            "C=true",
            "D=null",
        ],
    );
    check(
        r##""EventData":{"Data":{"#text":["a","b"]},"Binary":"00"}"##,
        &[r#"Data=["a","b"]"#, r#"Binary="00""#],
    );
    check(r##""EventData":{"Data":{"#text":"alone"}}"##, &[r#"Data=["alone"]"#]);
    check(
        r##""EventData":{"#attributes":{"Name":"X"},"p":"v"}"##,
        &[r#"EventData_Name="X""#, r#"p="v""#],
    );
    check(
        r##""UserData":{"Cleared":{"#attributes":{"xmlns":"u"},"User":"u1","Channel":"Other"}}"##,
        &[r#"User="u1""#, r#"Channel="Other""#],
    );
    check(r#""UserData":{"E":{"Item":{"Path":"a"},"Next":{"Path":"b"}}}"#, &[r#"Path=["a","b"]"#]);
    check(r#""ProcessingErrorData":{"ErrorCode":15005}"#, &["ErrorCode=15005"]);
    check(r#""EventData":{"Threat Name":"T"}"#, &[r#"ThreatName="T""#]);
}

#[test]
fn a_payload_cannot_pass_for_another_event() {
    let shown = fields(
        r##""Provider":{"#attributes":{"Name":"Real"}},"EventID":4,"Computer":"PC""##,
        r#""EventData":{"EventID":1,"Provider_Name":"Microsoft-Windows-Sysmon","Computer":"DC"}"#,
    );
    assert_eq!(
        shown,
        [
            r#"Provider_Name="Real""#,
            "EventID=4",
            r#"Computer="PC""#,
            "EventData_EventID=1",
            r#"EventData_Provider_Name="Microsoft-Windows-Sysmon""#,
            r#"EventData_Computer="DC""#,
        ]
    );
}

#[test]
fn the_cleared_log_is_the_channel_and_the_log_source_stays_the_system_log() {
    let text = r#"{"Event":{"System":{"EventID":104,"Channel":"System"},"UserData":{"LogFileCleared":{"Channel":"Windows PowerShell"}}}}"#;
    let decoded = decode::windows::of_json(text).expect("is an event");
    assert_eq!(decoded.fields.text("Channel"), Some("Windows PowerShell"));
    assert_eq!(decoded.source.services, ["system"]);
}

#[test]
fn a_process_start_of_the_security_log_has_the_names_of_sysmon() {
    let text = r##"{"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{
        "SubjectUserName":"ann","SubjectDomainName":"CORP","SubjectLogonId":"0x3e7",
        "TargetUserName":"-","TargetDomainName":"-",
        "NewProcessId":"0x1a4","NewProcessName":"C:\\new.exe","ProcessId":"0x10",
        "CommandLine":"new","ParentProcessName":"C:\\old.exe","MandatoryLabel":"S-1-16-12288"}}}"##;
    let decoded = decode::windows::of_json(text).expect("is an event");
    assert_eq!(decoded.kind, EventKind::ProcessStart);
    assert_eq!(decoded.source.services, ["security"]);
    assert_eq!(decoded.source.categories, ["process_creation"]);
    let fields = decoded.fields;
    for (name, expected) in [
        ("Image", "C:\\new.exe"),
        ("ParentImage", "C:\\old.exe"),
        ("User", "CORP\\ann"),
        ("IntegrityLevel", "High"),
        ("NewProcessName", "C:\\new.exe"),
    ] {
        assert_eq!(fields.text(name), Some(expected), "{name}");
    }
    assert_eq!(fields.int("ProcessId"), Some(0x1a4));
    assert_eq!(fields.int("ParentProcessId"), Some(0x10));
}

#[test]
fn a_process_started_for_somebody_else_has_that_account() {
    let text = r##"{"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{
        "SubjectUserName":"PC$","SubjectDomainName":"CORP","TargetUserName":"ann",
        "TargetDomainName":"CORP"}}}"##;
    let decoded = decode::windows::of_json(text).expect("is an event");
    assert_eq!(decoded.fields.text("User"), Some("CORP\\ann"));
    assert_eq!(decoded.fields.get("LogonId"), None);
}

#[test]
fn a_registry_value_under_audit_has_the_names_of_sysmon() {
    let text = r#"{"Event":{"System":{"EventID":4657,"Channel":"security"},"EventData":{
        "ObjectName":"\\REGISTRY\\MACHINE\\SOFTWARE\\Run","ObjectValueName":"x",
        "OperationType":"%%1905","NewValue":"evil.exe","ProcessId":"0x4","ProcessName":"C:\\r.exe"}}}"#;
    let decoded = decode::windows::of_json(text).expect("is an event");
    assert_eq!(decoded.kind, EventKind::RegistrySet);
    assert_eq!(decoded.source.categories, ["registry_event", "registry_set"]);
    assert_eq!(decoded.fields.text("TargetObject"), Some("HKLM\\SOFTWARE\\Run\\x"));
    assert_eq!(decoded.fields.text("Details"), Some("evil.exe"));
    assert_eq!(decoded.fields.text("EventType"), Some("SetValue"));
    assert_eq!(decoded.fields.text("Image"), Some("C:\\r.exe"));
}

#[test]
fn a_sysmon_hash_list_gives_the_hash_that_the_lake_indexes() {
    let text = r#"{"Event":{"System":{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Hashes":"SHA1=AA,SHA256=BEEF,IMPHASH=00"}}}"#;
    let decoded = decode::windows::of_json(text).expect("is an event");
    assert_eq!(decoded.fields.text("sha256"), Some("beef"));
    assert_eq!(decoded.fields.text("Hashes"), Some("SHA1=AA,SHA256=BEEF,IMPHASH=00"));
}

#[test]
fn what_is_no_event_record_is_refused_in_words() {
    for (text, expected) in [
        ("{", "its JSON is broken"),
        ("[]", "no Event element"),
        (r#"{"Event":5}"#, "no Event element"),
        (&format!("{}1", "[".repeat(100_000)), "its JSON is broken"),
    ] {
        let reason = decode::windows::of_json(text).expect_err("is refused");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_record_of_a_file_becomes_an_event() {
    let forged = file(&[vec![process_start("C:\\Windows\\System32\\whoami.exe", "whoami /all ")]]);
    let mut reader = Reader::new(forged).expect("is an event log");
    let record = reader.next().expect("has a record").expect("is read");
    assert!(reader.next().is_none());
    assert_eq!(record.record_id, 1);
    assert_eq!(record.kind, EventKind::ProcessStart);
    assert_eq!(
        record.observed_at,
        Timestamp::parse("2026-03-04T05:06:07.1234567Z").expect("valid")
    );
    assert_eq!(record.fields.text("CommandLine"), Some("whoami /all "));
    // Text in the file, a number for rules and the lake.
    assert_eq!(record.fields.get("EventID"), Some(&Value::Int(1)));
    assert_eq!(record.fields.text("Security_UserID"), Some("S-1-5-18"));
    let raw = record.raw.clone().expect("kept");
    assert!(raw.contains(r#""CommandLine":"whoami /all ""#), "{raw}");
    let device = model::DeviceId::from_bits(7);
    let stream = model::StreamKey {
        agent: model::AgentId::from_bits(1),
        epoch: model::EpochId::from_bits(2),
        seq: 3,
    };
    let received_at = Timestamp::from_nanos(5);
    let observed_at = record.observed_at;
    let event = record.into_event(device, stream, received_at);
    assert_eq!((event.device, event.stream, event.received_at), (device, stream, received_at));
    assert_eq!(event.observed_at, observed_at);
    assert!(event.source.satisfies(Some("windows"), Some("sysmon"), Some("process_creation")));
    assert!(event.raw.is_some());
}

#[test]
fn without_a_time_of_creation_the_time_of_writing_counts() {
    let forged = file(&[vec![element("Event").child(element("System"))]]);
    let record = Reader::new(forged).expect("is an event log").next().expect("one").expect("read");
    assert_eq!(record.observed_at, Timestamp::parse("2026-03-04T05:06:08Z").expect("valid"));
    assert_eq!(record.kind, EventKind::Other);
}
