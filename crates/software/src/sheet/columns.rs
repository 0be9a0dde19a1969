//! What a column is about, guessed from its Japanese or English name.

use crate::fold::search_key;
use std::collections::HashMap;
use std::sync::LazyLock;

macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $ja:literal, $en:literal: [$($header:literal),*];)*) => {
        /// What a column is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column { $($(#[$doc])* $variant,)* }

        impl Column {
            /// All of them, in the order in which exports write them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in forms and addresses; never changes.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            /// The header in Japanese or English. [`Column::of_header`] knows both.
            #[must_use]
            pub const fn label(self, japanese: bool) -> &'static str {
                match self { $(Self::$variant => if japanese { $ja } else { $en },)* }
            }
        }

        const HEADERS: &[(Column, &[&str])] = &[$((Column::$variant, &[$name, $ja, $en, $($header),*]),)*];
    };
}

columns! {
    /// What it is called. The only column that must be there.
    Name = "name", "ソフトウェア名", "Software": ["ソフトウェア", "ソフト名", "ソフト", "アプリ名", "アプリ", "アプリケーション名", "アプリケーション", "名称", "名前", "製品名", "製品", "ツール名", "ツール", "サービス名", "プログラム名", "拡張機能名", "拡張機能", "タイトル", "software name", "application", "application name", "app", "app name", "title", "product", "product name", "tool", "tool name", "program", "display name"];
    /// Its Japanese name.
    NameJa = "name-ja", "日本語名", "Japanese name": ["日本語名称", "和名", "name (ja)", "name ja"];
    /// Who makes it.
    Publisher = "publisher", "発行元", "Publisher": ["開発元", "提供元", "販売元", "メーカー", "メーカー名", "ベンダー", "ベンダー名", "作者", "開発者", "会社名", "製造元", "vendor", "maker", "manufacturer", "developer", "company", "author"];
    /// Which version was looked at.
    Version = "version", "バージョン", "Version": ["バージョン番号", "版", "ver", "ver.", "対象バージョン", "確認バージョン", "product version"];
    /// What was decided.
    Verdict = "verdict", "判定", "Decision": ["判定結果", "可否", "利用可否", "使用可否", "可否判定", "利用可", "使用可", "結果", "審査結果", "承認", "承認状況", "許可", "許可状況", "ステータス", "状態", "状況", "status", "result", "judgement", "judgment", "approved", "approval", "allowed", "verdict"];
    /// Under which conditions.
    Conditions = "conditions", "条件", "Conditions": ["利用条件", "使用条件", "承認条件", "許可条件", "制限", "制限事項", "注意事項", "condition", "restrictions", "limitations"];
    /// Why it was decided so.
    Reason = "reason", "理由", "Reason": ["判定理由", "審査理由", "不可理由", "却下理由", "rationale", "justification"];
    /// What to use instead.
    Alternative = "alternative", "代替ソフト", "Alternative": ["代替", "代替案", "代替ツール", "代替品", "推奨ソフト", "推奨", "alternatives", "use instead", "replacement"];
    /// Where it is offered.
    Url = "url", "公式サイト", "Official site": ["公式url", "入手先", "入手元", "ダウンロード元", "ダウンロードurl", "ダウンロード先", "配布元", "配布先", "サイト", "ホームページ", "hp", "リンク", "website", "web site", "homepage", "download", "download url", "link", "site"];
    /// What it is for.
    Category = "category", "カテゴリ", "Category": ["分類", "種別", "種類", "区分", "用途", "ジャンル", "type", "kind", "purpose", "class"];
    /// Its identifiers: `deb:zoom`, an extension's id.
    Identifier = "identifier", "識別子", "Identifier": ["拡張機能id", "パッケージ名", "パッケージid", "id", "extension id", "package", "package name", "package id", "bundle id", "identifiers"];
    /// For which system.
    Platform = "platform", "OS", "Platform": ["対応os", "対象os", "プラットフォーム", "動作環境", "operating system"];
    /// Who asked for it.
    Requester = "requester", "申請者", "Requested by": ["申請者名", "利用者", "利用者名", "使用者", "依頼者", "氏名", "requester", "requestor", "user", "applicant", "owner"];
    /// In which department.
    Department = "department", "部署", "Department": ["部署名", "部門", "所属", "申請部署", "利用部署", "division", "team", "dept"];
    /// When it was decided.
    DecidedOn = "decided-on", "判定日", "Decided on": ["承認日", "審査日", "許可日", "確認日", "登録日", "決定日", "回答日", "date", "approved on", "approval date", "review date", "decision date"];
    /// Until when the decision holds.
    ExpiresOn = "expires-on", "有効期限", "Expires on": ["期限", "利用期限", "使用期限", "失効日", "更新期限", "expiry", "expires", "expiration", "expiration date", "valid until"];
    /// Whether it costs money, or may be used at work.
    Licence = "licence", "ライセンス", "Licence": ["ライセンス形態", "有償無償", "有償・無償", "有料無料", "費用", "license", "cost", "price", "paid"];
    /// Everything else.
    Notes = "notes", "備考", "Notes": ["メモ", "コメント", "補足", "その他", "特記事項", "note", "comment", "comments", "remarks", "memo"];
}

impl Column {
    /// By its name in forms.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|column| column.name() == name)
    }

    /// By a header as people write it; what stands in brackets does not count.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        let whole = search_key(header);
        if let Some(column) = KNOWN.get(&whole) {
            return Some(*column);
        }
        let short: String = header
            .chars()
            .take_while(|character| !matches!(character, '(' | '（' | '[' | '【' | '※' | '\n'))
            .collect();
        KNOWN.get(&search_key(&short)).copied()
    }
}

static KNOWN: LazyLock<HashMap<String, Column>> = LazyLock::new(|| {
    HEADERS
        .iter()
        .flat_map(|(column, names)| names.iter().map(|name| (search_key(name), *column)))
        .collect()
});
