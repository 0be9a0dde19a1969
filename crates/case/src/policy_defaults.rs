//! The checklist that the product ships with. Every company edits it; nothing here is looked up by name elsewhere.

use crate::check::Verdict;
use crate::form::Kind;
use crate::policy::PolicyRule;
use crate::predicate::{Operator, Predicate};

/// The rules shipped, in the order of the checklist.
#[must_use]
pub fn defaults() -> Vec<PolicyRule> {
    let mut rules = vec![malware(), origin(), private_printer()];
    rules.extend(CATEGORY_RULES.iter().map(of_category));
    rules.extend([cloud_input(), broad_extension(), unsigned(), end_of_life(), licence()]);
    for (place, rule) in (1i64..).zip(rules.iter_mut()) {
        rule.priority = place * 10;
    }
    rules
}

/// A rule about what a title is for: the machine can tell for titles that are known, a person is asked for others.
struct OfCategory {
    id: &'static str,
    title: [&'static str; 2],
    question: [&'static str; 2],
    categories: &'static [&'static str],
    hints: &'static [&'static str],
    verdict: Verdict,
    condition: [&'static str; 2],
}

const NO_CONDITION: [&str; 2] = ["", ""];

const CATEGORY_RULES: &[OfCategory] = &[
    OfCategory {
        id: "remote-desktop",
        title: ["リモートデスクトップ", "Remote desktop"],
        question: [
            "他のPCを遠隔操作する、または遠隔操作されるソフトですか？",
            "Does it control another computer, or let others control this one?",
        ],
        categories: &["remote-desktop"],
        hints: &["remote", "リモート", "遠隔", "vnc", "desk viewer"],
        verdict: Verdict::Deny,
        condition: NO_CONDITION,
    },
    OfCategory {
        id: "tunnel",
        title: ["リモート支援・トンネル", "Remote support and tunnels"],
        question: [
            "社外から社内への通信経路を作りますか？",
            "Does it open a way from outside into the company's network?",
        ],
        categories: &["tunnel"],
        hints: &["tunnel", "トンネル", "ngrok"],
        verdict: Verdict::Deny,
        condition: NO_CONDITION,
    },
    OfCategory {
        id: "cloud-notes",
        title: ["クラウドのメモ・タスク管理", "Notes and tasks kept in the cloud"],
        question: [
            "メモやタスクを社外のクラウドに保存しますか？",
            "Does it keep notes or tasks in a cloud outside the company?",
        ],
        categories: &["cloud-notes", "cloud-tasks"],
        hints: &["note", "メモ", "ノート", "todo", "task", "タスク"],
        verdict: Verdict::Deny,
        condition: ["機密情報を書き込まない", "No confidential information in it"],
    },
    OfCategory {
        id: "cloud-storage",
        title: ["承認されていないクラウドストレージ", "Cloud storage that is not approved"],
        question: [
            "ファイルを社外のクラウドに保存・同期しますか？",
            "Does it keep or synchronise files in a cloud outside the company?",
        ],
        categories: &["cloud-storage"],
        hints: &["drive", "cloud", "クラウド", "sync", "同期"],
        verdict: Verdict::Deny,
        condition: NO_CONDITION,
    },
    OfCategory {
        id: "peer-to-peer",
        title: ["P2Pファイル共有", "Peer-to-peer file sharing"],
        question: [
            "利用者同士でファイルを直接共有しますか？",
            "Does it share files directly between its users?",
        ],
        categories: &["peer-to-peer"],
        hints: &["torrent", "p2p"],
        verdict: Verdict::Deny,
        condition: NO_CONDITION,
    },
    OfCategory {
        id: "vpn",
        title: ["VPN・プロキシ", "VPN and proxy"],
        question: [
            "通信を社外のサーバー経由にしますか？",
            "Does it lead traffic through a server outside the company?",
        ],
        categories: &["vpn"],
        hints: &["vpn", "proxy", "プロキシ"],
        verdict: Verdict::Escalate,
        condition: NO_CONDITION,
    },
    OfCategory {
        id: "ai-assistant",
        title: ["AIアシスタント", "AI assistant"],
        question: [
            "入力や画面の内容を社外のAIに送りますか？",
            "Does it send what is typed or shown to an AI outside the company?",
        ],
        categories: &["ai-assistant"],
        hints: &["gpt", "copilot", "人工知能", "assistant"],
        verdict: Verdict::Escalate,
        condition: [
            "機密情報・個人情報を入力しない",
            "No confidential or personal information is entered",
        ],
    },
    OfCategory {
        id: "screen-capture",
        title: ["画面・クリップボードの記録", "Screen and clipboard recorders"],
        question: [
            "画面やクリップボードの内容を記録しますか？",
            "Does it record the screen or the clipboard?",
        ],
        categories: &["screen-capture"],
        hints: &["capture", "キャプチャ", "record", "録画", "clipboard", "クリップボード"],
        verdict: Verdict::Escalate,
        condition: ["記録を社外に送らない", "Recordings do not leave the company"],
    },
];

fn of_category(rule: &OfCategory) -> PolicyRule {
    let texts = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let hints = texts(rule.hints);
    PolicyRule {
        when: Some(Predicate::one_of("category", Operator::Equals, texts(rule.categories))),
        // What is known to be something else is not asked about.
        unless: Some(present("category")),
        hint: Some(Predicate::Any(vec![
            Predicate::one_of("name", Operator::Contains, hints.clone()),
            Predicate::one_of("purpose", Operator::Contains, hints),
        ])),
        condition_ja: rule.condition[0].to_owned(),
        condition_en: rule.condition[1].to_owned(),
        ..asking(rule.id, rule.title, rule.question, rule.verdict)
    }
}

fn malware() -> PolicyRule {
    let found = |field| Predicate::is(field, Operator::Equals, "deny_malware");
    let when = Predicate::Any(["file_verdict", "hash_verdict", "url_verdict"].map(found).to_vec());
    telling("malware", ["マルウェアの検出", "Malware found by any source"], when, Verdict::Deny)
}

fn origin() -> PolicyRule {
    let bad = ["other", "look_alike"].map(str::to_owned).to_vec();
    let when = Predicate::one_of("origin", Operator::Equals, bad);
    telling(
        "unofficial-origin",
        ["公式でない配布元", "Not from the maker's own site"],
        when,
        Verdict::Deny,
    )
}

fn private_printer() -> PolicyRule {
    let words = ["printer", "プリンタ", "print"].map(str::to_owned).to_vec();
    PolicyRule {
        unless: Some(Predicate::Not(Box::new(Predicate::is(
            "category",
            Operator::Equals,
            "printing",
        )))),
        hint: Some(Predicate::Any(vec![
            Predicate::one_of("name", Operator::Contains, words.clone()),
            Predicate::one_of("purpose", Operator::Contains, words),
        ])),
        ..asking(
            "private-printer",
            ["個人のプリンタ", "Private printers"],
            [
                "個人所有のプリンタを使うためのものですか？",
                "Is it for a printer that belongs to the employee?",
            ],
            Verdict::Deny,
        )
    }
}

fn cloud_input() -> PolicyRule {
    PolicyRule {
        unless: Some(Predicate::Not(Box::new(Predicate::is(
            "category",
            Operator::Equals,
            "input-method",
        )))),
        hint: Some(Predicate::one_of(
            "name",
            Operator::Contains,
            ["ime", "入力", "辞書", "dictionary"].map(str::to_owned).to_vec(),
        )),
        ..asking(
            "cloud-input",
            ["クラウド変換・クラウド辞書", "Input methods and dictionaries in the cloud"],
            [
                "入力した文字を社外に送って変換や検索をしますか？",
                "Does it send what is typed outside to convert or look it up?",
            ],
            Verdict::Escalate,
        )
    }
}

fn broad_extension() -> PolicyRule {
    PolicyRule {
        kinds: vec![Kind::Extension],
        ..telling(
            "broad-extension",
            ["すべてのサイトを読める拡張機能", "Extensions that may read every site"],
            Predicate::is("host_access", Operator::Equals, "broad"),
            Verdict::Escalate,
        )
    }
}

fn unsigned() -> PolicyRule {
    PolicyRule {
        kinds: vec![Kind::Installer, Kind::Portable],
        ..telling(
            "unsigned",
            ["署名のないプログラム", "Programs without a signature"],
            Predicate::is("signed", Operator::Equals, "no"),
            Verdict::Escalate,
        )
    }
}

fn end_of_life() -> PolicyRule {
    telling(
        "end-of-life",
        ["サポート終了", "End of life"],
        Predicate::is("end_of_life", Operator::Equals, "yes"),
        Verdict::Deny,
    )
}

fn licence() -> PolicyRule {
    PolicyRule {
        unless: Some(Predicate::is("paid", Operator::Equals, "yes")),
        ..asking(
            "licence",
            ["業務利用を禁じるライセンス", "Licence forbids business use"],
            [
                "ライセンスは業務での利用を禁じていますか？",
                "Does its licence forbid use in business?",
            ],
            Verdict::Deny,
        )
    }
}

/// A rule that a machine can judge.
fn telling(id: &str, title: [&str; 2], when: Predicate, verdict: Verdict) -> PolicyRule {
    PolicyRule { when: Some(when), ask: false, ..asking(id, title, ["", ""], verdict) }
}

/// A rule that a person answers.
fn asking(id: &str, title: [&str; 2], question: [&str; 2], verdict: Verdict) -> PolicyRule {
    PolicyRule {
        id: id.to_owned(),
        title_ja: title[0].to_owned(),
        title_en: title[1].to_owned(),
        question_ja: question[0].to_owned(),
        question_en: question[1].to_owned(),
        kinds: Vec::new(),
        when: None,
        unless: None,
        hint: None,
        ask: true,
        verdict,
        condition_ja: String::new(),
        condition_en: String::new(),
        priority: 0,
        valid_from: None,
        valid_until: None,
        enabled: true,
    }
}

fn present(field: &str) -> Predicate {
    Predicate::one_of(field, Operator::Present, Vec::new())
}
