//! What authors read when a rule is refused or remarked, in both languages, for documents as people write them.

use crate::support::{compile, refusal, rule};
use detect::sentence::Sentence;
use detect::testing;

/// Cause and remedy in Japanese, for a detection.
fn japanese(detection: &str) -> (String, String) {
    let refused = refusal(&rule(detection));
    (refused.cause.words().ja, refused.cause.remedy_words().ja)
}

#[test]
fn a_refusal_says_cause_and_remedy_in_japanese() {
    for (detection, cause, remedy) in [
        (
            "{sel: {F|contians: x}, condition: sel}",
            "項目「F」の修飾子「contians」: 「contians」は Sigma の修飾子ではありません",
            "Sigma 2.1 の修飾子を正しい順に使ってください: ",
        ),
        (
            "{sel: {F|cidr: 10.0.0.1/8}, condition: sel}",
            "項目「F」の値「10.0.0.1/8」: アドレスの、プレフィックス長 8 より後ろのビットが 0 ではありません",
            "値か修飾子を修正してください",
        ),
        (
            "{sel: {F|re: '(a'}, condition: sel}",
            "項目「F」の値「(a」: 正規表現を解釈できません: グループの閉じ括弧がありません",
            "値か修飾子を修正してください",
        ),
        (
            "{sel: {F|re: '(?=a)'}, condition: sel}",
            "項目「F」の値「(?=a)」: 正規表現を解釈できません: 先読みと後読みは使えません",
            "値か修飾子を修正してください",
        ),
        (
            "{sel: {F|re: '\\p{Nowhere}'}, condition: sel}",
            "項目「F」の値「\\p{Nowhere}」: 正規表現を解釈できません: その Unicode プロパティはありません",
            "値か修飾子を修正してください",
        ),
        (
            "{sel: {F|expand: '%servers%'}, condition: sel}",
            "プレースホルダー %servers% の値がありません",
            "servers のリストを用意するか、値をルールに直接書いてください",
        ),
        (
            "{sel: {F: x}, condition: sel and other}",
            "条件式: 「other」という選択条件はありません（定義済み: sel）",
            "選択条件の名前を and・or・not・括弧・1 of・all of でつないでください",
        ),
        (
            "{sel: {F: x}}",
            "属性 detection.condition がありません",
            "detection.condition を書き加えてください",
        ),
        (
            "{sel: {}, condition: sel}",
            "選択条件「sel」: マップが空です",
            "選択条件に内容を書くか、削除してください",
        ),
        (
            "{sel: {F: x}, timeframe: 5m, condition: sel}",
            "評価できません: 単一イベントのルールでの timeframe",
            "timeframe を削除してください（複数のイベントを見るのは相関ルールだけです）",
        ),
    ] {
        let (found, next) = japanese(detection);
        assert_eq!(found, cause, "{detection}");
        assert!(next.starts_with(remedy), "{detection}: {next}");
    }
    let refused = refusal("title: T\nlogsource: {product: test}\nlevel: severe\n");
    assert_eq!(
        refused.sentence().ja,
        "test.yml:3: T: level が「severe」になっています（書けるもの: informational・low・medium・high・critical のいずれか）。\
         対処: level を次のように書いてください: informational・low・medium・high・critical のいずれか"
    );
}

#[test]
fn a_hostile_rule_is_quoted_with_everything_visible() {
    let trick = "x\\u202e\\u200b\\x1b[2J\\ny";
    for detection in [
        format!("{{sel: {{\"F{trick}|contains|{trick}\": x}}, condition: sel}}"),
        format!("{{sel: {{F|cidr: \"{trick}\"}}, condition: sel}}"),
        format!("{{sel: {{F|re: \"({trick}\"}}, condition: sel}}"),
        format!("{{\"s{trick}\": {{}}, condition: sel}}"),
        format!("{{sel: {{F: x}}, condition: \"{trick}\"}}"),
        format!("{{sel: {{F: x}}, condition: [[\"{trick}\"]]}}"),
    ] {
        let refused = refusal(&rule(&detection));
        for Sentence { ja, en } in [refused.cause.words(), refused.cause.remedy_words()] {
            for text in [ja, en] {
                let bad = |it: char| it.is_control() || ['\u{202e}', '\u{200b}'].contains(&it);
                assert!(!text.contains(bad), "{detection}: {text:?}");
            }
        }
    }
}

#[test]
fn remarks_speak_both_languages() {
    let text = "title: T\nlogsource: {product: test}\nstatus: deprecated\ndetection:\n  sel: {F|contains|all: x, G: 0x10}\n  unused: {F: y}\n  condition: sel\n";
    let compiled = compile(text);
    let ja: Vec<String> = compiled.lints.iter().map(|lint| lint.words().ja).collect();
    assert_eq!(
        ja,
        [
            "level がないため、medium として扱います",
            "status が deprecated のため、読み込みますが評価しません",
            "F|contains|all: 値が1つなので、all を付けても変わりません",
            "0x10 は数値 16 として扱われます。文字列にするには引用符で囲んでください",
            "選択条件 unused は条件式で使われていません",
        ]
    );
    assert_eq!(compiled.lints[4].sentence().ja, format!("test.yml:6: T: {}", ja[4]));
}

#[test]
fn tests_of_a_rule_fail_in_both_languages() {
    let err = testing::parse("t.test.yml", "rule: r\ncases: []\n").expect_err("no cases");
    assert_eq!((err.line, err.words().ja.as_str()), (2, "cases が空です"));
    let err = testing::parse("t.test.yml", "rule: [\n").expect_err("no yaml");
    assert!(err.words().ja.starts_with("YAML として読めません: 構文エラー（"), "{:?}", err.words());
    let rules = compile(&rule("{sel: {Image: /usr/bin/id}, condition: sel}"));
    let id = &rules.rules.rules()[0].id;
    let test = format!(
        "rule: {id}\ncases:\n  - {{name: 夜間の実行, expect: none, event: {{product: test, fields: {{Image: /usr/bin/id}}}}}}\n  - {{name: id, expect: match, event: {{product: test, fields: {{Image: /bin/ls}}}}}}\n"
    );
    let test = testing::parse("t.test.yml", &test).expect("readable");
    let said: Vec<String> =
        testing::run(&rules, &test).iter().map(|outcome| outcome.sentence().ja).collect();
    assert_eq!(
        said,
        [
            "夜間の実行: 一致しないはずが、一致しました、sel: Image が「/usr/bin/id」",
            "id: 一致するはずが、一致しませんでした",
        ]
    );
}
