//! Sentences of explanation: each modifier in both languages, denied too.

use crate::correlations::{correlation, event_at, ready};
use crate::support::{event, matches};
use detect::Correlator;
use detect::sentence::{Sentence, of_alert, of_leaf};
use model::{Alert, Family, Timestamp};
use std::sync::Arc;

/// Modifier, pattern, and what is said when it holds and when it does not.
const SAID: &[(&str, &str, [&str; 2], [&str; 2])] = &[
    ("", "cmd", ["が「cmd」です", "は「cmd」ではありません"], ["is “cmd”", "is not “cmd”"]),
    (
        "",
        "a*b",
        ["が「a*b」の形をしています", "は「a*b」の形をしていません"],
        ["has the form “a*b”", "does not have the form “a*b”"],
    ),
    (
        "contains",
        "-enc",
        ["に「-enc」が含まれています", "に「-enc」は含まれていません"],
        ["contains “-enc”", "does not contain “-enc”"],
    ),
    (
        "contains|all",
        "x",
        ["に「x」が含まれています", "に「x」は含まれていません"],
        ["contains “x”", "does not contain “x”"],
    ),
    (
        "startswith",
        "C:",
        ["が「C:」で始まります", "は「C:」で始まりません"],
        ["begins with “C:”", "does not begin with “C:”"],
    ),
    (
        "endswith",
        ".exe",
        ["が「.exe」で終わります", "は「.exe」で終わりません"],
        ["ends with “.exe”", "does not end with “.exe”"],
    ),
    (
        "contains|cased",
        "X",
        [
            "に「X」が含まれています（大文字・小文字を区別）",
            "に「X」は含まれていません（大文字・小文字を区別）",
        ],
        ["contains “X” (case-sensitive)", "does not contain “X” (case-sensitive)"],
    ),
    (
        "contains|windash",
        "-x",
        [
            "に「-x」が含まれています（ハイフンの種類は問いません）",
            "に「-x」は含まれていません（ハイフンの種類は問いません）",
        ],
        ["contains “-x” (with any kind of dash)", "does not contain “-x” (with any kind of dash)"],
    ),
    ("neq", "cmd", ["は「cmd」ではありません", "が「cmd」です"], ["is not “cmd”", "is “cmd”"]),
    (
        "re",
        "a+",
        ["が正規表現「a+」に一致します", "は正規表現「a+」に一致しません"],
        ["fits the regular expression “a+”", "does not fit the regular expression “a+”"],
    ),
    (
        "re|i|m|s",
        "a",
        [
            "が正規表現「a」に一致します（大文字・小文字を区別しない、行ごと、改行も1文字とみなす）",
            "は正規表現「a」に一致しません（大文字・小文字を区別しない、行ごと、改行も1文字とみなす）",
        ],
        [
            "fits the regular expression “a” (ignoring case, line by line, with line breaks as any character)",
            "does not fit the regular expression “a” (ignoring case, line by line, with line breaks as any character)",
        ],
    ),
    (
        "cidr",
        "10.0.0.0/8",
        [
            "はネットワーク「10.0.0.0/8」の中のアドレスです",
            "はネットワーク「10.0.0.0/8」の中のアドレスではありません",
        ],
        ["is an address of the network “10.0.0.0/8”", "is no address of the network “10.0.0.0/8”"],
    ),
    ("lt", "5", ["が5未満です", "が5以上です"], ["is less than 5", "is at least 5"]),
    ("lte", "5", ["が5以下です", "が5より大です"], ["is at most 5", "is more than 5"]),
    ("gt", "5", ["が5より大です", "が5以下です"], ["is more than 5", "is at most 5"]),
    ("gte", "5", ["が5以上です", "が5未満です"], ["is at least 5", "is less than 5"]),
    (
        "base64",
        "x",
        ["が「x」のBase64表現です", "は「x」のBase64表現ではありません"],
        ["is the Base64 form of “x”", "is not the Base64 form of “x”"],
    ),
    (
        "base64offset|contains",
        "x",
        ["に「x」のBase64表現が含まれています", "に「x」のBase64表現は含まれていません"],
        ["contains the Base64 form of “x”", "does not contain the Base64 form of “x”"],
    ),
    (
        "wide|base64offset|contains",
        "x",
        [
            "に「x」のUTF-16（LE）表現のBase64表現が含まれています",
            "に「x」のUTF-16（LE）表現のBase64表現は含まれていません",
        ],
        [
            "contains the Base64 form of the UTF-16 (LE) form of “x”",
            "does not contain the Base64 form of the UTF-16 (LE) form of “x”",
        ],
    ),
    (
        "utf16be|base64",
        "x",
        [
            "が「x」のUTF-16（BE）表現のBase64表現です",
            "は「x」のUTF-16（BE）表現のBase64表現ではありません",
        ],
        [
            "is the Base64 form of the UTF-16 (BE) form of “x”",
            "is not the Base64 form of the UTF-16 (BE) form of “x”",
        ],
    ),
    (
        "utf16|base64",
        "x",
        ["が「x」のUTF-16表現のBase64表現です", "は「x」のUTF-16表現のBase64表現ではありません"],
        [
            "is the Base64 form of the UTF-16 form of “x”",
            "is not the Base64 form of the UTF-16 form of “x”",
        ],
    ),
    (
        "fieldref",
        "Zz",
        ["がZzの値と同じです", "はZzの値と異なります"],
        ["is the same as Zz", "is not the same as Zz"],
    ),
    (
        "fieldref|contains",
        "Zz",
        ["にZzの値が含まれています", "にZzの値は含まれていません"],
        ["contains the value of Zz", "does not contain the value of Zz"],
    ),
    (
        "fieldref|startswith",
        "Zz",
        ["がZzの値で始まります", "はZzの値で始まりません"],
        ["begins with the value of Zz", "does not begin with the value of Zz"],
    ),
    (
        "fieldref|endswith",
        "Zz",
        ["がZzの値で終わります", "はZzの値で終わりません"],
        ["ends with the value of Zz", "does not end with the value of Zz"],
    ),
    (
        "expand",
        "%admins%",
        ["が一覧「%admins%」のいずれかです", "は一覧「%admins%」のいずれかではありません"],
        ["is one of the list “%admins%”", "is not one of the list “%admins%”"],
    ),
    (
        "hour|gte",
        "22",
        ["の時が22以上です", "の時が22未満です"],
        ["is at least 22", "is less than 22"],
    ),
    ("exists", "true", ["の項目があります", "の項目がありません"], ["", ""]),
];

#[test]
fn every_modifier_has_words_in_both_languages() {
    for (modifier, pattern, ja, en) in SAID {
        for (held, place) in [(true, 0), (false, 1)] {
            let said =
                of_leaf(Family::Process, Some("CommandLine"), modifier, pattern, false, held);
            assert_eq!(
                said.ja,
                format!("コマンドライン（CommandLine）{}", ja[place]),
                "{modifier}"
            );
            if modifier.starts_with("hour") {
                assert_eq!(said.en, format!("The hour of Command line {}", en[place]));
            } else if *modifier == "exists" {
                let word = if held { "a" } else { "no" };
                assert_eq!(said.en, format!("There is {word} field Command line"));
            } else {
                assert_eq!(said.en, format!("Command line {}", en[place]), "{modifier}");
            }
        }
    }
}

#[test]
fn every_part_of_a_date_has_words() {
    for (part, ja, en) in [
        ("minute", "分", "minute"),
        ("day", "日", "day"),
        ("week", "週", "week"),
        ("month", "月", "month"),
        ("year", "年", "year"),
    ] {
        let said = of_leaf(Family::Other, Some("Zz"), part, "3", false, true);
        assert_eq!(
            said,
            Sentence {
                ja: format!("Zzの{ja}が「3」です"), en: format!("The {en} of Zz is “3”")
            }
        );
    }
}

#[test]
fn absence_and_keywords() {
    let said = |field, modifier, pattern, missing, held| {
        of_leaf(Family::Other, field, modifier, pattern, missing, held)
    };
    let pair = |ja: &str, en: &str| Sentence { ja: ja.to_owned(), en: en.to_owned() };
    for (found, wanted) in [
        (said(Some("Zz"), "", "null", true, true), pair("Zzの値がありません", "Zz has no value")),
        (said(Some("Zz"), "", "null", false, false), pair("Zzに値があります", "Zz has a value")),
        (
            said(Some("Zz"), "exists", "false", true, true),
            pair("Zzの項目がありません", "There is no field Zz"),
        ),
        (
            said(Some("Zz"), "contains", "x", true, false),
            pair("Zzの値がありません", "Zz has no value"),
        ),
        (said(Some("Zz"), "neq", "x", true, true), pair("Zzの値がありません", "Zz has no value")),
        (
            said(None, "", "evil", false, true),
            pair("いずれかの項目に「evil」が含まれています", "Some field contains “evil”"),
        ),
        (
            said(None, "", "evil", true, false),
            pair("どの項目にも「evil」は含まれていません", "No field contains “evil”"),
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn values_of_one_field_make_one_sentence() {
    let found = matches(
        "{s: {CommandLine|contains|all: [-enc, -nop]}, keys: [hidden], condition: s and keys}",
        r#"{"CommandLine":"x -NOP -w hidden -enc AA"}"#,
    );
    let alert =
        found[0].clone().into_alert(&event(r#"{"CommandLine":"x"}"#), Timestamp::from_nanos(0));
    let said = of_alert(&alert);
    assert_eq!(said[0].ja, "コマンドライン（CommandLine）に「-enc」と「-nop」が含まれています");
    assert_eq!(said[0].en, "Command line contains “-enc” and “-nop”");
    assert_eq!(said[1].en, "Some field contains “hidden”");
    assert_eq!(said.len(), 2);
}

/// The sentences of the first alert that a correlation raises.
fn correlated(inner: &str, events: &[(i64, &str)]) -> Vec<Sentence> {
    let compiled = ready(&correlation(inner));
    let mut state = Correlator::new(Arc::clone(&compiled.correlations));
    let mut alerts: Vec<Alert> = Vec::new();
    let far = (1_000_000, r#"{"is":""}"#);
    for (number, (second, fields)) in events.iter().chain([&far]).enumerate() {
        let event = event_at(second * 1_000_000_000, 1, number as u64 + 1, fields);
        let found = state.observe(&event, &compiled.rules.evaluate(&event));
        alerts.extend(found.into_iter().map(|found| found.into_alert(Timestamp::from_nanos(0))));
    }
    of_alert(alerts.first().expect("an alert"))
}

#[test]
fn every_kind_of_correlation_has_words() {
    let a = r#"{"is":"a","u":"joe","v":"4"}"#;
    let b = r#"{"is":"b","u":"joe","v":"6"}"#;
    for (inner, ja, en) in [
        (
            "type: event_count, rules: [a, b], group-by: [u], timespan: 10m, condition: {gte: 2}",
            "10分以内に、uが「joe」のイベントが2件ありました（条件：2以上）",
            "Within 10 minutes, there were 2 events with u “joe” (condition: at least 2)",
        ),
        (
            "type: value_count, rules: [a, b], timespan: 1h, condition: {field: v, gt: 1}",
            "1時間以内に、全体でvの異なる値が2種類ありました（条件：1より大）",
            "Within 1 hour, 2 different values of v were seen (condition: more than 1)",
        ),
        (
            "type: value_sum, rules: [a, b], timespan: 1h, condition: {field: v, gte: 9, lt: 99}",
            "1時間以内に、全体でvの合計が10になりました（条件：9以上、99未満）",
            "Within 1 hour, the sum of v was 10 (condition: at least 9, less than 99)",
        ),
        (
            "type: value_avg, rules: [a, b], timespan: 1h, condition: {field: v, eq: 5}",
            "1時間以内に、全体でvの平均が5になりました（条件：ちょうど5）",
            "Within 1 hour, the average of v was 5 (condition: exactly 5)",
        ),
        (
            "type: value_median, rules: [a, b], timespan: 1h, condition: {field: v, neq: 4}",
            "1時間以内に、全体でvの中央値が5になりました（条件：4以外）",
            "Within 1 hour, the median of v was 5 (condition: other than 4)",
        ),
        (
            "type: value_percentile, rules: [a, b], timespan: 1h, condition: {field: v, percentile: 50, gte: 5}",
            "1時間以内に、全体でvの50パーセンタイルが5になりました（条件：5以上）",
            "Within 1 hour, percentile 50 of v was 5 (condition: at least 5)",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 5s",
            "5秒以内に、全体で2種類のルールが成立しました（条件：2以上）",
            "Within 5 seconds, 2 different rules matched (condition: at least 2)",
        ),
        (
            "type: temporal_ordered, rules: [a, b], group-by: [u], timespan: 5s",
            "5秒以内に、uが「joe」のイベントですべてのルールがこの順に成立しました",
            "Within 5 seconds, all rules matched in this order with u “joe”",
        ),
        (
            "type: temporal, rules: [a, b], timespan: 5s, condition: 'a and b'",
            "5秒以内に、全体で条件「a and b」のとおりにルールが成立しました",
            "Within 5 seconds, rules matched as the condition “a and b” asks",
        ),
        (
            "type: temporal, rules: [b, c], timespan: 1d, condition: 'b and not c'",
            "1日以内に、全体で条件「b and not c」で起きてはならないことは起きず、残りが起きました",
            "Within 1 day, what the condition “b and not c” asks for happened, and what it denies did not",
        ),
    ] {
        let said = correlated(inner, &[(1, a), (3, b)]);
        assert_eq!((said[0].ja.as_str(), said[0].en.as_str()), (ja, en), "{inner}");
        assert!(said[1].en.starts_with("Rules that took part: “"), "{said:?}");
    }
}
