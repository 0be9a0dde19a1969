//! The examples of the specification's own text, each with an event that it means and one that it does not.
//! The brute force and alias examples of the correlation specification are in `correlations`.

use crate::correlations::{event_at, ready};
use crate::support::check;
use detect::{CompileOptions, Correlator, RuleSource};
use std::sync::Arc;

#[test]
fn examples_of_the_rules_specification() {
    let whoami = r"{Image: 'C:\Windows\System32\whoami.exe'}";
    check(whoami, r#"{"Image":"c:\\windows\\system32\\WHOAMI.EXE"}"#, true);
    check(whoami, r#"{"Image":"C:\\Windows\\whoami.exe"}"#, false);
    for (pattern, value, expected) in [
        ("prog?.exe", "progB.exe", true),
        ("prog?.exe", "prog.exe", false),
        ("antivirus_V*.exe", "antivirus_V21.2.1.exe", true),
        ("antivirus_V*.exe", "antivirus.exe", false),
    ] {
        check(&format!("{{F: '{pattern}'}}"), &format!(r#"{{"F":"{value}"}}"#), expected);
    }
    let keywords = "['EVILSERVICE', 'svchost.exe -n evil']";
    check(keywords, r#"{"Message":"the EvilService was installed"}"#, true);
    check(keywords, r#"{"Message":"x","Line":"C:\\svchost.exe -n EVIL"}"#, true);
    check(keywords, r#"{"Message":"svchost.exe"}"#, false);
    let maps = r"[{Image|endswith: '\\example.exe'}, {Description|contains: 'Test executable'}]";
    check(maps, r#"{"Image":"C:\\example.exe"}"#, true);
    check(maps, r#"{"Description":"a test executable."}"#, true);
    check(maps, r#"{"Image":"C:\\example.exe.bak","Description":"none"}"#, false);
    let log = "{EventLog: Security, EventID: [517, 1102]}";
    check(log, r#"{"EventLog":"security","EventID":1102}"#, true);
    check(log, r#"{"EventLog":"System","EventID":1102}"#, false);
    let ticket = "{EventLog: Security, EventID: 4769, TicketOptions: '0x40810000', TicketEncryption: '0x17'}";
    let event = r#"{"EventLog":"Security","EventID":"4769","TicketOptions":"0x40810000","TicketEncryption":"0x17"}"#;
    check(ticket, event, true);
    check(ticket, &event.replace("0x17", "0x12"), false);
    check("{PasswordLastSet|exists: true}", r#"{"PasswordLastSet":null}"#, true);
    check("{PasswordLastSet|exists: true}", "{}", false);
    let all = "{'|all': ['OabVirtualDirectory', ' -ExternalUrl ']}";
    check(all, r#"{"A":"set-oabvirtualdirectory x -ExternalUrl y"}"#, true);
    check(all, r#"{"A":"set-oabvirtualdirectory"}"#, false);
    check("{NewValue: x, SAMUserAccount: y}", r#"{"New Value":"x","SAM User Account":"y"}"#, true);
}

#[test]
fn not_null_is_a_selection_that_is_denied() {
    let detection = "{selection: {EventID: 4738}, filter: {PasswordLastSet: null}, condition: selection and not filter}";
    let found = |fields: &str| crate::support::matches(detection, fields).len();
    assert_eq!(found(r#"{"EventID":4738,"PasswordLastSet":"today"}"#), 1);
    assert_eq!(found(r#"{"EventID":4738,"PasswordLastSet":null}"#), 0);
    assert_eq!(found(r#"{"EventID":4738}"#), 0);
}

#[test]
fn placeholders_are_read_behind_expand_only() {
    check("{F: '%name%'}", r#"{"F":"%name%"}"#, true);
    let text = crate::support::rule(r"{s: {F|expand: '\%plain%name%'}, condition: s}");
    let lists = [("name".to_owned(), vec!["one".to_owned(), "srv*".to_owned()])].into();
    let options = CompileOptions { lists, ..CompileOptions::default() };
    let compiled = detect::compile([RuleSource { name: "t.yml", text: &text }], &options);
    assert_eq!(compiled.refused, []);
    let found = |value: &str| {
        compiled.rules.evaluate(&crate::support::event(&format!(r#"{{"F":"{value}"}}"#))).len()
    };
    assert_eq!((found("%plainone"), found("%plainsrv7"), found("%plain%name%")), (1, 1, 0));
}

#[test]
fn examples_of_the_modifiers_appendix() {
    check("{F|startswith: adm_}", r#"{"F":"ADM_joe"}"#, true);
    check(r"{F|endswith: '\cmd.exe'}", r#"{"F":"C:\\cmd.exe"}"#, true);
    check("{DestinationIp|cidr: 10.0.0.0/8}", r#"{"DestinationIp":"10.200.1.1"}"#, true);
    check("{F|utf16le: cmd}", r#"{"F":"c\u0000m\u0000d\u0000"}"#, true);
    check("{F|utf16be: cmd}", r#"{"F":"\u0000c\u0000m\u0000d"}"#, true);
    // FF FE 63 00 6d 00 64 00 in base 64.
    check("{F|utf16|base64: cmd}", r#"{"F":"//5jAG0AZAA="}"#, true);
    for dash in ["-", "/", "–", "—", "―"] {
        let event = format!(r#"{{"F":"x {dash}f y"}}"#);
        check("{F|windash|contains: ' -f '}", &event, true);
        // The five are interchangeable, whichever the rule writes.
        check("{F|windash|contains: ' –f '}", &event, true);
    }
}

/// As written, the example keeps what it selects; the words around it ask for the opposite, which is `not`.
#[test]
fn the_example_of_the_filters_specification() {
    let rule = |id: &str, category: &str| {
        format!(
            "title: {id}\nid: {id}\nlevel: low\nlogsource: {{product: test, category: {category}}}\ndetection: {{s: {{F: x}}, condition: s}}\n---\n"
        )
    };
    let rar = "6f3e2987-db24-4c78-a860-b4f4095a7095";
    let filter = format!(
        "title: Filter Administrator account\ndescription: The valid administrator account start with adm_\nlogsource:\n    category: process_creation\n    product: test\nfilter:\n    rules:\n        - {rar} # Data Compressed - rar.exe\n        - df0841c0-9846-4e9f-ad8a-7df91571771b # Login on jump host\n    selection:\n        User|startswith: 'adm_'\n    condition: not selection\n"
    );
    let text = rule(rar, "process_creation") + &rule("other", "process_creation") + &filter;
    let compiled = crate::support::compile(&text);
    let mut event = crate::support::event(r#"{"F":"x","User":"ADM_1"}"#);
    event.source.categories = vec!["process_creation".into()];
    let found: Vec<String> =
        compiled.rules.evaluate(&event).iter().map(|found| found.rule.id.clone()).collect();
    assert_eq!(found, ["other"]);
    // The second rule that it names is not loaded, and that is said.
    assert!(compiled.lints.iter().any(|lint| lint.message.contains("df0841c0")));
}

/// Many failed logins to a host; many users from one place in a day; three commands in five minutes.
#[test]
fn examples_of_the_correlation_specification() {
    let base = |name: &str| {
        format!(
            "title: {name}\nname: {name}\nid: {name}\nlevel: low\nlogsource: {{product: test}}\ndetection: {{s: {{is: {name}}}, condition: s}}\n---\n"
        )
    };
    let id = "5638f7c0-ac70-491d-8465-2a65075e0d86";
    let count = |inner: &str, events: &[(i64, String)]| {
        let bases = base(id) + &base("recon_cmd_a") + &base("recon_cmd_b") + &base("recon_cmd_c");
        let compiled =
            ready(&format!("{bases}title: C\nid: c\nlevel: high\ncorrelation:\n{inner}"));
        let mut state = Correlator::new(Arc::clone(&compiled.correlations));
        let mut told = 0;
        for (number, (second, fields)) in events.iter().enumerate() {
            let event = event_at(second * 1_000_000_000, 1, number as u64 + 1, fields);
            told += state.observe(&event, &compiled.rules.evaluate(&event)).len();
        }
        told
    };
    let logins = "    type: event_count\n    rules:\n        - 5638f7c0-ac70-491d-8465-2a65075e0d86\n    group-by:\n        - ComputerName\n    timespan: 1h\n    condition:\n        gte: 100\n";
    let failed = |number: i64, user: i64| {
        format!(
            r#"{{"is":"{id}","ComputerName":"h","WorkstationName":"w","User":"u{user}{number}"}}"#
        )
    };
    let within = |step: i64| (0..100).map(|n| (n * step, failed(n, 0))).collect::<Vec<_>>();
    assert_eq!((count(logins, &within(36)), count(logins, &within(37))), (1, 0));
    let users = "    type: value_count\n    rules:\n        - 5638f7c0-ac70-491d-8465-2a65075e0d86\n    group-by:\n        - ComputerName\n        - WorkstationName\n    timespan: 1d\n    condition:\n        field: User\n        gte: 100\n";
    let same: Vec<(i64, String)> = (0..150).map(|n| (n, failed(n % 99, 0))).collect();
    assert_eq!((count(users, &within(600)), count(users, &same)), (1, 0));
    let recon = "    type: temporal\n    rules:\n        - recon_cmd_a\n        - recon_cmd_b\n        - recon_cmd_c\n    group-by:\n        - ComputerName\n        - User\n    timespan: 5m\n";
    let run = |user: &str| -> Vec<(i64, String)> {
        let command = |name: &str, user: &str| {
            format!(r#"{{"is":"recon_cmd_{name}","ComputerName":"h","User":"{user}"}}"#)
        };
        vec![(0, command("c", "joe")), (100, command("a", "joe")), (300, command("b", user))]
    };
    assert_eq!((count(recon, &run("joe")), count(recon, &run("ann"))), (1, 0));
}
