//! Whatever a rule feed sends, loading it ends, and ends without a panic.

use crate::support::{compile, event};
use proptest::prelude::*;

const RULE: &str = "title: T\nid: r\nlevel: low\nlogsource:\n  product: test\ndetection:\n  sel:\n    \
                    F|contains|all:\n      - 'a*b\\c'\n      - \"x\\ty\"\n    G|re: '^a{2,3}(b|c)$'\n    \
                    H|cidr: 10.0.0.0/8\n  keys:\n    - word\n    - |\n      block\n  condition: sel and not 1 of keys*\n";

/// A rule after some edits: characters taken out, put in, or a part repeated.
fn edited() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        prop::sample::select(vec![
            "", "-", ":", "|", "*", "&a ", "*a", "[", "]", "{", "}", "'", "\"", "\n", "\n---\n",
            "\t", "  ", "#", "!", "%", "\u{0}", "\u{feff}", "é", "?", "\\", "(", ")", "not ",
            "of ", "<<: ", "...\n", "~",
        ]),
        0_usize..4,
    );
    prop::collection::vec(edit, 0..6).prop_map(|edits| {
        let mut letters: Vec<char> = RULE.chars().collect();
        for (place, text, removed) in edits {
            let at = place.index(letters.len());
            let end = (at + removed).min(letters.len());
            letters.splice(at..end, text.chars());
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p9_an_edited_rule_loads_or_is_refused(text in edited()) {
        let compiled = compile(&text);
        prop_assert!(!compiled.rules.rules().is_empty() || !compiled.refused.is_empty());
        for refused in &compiled.refused {
            prop_assert!(!refused.reason.is_empty() && !refused.remedy.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(refused.line.is_none_or(|line| (1..=lines).contains(&line)), "{}", refused);
        }
        let seen = event(r#"{"F":"aXb\\c x\ty","G":"aab","H":"10.0.0.1","I":["word",{"J":null}]}"#);
        let found = compiled.rules.evaluate(&seen);
        prop_assert!(found.len() <= compiled.rules.rules().len());
    }

    #[test]
    fn p9_any_text_loads_or_is_refused(text in "\\PC{0,200}", tail in any::<String>()) {
        let compiled = compile(&(text + "\n" + &tail));
        prop_assert_eq!(compiled.rules.rules().len(), 0);
        prop_assert!(!compiled.refused.is_empty());
    }
}
