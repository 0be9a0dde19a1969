//! Decisions as people write them into a cell.

use crate::fold::{clean, search_key};

/// What an existing list says about a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SheetVerdict {
    /// `○`, `可`, `承認`, `approved`.
    Approved,
    /// `△`, `条件付き`, `conditional`.
    Conditional,
    /// `×`, `不可`, `禁止`, `denied`.
    Denied,
    /// `審査中`, `保留`, `pending`.
    Pending,
}

impl SheetVerdict {
    /// The stored name; never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Conditional => "conditional",
            Self::Denied => "denied",
            Self::Pending => "pending",
        }
    }

    /// For people, in Japanese or English. [`SheetVerdict::of_cell`] knows both.
    #[must_use]
    pub const fn label(self, japanese: bool) -> &'static str {
        match (self, japanese) {
            (Self::Approved, true) => "利用可",
            (Self::Approved, false) => "approved",
            (Self::Conditional, true) => "条件付きで利用可",
            (Self::Conditional, false) => "approved with conditions",
            (Self::Denied, true) => "利用不可",
            (Self::Denied, false) => "denied",
            (Self::Pending, true) => "審査中",
            (Self::Pending, false) => "pending",
        }
    }

    /// Reads a cell. What refuses is looked for first: nothing is approved by a word inside `未承認` or
    /// `not approved`. Nothing for what is not understood.
    #[must_use]
    pub fn of_cell(cell: &str) -> Option<Self> {
        let text = clean(cell).text.to_lowercase();
        let key = search_key(&text);
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let is = |words: &[&str]| words.contains(&key.as_str());
        let ng = text.starts_with("ng ") || text.starts_with("ng(");
        if has(DENIED) || is(DENIED_WHOLE) || ng {
            Some(Self::Denied)
        } else if has(PENDING) {
            Some(Self::Pending)
        } else if has(CONDITIONAL) {
            Some(Self::Conditional)
        } else if has(APPROVED) || is(APPROVED_WHOLE) {
            Some(Self::Approved)
        } else {
            None
        }
    }
}

/// Words that refuse wherever they stand.
const DENIED: &[&str] = &[
    "×",
    "✕",
    "✖",
    "✗",
    "☓",
    "❌",
    "不可",
    "禁止",
    "却下",
    "否認",
    "拒否",
    "不許可",
    "不承認",
    "denied",
    "deny",
    "reject",
    "forbid",
    "prohibit",
    "not a",
    "not p",
    "disallow",
    "disapprov",
    "unapprov",
    "blocked",
];
/// Words that refuse when nothing else stands in the cell.
const DENIED_WHOLE: &[&str] = &["x", "no", "否", "n", "false", "ng"];
/// Nothing is decided yet.
const PENDING: &[&str] = &[
    "審査中",
    "確認中",
    "申請中",
    "調査中",
    "検討",
    "保留",
    "未",
    "要",
    "待ち",
    "pending",
    "review",
    "waiting",
    "hold",
    "?",
];
/// Allowed, but.
const CONDITIONAL: &[&str] =
    &["△", "▲", "条件", "制限", "一部", "condition", "restrict", "limited"];
/// Words that allow wherever they stand.
const APPROVED: &[&str] = &[
    "○",
    "◯",
    "〇",
    "◎",
    "✓",
    "✔",
    "✅",
    "許可",
    "承認",
    "利用可",
    "使用可",
    "approve",
    "allow",
    "permit",
];
/// Words that allow when nothing else stands in the cell.
const APPROVED_WHOLE: &[&str] =
    &["可", "可能", "ok", "yes", "y", "済", "済ミ", "true", "o", "accepted"];
