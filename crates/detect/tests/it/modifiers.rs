//! One test per modifier and per rule of the language that the vectors leave out.

use crate::support::check;

#[test]
fn values_without_modifier_are_compared_as_a_whole() {
    check(r#"{F: [a, 'B*']}"#, r#"{"F":"bcd"}"#, true);
    check(r#"{F: 5}"#, r#"{"F":5.0}"#, true);
    check(r#"{F: 1.50}"#, r#"{"F":1.5}"#, true);
    check(r#"{F: 1.50}"#, r#"{"F":"1.50"}"#, true);
    check(r#"{F: 00000429}"#, r#"{"F":"00000429"}"#, true);
    check(r#"{F: 00000429}"#, r#"{"F":429}"#, false);
    check(r#"{F: x}"#, r#"{"F":{"x":"x"}}"#, false);
    check(r#"{F: ['', x]}"#, r#"{"F":""}"#, true);
    check(r#"{F: [null, x]}"#, r#"{}"#, true);
    check(r#"{F: null}"#, r#"{"F":["a",null]}"#, true);
    check(r#"{F: null}"#, r#"{"F":[]}"#, true);
    check(r#"{F: '*'}"#, r#"{"F":null}"#, false);
    check(r#"{'Thread Name': x}"#, r#"{"ThreadName":"x"}"#, true);
    check(r#"{a.b: x}"#, r#"{"a":{"b":"x"}}"#, true);
}

#[test]
fn contains_startswith_endswith() {
    check(r#"{F|contains: "ÄB"}"#, r#"{"F":"xäby"}"#, true);
    check(r#"{F|startswith: [x, ab]}"#, r#"{"F":"ABC"}"#, true);
    check(r#"{F|startswith: bc}"#, r#"{"F":"abc"}"#, false);
    check(r#"{F|endswith: '1?'}"#, r#"{"F":"port 17"}"#, true);
    check(r#"{F|endswith: '1?'}"#, r#"{"F":"port 1"}"#, false);
    check(r#"{F|contains: ''}"#, r#"{"F":""}"#, true);
    check(r#"{F|contains: ''}"#, r#"{}"#, false);
    check(r#"{F|contains: true}"#, r#"{"F":"is TRUE"}"#, true);
}

#[test]
fn all() {
    check(r#"{F|all: ['a*', '*c']}"#, r#"{"F":"abc"}"#, true);
    check(r#"{F|all: ['a*', '*c']}"#, r#"{"F":"abd"}"#, false);
    check(r#"{F|contains|all: [a, b]}"#, r#"{"F":["a","b"]}"#, true);
    check(r#"{'|all': [a, b]}"#, r#"{"F":"a","G":"xb"}"#, true);
    check(r#"{'|all': [a, b]}"#, r#"{"F":"a"}"#, false);
    check(r#"{F|base64offset|contains|all: [abc, xyz]}"#, r#"{"F":"YWJj"}"#, false);
}

#[test]
fn cased() {
    check(r#"{F|cased: Abc}"#, r#"{"F":"Abc"}"#, true);
    check(r#"{F|startswith|cased: aB}"#, r#"{"F":"abc"}"#, false);
    check(r#"{A|fieldref|cased: B}"#, r#"{"A":"x","B":"X"}"#, false);
}

#[test]
fn exists() {
    check(r#"{F|exists: true}"#, r#"{}"#, false);
    check(r#"{F|exists: false}"#, r#"{"F":null}"#, false);
}

#[test]
fn neq_denies_the_whole_list() {
    check(r#"{F|neq: [a, b]}"#, r#"{"F":"a"}"#, false);
    check(r#"{F|neq: [a, b]}"#, r#"{"F":"c"}"#, true);
    check(r#"{F|contains|neq: a}"#, r#"{"F":"xax"}"#, false);
    check(r#"{F|contains|all|neq: [a, b]}"#, r#"{"F":"a"}"#, true);
    check(r#"{F|contains|all|neq: [a, b]}"#, r#"{"F":"ab"}"#, false);
    check(r#"{A|fieldref|neq: B}"#, r#"{"A":"x","B":"X"}"#, false);
    check(r#"{A|fieldref|neq: B}"#, r#"{"A":"x","B":"y"}"#, true);
}

#[test]
fn re_with_its_flags() {
    check(r#"{F|re: '^a\d+$'}"#, r#"{"F":"a12"}"#, true);
    check(r#"{F|re|i|m|s: '^B.C$'}"#, r#"{"F":"a\nb\nc"}"#, true);
    check(r#"{F|re: 5}"#, r#"{"F":1500}"#, true);
    check(r#"{F|re: 'b$'}"#, r#"{"F":"ab\n"}"#, true);
    check(r#"{F|re: 'b$'}"#, r#"{"F":"ab\n\n"}"#, false);
    check(r#"{F|re: 'b\z'}"#, r#"{"F":"ab\n"}"#, false);
    check(r#"{'|re': 'a{3}'}"#, r#"{"F":["x",{"G":"baaab"}]}"#, true);
}

#[test]
fn base64_and_utf16() {
    check(r#"{F|utf16be|base64offset|contains: ping}"#, r#"{"F":"eHgAcABpAG4AZw=="}"#, true);
    check(r#"{F|wide: ab}"#, r#"{"F":"a\u0000b\u0000"}"#, true);
    check(r#"{F|wide|contains: ab}"#, r#"{"F":"xa\u0000b\u0000x"}"#, true);
    check(r#"{F|base64: 12}"#, r#"{"F":"MTI="}"#, true);
    check(r#"{'|base64offset|contains': 'http://'}"#, r#"{"F":"eHlodHRwOi8vZXZpbA=="}"#, true);
}

#[test]
fn windash_takes_any_combination_of_dashes() {
    let selection = r#"{F|contains|windash: ' -a /b '}"#;
    check(selection, r#"{"F":"x /a —b y"}"#, true);
    check(selection, r#"{"F":"x –a ―b y"}"#, true);
    check(selection, r#"{"F":"x +a /b y"}"#, false);
    check(r#"{F|windash|endswith: '-X'}"#, r#"{"F":"run /x"}"#, true);
}

#[test]
fn cidr() {
    check(r#"{F|cidr: [10.0.0.0/8, '::1/128']}"#, r#"{"F":"::1"}"#, true);
    check(r#"{F|cidr: 192.168.1.1}"#, r#"{"F":"192.168.1.1"}"#, true);
    check(r#"{F|cidr: 10.0.0.0/8}"#, r#"{"F":["x","10.9.9.9"]}"#, true);
}

#[test]
fn comparisons() {
    check(r#"{F|lt: 1.5}"#, r#"{"F":1}"#, true);
    check(r#"{F|gte: 18446744073709551615}"#, r#"{"F":18446744073709551615}"#, true);
    check(r#"{F|gt: -1}"#, r#"{"F":"0"}"#, true);
    check(r#"{F|lte: 5}"#, r#"{}"#, false);
    check(r#"{F|gt: 5}"#, r#"{"F":[1,7]}"#, true);
}

#[test]
fn parts_of_a_date() {
    let time = r#"{"T":"2026-08-21 05:03:22.123"}"#;
    check("{T|minute: 3}", time, true);
    check("{T|hour: [5, 6]}", time, true);
    check("{T|hour|lt: 6}", time, true);
    check("{T|gte|hour: 6}", time, false);
    check("{T|day: 21}", time, true);
    check("{T|week: 34}", time, true);
    check("{T|month: 8}", time, true);
    check("{T|year|gt: 2025}", time, true);
    check("{T|hour: 5}", r#"{"T":"never"}"#, false);
}

#[test]
fn fieldref() {
    check(r#"{A|fieldref|startswith: B}"#, r#"{"A":"xyz","B":"XY"}"#, true);
    check(r#"{A|fieldref|contains: B}"#, r#"{"A":"xyz","B":["q","y"]}"#, true);
    check(r#"{A|fieldref: B}"#, r#"{"A":5,"B":"5"}"#, true);
    check(r#"{A|fieldref: B}"#, r#"{"A":"x"}"#, false);
    check(r#"{A|fieldref: B}"#, r#"{}"#, false);
}

#[test]
fn expand_takes_its_values_from_the_lists() {
    let options = detect::CompileOptions {
        lists: [("Servers".to_owned(), vec!["dc1".to_owned(), "web*".to_owned()])].into(),
        ..detect::CompileOptions::default()
    };
    let text = crate::support::rule("{sel: {F|expand|endswith: '-%Servers%'}, condition: sel}");
    let compiled =
        detect::compile([detect::RuleSource { name: "test.yml", text: &text }], &options);
    let found = |fields: &str| compiled.rules.evaluate(&crate::support::event(fields)).len();
    assert_eq!(found(r#"{"F":"eu-DC1"}"#), 1);
    assert_eq!(found(r#"{"F":"eu-web7"}"#), 1);
    assert_eq!(found(r#"{"F":"eu-dc2"}"#), 0);
    let why = &compiled.rules.evaluate(&crate::support::event(r#"{"F":"eu-dc1"}"#))[0].why[0];
    assert_eq!((why.pattern.as_str(), why.modifier.as_str()), ("-%Servers%", "expand|endswith"));
}

#[test]
fn keywords_and_lists_of_maps_may_stand_side_by_side() {
    check(r#"[needle, {F: x}]"#, r#"{"G":"a NEEDLE"}"#, true);
    check(r#"[needle, {F: x}]"#, r#"{"F":"x"}"#, true);
    check("needle", r#"{"G":["a","needles"]}"#, true);
    check("44", r#"{"G":1445}"#, true);
}
