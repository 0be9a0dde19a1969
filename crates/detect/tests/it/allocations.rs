//! An event that no rule matches costs no memory: buffers that are there are used again.

use crate::support::event;
use detect::{CompileOptions, RuleSource, Scratch};
use model::Event;

const RULES: &str = r#"
title: Programs
id: programs
level: low
logsource: {product: test}
detection:
  s:
    Image|endswith: ['\\cmd.exe', '\\powershell.exe']
    CommandLine|contains|all: [' -enc ', bypass]
  f: {User|re: '^(SYSTEM|LOCAL).*$'}
  condition: s and not f
---
title: Words in any field
id: words
level: low
logsource: {product: test}
detection: {k: ['sekurlsa::logonpasswords', 'kiwi legit printer'], condition: k}
---
title: Numbers, networks, lists and maps
id: others
level: low
logsource: {product: test}
detection:
  s: {Port|gte: 60000, Address|cidr: 10.0.0.0/8, Hashes|contains: '0000000000', Outer.inner: x}
  n: {EventID: [1, 3, 4688]}
  condition: s and n
---
title: Two fields
id: two
level: low
logsource: {product: test}
detection: {s: {Image|fieldref: Parent}, condition: s}
"#;

fn events(first: usize, count: usize) -> Vec<Event> {
    let one = |number: usize| {
        event(&format!(
            r#"{{"EventID":{},"Image":"C:\\\\Programs\\\\Number {number}\\\\cmd.exe","Parent":"C:\\\\explorer.exe",
                "CommandLine":"cmd.exe /c echo {number} ÄÖ","User":"user{}","Port":{},"Address":"10.1.2.3",
                "Hashes":["SHA256={number:064x}","MD5={number:032x}"],"Outer":{{"inner":"{number}"}}}}"#,
            number % 5,
            number % 9,
            1_000 + number % 50_000,
        ))
    };
    (first..first + count).map(one).collect()
}

#[test]
fn an_event_without_a_match_allocates_nothing() {
    let sources = [RuleSource { name: "t.yml", text: RULES }];
    let compiled = detect::compile(sources, &CompileOptions::default());
    assert_eq!(compiled.refused, []);
    let mut scratch = Scratch::default();
    // Plans are made, learn once, and buffers grow to their size.
    for event in events(0, 20_000) {
        for _ in 0..3 {
            assert_eq!(compiled.rules.evaluate_with(&event, &mut scratch), []);
        }
    }
    let (known, new) = (events(19_000, 1_000), events(20_000, 1_000));
    let mut matches = 0;
    let of_known = allocation_counter::measure(|| {
        for event in &known {
            matches += compiled.rules.evaluate_with(event, &mut scratch).len();
        }
    });
    let of_new = allocation_counter::measure(|| {
        for event in &new {
            matches += compiled.rules.evaluate_with(event, &mut scratch).len();
        }
    });
    assert_eq!(matches, 0);
    assert_eq!((of_known.count_total, of_new.count_total), (0, 0));
    // What is counted is what is meant: a match must allocate.
    let matching = event(r#"{"EventID":1,"X":"SEKURLSA::LogonPasswords"}"#);
    let of_match = allocation_counter::measure(|| {
        matches += compiled.rules.evaluate_with(&matching, &mut scratch).len();
    });
    assert!(matches == 1 && of_match.count_total > 0);
}
