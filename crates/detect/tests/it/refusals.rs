//! What cannot be evaluated exactly is refused with source, line, cause and remedy; the rest goes on.

use crate::support::{compile, refusal, rule};
use detect::RuleError;

/// The detection must be refused with these words in the reason.
fn check(detection: &str, words: &str) {
    let refused = refusal(&rule(detection));
    assert!(refused.reason.contains(words), "{detection}: {}", refused.reason);
    assert!(!refused.remedy.is_empty());
    assert_eq!((refused.source.as_str(), refused.title.as_deref()), ("test.yml", Some("Test")));
    assert!(refused.line.is_some(), "{detection}");
}

#[test]
fn detections_that_mean_nothing_are_refused() {
    check("{sel: {F|contians: x}, condition: sel}", "\"contians\" is not a modifier");
    check("{sel: {F|contains|contains: x}, condition: sel}", "occurs twice");
    check("{sel: {'F|': x}, condition: sel}", "is missing");
    check("{sel: {F|exists: maybe}, condition: sel}", "true or false");
    check("{sel: {F|exists|all: true}, condition: sel}", "stands alone");
    check("{sel: {F|i: x}, condition: sel}", "behind re");
    check("{sel: {F|re|contains: x}, condition: sel}", "does not apply to a regular expression");
    check("{sel: {F|re|cased: x}, condition: sel}", "cased does not apply");
    check("{sel: {F|re: '(?=x)'}, condition: sel}", "look-around");
    check("{sel: {F|re: '('}, condition: sel}", "unclosed group");
    check("{sel: {F|re: 'a{100000}{1000}'}, condition: sel}", "regular expression");
    check("{sel: {F|base64: 'a*'}, condition: sel}", "wildcards cannot be encoded");
    check("{sel: {F|contains|base64: a}, condition: sel}", "wildcards cannot be encoded");
    check("{sel: {F|utf16: a}, condition: sel}", "no text");
    check("{sel: {F|cidr: 10.0.0.1/8}, condition: sel}", "bits set behind its prefix");
    check("{sel: {F|lt: '5'}, condition: sel}", "needs a number");
    check("{sel: {F|contains: null}, condition: sel}", "does not apply to null");
    check("{sel: {F|expand: '%x%'}, condition: sel}", "placeholder %x% has no values");
    check("{sel: {F: {G: x}}, condition: sel}", "lists and maps within");
    check("{sel: {F: []}, condition: sel}", "empty list");
    check("{sel: {}, condition: sel}", "empty map");
    check("{sel: [], condition: sel}", "empty list");
    check("{sel: , condition: sel}", "it is empty");
    check("{sel: {'|exists': true}, condition: sel}", "needs the name of a field");
    check("{sel: {'|startswith': x}, condition: sel}", "not at a start or end");
    check("{sel: {F: x}, condition: other}", "no selection is called");
    check("{sel: {F: x}, condition: sel | count() > 5}", "correlation rule");
    check("{sel: {F: x}}", "detection.condition is missing");
    check("{sel: {F: x}, condition: []}", "detection.condition is missing");
    check("{sel: {F: x}, timeframe: 5m, condition: sel}", "timeframe");
}

#[test]
fn documents_that_are_no_rule_of_single_events_are_refused() {
    let refused = refusal("title: T\ncorrelation:\n  type: event_count\n");
    assert_eq!(refused.line, Some(3));
    assert!(refused.reason.contains("correlation.condition is missing"), "{refused}");
    for (text, words) in [
        ("title: T\nlogsource: {product: x}\nfilter: {}\n", "filter.rules is missing"),
        (
            "title: T\nlogsource: {product: x}\nfilter: {rules: any, s: {A: 1}}\n",
            "filter.condition",
        ),
        ("title: T\nfilter: {rules: any, s: {A: 1}, condition: s}\n", "logsource is missing"),
        ("title: T\nlogsource: {product: x}\nexpires: soon\nfilter: {}\n", "expires is \"soon\""),
        ("title: T\nrelated: [{id: a, type: cousin}]\n", "type is \"cousin\""),
        ("title: T\nstatus: ripe\n", "status is \"ripe\""),
        ("action: global\ntitle: T\n", "action"),
        ("title: T\n", "logsource is missing"),
        ("- a\n", "the document is a list"),
        ("title: T\nlogsource: {}\n", "logsource is empty"),
        ("title: T\nlogsource: {vendor: x}\n", "extended by \"vendor\""),
        ("title: T\ntaxonomy: ecs\n", "taxonomy"),
        ("title: T\nlevel: severe\n", "level is \"severe\""),
        ("title: T\ntitle: U\n", "occurs twice"),
        ("a: !!binary x\n", "tag"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "merge keys"),
        ("title: 'T\n", "yaml"),
        ("", "title is missing"),
        ("# only a comment\n", "title is missing"),
    ] {
        let refused = refusal(text);
        assert!(refused.reason.contains(words), "{text}: {refused}");
    }
}

#[test]
fn hostile_documents_meet_a_limit() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(", "));
    }
    let deep = format!("a: {}\n", "[".repeat(40));
    let long = format!("a: {}\n", "x".repeat(3_000_000));
    let wide = rule(&format!(
        "{{sel: {{F: [{}]}}, condition: '{}'}}",
        "x, ".repeat(5_000),
        ["sel"; 900].join(" and ")
    ));
    for text in [bomb, deep, long, wide] {
        let refused = refusal(&text);
        assert!(matches!(refused.cause, RuleError::TooLarge { .. }), "{refused}");
    }
    // Deeper than the parser itself allows: also refused, and the stack is not at stake.
    refusal(&format!("a: {}\n", "[".repeat(100_000)));
    refusal(&format!("a:{}\n", " -".repeat(100_000)));
}

#[test]
fn p9_one_bad_document_stops_only_itself() {
    let good = |id: &str| {
        format!(
            "title: {id}\nid: {id}\nlevel: low\nlogsource: {{product: test}}\n\
             detection:\n  sel:\n    F: x\n  condition: sel\n"
        )
    };
    let text = format!(
        "# several\n---\n{}---\ntitle: Broken\ndetection: [\n---\n{}---\n{}",
        good("one"),
        good("two"),
        good("one")
    );
    let compiled = compile(&text);
    let ids: Vec<&str> = compiled.rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["one", "two"]);
    let [broken, twice] = compiled.refused.as_slice() else { panic!("{:?}", compiled.refused) };
    assert_eq!(broken.title.as_deref(), Some("Broken"));
    assert!(broken.line.is_some_and(|line| (12..=14).contains(&line)), "{broken}");
    assert_eq!(twice.line, Some(25), "{twice}");
    assert!(matches!(twice.cause, RuleError::DuplicateId { .. }));
    let two = &compiled.rules.rules()[1];
    assert!(two.text.starts_with("---\ntitle: two") && two.text.ends_with("condition: sel\n"));
    assert_eq!(two.source_line, 14);
    assert_eq!(two.revision.len(), 64);
}

#[test]
fn refusals_name_source_line_cause_and_remedy() {
    let text = "title: T\nlogsource:\n  product: test\ndetection:\n  sel:\n    F|cidr:\n      - 10.0.0.0/8\n      - ten\n  condition: sel\n";
    assert_eq!(
        refusal(text).to_string(),
        "test.yml:8: T: value \"ten\" of field \"F\": not a network such as 10.0.0.0/8; \
         correct the value or its modifiers"
    );
}

#[test]
fn doubtful_rules_load_with_a_remark() {
    let text = "title: T\nlogsource: {product: test}\nstatus: deprecated\ndetection:\n  sel: {F|contains|all: x, G: 0x10}\n  unused: {F: y}\n  condition: sel\n";
    let compiled = compile(text);
    let shown: Vec<String> = compiled.lints.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "test.yml:1: T: no level; medium is assumed",
            "test.yml:1: T: status deprecated: loaded, but not evaluated",
            "test.yml:5: T: F|contains|all: all with a single value changes nothing",
            "test.yml:5: T: 0x10 means the number 16; quote it to mean text",
            "test.yml:6: T: selection unused is not used by the condition",
        ]
    );
    let rule = &compiled.rules.rules()[0];
    assert_eq!(rule.id, "test");
    assert!(!rule.is_active());
    let event = crate::support::event(r#"{"F":"x","G":16}"#);
    assert_eq!(compiled.rules.evaluate(&event), []);
}

/// Found by fuzzing: the engine took it for a filter and the plain evaluator for a rule.
#[test]
fn a_document_is_a_rule_or_a_filter() {
    let text = rule("{sel: {F: x}, condition: sel}")
        + "filter:\n  rules: any\n  sel: {F: y}\n  condition: not sel\n";
    let refused = refusal(&text);
    assert_eq!(refused.line, Some(7));
    assert!(refused.reason.contains("filter is beside a detection"), "{}", refused.reason);
}

#[test]
fn a_selection_that_no_condition_uses_must_mean_something_too() {
    // Found by fuzzing: the engine loaded the rule, and the plain evaluator could not explain its alerts.
    check("{sel: {F: x}, unused: {F|re: 'a\\'}, condition: sel}", "escape");
    let many: Vec<String> =
        (0..=detect::limits::REGEXES_PER_RULE_MAX).map(|number| format!("a{number}")).collect();
    let unused = format!("{{F|re: [{}]}}", many.join(", "));
    check(&format!("{{sel: {{F: x}}, unused: {unused}, condition: sel}}"), "regular expressions");
}

#[test]
fn fields_that_no_source_supplies_are_remarked() {
    let remarks = |source: &str, selection: &str| -> Vec<String> {
        let text =
            rule(&format!("{{s: {selection}, condition: s}}")).replace("product: test", source);
        let fields = Some(detect::SuppliedFields::of_this_version());
        let options = detect::CompileOptions { fields, ..Default::default() };
        let sources = [detect::RuleSource { name: "t.yml", text: &text }];
        let compiled = detect::compile(sources, &options);
        assert_eq!(compiled.refused, []);
        compiled.lints.iter().map(|lint| lint.message.clone()).collect()
    };
    let windows = "product: windows\n  category: process_creation";
    assert_eq!(remarks(windows, "{Image: a, CommandLine|contains: b}"), [] as [&str; 0]);
    assert_eq!(
        remarks(windows, "{image: a, Nonsense|fieldref: Image}"),
        [
            "no source of process_creation supplies the field image; Image is meant perhaps",
            "no source of process_creation supplies the field Nonsense",
        ]
    );
    let linux = "product: linux\n  category: network_connection";
    assert_eq!(remarks(linux, "{DestinationIp: a}"), [] as [&str; 0]);
    assert_eq!(remarks(linux, "{DestinationIP: a}").len(), 1);
    // Nobody knows the fields of this one.
    assert_eq!(remarks("product: windows\n  service: security", "{Nonsense: a}"), [] as [&str; 0]);
}
