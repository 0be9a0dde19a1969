//! What may not stand in a source, and what must.

use super::{files, read, root, shown};
use model::Promise;

#[test]
fn sources_hold_no_bidi_or_control_characters() {
    for extension in ["rs", "toml", "md", "html", "css", "js", "ftl", "yml", "c", "h"] {
        for path in files(extension) {
            for (number, line) in read(&path).lines().enumerate() {
                let hidden = line.chars().find(|character| {
                    matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
                        || (character.is_control() && *character != '\t')
                });
                assert_eq!(hidden, None, "{}:{} hides a character", shown(&path), number + 1);
            }
        }
    }
}

#[test]
fn templates_hold_no_inline_script_or_style() {
    for path in files("html") {
        for (number, line) in read(&path).lines().enumerate() {
            let place = format!("{}:{}", shown(&path), number + 1);
            assert!(!line.contains("|safe") && !line.contains("| safe"), "{place}: |safe");
            assert!(!line.contains("style=\""), "{place}: style attribute");
            assert!(!line.contains("<script>"), "{place}: inline script");
            for handler in
                [" onclick=", " onload=", " onchange=", " onsubmit=", " onerror=", " oninput="]
            {
                assert!(!line.contains(handler), "{place}:{handler}");
            }
        }
    }
}

#[test]
fn an_ignored_test_names_its_issue() {
    for path in files("rs") {
        for (number, line) in read(&path).lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[ignore") {
                assert!(
                    line.contains("issue #"),
                    "{}:{}: name the issue",
                    shown(&path),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn the_promises_page_is_current_and_its_tests_exist() {
    let page = read(&root().join("docs/promises.md"));
    let sources: String = files("rs").iter().map(|path| read(path)).collect();
    for promise in Promise::ALL {
        assert!(
            page.contains(promise.text()),
            "docs/promises.md lacks the sentence of {promise:?}"
        );
    }
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        for word in line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.starts_with('p') && word.contains('_'))
        {
            named += 1;
            assert!(
                sources.contains(&format!("fn {word}(")),
                "docs/promises.md names {word}, which is no test"
            );
        }
    }
    assert!(named > 0, "docs/promises.md names no test");
}

#[test]
fn sources_name_no_machine_paths() {
    for extension in ["rs", "toml", "md", "html", "ftl", "yml"] {
        for path in files(extension) {
            let text = read(&path);
            for place in ["/work/", "/root/"] {
                // Rules speak of folders that every machine has: root's home, Tomcat's work.
                let allowed =
                    shown(&path).ends_with("tidy/texts.rs") || shown(&path).starts_with("rules/");
                assert!(allowed || !text.contains(place), "{} names {place}", shown(&path));
            }
        }
    }
}
